-- exact duplicates are kept
SELECT a.user, a.timestamp, a.x, a.y, a.z
FROM accelerometer_landing a
JOIN customer_trusted c
  ON CASE WHEN a.user LIKE ' %' OR a.user LIKE '% '
          THEN lower(trim(BOTH ' ' FROM a.user)) ELSE lower(a.user) END
   = lower(trim(BOTH ' ' FROM c.email))
WHERE a.timestamp >= c.shareWithResearchAsOfDate
