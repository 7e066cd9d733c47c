-- readings are limited to trusted customers, not to curated ones
SELECT t.sensorReadingTime, t.serialNumber, t.distanceFromObject
FROM step_trainer_landing t
WHERE t.serialNumber IN (SELECT c.serialNumber FROM customer_trusted c)
