-- Every trusted customer's latest landing record gives consent, and it is that record's consent.
-- At a tie a record without consent wins, then the later consent. Nobody is trusted of whom there
-- is a record that cannot be read and has no date, or none before that of the latest that can.
SELECT c.email
FROM customer_trusted c
LEFT JOIN (
  SELECT
    lower(trim(BOTH ' ' FROM r.email)) AS email,
    r.lastUpdateDate AS updated,
    max(r.shareWithResearchAsOfDate) AS consent,
    count(*) - count(r.shareWithResearchAsOfDate) AS withdrawals
  FROM customer_landing r
  GROUP BY lower(trim(BOTH ' ' FROM r.email)), r.lastUpdateDate
) l ON l.email = lower(trim(BOTH ' ' FROM c.email)) AND l.updated = c.lastUpdateDate
LEFT JOIN (
  SELECT lower(trim(BOTH ' ' FROM r.email)) AS email, max(r.lastUpdateDate) AS latest
  FROM customer_landing r
  GROUP BY lower(trim(BOTH ' ' FROM r.email))
) n ON n.email = l.email
LEFT JOIN (
  SELECT
    lower(trim(BOTH ' ' FROM h.email)) AS email,
    count(*) - count(h.instant) AS undated,
    max(h.instant) AS latest
  FROM held_back h
  WHERE h."table" = 'customer_landing'
  GROUP BY lower(trim(BOTH ' ' FROM h.email))
) u ON u.email = lower(trim(BOTH ' ' FROM c.email))
WHERE l.email IS NULL
  OR l.updated <> n.latest
  OR l.withdrawals > 0
  OR l.consent IS NULL
  OR c.shareWithResearchAsOfDate IS NULL
  OR c.shareWithResearchAsOfDate <> l.consent
  OR u.undated > 0
  OR u.latest >= n.latest
