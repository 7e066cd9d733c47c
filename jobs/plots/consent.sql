-- When trusted customers gave consent, in seconds after their first accelerometer reading: below
-- zero it came before. In about forty parts of whole seconds.
WITH first_reading AS (
  SELECT r.email, min(r.instant) AS instant
  FROM (
    SELECT lower(trim(BOTH ' ' FROM a.user)) AS email, min(a.timestamp) AS instant
    FROM accelerometer_landing a
    GROUP BY a.user
  ) r
  GROUP BY r.email
),
gap AS (
  SELECT (c.shareWithResearchAsOfDate - f.instant) / 1000e0 AS seconds
  FROM customer_trusted c
  JOIN first_reading f ON f.email = lower(trim(BOTH ' ' FROM c.email))
),
span AS (
  SELECT floor((max(seconds) - min(seconds)) / 40e0) + 1 AS width FROM gap
),
placed AS (
  SELECT s.width, floor(g.seconds / s.width) AS place
  FROM gap g
  CROSS JOIN span s
)
SELECT place * width AS low, (place + 1) * width AS high, count(*) AS customers
FROM placed
GROUP BY width, place
ORDER BY 1
