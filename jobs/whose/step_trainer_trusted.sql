-- Step readings that are surely somebody's: of a serial number that no other customer ever had in a
-- record, or taken when one alone of those who had it has an accelerometer reading.
WITH holder AS (
  SELECT DISTINCT lower(trim(BOTH ' ' FROM r.email)) AS person, r.serialNumber
  FROM customer_landing r
),
serials AS (
  SELECT h.serialNumber, count(*) AS holders, min(h.person) AS person
  FROM holder h
  GROUP BY h.serialNumber
),
present AS (
  SELECT h.serialNumber, a.timestamp AS instant, min(h.person) AS person
  FROM accelerometer_landing a
  JOIN holder h ON h.person = lower(trim(BOTH ' ' FROM a.user))
  JOIN serials s ON s.serialNumber = h.serialNumber
  WHERE s.holders > 1
  GROUP BY h.serialNumber, a.timestamp
  HAVING min(h.person) = max(h.person)
)
SELECT
  CASE WHEN s.holders = 1 THEN s.person ELSE p.person END AS person,
  t.sensorReadingTime, t.serialNumber, t.distanceFromObject
FROM step_trainer_trusted t
JOIN serials s ON s.serialNumber = t.serialNumber
LEFT JOIN present p ON p.serialNumber = t.serialNumber AND p.instant = t.sensorReadingTime
WHERE s.holders = 1 OR p.person IS NOT NULL
