-- The final table is, row for row and as often, the join of its inputs through the owner:
-- no pair is missing, none is there too often, and none mixes two people.
WITH stored AS (
  SELECT m.sensorReadingTime, m.distanceFromObject, m.x, m.y, m.z
  FROM machine_learning_curated m
),
owned AS (
  SELECT s.sensorReadingTime, s.distanceFromObject, a.x, a.y, a.z
  FROM accelerometer_trusted a
  JOIN customers_curated c
    ON lower(trim(BOTH ' ' FROM c.email)) = lower(trim(BOTH ' ' FROM a.user))
  JOIN step_trainer_trusted s
    ON s.serialNumber = c.serialNumber AND s.sensorReadingTime = a.timestamp
)
SELECT * FROM (SELECT * FROM stored EXCEPT ALL SELECT * FROM owned) surplus
UNION ALL
SELECT * FROM (SELECT * FROM owned EXCEPT ALL SELECT * FROM stored) missing
