-- Every curated customer is a row of customer_trusted, in all columns and no more often.
SELECT
  p.customerName, p.email, p.phone, p.birthDay, p.serialNumber, p.registrationDate,
  p.lastUpdateDate, p.shareWithResearchAsOfDate, p.shareWithPublicAsOfDate,
  p.shareWithFriendsAsOfDate,
  2 * count(p.stored) - count(*) AS violations
FROM (
  SELECT
    c.customerName, c.email, c.phone, c.birthDay, c.serialNumber, c.registrationDate,
    c.lastUpdateDate, c.shareWithResearchAsOfDate, c.shareWithPublicAsOfDate,
    c.shareWithFriendsAsOfDate,
    1 AS stored
  FROM customers_curated c
  UNION ALL
  SELECT
    t.customerName, t.email, t.phone, t.birthDay, t.serialNumber, t.registrationDate,
    t.lastUpdateDate, t.shareWithResearchAsOfDate, t.shareWithPublicAsOfDate,
    t.shareWithFriendsAsOfDate,
    NULL AS stored
  FROM customer_trusted t
) p
GROUP BY
  p.customerName, p.email, p.phone, p.birthDay, p.serialNumber, p.registrationDate,
  p.lastUpdateDate, p.shareWithResearchAsOfDate, p.shareWithPublicAsOfDate,
  p.shareWithFriendsAsOfDate
HAVING 2 * count(p.stored) > count(*)
