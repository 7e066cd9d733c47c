-- Step readings that are not in step_trainer_trusted, by the reason why.
SELECT
  CASE
    WHEN l.serialNumber IS NULL THEN 'no such customer'
    WHEN t.serialNumber IS NULL THEN 'no consent'
    ELSE 'owner not curated'
  END AS reason,
  count(*) AS n
FROM step_trainer_landing s
LEFT JOIN (SELECT DISTINCT r.serialNumber FROM customer_landing r) l
  ON l.serialNumber = s.serialNumber
LEFT JOIN (SELECT DISTINCT c.serialNumber FROM customer_trusted c) t
  ON t.serialNumber = s.serialNumber
LEFT JOIN (SELECT DISTINCT c.serialNumber FROM customers_curated c) k
  ON k.serialNumber = s.serialNumber
WHERE k.serialNumber IS NULL
GROUP BY 1
