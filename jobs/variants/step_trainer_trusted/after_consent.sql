-- `>` in the place of `>=`: a reading of the very instant of the consent does not count
SELECT t.sensorReadingTime, t.serialNumber, t.distanceFromObject
FROM step_trainer_landing t
JOIN customers_curated c ON c.serialNumber = t.serialNumber
WHERE t.sensorReadingTime > c.shareWithResearchAsOfDate
