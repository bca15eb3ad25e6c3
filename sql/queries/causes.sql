-- Suggested causes, and what is like or beside a case.

-- name: put
-- Store a cause as it is now.
INSERT INTO case_causes (id, case_id, sku, branch, description, state, whys, evidence, vendor, made_by,
                         made_at, changed_by, changed_at, version)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT (id) DO UPDATE SET
    branch = excluded.branch, description = excluded.description, state = excluded.state,
    whys = excluded.whys, evidence = excluded.evidence, changed_by = excluded.changed_by,
    changed_at = excluded.changed_at, version = excluded.version;

-- name: of_case
-- Return the causes of a case: confirmed, supported, open, ruled out; the oldest first.
SELECT id, case_id, sku, branch, description, state, whys, evidence, vendor, made_by, made_at,
       changed_by, changed_at, version
  FROM case_causes
 WHERE case_id = $1
 ORDER BY array_position('{confirmed,supported,open,ruled_out}'::text[], state), made_at, id;

-- name: move
-- Give the causes of a case to another one, which keeps its own confirmed cause.
UPDATE case_causes AS one
   SET case_id = $2,
       state = CASE WHEN one.state = 'confirmed' AND EXISTS (
                             SELECT FROM case_causes
                              WHERE case_id = $2 AND case_causes.state = 'confirmed')
                    THEN 'supported' ELSE one.state END
 WHERE case_id = $1;

-- name: alike
-- Return cases that stopped a sale and are like one: of the same SKU, vendor or category, each the
-- latest 40 by an index, ranked by what they share. A vendor ($8) has its own only, and of those it
-- knows. Intents and lots are those that were complained of ($6, $7).
WITH near AS (
    (SELECT id FROM cases WHERE sku = $2 ORDER BY opened_at DESC LIMIT 40)
    UNION
    (SELECT id FROM cases WHERE vendor = $3 ORDER BY opened_at DESC LIMIT 40)
    UNION
    (SELECT id FROM cases WHERE category = $4 ORDER BY opened_at DESC LIMIT 40)
), shared AS (
    SELECT cases.id,
           coalesce(sku = $2, false) AS same_sku,
           coalesce(vendor = $3, false) AS same_vendor,
           coalesce(category = $4, false) AS same_category,
           ARRAY(SELECT jsonb_array_elements_text(known_evidence -> 'intents')
                 INTERSECT SELECT unnest($6::text[]) ORDER BY 1) AS intents,
           ARRAY(SELECT jsonb_array_elements_text(known_evidence -> 'lots')
                 INTERSECT SELECT unnest($7::text[]) ORDER BY 1) AS lots
      FROM near
      JOIN cases USING (id)
     WHERE cases.id <> $1 AND frozen_at IS NOT NULL AND state NOT IN ('merged', 'expired')
       AND ($8::text IS NULL OR vendor = $8)
)
SELECT cases.*, same_sku, same_vendor, same_category, intents, lots,
       CASE WHEN cause.id IS NOT NULL THEN jsonb_build_object(
           'branch', branch, 'description', description, 'whys', whys) END AS confirmed
  FROM shared
  JOIN cases USING (id)
  LEFT JOIN case_causes AS cause ON cause.case_id = cases.id AND cause.state = 'confirmed'
 ORDER BY 4 * same_sku::integer + 2 * same_vendor::integer + same_category::integer
          + 3 * least(cardinality(lots), 2) + least(cardinality(intents), 2) DESC,
          cases.opened_at DESC, cases.id DESC
 LIMIT $5;

-- name: beside
-- Return SKUs of a vendor ($1) beside one ($2) that are of its category ($3), or of which somebody
-- complained since $4 with one of some lots ($5): with what was complained of since then and counts,
-- and the open case. So many ($6), those with the most complaints first.
WITH items AS (
    SELECT sku, title, owner, category
      FROM skus
     WHERE vendor = $1 AND sku <> $2
     ORDER BY (category = $3) DESC NULLS LAST, sku
     LIMIT 500
), told AS (
    SELECT items.sku, title, owner, category, counted.complaints, counted.customers,
           ARRAY(SELECT unnest(counted.lots) INTERSECT SELECT unnest($5::text[]) ORDER BY 1) AS lots
      FROM items
     CROSS JOIN LATERAL (
           SELECT count(*) AS complaints, count(DISTINCT coalesce(customer, '')) AS customers,
                  coalesce(array_agg(DISTINCT lot) FILTER (WHERE lot IS NOT NULL), '{}') AS lots
             FROM signals
            WHERE signals.sku = items.sku AND occurred_at > $4 AND judged_by IS NULL
              AND CASE WHEN kind IN ('inspection', 'telemetry') THEN result = 'fail'
                       ELSE intent NOT IN ('delivery', 'change_of_mind') END) AS counted
)
SELECT told.sku, title, owner, complaints, customers, lots, open.id AS case, open.state
  FROM told
  LEFT JOIN LATERAL (
       SELECT id, state FROM cases
        WHERE cases.sku = told.sku
          AND state IN ('suspected', 'freezing', 'frozen', 'diagnosing', 'remedy_proposed',
                        'awaiting_approval', 'reinstating', 'probation', 'appealed')
        ORDER BY opened_at, id
        LIMIT 1) AS open ON true
 WHERE told.category = $3 OR cardinality(lots) > 0
 ORDER BY complaints DESC, told.sku
 LIMIT $6;
