-- Customers who agreed to research: the latest record of each e-mail, if it gives consent.
-- At a tie the record without consent wins, then the later consent, then all columns in order.
-- A record of theirs that cannot be read may be a withdrawal: it counts unless it is known to be
-- older than the latest one that can.
WITH latest AS (
  SELECT records.*
  FROM (
    SELECT
      r.*,
      row_number() OVER (
        PARTITION BY lower(trim(BOTH ' ' FROM email))
        ORDER BY
          lastUpdateDate DESC,
          shareWithResearchAsOfDate DESC NULLS FIRST,
          customerName NULLS LAST, email, phone NULLS LAST, birthDay NULLS LAST, serialNumber,
          registrationDate, shareWithPublicAsOfDate NULLS LAST, shareWithFriendsAsOfDate NULLS LAST
      ) AS recency
    FROM customer_landing r
  ) records
  WHERE recency = 1 AND shareWithResearchAsOfDate IS NOT NULL
),
unread AS (
  SELECT
    lower(trim(BOTH ' ' FROM h.email)) AS email,
    max(coalesce(h.instant, 9223372036854775807)) AS instant
  FROM held_back h
  WHERE h.table = 'customer_landing' AND h.email IS NOT NULL
  GROUP BY lower(trim(BOTH ' ' FROM h.email))
)
SELECT
  l.customerName, l.email, l.phone, l.birthDay, l.serialNumber, l.registrationDate,
  l.lastUpdateDate, l.shareWithResearchAsOfDate, l.shareWithPublicAsOfDate,
  l.shareWithFriendsAsOfDate
FROM latest l
LEFT JOIN unread u ON u.email = lower(trim(BOTH ' ' FROM l.email))
WHERE u.email IS NULL OR l.lastUpdateDate > u.instant
