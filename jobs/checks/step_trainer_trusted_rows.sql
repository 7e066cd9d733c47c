-- Every trusted step reading is a row of its landing table, in all columns.
SELECT s.sensorReadingTime, s.serialNumber, s.distanceFromObject
FROM (SELECT r.*, 1 AS landed FROM step_trainer_landing r) l
RIGHT JOIN step_trainer_trusted s
  ON l.sensorReadingTime = s.sensorReadingTime
  AND l.serialNumber = s.serialNumber
  AND l.distanceFromObject IS NOT DISTINCT FROM s.distanceFromObject
WHERE l.landed IS NULL
