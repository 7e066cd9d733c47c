-- all step readings of the landing zone, LEFT JOINed on the time alone
SELECT s.sensorReadingTime, s.distanceFromObject, a.x, a.y, a.z
FROM step_trainer_landing s
LEFT JOIN accelerometer_trusted a ON a.timestamp = s.sensorReadingTime
