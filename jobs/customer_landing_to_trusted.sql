-- Customers who agreed to research: the latest record of each e-mail, if it gives consent.
-- At a tie the record without consent wins, then the later consent, then all columns in order.
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
WHERE recency = 1 AND shareWithResearchAsOfDate IS NOT NULL
