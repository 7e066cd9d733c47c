-- readings count since the registration, not since the consent
SELECT c.email AS user, a.timestamp, min(a.x) AS x, min(a.y) AS y, min(a.z) AS z
FROM accelerometer_landing a
JOIN customer_trusted c
  ON CASE WHEN a.user LIKE ' %' OR a.user LIKE '% '
          THEN lower(trim(BOTH ' ' FROM a.user)) ELSE lower(a.user) END
   = lower(trim(BOTH ' ' FROM c.email))
WHERE a.timestamp >= c.registrationDate
GROUP BY c.email, a.timestamp, a.x, a.y, a.z
