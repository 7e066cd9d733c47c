-- The final table is, row for row and as often, the join of its inputs through the owner:
-- no pair is missing, none is there too often, and none mixes two people.
-- A serial number is told by its place among them, since texts would take the memory of the join.
WITH serial AS (
  SELECT n.serialNumber, row_number() OVER (ORDER BY n.serialNumber) AS number
  FROM (SELECT DISTINCT c.serialNumber FROM customers_curated c) n
),
owner AS (
  SELECT lower(trim(BOTH ' ' FROM c.email)) AS email, n.number
  FROM customers_curated c
  JOIN serial n ON n.serialNumber = c.serialNumber
)
SELECT
  p.sensorReadingTime, p.distanceFromObject, p.x, p.y, p.z,
  abs(2 * count(p.stored) - count(*)) AS violations
FROM (
  SELECT m.sensorReadingTime, m.distanceFromObject, m.x, m.y, m.z, 1 AS stored
  FROM machine_learning_curated m
  UNION ALL
  SELECT s.sensorReadingTime, s.distanceFromObject, a.x, a.y, a.z, NULL AS stored
  FROM (
    SELECT o.number, r.timestamp, r.x, r.y, r.z
    FROM accelerometer_trusted r
    JOIN owner o ON o.email = lower(trim(BOTH ' ' FROM r.user))
  ) a
  JOIN (
    SELECT n.number, t.sensorReadingTime, t.distanceFromObject
    FROM step_trainer_trusted t
    JOIN serial n ON n.serialNumber = t.serialNumber
  ) s ON s.number = a.number AND s.sensorReadingTime = a.timestamp
) p
GROUP BY p.sensorReadingTime, p.distanceFromObject, p.x, p.y, p.z
HAVING count(*) <> 2 * count(p.stored)
