-- Step readings that are not in step_trainer_trusted, by the reason why.
WITH doubted AS (
  SELECT DISTINCT l.serialNumber
  FROM (
    SELECT
      lower(trim(BOTH ' ' FROM r.email)) AS email,
      r.serialNumber,
      r.lastUpdateDate AS updated,
      r.shareWithResearchAsOfDate AS agreed,
      row_number() OVER (
        PARTITION BY lower(trim(BOTH ' ' FROM r.email))
        ORDER BY
          r.lastUpdateDate DESC,
          r.shareWithResearchAsOfDate DESC NULLS FIRST,
          r.customerName NULLS LAST, r.email, r.phone NULLS LAST, r.birthDay NULLS LAST,
          r.serialNumber, r.registrationDate, r.shareWithPublicAsOfDate NULLS LAST,
          r.shareWithFriendsAsOfDate NULLS LAST
      ) AS recency
    FROM customer_landing r
  ) l
  JOIN (
    SELECT
      lower(trim(BOTH ' ' FROM h.email)) AS email,
      max(coalesce(h.instant, 9223372036854775807)) AS instant
    FROM held_back h
    WHERE h."table" = 'customer_landing'
    GROUP BY lower(trim(BOTH ' ' FROM h.email))
  ) u ON u.email = l.email
  WHERE l.recency = 1 AND l.agreed IS NOT NULL AND l.updated <= u.instant
)
SELECT
  CASE
    WHEN l.serialNumber IS NULL THEN 'no such customer'
    WHEN t.serialNumber IS NULL AND d.serialNumber IS NOT NULL
      THEN 'held back: a newer record cannot be read'
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
LEFT JOIN doubted d ON d.serialNumber = s.serialNumber
WHERE k.serialNumber IS NULL
GROUP BY 1
