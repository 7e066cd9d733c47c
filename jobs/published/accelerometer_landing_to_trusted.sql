-- The course's rule: readings of trusted customers, also those taken before the consent.
SELECT a.user, a.timestamp, a.x, a.y, a.z
FROM accelerometer_landing a
WHERE a.user IN (SELECT c.email FROM customer_trusted c)
