-- Whose each row of machine_learning_curated is: the job's own rows, with their person first.
-- The person is spelled in one way, so that another spelling of the address is no other person.
SELECT
  lower(trim(BOTH ' ' FROM c.email)) AS person,
  s.sensorReadingTime, s.distanceFromObject, a.x, a.y, a.z
FROM accelerometer_trusted a
JOIN customers_curated c ON c.email = a.user
JOIN step_trainer_trusted s
  ON s.serialNumber = c.serialNumber AND s.sensorReadingTime = a.timestamp
