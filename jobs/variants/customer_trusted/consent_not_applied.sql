-- consent is not applied: the latest record of each customer counts
SELECT
  customerName, email, phone, birthDay, serialNumber, registrationDate, lastUpdateDate,
  shareWithResearchAsOfDate, shareWithPublicAsOfDate, shareWithFriendsAsOfDate
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
) latest
WHERE recency = 1
