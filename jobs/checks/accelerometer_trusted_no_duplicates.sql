-- No reading is there twice. Only what shares its instant and the sum of its axes with another is
-- compared whole; the weights tell the axes apart, and the sum is a number whatever they hold.
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
SELECT lower(trim(BOTH ' ' FROM a.user)) AS reader, a.timestamp
FROM accelerometer_trusted a
JOIN alike l
  ON l.instant = coalesce(a.timestamp, 0)
  AND l.axes = CASE WHEN abs(a.x + 3.1 * a.y + 9.7 * a.z) < 1e300
                    THEN a.x + 3.1 * a.y + 9.7 * a.z ELSE 0 END
GROUP BY lower(trim(BOTH ' ' FROM a.user)), a.timestamp, a.x, a.y, a.z
HAVING count(*) > 1
