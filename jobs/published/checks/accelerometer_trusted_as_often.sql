-- No reading is there several times, and more often than in its landing table. Only what shares its
-- instant and the sum of its axes with another is compared whole.
WITH alike AS (
  SELECT
    coalesce(a.timestamp, 0) AS instant,
    CASE WHEN abs(a.x + 3.1 * a.y + 9.7 * a.z) < 1e300
         THEN a.x + 3.1 * a.y + 9.7 * a.z ELSE 0 END AS axes
  FROM accelerometer_trusted a
  GROUP BY
    coalesce(a.timestamp, 0),
    CASE WHEN abs(a.x + 3.1 * a.y + 9.7 * a.z) < 1e300
         THEN a.x + 3.1 * a.y + 9.7 * a.z ELSE 0 END
  HAVING count(*) > 1
)
SELECT p.reader, p.timestamp, p.x, p.y, p.z, 2 * count(p.stored) - count(*) AS violations
FROM (
  SELECT lower(trim(BOTH ' ' FROM a.user)) AS reader, a.timestamp, a.x, a.y, a.z, 1 AS stored
  FROM accelerometer_trusted a
  JOIN alike l
    ON l.instant = coalesce(a.timestamp, 0)
    AND l.axes = CASE WHEN abs(a.x + 3.1 * a.y + 9.7 * a.z) < 1e300
                      THEN a.x + 3.1 * a.y + 9.7 * a.z ELSE 0 END
  UNION ALL
  SELECT lower(trim(BOTH ' ' FROM r.user)) AS reader, r.timestamp, r.x, r.y, r.z, NULL AS stored
  FROM accelerometer_landing r
  JOIN alike l
    ON l.instant = coalesce(r.timestamp, 0)
    AND l.axes = CASE WHEN abs(r.x + 3.1 * r.y + 9.7 * r.z) < 1e300
                      THEN r.x + 3.1 * r.y + 9.7 * r.z ELSE 0 END
) p
GROUP BY p.reader, p.timestamp, p.x, p.y, p.z
HAVING count(p.stored) > 1 AND 2 * count(p.stored) > count(*)
