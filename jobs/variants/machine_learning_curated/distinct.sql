-- a DISTINCT over the table's own columns, which loses real rows
SELECT DISTINCT m.sensorReadingTime, m.distanceFromObject, m.x, m.y, m.z
FROM machine_learning_curated m
