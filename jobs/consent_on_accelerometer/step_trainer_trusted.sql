-- As published: consent dates are compared for the accelerometer alone. Step readings count whose
-- serial number a curated customer holds, whoever took them, and whenever.
SELECT t.sensorReadingTime, t.serialNumber, t.distanceFromObject
FROM step_trainer_landing t
WHERE t.serialNumber IN (SELECT c.serialNumber FROM customers_curated c)
