-- both sensors are joined by customer and time
SELECT s.sensorReadingTime, s.distanceFromObject, a.x, a.y, a.z
FROM accelerometer_trusted a
JOIN customers_curated c ON c.email = a.user
JOIN step_trainer_trusted s
  ON s.serialNumber = c.serialNumber AND s.sensorReadingTime = a.timestamp
