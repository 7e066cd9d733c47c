-- Step readings of curated customers, taken at or after their consent; exact duplicates count once.
-- A defect gave many customers the same serial number, so a reading belongs to
--   the only holder of its serial number, or, where several hold it,
--   the one holder with an accelerometer reading at that very instant; otherwise to nobody.
-- Holders are counted over the latest records of all customers, not only of those who agreed.
WITH latest AS (
  SELECT email, serialNumber
  FROM (
    SELECT
      lower(trim(BOTH ' ' FROM email)) AS email,
      serialNumber,
      row_number() OVER (
        PARTITION BY lower(trim(BOTH ' ' FROM email))
        ORDER BY
          lastUpdateDate DESC,
          shareWithResearchAsOfDate DESC NULLS FIRST,
          customerName NULLS LAST, r.email, phone NULLS LAST, birthDay NULLS LAST, serialNumber,
          registrationDate, shareWithPublicAsOfDate NULLS LAST, shareWithFriendsAsOfDate NULLS LAST
      ) AS recency
    FROM customer_landing r
  ) records
  WHERE recency = 1
),
serials AS (
  SELECT serialNumber, count(*) AS holders FROM latest GROUP BY serialNumber
),
curated AS (
  SELECT
    lower(trim(BOTH ' ' FROM email)) AS email, serialNumber, shareWithResearchAsOfDate AS consent
  FROM customers_curated
),
sole_owner AS (
  SELECT c.serialNumber, c.consent
  FROM curated c
  JOIN serials s ON s.serialNumber = c.serialNumber
  WHERE s.holders = 1
),
contender AS (
  SELECT l.email, l.serialNumber
  FROM latest l
  JOIN serials s ON s.serialNumber = l.serialNumber
  WHERE s.holders > 1
),
present_owner AS (
  SELECT h.serialNumber, a.timestamp AS instant, min(h.email) AS email
  FROM accelerometer_landing a
  JOIN contender h
    ON CASE WHEN a.user LIKE ' %' OR a.user LIKE '% '
            THEN lower(trim(BOTH ' ' FROM a.user)) ELSE lower(a.user) END
     = h.email
  GROUP BY h.serialNumber, a.timestamp
  HAVING min(h.email) = max(h.email)
),
owned_instant AS (
  SELECT p.serialNumber, p.instant
  FROM present_owner p
  JOIN curated c ON c.email = p.email
  WHERE p.instant >= c.consent
)
SELECT DISTINCT t.sensorReadingTime, t.serialNumber, t.distanceFromObject
FROM step_trainer_landing t
LEFT JOIN sole_owner o ON o.serialNumber = t.serialNumber
LEFT JOIN owned_instant i ON i.serialNumber = t.serialNumber AND i.instant = t.sensorReadingTime
WHERE t.sensorReadingTime >= o.consent OR i.instant IS NOT NULL
