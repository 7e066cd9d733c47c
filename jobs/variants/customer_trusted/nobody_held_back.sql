-- nobody is held back: the latest record that can be read counts, whatever a newer one may say
SELECT
  r.customerName, r.email, r.phone, r.birthDay, r.serialNumber, r.registrationDate,
  r.lastUpdateDate, r.shareWithResearchAsOfDate, r.shareWithPublicAsOfDate,
  r.shareWithFriendsAsOfDate
FROM (
  SELECT
    l.*,
    row_number() OVER (
      PARTITION BY lower(trim(BOTH ' ' FROM l.email))
      ORDER BY
        l.lastUpdateDate DESC,
        l.shareWithResearchAsOfDate DESC NULLS FIRST,
        l.customerName NULLS LAST, l.email, l.phone NULLS LAST, l.birthDay NULLS LAST,
        l.serialNumber, l.registrationDate, l.shareWithPublicAsOfDate NULLS LAST,
        l.shareWithFriendsAsOfDate NULLS LAST
    ) AS recency
  FROM customer_landing l
) r
WHERE r.recency = 1 AND r.shareWithResearchAsOfDate IS NOT NULL
