-- LEFT for INNER: step readings without an accelerometer reading of the time stay in
SELECT s.sensorReadingTime, s.distanceFromObject, a.x, a.y, a.z
FROM step_trainer_trusted s
LEFT JOIN accelerometer_trusted a ON a.timestamp = s.sensorReadingTime
