-- No reading is there twice.
SELECT s.sensorReadingTime
FROM step_trainer_trusted s
GROUP BY s.sensorReadingTime, s.serialNumber, s.distanceFromObject
HAVING count(*) > 1
