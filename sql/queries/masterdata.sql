-- SKUs, vendors and sources.

-- name: put_skus
-- Store SKUs; what is known of them is replaced.
INSERT INTO skus (sku, title, vendor, category, gtin, price, owner, updated_at)
SELECT sku, title, vendor, category, gtin, price, owner, $8
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::numeric[],
              $7::text[]) AS news (sku, title, vendor, category, gtin, price, owner)
 ORDER BY sku COLLATE "C"
ON CONFLICT (sku) DO UPDATE SET
    title = excluded.title,
    vendor = excluded.vendor,
    category = excluded.category,
    gtin = excluded.gtin,
    price = excluded.price,
    owner = excluded.owner,
    updated_at = excluded.updated_at;

-- name: sku
-- Return a SKU.
SELECT sku, title, vendor, category, gtin, price, owner FROM skus WHERE sku = $1;

-- name: skus
-- Return which of these SKUs are registered, with what is known of them.
SELECT sku, title, vendor, category, gtin, price, owner FROM skus WHERE sku = ANY ($1::text[]);

-- name: skus_from
-- Return registered SKUs in the order of their names, from a name on.
SELECT sku FROM skus WHERE sku >= $1 ORDER BY sku LIMIT $2;

-- name: skus_after
-- Return registered SKUs in the order of their last change, after a place in that order.
SELECT updated_at, sku
  FROM skus
 WHERE (updated_at, sku) > (coalesce($1, '-infinity'::timestamptz), coalesce($2, ''))
 ORDER BY updated_at, sku
 LIMIT $3;

-- name: put_vendor
-- Store a vendor.
INSERT INTO vendors (vendor, name, contacts, language, time_zone, updated_at, calendar)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (vendor) DO UPDATE SET
    name = excluded.name,
    contacts = excluded.contacts,
    language = excluded.language,
    time_zone = excluded.time_zone,
    updated_at = excluded.updated_at,
    calendar = excluded.calendar;

-- name: vendor
-- Return a vendor.
SELECT vendor, name, contacts, language, time_zone, calendar FROM vendors WHERE vendor = $1;

-- name: vendor_for_change
-- Return a vendor, and keep others from changing it until this transaction ends.
SELECT vendor, name, contacts, language, time_zone, calendar
  FROM vendors
 WHERE vendor = $1
   FOR UPDATE;

-- name: skus_of_gtin
-- Return SKUs by what is printed on the item, with as many leading zeros as a scanner likes.
SELECT sku, title, vendor, category, gtin, price, owner
  FROM skus
 WHERE gtin IS NOT NULL AND lpad(gtin, 14, '0') = lpad($1, 14, '0')
 ORDER BY sku
 LIMIT $2;

-- name: categories_without_skus
-- Return those of some categories that no SKU has; none where there are no SKUs at all.
SELECT asked
  FROM unnest($1::text[]) AS asked
 WHERE EXISTS (SELECT FROM skus)
   AND NOT EXISTS (SELECT FROM skus WHERE category = asked)
 ORDER BY asked;

-- name: put_source
-- Store a source; its false alarms stay counted, and what was heard of it.
INSERT INTO sources (source, name, trust, max_silence, updated_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (source) DO UPDATE SET
    name = excluded.name,
    trust = excluded.trust,
    max_silence = excluded.max_silence,
    updated_at = excluded.updated_at;

-- name: prelude
-- Return what every evaluation of a SKU starts from, and take its request for one. Where a reach
-- ($3) is given and nothing stops the SKU, up to $4 signals of the window before the news come
-- along: since $2, or since what the request says. An owner is somebody who may own a case: what
-- belongs to whoever left, or has another trade now, is the category's manager's.
WITH taken AS (
    DELETE FROM pending_evaluations WHERE sku = $1 RETURNING since_seq, since_time
), known AS (
    SELECT s.title, s.vendor, s.category, s.gtin, s.price, s.owner AS own,
           coalesce((SELECT id FROM people
                      WHERE id = s.owner AND active
                        AND roles && ARRAY['analyst', 'manager', 'compliance', 'admin']),
                    (SELECT id FROM people
                      WHERE active AND 'manager' = ANY (roles) AND s.category = ANY (areas)
                      ORDER BY id LIMIT 1),
                    i.default_owner) AS owner
      FROM (VALUES (1)) AS always
      LEFT JOIN skus AS s ON s.sku = $1
      LEFT JOIN instance AS i ON true
)
SELECT known.*, v AS vendor_record, p AS owner_record, taken.since_seq, taken.since_time,
       ARRAY(SELECT c FROM cases AS c
              WHERE sku = $1
                AND state IN ('suspected', 'freezing', 'frozen', 'diagnosing', 'remedy_proposed',
                              'awaiting_approval', 'reinstating', 'probation', 'appealed')
              ORDER BY opened_at, id) AS cases,
       ARRAY(SELECT h FROM holds AS h
              WHERE sku = $1 AND state IN ('active', 'releasing')
              ORDER BY since, id) AS holds,
       ARRAY(SELECT o FROM catalogue_objects AS o
              WHERE sku = $1
              ORDER BY catalogue, remote_id) AS objects,
       window_after,
       ARRAY(SELECT s FROM signals AS s
              WHERE sku = $1 AND occurred_at > window_after AND judged_by IS NULL
              ORDER BY occurred_at, source, id
              LIMIT $4) AS "window"
  FROM known
  LEFT JOIN vendors AS v ON v.vendor = known.vendor
  LEFT JOIN people AS p ON p.id = known.owner
  LEFT JOIN taken ON true
  LEFT JOIN LATERAL (
       SELECT least(taken.since_time, $2::timestamptz) - $3::interval AS window_after
        WHERE NOT EXISTS (SELECT FROM holds WHERE sku = $1 AND state = 'active' AND NOT soft)
       ) AS past ON true;

-- name: surroundings
-- Return what a decision on a case looks at beside the case itself. Who pulled is read as the query
-- "pullers" of cases reads it for the latest stop: the two change together.
SELECT v AS vendor_record, p AS owner_record, s AS sku_record,
       ARRAY(SELECT o FROM catalogue_objects AS o
              WHERE sku = $2
              ORDER BY catalogue, remote_id) AS objects,
       ARRAY(SELECT w FROM waivers AS w
              WHERE case_id = $1 AND EXISTS (
                    SELECT FROM clocks
                     WHERE case_id = $1 AND stopped_at IS NULL AND kind =
                           'waiver:' || concat_ws('/', w.catalogue, nullif(w.remote_id, '')))
              ORDER BY catalogue, remote_id) AS waivers,
       ARRAY(SELECT h FROM holds AS h
              WHERE sku = $2 AND state IN ('active', 'releasing')
              ORDER BY since, id) AS holds,
       ARRAY(SELECT c FROM clocks AS c
              WHERE case_id = $1 AND stopped_at IS NULL
              ORDER BY started_at, id) AS clocks,
       ARRAY(SELECT t FROM manual_tasks AS t
              WHERE case_id = $1 AND resolved_at IS NULL
              ORDER BY opened_at, id) AS tasks,
       ARRAY(SELECT person
               FROM (SELECT n, substr(actor, length('person:') + 1) AS person
                       FROM case_events
                      WHERE case_id = $1 AND actor LIKE 'person:%'
                        AND (command IN ('suspect', 'freeze', 'reopen')
                             OR (command = 'register_order' AND to_state = 'freezing'
                                 AND from_state <> 'freezing'))
                      UNION ALL
                     SELECT n, jsonb_array_elements_text(arguments -> 'pullers')
                       FROM case_events
                      WHERE case_id = $1 AND command = 'absorb'
                        AND arguments ? 'pullers') AS pulls
              WHERE n >= coalesce(
                        (SELECT max(n) FROM case_events
                          WHERE case_id = $1 AND to_state = 'freezing'
                            AND from_state IN ('reinstating', 'probation', 'appealed')), 0)
              GROUP BY person
              ORDER BY min(n)) AS pullers,
       EXISTS (SELECT FROM approvals WHERE case_id = $1 AND void_at IS NULL) AS has_votes,
       EXISTS (SELECT FROM pending_evaluations WHERE sku = $2) AS has_news
  FROM (VALUES (1)) AS always
  LEFT JOIN vendors AS v ON v.vendor = $4
  LEFT JOIN people AS p ON p.id = $3
  LEFT JOIN skus AS s ON s.sku = $2;
