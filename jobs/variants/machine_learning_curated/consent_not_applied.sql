-- consent is not applied: the landing tables are joined, by customer and time
SELECT s.sensorReadingTime, s.distanceFromObject, a.x, a.y, a.z
FROM accelerometer_landing a
JOIN customer_landing c ON c.email = a.user
JOIN step_trainer_landing s
  ON s.serialNumber = c.serialNumber AND s.sensorReadingTime = a.timestamp
