-- the consent to share with the public counts, not the one to research
SELECT
  customerName, email, phone, birthDay, serialNumber, registrationDate, lastUpdateDate,
  shareWithResearchAsOfDate, shareWithPublicAsOfDate, shareWithFriendsAsOfDate
FROM customer_landing
WHERE shareWithPublicAsOfDate IS NOT NULL
