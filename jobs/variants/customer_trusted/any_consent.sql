-- any of the three consents counts, not the one to research alone
SELECT
  customerName, email, phone, birthDay, serialNumber, registrationDate, lastUpdateDate,
  shareWithResearchAsOfDate, shareWithPublicAsOfDate, shareWithFriendsAsOfDate
FROM customer_landing
WHERE coalesce(
  shareWithResearchAsOfDate, shareWithPublicAsOfDate, shareWithFriendsAsOfDate
) IS NOT NULL
