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
holder AS (
  SELECT l.email, l.serialNumber, 1 AS known FROM latest l
  UNION ALL
  SELECT u.email, u.serialNumber, 0 AS known
  FROM (
    SELECT DISTINCT
      lower(trim(BOTH ' ' FROM h.email)) AS email,
      h.serialNumber,
      CASE WHEN h.email IS NULL THEN h.file END AS file,
      CASE WHEN h.email IS NULL THEN h.line END AS line
    FROM held_back h
    WHERE h."table" = 'customer_landing' AND h.serialNumber IS NOT NULL
  ) u
  LEFT JOIN latest l ON l.email = u.email AND l.serialNumber = u.serialNumber
  WHERE l.email IS NULL
),
serials AS (
  SELECT serialNumber, count(*) AS holders, max(known) AS known FROM holder GROUP BY serialNumber
),
contender AS (
  SELECT h.email, h.serialNumber, h.known
  FROM holder h
  JOIN serials s ON s.serialNumber = h.serialNumber
  WHERE s.holders > 1 AND h.email IS NOT NULL
),
reading AS (
  SELECT lower(trim(BOTH ' ' FROM a.user)) AS email, a.timestamp AS instant
  FROM accelerometer_landing a
  UNION ALL
  SELECT lower(trim(BOTH ' ' FROM h.email)) AS email, h.instant
  FROM held_back h
  WHERE h."table" = 'accelerometer_landing' AND h.email IS NOT NULL
),
present AS (
  SELECT
    h.serialNumber, r.instant, min(h.email) AS first_one, max(h.email) AS last_one,
    max(h.known) AS known
  FROM reading r
  JOIN contender h ON h.email = r.email
  GROUP BY h.serialNumber, r.instant
),
anybodys_instant AS (
  SELECT DISTINCT h.instant
  FROM held_back h
  WHERE h."table" = 'accelerometer_landing' AND h.email IS NULL AND h.instant IS NOT NULL
)
SELECT
  CASE
    WHEN s.holders IS NULL THEN 'no customer has the serial number'
    WHEN s.holders = 1
      THEN 'the only record with the serial number cannot be read'
    WHEN b.instant IS NOT NULL
      THEN 'shared serial number, a reading that cannot be read may be any holder''s at that instant'
    WHEN p.instant IS NULL
      THEN 'shared serial number, none of its holders has an accelerometer reading at that instant'
    WHEN p.first_one <> p.last_one
      THEN 'shared serial number, several of its holders have an accelerometer reading at that instant'
    ELSE 'shared serial number, who was there holds it only in a record that cannot be read'
  END AS reason,
  count(*) AS readings
FROM step_trainer_landing t
LEFT JOIN serials s ON s.serialNumber = t.serialNumber
LEFT JOIN present p ON p.serialNumber = t.serialNumber AND p.instant = t.sensorReadingTime
LEFT JOIN anybodys_instant b ON b.instant = t.sensorReadingTime
WHERE s.holders IS NULL
  OR (s.holders = 1 AND s.known = 0)
  OR (
    s.holders > 1
    AND (
      p.instant IS NULL OR p.first_one <> p.last_one OR p.known = 0 OR b.instant IS NOT NULL
    )
  )
GROUP BY 1
ORDER BY 1
