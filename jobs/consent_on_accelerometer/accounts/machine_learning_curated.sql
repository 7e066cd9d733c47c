-- What of both sides of the join is not in machine_learning_curated, or is there several times:
-- readings without partner, and, below zero, the pairs of a reading beyond its first.
WITH moment AS (
  SELECT instant, sum(heard) AS heard, sum(stepped) AS stepped
  FROM (
    SELECT a.timestamp AS instant, 1 AS heard, 0 AS stepped
    FROM accelerometer_trusted a
    UNION ALL
    SELECT s.sensorReadingTime AS instant, 0 AS heard, 1 AS stepped
    FROM step_trainer_trusted s
  ) readings
  GROUP BY instant
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
