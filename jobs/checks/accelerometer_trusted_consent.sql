-- Every trusted reading belongs to a trusted customer and is not older than the consent.
SELECT a.timestamp
FROM accelerometer_trusted a
LEFT JOIN customer_trusted c
  ON lower(trim(BOTH ' ' FROM c.email)) = lower(trim(BOTH ' ' FROM a.user))
WHERE c.shareWithResearchAsOfDate IS NULL OR a.timestamp < c.shareWithResearchAsOfDate
