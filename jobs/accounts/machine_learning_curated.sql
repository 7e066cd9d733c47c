-- What of both sides of the join is not in machine_learning_curated, or is there several times:
-- readings without partner, and, below zero, the pairs of a reading beyond its first.
-- A serial number is told by its place among them, since texts would take the memory of it.
WITH serial AS (
  SELECT u.serialNumber, row_number() OVER (ORDER BY u.serialNumber) AS number
  FROM (
    SELECT c.serialNumber FROM customers_curated c
    UNION
    SELECT s.serialNumber FROM step_trainer_trusted s
  ) u
),
moment AS (
  SELECT number, instant, count(heard) AS heard, count(stepped) AS stepped
  FROM (
    SELECT o.number, a.timestamp AS instant, 1 AS heard, NULL AS stepped
    FROM accelerometer_trusted a
    LEFT JOIN (
      SELECT c.email, n.number
      FROM customers_curated c
      JOIN serial n ON n.serialNumber = c.serialNumber
    ) o ON o.email = a.user
    UNION ALL
    SELECT n.number, s.sensorReadingTime AS instant, NULL AS heard, 1 AS stepped
    FROM step_trainer_trusted s
    LEFT JOIN serial n ON n.serialNumber = s.serialNumber
  ) readings
  GROUP BY number, instant
),
sums AS (
  SELECT
    sum(CASE WHEN stepped = 0 THEN heard END) AS heard_alone,
    sum(CASE WHEN heard > 0 AND stepped > 0 THEN heard * (1 - stepped) END) AS heard_again,
    sum(CASE WHEN heard = 0 THEN stepped END) AS stepped_alone,
    sum(CASE WHEN heard > 0 AND stepped > 0 THEN stepped * (1 - heard) END) AS stepped_again
  FROM moment
)
SELECT
  w.reason,
  CAST(coalesce(CASE w.place
    WHEN 1 THEN heard_alone WHEN 2 THEN heard_again WHEN 3 THEN stepped_alone ELSE stepped_again
  END, 0) AS BIGINT) AS n
FROM sums
CROSS JOIN (
  VALUES
    (1, 'accelerometer_trusted: without partner'), (2, 'accelerometer_trusted: further pairs'),
    (3, 'step_trainer_trusted: without partner'), (4, 'step_trainer_trusted: further pairs')
) w (place, reason)
