-- No reading is there twice.
SELECT lower(trim(BOTH ' ' FROM a.user)) AS reader, a.timestamp
FROM accelerometer_trusted a
GROUP BY lower(trim(BOTH ' ' FROM a.user)), a.timestamp, a.x, a.y, a.z
HAVING count(*) > 1
