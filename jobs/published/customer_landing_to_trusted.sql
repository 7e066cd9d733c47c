-- The course's rule: every record with a consent date, older and newer ones alike.
SELECT
  customerName, email, phone, birthDay, serialNumber, registrationDate, lastUpdateDate,
  shareWithResearchAsOfDate, shareWithPublicAsOfDate, shareWithFriendsAsOfDate
FROM customer_landing
WHERE shareWithResearchAsOfDate IS NOT NULL
