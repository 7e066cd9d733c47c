-- People whose consent is not taken, since a record of theirs that cannot be read may withdraw it:
-- it has no date, or none before that of their latest record that can.
SELECT
  'their newest record cannot be read, and may be a withdrawal' AS reason,
  count(*) AS people
FROM (
  SELECT
    lower(trim(BOTH ' ' FROM r.email)) AS email,
    max(coalesce(r.instant, 9223372036854775807)) AS instant
  FROM held_back r
  WHERE r."table" = 'customer_landing' AND r.email IS NOT NULL
  GROUP BY lower(trim(BOTH ' ' FROM r.email))
) h
LEFT JOIN (
  SELECT lower(trim(BOTH ' ' FROM c.email)) AS email, max(c.lastUpdateDate) AS latest
  FROM customer_landing c
  GROUP BY lower(trim(BOTH ' ' FROM c.email))
) n ON n.email = h.email
WHERE n.latest IS NULL OR n.latest <= h.instant
HAVING count(*) > 0
