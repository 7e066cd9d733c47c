-- readings are joined with their owner's accelerometer readings of the same time
SELECT t.sensorReadingTime, t.serialNumber, t.distanceFromObject
FROM step_trainer_landing t
JOIN customers_curated c ON c.serialNumber = t.serialNumber
JOIN accelerometer_trusted a ON a.user = c.email AND a.timestamp = t.sensorReadingTime
