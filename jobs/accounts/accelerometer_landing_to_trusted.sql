-- Accelerometer readings that are not in accelerometer_trusted, by the reason why. Of a reading that
-- is there several times all but one are counted, so that the sum can be wrong if the job is.
-- Persons and reasons are numbers while rows are counted, since texts would take the memory of it.
WITH person AS (
  SELECT
    l.email, t.consent,
    CASE WHEN l.agreed IS NOT NULL AND l.updated <= u.instant THEN 1 ELSE 0 END AS held_back,
    CAST(row_number() OVER (ORDER BY l.email) AS INTEGER) AS person
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
      WHEN p.email IS NULL THEN 1
      WHEN p.consent IS NULL AND p.held_back = 1 THEN 2
      WHEN p.consent IS NULL THEN 3
      WHEN a.timestamp < p.consent THEN 4
    END AS why,
    p.person, a.timestamp AS instant, a.x, a.y, a.z
  FROM accelerometer_landing a
  LEFT JOIN person p
    ON CASE WHEN a.user LIKE ' %' OR a.user LIKE '% '
            THEN lower(trim(BOTH ' ' FROM a.user)) ELSE lower(a.user) END
     = p.email
),
counted AS (
  SELECT why, count(*) AS copies
  FROM reading
  GROUP BY
    why,
    CASE WHEN why IS NULL THEN person END,
    CASE WHEN why IS NULL THEN instant END,
    CASE WHEN why IS NULL THEN x END,
    CASE WHEN why IS NULL THEN y END,
    CASE WHEN why IS NULL THEN z END
)
SELECT
  CASE why
    WHEN 1 THEN 'no such customer'
    WHEN 2 THEN 'held back: a newer record cannot be read'
    WHEN 3 THEN 'no consent'
    WHEN 4 THEN 'before the consent'
    ELSE 'exact duplicate'
  END AS reason,
  CAST(sum(CASE WHEN why IS NULL THEN copies - 1 ELSE copies END) AS BIGINT) AS n
FROM counted
GROUP BY why
