-- The final table is, row for row and as often, the join of its inputs through the owner:
-- no pair is missing, none is there too often, and none mixes two people.
SELECT sensorReadingTime, distanceFromObject, x, y, z, sum(stored) AS surplus
FROM (
  SELECT m.sensorReadingTime, m.distanceFromObject, m.x, m.y, m.z, 1 AS stored
  FROM machine_learning_curated m
  UNION ALL
  SELECT s.sensorReadingTime, s.distanceFromObject, a.x, a.y, a.z, -1 AS stored
  FROM accelerometer_trusted a
  JOIN customers_curated c
    ON lower(trim(BOTH ' ' FROM c.email)) = lower(trim(BOTH ' ' FROM a.user))
  JOIN step_trainer_trusted s
    ON s.serialNumber = c.serialNumber AND s.sensorReadingTime = a.timestamp
) pairs
GROUP BY sensorReadingTime, distanceFromObject, x, y, z
HAVING sum(stored) <> 0
