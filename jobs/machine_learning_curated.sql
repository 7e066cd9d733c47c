-- Each trusted step reading beside its owner's accelerometer readings of the same time.
-- Paired by serial number and time together: time alone would pair one person with another.
SELECT s.sensorReadingTime, s.distanceFromObject, a.x, a.y, a.z
FROM accelerometer_trusted a
JOIN customers_curated c ON c.email = a.user
JOIN step_trainer_trusted s
  ON s.serialNumber = c.serialNumber AND s.sensorReadingTime = a.timestamp
