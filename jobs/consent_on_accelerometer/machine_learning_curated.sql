-- As published: paired by time alone, so that some pairs mix two people, and a reading taken since
-- one person's consent may stand beside another's from before theirs.
SELECT s.sensorReadingTime, s.distanceFromObject, a.x, a.y, a.z
FROM accelerometer_trusted a
JOIN step_trainer_trusted s ON s.sensorReadingTime = a.timestamp
