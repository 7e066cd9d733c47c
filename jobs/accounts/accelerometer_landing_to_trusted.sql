-- Accelerometer readings that are not in accelerometer_trusted, by the reason why. Of a reading that
-- is there several times all but one are counted, so that the sum can be wrong if the job is.
WITH person AS (
  SELECT l.email, t.consent, row_number() OVER (ORDER BY l.email) AS person
  FROM (
    SELECT DISTINCT lower(trim(BOTH ' ' FROM r.email)) AS email FROM customer_landing r
  ) l
  LEFT JOIN (
    SELECT lower(trim(BOTH ' ' FROM c.email)) AS email, min(c.shareWithResearchAsOfDate) AS consent
    FROM customer_trusted c
    GROUP BY lower(trim(BOTH ' ' FROM c.email))
  ) t ON t.email = l.email
),
reading AS (
  SELECT
    CASE
      WHEN p.email IS NULL THEN 'no such customer'
      WHEN p.consent IS NULL THEN 'no consent'
      WHEN a.timestamp < p.consent THEN 'before the consent'
    END AS reason,
    p.person, a.timestamp AS instant, a.x, a.y, a.z
  FROM accelerometer_landing a
  LEFT JOIN person p
    ON CASE WHEN a.user LIKE ' %' OR a.user LIKE '% '
            THEN lower(trim(BOTH ' ' FROM a.user)) ELSE lower(a.user) END
     = p.email
),
counted AS (
  SELECT reason, count(*) AS copies
  FROM reading
  GROUP BY
    reason,
    CASE WHEN reason IS NULL THEN person END,
    CASE WHEN reason IS NULL THEN instant END,
    CASE WHEN reason IS NULL THEN x END,
    CASE WHEN reason IS NULL THEN y END,
    CASE WHEN reason IS NULL THEN z END
)
SELECT
  coalesce(reason, 'exact duplicate') AS reason,
  CAST(sum(CASE WHEN reason IS NULL THEN copies - 1 ELSE copies END) AS BIGINT) AS n
FROM counted
GROUP BY coalesce(reason, 'exact duplicate')
