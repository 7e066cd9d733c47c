-- Every trusted customer is a record of the landing table, in all columns and no more often.
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
  FROM customer_trusted c
  UNION ALL
  SELECT
    r.customerName, r.email, r.phone, r.birthDay, r.serialNumber, r.registrationDate,
    r.lastUpdateDate, r.shareWithResearchAsOfDate, r.shareWithPublicAsOfDate,
    r.shareWithFriendsAsOfDate,
    NULL AS stored
  FROM customer_landing r
) p
GROUP BY
  p.customerName, p.email, p.phone, p.birthDay, p.serialNumber, p.registrationDate,
  p.lastUpdateDate, p.shareWithResearchAsOfDate, p.shareWithPublicAsOfDate,
  p.shareWithFriendsAsOfDate
HAVING 2 * count(p.stored) > count(*)
