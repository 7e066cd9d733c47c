-- Customer records that are not in customer_trusted, by the reason why.
SELECT reason, count(*) AS n
FROM (
  SELECT
    CASE
      WHEN recency > 1 THEN 'older record of the same customer'
      WHEN consent IS NULL THEN 'no consent'
    END AS reason
  FROM (
    SELECT
      r.shareWithResearchAsOfDate AS consent,
      row_number() OVER (
        PARTITION BY lower(trim(BOTH ' ' FROM r.email))
        ORDER BY r.lastUpdateDate DESC, r.shareWithResearchAsOfDate DESC NULLS FIRST
      ) AS recency
    FROM customer_landing r
  ) records
) told
WHERE reason IS NOT NULL
GROUP BY reason
