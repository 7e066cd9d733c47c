-- Distance beside the motion along each axis: how many rows of machine_learning_curated lie in each
-- cell of a grid of 24 by 24.
WITH reading AS (
  SELECT 'x' AS axis, m.x AS motion, m.distanceFromObject AS distance
  FROM machine_learning_curated m
  UNION ALL
  SELECT 'y' AS axis, m.y AS motion, m.distanceFromObject AS distance
  FROM machine_learning_curated m
  UNION ALL
  SELECT 'z' AS axis, m.z AS motion, m.distanceFromObject AS distance
  FROM machine_learning_curated m
),
span AS (
  SELECT r.axis, min(r.motion) AS first, (max(r.motion) - min(r.motion)) / 24e0 AS width
  FROM reading r
  GROUP BY r.axis
),
reach AS (
  SELECT min(m.distanceFromObject) AS first,
    (max(m.distanceFromObject) - min(m.distanceFromObject)) / 24e0 AS width
  FROM machine_learning_curated m
),
placed AS (
  SELECT
    r.axis,
    s.first + s.width * (0.5e0 + CASE WHEN s.width > 0
      THEN least(floor((r.motion - s.first) / s.width), 23e0) ELSE 0e0 END) AS motion,
    d.first + d.width * (0.5e0 + CASE WHEN d.width > 0
      THEN least(floor((r.distance - d.first) / d.width), 23e0) ELSE 0e0 END) AS distance
  FROM reading r
  JOIN span s ON s.axis = r.axis
  CROSS JOIN reach d
)
SELECT axis, motion, distance, count(*) AS readings
FROM placed
GROUP BY axis, motion, distance
ORDER BY 1, 2, 3
