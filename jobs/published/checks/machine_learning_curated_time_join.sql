-- The final table is, row for row and as often, the join of its inputs by time alone: no pair is
-- missing, and none is there too often.
SELECT
  p.sensorReadingTime, p.distanceFromObject, p.x, p.y, p.z,
  abs(2 * count(p.stored) - count(*)) AS violations
FROM (
  SELECT m.sensorReadingTime, m.distanceFromObject, m.x, m.y, m.z, 1 AS stored
  FROM machine_learning_curated m
  UNION ALL
  SELECT s.sensorReadingTime, s.distanceFromObject, a.x, a.y, a.z, NULL AS stored
  FROM accelerometer_trusted a
  JOIN step_trainer_trusted s ON s.sensorReadingTime = a.timestamp
) p
GROUP BY p.sensorReadingTime, p.distanceFromObject, p.x, p.y, p.z
HAVING count(*) <> 2 * count(p.stored)
