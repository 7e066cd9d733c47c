-- both sensors are joined on the time alone
SELECT s.sensorReadingTime, s.distanceFromObject, a.x, a.y, a.z
FROM accelerometer_trusted a
JOIN step_trainer_trusted s ON s.sensorReadingTime = a.timestamp
