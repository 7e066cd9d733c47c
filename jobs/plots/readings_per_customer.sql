-- How many accelerometer readings customers have, in thirty parts.
WITH counted AS (
  SELECT 'landing' AS zone, r.person, count(*) AS readings
  FROM (
    SELECT lower(trim(BOTH ' ' FROM a.user)) AS person FROM accelerometer_landing a
  ) r
  GROUP BY r.person
  UNION ALL
  SELECT 'trusted' AS zone, a.user AS person, count(*) AS readings
  FROM accelerometer_trusted a
  GROUP BY a.user
),
span AS (SELECT floor(max(readings) / 30e0) + 1 AS width FROM counted),
placed AS (
  SELECT c.zone, s.width, floor(c.readings / s.width) AS place
  FROM counted c
  CROSS JOIN span s
)
SELECT
  zone,
  CAST(place * width AS BIGINT) AS low,
  CAST((place + 1) * width AS BIGINT) AS high,
  count(*) AS customers
FROM placed
GROUP BY zone, width, place
ORDER BY 1, 2
