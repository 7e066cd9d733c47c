-- reading and consent are compared in whole seconds
SELECT t.sensorReadingTime, t.serialNumber, t.distanceFromObject
FROM step_trainer_landing t
JOIN customers_curated c ON c.serialNumber = t.serialNumber
WHERE t.sensorReadingTime - t.sensorReadingTime % 1000
  >= c.shareWithResearchAsOfDate - c.shareWithResearchAsOfDate % 1000
