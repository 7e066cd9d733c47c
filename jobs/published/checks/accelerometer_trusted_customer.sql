-- Every trusted reading is of a trusted customer.
SELECT a.user, a.timestamp
FROM accelerometer_trusted a
LEFT JOIN (SELECT DISTINCT c.email FROM customer_trusted c) t ON t.email = a.user
WHERE t.email IS NULL
