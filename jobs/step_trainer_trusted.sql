-- Step readings of curated customers, taken at or after their consent; exact duplicates count once.
-- A defect gave many customers the same serial number, so a reading belongs to
--   the only holder of its serial number, or, where several hold it,
--   the one holder with an accelerometer reading at that very instant; otherwise to nobody.
-- Holders are counted over the latest records of all customers, not only of those who agreed. Who
-- stands in a record that cannot be read holds its serial number too, but owns nothing by it.
-- An accelerometer reading that cannot be used contends for its instant like any other of its user;
-- if it does not say for certain whose it is, no step reading of a shared number is anybody's then.
WITH latest AS (
  SELECT email, serialNumber
  FROM (
    SELECT
      lower(trim(BOTH ' ' FROM email)) AS email,
      serialNumber,
      row_number() OVER (
        PARTITION BY lower(trim(BOTH ' ' FROM email))
        ORDER BY
          lastUpdateDate DESC,
          shareWithResearchAsOfDate DESC NULLS FIRST,
          customerName NULLS LAST, r.email, phone NULLS LAST, birthDay NULLS LAST, serialNumber,
          registrationDate, shareWithPublicAsOfDate NULLS LAST, shareWithFriendsAsOfDate NULLS LAST
      ) AS recency
    FROM customer_landing r
  ) records
  WHERE recency = 1
),
-- Whose e-mail is not known is a person of their own, one a record.
unread_holder AS (
  SELECT u.email, u.serialNumber
  FROM (
    SELECT DISTINCT
      lower(trim(BOTH ' ' FROM h.email)) AS email,
      h.serialNumber,
      CASE WHEN h.email IS NULL THEN h.file END AS file,
      CASE WHEN h.email IS NULL THEN h.line END AS line
    FROM held_back h
    WHERE h.table = 'customer_landing' AND h.serialNumber IS NOT NULL
  ) u
  LEFT JOIN latest l ON l.email = u.email AND l.serialNumber = u.serialNumber
  WHERE l.email IS NULL
),
holder AS (
  SELECT email, serialNumber FROM latest
  UNION ALL
  SELECT email, serialNumber FROM unread_holder
),
serials AS (
  SELECT serialNumber, count(*) AS holders FROM holder GROUP BY serialNumber
),
curated AS (
  SELECT
    lower(trim(BOTH ' ' FROM email)) AS email, serialNumber, shareWithResearchAsOfDate AS consent
  FROM customers_curated
),
sole_owner AS (
  SELECT c.serialNumber, c.consent
  FROM curated c
  JOIN serials s ON s.serialNumber = c.serialNumber
  WHERE s.holders = 1
),
contender AS (
  SELECT h.email, h.serialNumber
  FROM holder h
  JOIN serials s ON s.serialNumber = h.serialNumber
  WHERE s.holders > 1 AND h.email IS NOT NULL
),
reading AS (
  SELECT
    CASE WHEN a.user LIKE ' %' OR a.user LIKE '% '
         THEN lower(trim(BOTH ' ' FROM a.user)) ELSE lower(a.user) END AS email,
    a.timestamp AS instant
  FROM accelerometer_landing a
  UNION ALL
  SELECT lower(trim(BOTH ' ' FROM h.email)) AS email, h.instant
  FROM held_back h
  WHERE h.table = 'accelerometer_landing' AND h.email IS NOT NULL
),
-- A reading of an unknown user may be of any holder.
anybodys_instant AS (
  SELECT DISTINCT h.instant
  FROM held_back h
  WHERE h.table = 'accelerometer_landing' AND h.email IS NULL AND h.instant IS NOT NULL
),
present_owner AS (
  SELECT h.serialNumber, r.instant, min(h.email) AS email
  FROM reading r
  JOIN contender h ON h.email = r.email
  GROUP BY h.serialNumber, r.instant
  HAVING min(h.email) = max(h.email)
),
owned_instant AS (
  SELECT p.serialNumber, p.instant
  FROM present_owner p
  JOIN curated c ON c.email = p.email AND c.serialNumber = p.serialNumber
  LEFT JOIN anybodys_instant b ON b.instant = p.instant
  WHERE p.instant >= c.consent AND b.instant IS NULL
)
SELECT DISTINCT t.sensorReadingTime, t.serialNumber, t.distanceFromObject
FROM step_trainer_landing t
LEFT JOIN sole_owner o ON o.serialNumber = t.serialNumber
LEFT JOIN owned_instant i ON i.serialNumber = t.serialNumber AND i.instant = t.sensorReadingTime
WHERE t.sensorReadingTime >= o.consent OR i.instant IS NOT NULL
