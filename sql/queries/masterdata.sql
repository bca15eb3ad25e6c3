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

-- name: put_source
-- Store a source; its false alarms stay counted.
INSERT INTO sources (source, name, trust, updated_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (source) DO UPDATE SET
    name = excluded.name,
    trust = excluded.trust,
    updated_at = excluded.updated_at;

-- name: source
-- Return a source.
SELECT source, name, trust, false_alarms, updated_at FROM sources WHERE source = $1;

-- name: prelude
-- Return what every evaluation of a SKU starts from, and take its request for one.
WITH taken AS (
    DELETE FROM pending_evaluations WHERE sku = $1 RETURNING since_seq, since_time
), known AS (
    SELECT s.title, s.vendor, s.category, s.gtin, s.price, s.owner AS own,
           coalesce(s.owner,
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
              ORDER BY catalogue, remote_id) AS objects
  FROM known
  LEFT JOIN vendors AS v ON v.vendor = known.vendor
  LEFT JOIN people AS p ON p.id = known.owner
  LEFT JOIN taken ON true;
