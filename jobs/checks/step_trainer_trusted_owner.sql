-- Every trusted step reading has an owner who is curated and had consented by then: the only
-- holder of the serial number, or the one of several holders with a reading at that instant.
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
  SELECT serialNumber, min(email) AS first_holder, max(email) AS last_holder
  FROM latest
  GROUP BY serialNumber
),
contender AS (
  SELECT l.email, l.serialNumber
  FROM latest l
  JOIN serials s ON s.serialNumber = l.serialNumber
  WHERE s.first_holder <> s.last_holder
),
present AS (
  SELECT h.serialNumber, a.timestamp AS instant, min(h.email) AS first_one, max(h.email) AS last_one
  FROM accelerometer_landing a
  JOIN contender h ON h.email = lower(trim(BOTH ' ' FROM a.user))
  GROUP BY h.serialNumber, a.timestamp
)
SELECT t.sensorReadingTime
FROM step_trainer_trusted t
LEFT JOIN serials s ON s.serialNumber = t.serialNumber
LEFT JOIN present p ON p.serialNumber = t.serialNumber AND p.instant = t.sensorReadingTime
LEFT JOIN customers_curated c
  ON lower(trim(BOTH ' ' FROM c.email))
   = CASE WHEN s.first_holder = s.last_holder THEN s.first_holder
          WHEN p.first_one = p.last_one THEN p.first_one END
WHERE c.shareWithResearchAsOfDate IS NULL OR t.sensorReadingTime < c.shareWithResearchAsOfDate
