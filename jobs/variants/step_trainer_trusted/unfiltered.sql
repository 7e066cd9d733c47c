-- step readings are not limited to anybody
SELECT t.sensorReadingTime, t.serialNumber, t.distanceFromObject
FROM step_trainer_landing t
