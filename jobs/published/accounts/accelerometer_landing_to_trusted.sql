-- Accelerometer readings that are not in accelerometer_trusted, by the reason why.
SELECT
  CASE WHEN l.email IS NULL THEN 'no such customer' ELSE 'no consent' END AS reason,
  count(*) AS n
FROM accelerometer_landing a
LEFT JOIN (SELECT DISTINCT r.email FROM customer_landing r) l ON l.email = a.user
LEFT JOIN (SELECT DISTINCT c.email FROM customer_trusted c) t ON t.email = a.user
WHERE t.email IS NULL
GROUP BY 1
