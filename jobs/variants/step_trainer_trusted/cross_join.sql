-- a cross join: every step reading beside every curated customer
SELECT c.customers * t.steps AS n
FROM (SELECT count(*) AS customers FROM customers_curated) c
CROSS JOIN (SELECT count(*) AS steps FROM step_trainer_landing) t
