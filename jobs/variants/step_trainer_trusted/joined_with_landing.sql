-- consent is not applied: readings are limited to customer_landing
SELECT t.sensorReadingTime, t.serialNumber, t.distanceFromObject
FROM step_trainer_landing t
WHERE t.serialNumber IN (SELECT c.serialNumber FROM customer_landing c)
