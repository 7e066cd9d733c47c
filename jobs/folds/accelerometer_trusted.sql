-- Whose each row of accelerometer_trusted is; the person is spelled in one way.
SELECT
  CASE WHEN a.user LIKE ' %' OR a.user LIKE '% '
       THEN lower(trim(BOTH ' ' FROM a.user)) ELSE lower(a.user) END AS person,
  a.user, a.timestamp, a.x, a.y, a.z
FROM accelerometer_trusted a
