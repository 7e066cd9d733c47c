-- customers are joined with accelerometer_landing: readings from before the consent count too
SELECT
  c.customerName, c.email, c.phone, c.birthDay, c.serialNumber, c.registrationDate,
  c.lastUpdateDate, c.shareWithResearchAsOfDate, c.shareWithPublicAsOfDate,
  c.shareWithFriendsAsOfDate
FROM customer_trusted c
JOIN (SELECT DISTINCT a.user AS email FROM accelerometer_landing a) r ON r.email = c.email
