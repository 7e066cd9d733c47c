-- The longest session of whoever has the most trusted readings, at most 400 of its readings: time
-- from 0, and nobody named. A minute without a reading ends a session.
WITH person AS (
  SELECT p.email
  FROM (
    SELECT a.user AS email, row_number() OVER (ORDER BY count(*) DESC, a.user) AS place
    FROM accelerometer_trusted a
    GROUP BY a.user
  ) p
  WHERE p.place = 1
),
reading AS (
  SELECT
    a.user AS email, a.timestamp AS instant, a.x, a.y, a.z,
    CASE WHEN a.timestamp - lag(a.timestamp) OVER (ORDER BY a.timestamp) > 60000 THEN 1 ELSE 0 END
      AS begins
  FROM accelerometer_trusted a
  JOIN person p ON p.email = a.user
),
session AS (
  SELECT r.email, r.instant, r.x, r.y, r.z,
    sum(r.begins) OVER (ORDER BY r.instant) AS session
  FROM reading r
),
longest AS (
  SELECT c.session, c.first
  FROM (
    SELECT s.session, min(s.instant) AS first,
      row_number() OVER (ORDER BY count(*) DESC, s.session) AS place
    FROM session s
    GROUP BY s.session
  ) c
  WHERE c.place = 1
),
step AS (
  SELECT t.sensorReadingTime AS instant, min(t.distanceFromObject) AS distance
  FROM step_trainer_trusted t
  JOIN (
    SELECT DISTINCT c.serialNumber FROM customers_curated c JOIN person p ON p.email = c.email
  ) d ON d.serialNumber = t.serialNumber
  GROUP BY t.sensorReadingTime
)
SELECT (s.instant - l.first) / 1000e0 AS second, s.x, s.y, s.z, t.distance
FROM session s
JOIN longest l ON l.session = s.session
LEFT JOIN step t ON t.instant = s.instant
ORDER BY 1, 2, 3, 4
LIMIT 400
