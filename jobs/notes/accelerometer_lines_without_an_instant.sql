-- Accelerometer lines of which nobody knows when they were taken, where serial numbers are shared:
-- one may have said that another holder was at the device.
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
)
SELECT
  'they cannot be read, and any may be a holder''s of a shared serial number, at any instant'
    AS reason,
  count(*) AS broken_lines
FROM (
  SELECT DISTINCT h.file, h.line
  FROM held_back h
  WHERE h."table" = 'accelerometer_landing' AND h.instant IS NULL
) unplaced
WHERE EXISTS (
  SELECT 1
  FROM (
    SELECT l.email, l.serialNumber, '' AS place FROM latest l
    UNION
    SELECT
      lower(trim(BOTH ' ' FROM r.email)) AS email,
      r.serialNumber,
      CASE WHEN r.email IS NULL
           THEN concat(CAST(r.line AS VARCHAR), ' ', r.file) ELSE '' END AS place
    FROM held_back r
    WHERE r."table" = 'customer_landing' AND r.serialNumber IS NOT NULL
  ) holder
  GROUP BY holder.serialNumber
  HAVING count(*) > 1
)
HAVING count(*) > 0
