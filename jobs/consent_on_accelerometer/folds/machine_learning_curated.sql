-- Whose motion each row of machine_learning_curated is. Paired by time alone, the step reading beside
-- it may be another's: of a row that mixes two people no fold can be free of both.
SELECT
  lower(trim(BOTH ' ' FROM a.user)) AS person,
  s.sensorReadingTime, s.distanceFromObject, a.x, a.y, a.z
FROM accelerometer_trusted a
JOIN step_trainer_trusted s ON s.sensorReadingTime = a.timestamp
