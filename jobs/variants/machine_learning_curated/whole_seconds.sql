-- joined on the time alone, in whole seconds
SELECT a.readings * s.steps AS n
FROM (
  SELECT r.timestamp - r.timestamp % 1000 AS second_of, count(*) AS readings
  FROM accelerometer_trusted r
  GROUP BY r.timestamp - r.timestamp % 1000
) a
JOIN (
  SELECT t.sensorReadingTime - t.sensorReadingTime % 1000 AS second_of, count(*) AS steps
  FROM step_trainer_trusted t
  GROUP BY t.sensorReadingTime - t.sensorReadingTime % 1000
) s ON s.second_of = a.second_of
