-- Every trusted step reading is of a serial number that a curated customer holds.
SELECT s.sensorReadingTime, s.serialNumber
FROM step_trainer_trusted s
LEFT JOIN (SELECT DISTINCT c.serialNumber FROM customers_curated c) k
  ON k.serialNumber = s.serialNumber
WHERE k.serialNumber IS NULL
