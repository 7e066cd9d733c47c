-- No reading is there twice. Only what shares its instant and distance with another is compared
-- whole.
WITH alike AS (
  SELECT
    coalesce(s.sensorReadingTime, 0) AS instant,
    coalesce(s.distanceFromObject, 0) AS distance
  FROM step_trainer_trusted s
  GROUP BY coalesce(s.sensorReadingTime, 0), coalesce(s.distanceFromObject, 0)
  HAVING count(*) > 1
)
SELECT s.sensorReadingTime
FROM step_trainer_trusted s
JOIN alike l
  ON l.instant = coalesce(s.sensorReadingTime, 0)
  AND l.distance = coalesce(s.distanceFromObject, 0)
GROUP BY s.sensorReadingTime, s.serialNumber, s.distanceFromObject
HAVING count(*) > 1
