-- Step readings that belong to nobody, and are therefore not used, by the reason why.
WITH latest AS (
  SELECT email, serialNumber
  FROM (
    SELECT
      lower(trim(BOTH ' ' FROM r.email)) AS email,
      r.serialNumber,
      row_number() OVER (
        PARTITION BY lower(trim(BOTH ' ' FROM r.email))
        ORDER BY
          r.lastUpdateDate DESC,
          r.shareWithResearchAsOfDate DESC NULLS FIRST,
          r.customerName NULLS LAST, r.email, r.phone NULLS LAST, r.birthDay NULLS LAST,
          r.serialNumber, r.registrationDate, r.shareWithPublicAsOfDate NULLS LAST,
          r.shareWithFriendsAsOfDate NULLS LAST
      ) AS recency
    FROM customer_landing r
  ) records
  WHERE recency = 1
),
serials AS (
  SELECT serialNumber, count(*) AS holders FROM latest GROUP BY serialNumber
),
contender AS (
  SELECT l.email, l.serialNumber
  FROM latest l
  JOIN serials s ON s.serialNumber = l.serialNumber
  WHERE s.holders > 1
),
present AS (
  SELECT h.serialNumber, a.timestamp AS instant, min(h.email) AS first_one, max(h.email) AS last_one
  FROM accelerometer_landing a
  JOIN contender h ON h.email = lower(trim(BOTH ' ' FROM a.user))
  GROUP BY h.serialNumber, a.timestamp
)
SELECT
  CASE
    WHEN s.holders IS NULL THEN 'no customer has the serial number'
    WHEN p.instant IS NULL
      THEN 'shared serial number, none of its holders has an accelerometer reading at that instant'
    ELSE 'shared serial number, several of its holders have an accelerometer reading at that instant'
  END AS reason,
  count(*) AS readings
FROM step_trainer_landing t
LEFT JOIN serials s ON s.serialNumber = t.serialNumber
LEFT JOIN present p ON p.serialNumber = t.serialNumber AND p.instant = t.sensorReadingTime
WHERE s.holders IS NULL
  OR (s.holders > 1 AND (p.instant IS NULL OR p.first_one <> p.last_one))
GROUP BY 1
ORDER BY 1
