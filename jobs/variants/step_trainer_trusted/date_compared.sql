-- the date of the consent is compared, and nobody asks whose a shared serial number is
SELECT t.sensorReadingTime, t.serialNumber, t.distanceFromObject
FROM step_trainer_landing t
JOIN customers_curated c ON c.serialNumber = t.serialNumber
WHERE t.sensorReadingTime >= c.shareWithResearchAsOfDate
