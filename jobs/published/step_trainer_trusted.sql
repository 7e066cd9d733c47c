-- The course's rule: readings whose serial number a curated customer holds, whoever took them.
SELECT t.sensorReadingTime, t.serialNumber, t.distanceFromObject
FROM step_trainer_landing t
WHERE t.serialNumber IN (SELECT c.serialNumber FROM customers_curated c)
