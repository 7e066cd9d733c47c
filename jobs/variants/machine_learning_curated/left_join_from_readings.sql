-- LEFT for INNER: accelerometer readings without a step reading of the time stay in
SELECT s.sensorReadingTime, s.distanceFromObject, a.x, a.y, a.z
FROM accelerometer_trusted a
LEFT JOIN step_trainer_trusted s ON s.sensorReadingTime = a.timestamp
