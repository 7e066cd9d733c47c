-- Customer records that are not in customer_trusted, by the reason why.
SELECT 'no consent' AS reason, count(*) AS n
FROM customer_landing r
WHERE r.shareWithResearchAsOfDate IS NULL
