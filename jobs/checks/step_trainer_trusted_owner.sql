-- Every trusted step reading is claimed by exactly one person, who is curated and had consented by
-- then. The only holder of a serial number claims all of its readings; where several hold it, each
-- claims those of the instants at which they have an accelerometer reading themselves.
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
    l.email,
    l.serialNumber,
    count(*) OVER (PARTITION BY l.serialNumber) AS holders,
    k.consent
  FROM latest l
  LEFT JOIN (
    SELECT
      lower(trim(BOTH ' ' FROM c.email)) AS email,
      CASE WHEN count(*) = count(c.shareWithResearchAsOfDate)
           THEN max(c.shareWithResearchAsOfDate) END AS consent
    FROM customers_curated c
    GROUP BY lower(trim(BOTH ' ' FROM c.email))
  ) k ON k.email = l.email
),
claim AS (
  SELECT DISTINCT p.serialNumber, a.timestamp AS instant, p.email, p.consent
  FROM accelerometer_landing a
  JOIN person p ON p.email = lower(trim(BOTH ' ' FROM a.user))
  WHERE p.holders > 1
    AND EXISTS (
      SELECT 1
      FROM step_trainer_trusted s
      WHERE s.serialNumber = p.serialNumber AND s.sensorReadingTime = a.timestamp
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
WHERE NOT coalesce(
  p.consent <= t.sensorReadingTime,
  i.claimants = 1 AND i.consent <= t.sensorReadingTime,
  false
)
