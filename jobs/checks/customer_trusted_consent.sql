-- Every trusted customer's latest landing record gives consent, and it is that record's consent.
SELECT c.email
FROM customer_trusted c
LEFT JOIN (
  SELECT
    lower(trim(BOTH ' ' FROM email)) AS email,
    max(lastUpdateDate) AS updated
  FROM customer_landing
  GROUP BY lower(trim(BOTH ' ' FROM email))
) l ON l.email = lower(trim(BOTH ' ' FROM c.email))
LEFT JOIN (
  SELECT DISTINCT lower(trim(BOTH ' ' FROM email)) AS email, lastUpdateDate AS updated
  FROM customer_landing
  WHERE shareWithResearchAsOfDate IS NULL
) w ON w.email = l.email AND w.updated = l.updated
WHERE c.shareWithResearchAsOfDate IS NULL
  OR l.email IS NULL
  OR c.lastUpdateDate <> l.updated
  OR w.email IS NOT NULL
