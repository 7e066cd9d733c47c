-- Trusted customers who have at least one trusted accelerometer reading.
SELECT
  c.customerName, c.email, c.phone, c.birthDay, c.serialNumber, c.registrationDate,
  c.lastUpdateDate, c.shareWithResearchAsOfDate, c.shareWithPublicAsOfDate,
  c.shareWithFriendsAsOfDate
FROM customer_trusted c
JOIN (SELECT DISTINCT a.user AS email FROM accelerometer_trusted a) r ON r.email = c.email
