-- Every curated customer is a trusted customer and has trusted readings.
SELECT c.email
FROM customers_curated c
LEFT JOIN (
  SELECT DISTINCT lower(trim(BOTH ' ' FROM a.user)) AS email FROM accelerometer_trusted a
) r ON r.email = lower(trim(BOTH ' ' FROM c.email))
LEFT JOIN (
  SELECT DISTINCT lower(trim(BOTH ' ' FROM t.email)) AS email FROM customer_trusted t
) t ON t.email = lower(trim(BOTH ' ' FROM c.email))
WHERE r.email IS NULL OR t.email IS NULL
