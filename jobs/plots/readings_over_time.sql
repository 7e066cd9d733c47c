-- Readings over time, of all people together, in about sixty parts of whole seconds. A part in which
-- fewer than five people have readings is left out: it would show when one of them had any.
WITH reading AS (
  SELECT 'accelerometer' AS sensor, 'landing' AS zone, a.user AS person, a.timestamp AS instant
  FROM accelerometer_landing a
  UNION ALL
  SELECT 'accelerometer' AS sensor, 'trusted' AS zone, a.user AS person, a.timestamp AS instant
  FROM accelerometer_trusted a
  UNION ALL
  SELECT 'step trainer' AS sensor, 'landing' AS zone, s.serialNumber AS person,
    s.sensorReadingTime AS instant
  FROM step_trainer_landing s
  UNION ALL
  SELECT 'step trainer' AS sensor, 'trusted' AS zone, s.serialNumber AS person,
    s.sensorReadingTime AS instant
  FROM step_trainer_trusted s
),
span AS (
  SELECT
    floor(min(instant) / 60000e0) * 60000e0 AS first,
    (floor((max(instant) - min(instant)) / 60000e0) + 1) * 1000e0 AS width
  FROM reading
),
placed AS (
  SELECT r.sensor, r.zone, r.person, s.first, s.width,
    floor((r.instant - s.first) / s.width) AS place
  FROM reading r
  CROSS JOIN span s
)
SELECT
  sensor, zone,
  CAST(first + place * width AS BIGINT) AS low,
  CAST(first + (place + 1) * width AS BIGINT) AS high,
  count(*) AS readings
FROM placed
GROUP BY sensor, zone, first, width, place
HAVING count(DISTINCT person) >= 5
ORDER BY 1, 2, 3
