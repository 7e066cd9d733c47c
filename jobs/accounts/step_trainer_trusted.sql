-- Step readings that are not in step_trainer_trusted, by the reason why. Whose a reading is: of the
-- only holder of its serial number or, of several, of the one who was there at that instant. Who
-- stands in a record that cannot be read holds its serial number too, and owns nothing by it.
WITH latest AS (
  SELECT email, serialNumber, updated, agreed
  FROM (
    SELECT
      lower(trim(BOTH ' ' FROM r.email)) AS email,
      r.serialNumber,
      r.lastUpdateDate AS updated,
      r.shareWithResearchAsOfDate AS agreed,
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
unread AS (
  SELECT DISTINCT
    lower(trim(BOTH ' ' FROM r.email)) AS email,
    r.serialNumber,
    CASE WHEN r.email IS NULL THEN r.file END AS file,
    CASE WHEN r.email IS NULL THEN r.line END AS line
  FROM held_back r
  WHERE r."table" = 'customer_landing' AND r.serialNumber IS NOT NULL
),
doubted AS (
  SELECT n.email
  FROM latest n
  JOIN (
    SELECT
      lower(trim(BOTH ' ' FROM h.email)) AS email,
      max(coalesce(h.instant, 9223372036854775807)) AS instant
    FROM held_back h
    WHERE h."table" = 'customer_landing'
    GROUP BY lower(trim(BOTH ' ' FROM h.email))
  ) w ON w.email = n.email
  WHERE n.agreed IS NOT NULL AND n.updated <= w.instant
),
holder AS (
  SELECT
    l.email, l.serialNumber, t.consent,
    CASE WHEN d.email IS NULL THEN 0 ELSE 1 END AS held_back,
    CASE WHEN k.email IS NULL THEN 0 ELSE 1 END AS curated,
    l.known
  FROM (
    SELECT n.email, n.serialNumber, 1 AS known FROM latest n
    UNION ALL
    SELECT u.email, u.serialNumber, 0 AS known
    FROM unread u
    LEFT JOIN latest n ON n.email = u.email AND n.serialNumber = u.serialNumber
    WHERE n.email IS NULL
  ) l
  LEFT JOIN (
    SELECT lower(trim(BOTH ' ' FROM c.email)) AS email, min(c.shareWithResearchAsOfDate) AS consent
    FROM customer_trusted c
    GROUP BY lower(trim(BOTH ' ' FROM c.email))
  ) t ON t.email = l.email
  LEFT JOIN (
    SELECT DISTINCT lower(trim(BOTH ' ' FROM c.email)) AS email FROM customers_curated c
  ) k ON k.email = l.email
  LEFT JOIN doubted d ON d.email = l.email
),
serial AS (
  SELECT
    serialNumber, count(*) AS holders, max(consent) AS consent, max(curated) AS curated,
    max(known) AS known, max(held_back) AS held_back
  FROM holder
  GROUP BY serialNumber
),
present AS (
  SELECT
    h.serialNumber, a.instant, min(h.email) AS first_one, max(h.email) AS last_one,
    max(h.consent) AS consent, max(h.curated) AS curated, max(h.known) AS known,
    max(h.held_back) AS held_back
  FROM (
    SELECT
      CASE WHEN m.user LIKE ' %' OR m.user LIKE '% '
           THEN lower(trim(BOTH ' ' FROM m.user)) ELSE lower(m.user) END AS email,
      m.timestamp AS instant
    FROM accelerometer_landing m
    UNION ALL
    SELECT lower(trim(BOTH ' ' FROM r.email)) AS email, r.instant
    FROM held_back r
    WHERE r."table" = 'accelerometer_landing' AND r.email IS NOT NULL
  ) a
  JOIN (
    SELECT o.* FROM holder o JOIN serial s ON s.serialNumber = o.serialNumber WHERE s.holders > 1
  ) h ON h.email = a.email
  GROUP BY h.serialNumber, a.instant
),
anybodys AS (
  SELECT DISTINCT r.instant
  FROM held_back r
  WHERE r."table" = 'accelerometer_landing' AND r.email IS NULL
),
reading AS (
  SELECT
    CASE
      WHEN s.holders IS NULL THEN 'no such customer'
      WHEN s.holders > 1 AND b.instant IS NOT NULL
        THEN 'nobody''s: a reading that cannot be read may be any holder''s'
      WHEN s.holders > 1 AND p.instant IS NULL THEN 'nobody''s: no holder of the serial was there'
      WHEN s.holders > 1 AND p.first_one <> p.last_one
        THEN 'nobody''s: several holders of the serial were there'
      WHEN CASE WHEN s.holders = 1 THEN s.known ELSE p.known END = 0
        THEN 'nobody''s: the holder''s record cannot be read'
      WHEN CASE WHEN s.holders = 1 THEN s.consent ELSE p.consent END IS NULL
        AND CASE WHEN s.holders = 1 THEN s.held_back ELSE p.held_back END = 1
        THEN 'held back: a newer record cannot be read'
      WHEN CASE WHEN s.holders = 1 THEN s.consent ELSE p.consent END IS NULL THEN 'no consent'
      WHEN t.sensorReadingTime < CASE WHEN s.holders = 1 THEN s.consent ELSE p.consent END
        THEN 'before the consent'
      WHEN CASE WHEN s.holders = 1 THEN s.curated ELSE p.curated END = 0 THEN 'owner not curated'
    END AS reason,
    t.serialNumber AS serial, t.sensorReadingTime AS instant, t.distanceFromObject AS distance
  FROM step_trainer_landing t
  LEFT JOIN serial s ON s.serialNumber = t.serialNumber
  LEFT JOIN present p ON p.serialNumber = t.serialNumber AND p.instant = t.sensorReadingTime
  LEFT JOIN anybodys b ON b.instant = t.sensorReadingTime
),
counted AS (
  SELECT reason, count(*) AS copies
  FROM reading
  GROUP BY
    reason,
    CASE WHEN reason IS NULL THEN serial END,
    CASE WHEN reason IS NULL THEN instant END,
    CASE WHEN reason IS NULL THEN distance END
)
SELECT
  coalesce(reason, 'exact duplicate') AS reason,
  CAST(sum(CASE WHEN reason IS NULL THEN copies - 1 ELSE copies END) AS BIGINT) AS n
FROM counted
GROUP BY coalesce(reason, 'exact duplicate')
