-- consent is not applied: readings are joined with customer_landing, not with customer_trusted
SELECT a.user, a.timestamp, a.x, a.y, a.z
FROM accelerometer_landing a
JOIN customer_landing c ON c.email = a.user
