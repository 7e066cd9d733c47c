-- Accelerometer readings that are not in accelerometer_trusted, by the reason why. Of a reading that
-- is there several times all but one are counted, so that the sum can be wrong if the job is.
WITH person AS (
  SELECT
    l.email, t.consent,
    CASE WHEN l.agreed IS NOT NULL AND l.updated <= u.instant THEN 1 ELSE 0 END AS held_back,
    row_number() OVER (ORDER BY l.email) AS person
  FROM (
    SELECT
      lower(trim(BOTH ' ' FROM r.email)) AS email,
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
  LEFT JOIN (
    SELECT
      lower(trim(BOTH ' ' FROM h.email)) AS email,
      max(coalesce(h.instant, 9223372036854775807)) AS instant
    FROM held_back h
    WHERE h."table" = 'customer_landing'
    GROUP BY lower(trim(BOTH ' ' FROM h.email))
  ) u ON u.email = l.email
  LEFT JOIN (
    SELECT lower(trim(BOTH ' ' FROM c.email)) AS email, min(c.shareWithResearchAsOfDate) AS consent
    FROM customer_trusted c
    GROUP BY lower(trim(BOTH ' ' FROM c.email))
  ) t ON t.email = l.email
  WHERE l.recency = 1
),
reading AS (
  SELECT
    CASE
      WHEN p.email IS NULL THEN 'no such customer'
      WHEN p.consent IS NULL AND p.held_back = 1
        THEN 'held back: a newer record cannot be read'
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
