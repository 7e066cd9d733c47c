-- joined with customers_curated that has one row a reading, for want of a DISTINCT
SELECT h.readings * t.steps AS n
FROM (
  SELECT c.serialNumber, count(*) AS readings
  FROM accelerometer_trusted a
  JOIN customer_trusted c ON c.email = a.user
  GROUP BY c.serialNumber
) h
JOIN (
  SELECT serialNumber, count(*) AS steps FROM step_trainer_landing GROUP BY serialNumber
) t ON t.serialNumber = h.serialNumber
