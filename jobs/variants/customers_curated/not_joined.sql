-- readings are not looked at: every trusted customer counts
SELECT
  c.customerName, c.email, c.phone, c.birthDay, c.serialNumber, c.registrationDate,
  c.lastUpdateDate, c.shareWithResearchAsOfDate, c.shareWithPublicAsOfDate,
  c.shareWithFriendsAsOfDate
FROM customer_trusted c
