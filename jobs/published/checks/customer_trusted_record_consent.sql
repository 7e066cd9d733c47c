-- Every trusted customer's record gives consent.
SELECT c.email
FROM customer_trusted c
WHERE c.shareWithResearchAsOfDate IS NULL
