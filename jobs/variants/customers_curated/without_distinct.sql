-- customers are joined with their readings without a DISTINCT: one row a reading
SELECT
  c.customerName, c.email, c.phone, c.birthDay, c.serialNumber, c.registrationDate,
  c.lastUpdateDate, c.shareWithResearchAsOfDate, c.shareWithPublicAsOfDate,
  c.shareWithFriendsAsOfDate
FROM customer_trusted c
JOIN accelerometer_trusted a ON a.user = c.email
