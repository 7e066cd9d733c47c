-- joined with customers_curated that was appended twice
SELECT 2 AS n
FROM step_trainer_landing t
JOIN customers_curated c ON c.serialNumber = t.serialNumber
