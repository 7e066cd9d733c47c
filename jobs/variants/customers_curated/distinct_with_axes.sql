-- the DISTINCT is over customer, x, y and z
SELECT DISTINCT
  c.customerName, c.email, c.phone, c.birthDay, c.serialNumber, c.registrationDate,
  c.lastUpdateDate, c.shareWithResearchAsOfDate, c.shareWithPublicAsOfDate,
  c.shareWithFriendsAsOfDate,
  a.x, a.y, a.z
FROM customer_trusted c
JOIN accelerometer_trusted a ON a.user = c.email
