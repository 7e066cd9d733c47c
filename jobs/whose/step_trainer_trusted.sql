-- Trusted step readings that are surely somebody's, by the rule of the strict job: of
-- the only holder of the serial number, or of the one holder with an accelerometer reading then.
WITH latest AS (
  SELECT email, serialNumber
  FROM (
    SELECT
      lower(trim(BOTH ' ' FROM r.email)) AS email,
      r.serialNumber,
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
  ) records
  WHERE recency = 1
),
serials AS (
  SELECT l.serialNumber, count(*) AS holders, min(l.email) AS person
  FROM latest l
  GROUP BY l.serialNumber
),
present AS (
  SELECT l.serialNumber, a.timestamp AS instant, min(l.email) AS person
  FROM accelerometer_landing a
  JOIN latest l ON l.email = lower(trim(BOTH ' ' FROM a.user))
  JOIN serials s ON s.serialNumber = l.serialNumber
  WHERE s.holders > 1
  GROUP BY l.serialNumber, a.timestamp
  HAVING min(l.email) = max(l.email)
)
SELECT
  CASE WHEN s.holders = 1 THEN s.person ELSE p.person END AS person,
  t.sensorReadingTime, t.serialNumber, t.distanceFromObject
FROM step_trainer_trusted t
JOIN serials s ON s.serialNumber = t.serialNumber
LEFT JOIN present p ON p.serialNumber = t.serialNumber AND p.instant = t.sensorReadingTime
WHERE s.holders = 1 OR p.person IS NOT NULL
