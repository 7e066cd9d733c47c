-- nothing is filtered: every reading counts, whoever's it is
SELECT a.user, a.timestamp, a.x, a.y, a.z
FROM accelerometer_landing a
