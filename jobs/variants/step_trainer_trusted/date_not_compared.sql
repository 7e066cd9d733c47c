-- the date of the consent is not compared: older readings of curated customers count too
SELECT t.sensorReadingTime, t.serialNumber, t.distanceFromObject
FROM step_trainer_landing t
WHERE t.serialNumber IN (SELECT c.serialNumber FROM customers_curated c)
