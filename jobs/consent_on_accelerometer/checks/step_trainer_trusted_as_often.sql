-- No step reading is there several times, and more often than in its landing table. Only what
-- shares its instant and distance with another is compared whole.
WITH alike AS (
  SELECT
    coalesce(s.sensorReadingTime, 0) AS instant,
    coalesce(s.distanceFromObject, 0) AS distance
  FROM step_trainer_trusted s
  GROUP BY coalesce(s.sensorReadingTime, 0), coalesce(s.distanceFromObject, 0)
  HAVING count(*) > 1
)
SELECT
  p.sensorReadingTime, p.serialNumber, p.distanceFromObject,
  2 * count(p.stored) - count(*) AS violations
FROM (
  SELECT s.sensorReadingTime, s.serialNumber, s.distanceFromObject, 1 AS stored
  FROM step_trainer_trusted s
  JOIN alike a
    ON a.instant = coalesce(s.sensorReadingTime, 0)
    AND a.distance = coalesce(s.distanceFromObject, 0)
  UNION ALL
  SELECT l.sensorReadingTime, l.serialNumber, l.distanceFromObject, NULL AS stored
  FROM step_trainer_landing l
  JOIN alike a
    ON a.instant = coalesce(l.sensorReadingTime, 0)
    AND a.distance = coalesce(l.distanceFromObject, 0)
) p
GROUP BY p.sensorReadingTime, p.serialNumber, p.distanceFromObject
HAVING count(p.stored) > 1 AND 2 * count(p.stored) > count(*)
