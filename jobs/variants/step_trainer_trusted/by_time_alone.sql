-- readings are limited by the time of accelerometer readings alone
SELECT t.sensorReadingTime, t.serialNumber, t.distanceFromObject
FROM step_trainer_landing t
WHERE t.sensorReadingTime IN (SELECT a.timestamp FROM accelerometer_trusted a)
