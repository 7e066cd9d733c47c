-- No two curated rows are the same customer.
SELECT lower(trim(BOTH ' ' FROM c.email)) AS email
FROM customers_curated c
GROUP BY lower(trim(BOTH ' ' FROM c.email))
HAVING count(*) > 1
