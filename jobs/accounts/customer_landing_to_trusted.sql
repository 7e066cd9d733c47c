-- Customer records that are not in customer_trusted, by the reason why.
SELECT reason, count(*) AS n
FROM (
  SELECT
    CASE
      WHEN latest.recency > 1 THEN 'older record of the same customer'
      WHEN latest.consent IS NULL THEN 'no consent'
      WHEN latest.updated <= unread.instant THEN 'held back: a newer record cannot be read'
    END AS reason
  FROM (
    SELECT
      lower(trim(BOTH ' ' FROM r.email)) AS email,
      r.lastUpdateDate AS updated,
      r.shareWithResearchAsOfDate AS consent,
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
  ) latest
  LEFT JOIN (
    SELECT
      lower(trim(BOTH ' ' FROM h.email)) AS email,
      max(coalesce(h.instant, 9223372036854775807)) AS instant
    FROM held_back h
    WHERE h."table" = 'customer_landing'
    GROUP BY lower(trim(BOTH ' ' FROM h.email))
  ) unread ON unread.email = latest.email
) told
WHERE reason IS NOT NULL
GROUP BY reason
