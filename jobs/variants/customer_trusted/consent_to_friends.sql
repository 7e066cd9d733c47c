-- the consent to share with friends counts, not the one to research
SELECT
  customerName, email, phone, birthDay, serialNumber, registrationDate, lastUpdateDate,
  shareWithResearchAsOfDate, shareWithPublicAsOfDate, shareWithFriendsAsOfDate
FROM customer_landing
WHERE shareWithFriendsAsOfDate IS NOT NULL
