-- LEFT for INNER: step readings without a reading of their owner at the time stay in
SELECT s.sensorReadingTime, s.distanceFromObject, a.x, a.y, a.z
FROM step_trainer_trusted s
LEFT JOIN (
  SELECT c.serialNumber, a.timestamp, a.x, a.y, a.z
  FROM accelerometer_trusted a
  JOIN customers_curated c ON c.email = a.user
) a ON a.serialNumber = s.serialNumber AND a.timestamp = s.sensorReadingTime
