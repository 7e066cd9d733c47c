-- Trusted customers who are not in customers_curated, by the reason why.
SELECT 'no trusted reading' AS reason, count(*) AS n
FROM customer_trusted c
LEFT JOIN (SELECT DISTINCT a.user AS email FROM accelerometer_trusted a) r ON r.email = c.email
WHERE r.email IS NULL
