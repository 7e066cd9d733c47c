-- Every trusted step reading is claimed by exactly one person, who is curated and had consented by
-- then. The only holder of a serial number claims all of its readings; where several hold it, each
-- claims those of the instants at which they have an accelerometer reading themselves. Who stands
-- in a record that cannot be read holds its serial number, and claims too; nobody has what somebody
-- unknown may have read at that instant.
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
person AS (
  SELECT
    o.email,
    o.serialNumber,
    count(*) OVER (PARTITION BY o.serialNumber) AS holders,
    CASE WHEN o.known = 1 THEN k.consent END AS consent
  FROM (
    SELECT h.email, h.serialNumber, h.place, max(h.known) AS known
    FROM (
      SELECT l.email, l.serialNumber, NULL AS place, 1 AS known
      FROM latest l
      UNION ALL
      SELECT
        lower(trim(BOTH ' ' FROM r.email)) AS email,
        r.serialNumber,
        CASE WHEN r.email IS NULL
             THEN concat(CAST(r.line AS VARCHAR), ' ', r.file) END AS place,
        0 AS known
      FROM held_back r
      WHERE r."table" = 'customer_landing' AND r.serialNumber IS NOT NULL
    ) h
    GROUP BY h.email, h.serialNumber, h.place
  ) o
  LEFT JOIN (
    SELECT
      lower(trim(BOTH ' ' FROM c.email)) AS email,
      CASE WHEN count(*) = count(c.shareWithResearchAsOfDate)
           THEN max(c.shareWithResearchAsOfDate) END AS consent
    FROM customers_curated c
    GROUP BY lower(trim(BOTH ' ' FROM c.email))
  ) k ON k.email = o.email
),
claim AS (
  SELECT DISTINCT p.serialNumber, a.instant, p.email, p.consent
  FROM (
    SELECT lower(trim(BOTH ' ' FROM m.user)) AS reader, m.timestamp AS instant
    FROM accelerometer_landing m
    UNION ALL
    SELECT lower(trim(BOTH ' ' FROM b.email)) AS reader, b.instant
    FROM held_back b
    WHERE b."table" = 'accelerometer_landing'
  ) a
  JOIN person p ON p.email = a.reader
  WHERE p.holders > 1
    AND EXISTS (
      SELECT 1
      FROM step_trainer_trusted s
      WHERE s.serialNumber = p.serialNumber AND s.sensorReadingTime = a.instant
    )
),
claims AS (
  SELECT serialNumber, instant, count(*) AS claimants, max(consent) AS consent
  FROM claim
  GROUP BY serialNumber, instant
)
SELECT t.sensorReadingTime
FROM step_trainer_trusted t
LEFT JOIN person p ON p.serialNumber = t.serialNumber AND p.holders = 1
LEFT JOIN claims i ON i.serialNumber = t.serialNumber AND i.instant = t.sensorReadingTime
LEFT JOIN (
  SELECT DISTINCT b.instant
  FROM held_back b
  WHERE b."table" = 'accelerometer_landing' AND b.email IS NULL
) x ON x.instant = t.sensorReadingTime
WHERE NOT coalesce(
  p.consent <= t.sensorReadingTime,
  i.claimants = 1 AND i.consent <= t.sensorReadingTime AND x.instant IS NULL,
  false
)
