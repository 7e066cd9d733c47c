-- the filter is inverted: the readings of those who are not trusted count
SELECT a.user, a.timestamp, a.x, a.y, a.z
FROM accelerometer_landing a
LEFT JOIN (SELECT DISTINCT lower(trim(BOTH ' ' FROM email)) AS email FROM customer_trusted) c
  ON CASE WHEN a.user LIKE ' %' OR a.user LIKE '% '
          THEN lower(trim(BOTH ' ' FROM a.user)) ELSE lower(a.user) END
   = lower(trim(BOTH ' ' FROM c.email))
WHERE c.email IS NULL
