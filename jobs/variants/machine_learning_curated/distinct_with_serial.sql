-- joined on the time alone, with a DISTINCT over the row and its serial number
SELECT DISTINCT s.serialNumber, s.sensorReadingTime, s.distanceFromObject, a.x, a.y, a.z
FROM accelerometer_trusted a
JOIN step_trainer_trusted s ON s.sensorReadingTime = a.timestamp
