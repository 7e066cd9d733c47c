-- Every trusted reading is a row of its landing table: the same instant, axes, and person, however
-- the e-mail is spelled. A person is a number, since e-mails would take the memory of the join.
WITH person AS (
  SELECT p.email, row_number() OVER (ORDER BY p.email) AS number
  FROM (
    SELECT DISTINCT lower(trim(BOTH ' ' FROM a.user)) AS email FROM accelerometer_trusted a
  ) p
)
SELECT w.email AS user, t.timestamp, t.x, t.y, t.z
FROM (
  SELECT p.number, r.timestamp, r.x, r.y, r.z, 1 AS landed
  FROM accelerometer_landing r
  JOIN person p ON p.email = lower(trim(BOTH ' ' FROM r.user))
) l
RIGHT JOIN (
  SELECT p.number, a.timestamp, a.x, a.y, a.z
  FROM accelerometer_trusted a
  LEFT JOIN person p ON p.email = lower(trim(BOTH ' ' FROM a.user))
) t
  ON l.number = t.number
  AND l.timestamp = t.timestamp
  AND l.x IS NOT DISTINCT FROM t.x
  AND l.y IS NOT DISTINCT FROM t.y
  AND l.z IS NOT DISTINCT FROM t.z
LEFT JOIN person w ON w.number = t.number
WHERE l.landed IS NULL
