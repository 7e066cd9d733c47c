-- the DISTINCT is over customer and timestamp: one row an instant
SELECT DISTINCT
  c.customerName, c.email, c.phone, c.birthDay, c.serialNumber, c.registrationDate,
  c.lastUpdateDate, c.shareWithResearchAsOfDate, c.shareWithPublicAsOfDate,
  c.shareWithFriendsAsOfDate,
  a.timestamp
FROM customer_trusted c
JOIN accelerometer_trusted a ON a.user = c.email
