-- joined on the time alone, step readings being there once for each reading of their customer
SELECT s.steps * a.readings AS n
FROM (
  SELECT t.sensorReadingTime, sum(h.readings) AS steps
  FROM step_trainer_trusted t
  JOIN (
    SELECT c.serialNumber, count(*) AS readings
    FROM accelerometer_trusted r
    JOIN customer_trusted c ON c.email = r.user
    GROUP BY c.serialNumber
  ) h ON h.serialNumber = t.serialNumber
  GROUP BY t.sensorReadingTime
) s
JOIN (
  SELECT r.timestamp, count(*) AS readings FROM accelerometer_trusted r GROUP BY r.timestamp
) a ON a.timestamp = s.sensorReadingTime
