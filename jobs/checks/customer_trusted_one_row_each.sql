-- No two trusted rows are the same customer.
SELECT lower(trim(BOTH ' ' FROM c.email)) AS email
FROM customer_trusted c
GROUP BY lower(trim(BOTH ' ' FROM c.email))
HAVING count(*) > 1
