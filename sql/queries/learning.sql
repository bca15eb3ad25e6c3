-- What items usually do, as the shop's own past shows it, and who is at learning it.

-- name: claim
-- Begin to learn, where nobody is at it and no run has begun since $3, by a lease; else no row.
UPDATE prior_learning
   SET begun_at = $2, holder = $1, lease_until = clock_timestamp() + $4::interval
 WHERE (holder IS NOT NULL OR begun_at IS NULL OR $3::timestamptz IS NULL OR begun_at < $3)
   AND (lease_until IS NULL OR lease_until <= clock_timestamp())
RETURNING true;

-- name: renew
-- Hold on to the lease until the transaction ends, and longer; no row where another one has it.
UPDATE prior_learning SET lease_until = clock_timestamp() + $2::interval
 WHERE holder = $1
RETURNING true;

-- name: finish
-- Note that all of the past was learned from, and let go.
UPDATE prior_learning SET finished_at = $2, holder = NULL, lease_until = NULL WHERE holder = $1;

-- name: finished_at
-- Return when all of the past was last learned from.
SELECT finished_at FROM prior_learning;

-- name: heard
-- Return the past of the next SKUs in order, in [$3, $4): what teaches of it, of the kinds $5 without
-- the intents $6. A SKU that is held, or has an open case, is named and nothing more.
WITH RECURSIVE shipped AS (
    (SELECT sku FROM shipments WHERE sku > $1 ORDER BY sku LIMIT 1)
     UNION ALL
    -- one look at the index per SKU, however many shipments it has
    SELECT (SELECT later.sku FROM shipments AS later
             WHERE later.sku > shipped.sku ORDER BY later.sku LIMIT 1)
      FROM shipped
     WHERE shipped.sku IS NOT NULL
), page AS MATERIALIZED (
    SELECT sku
      FROM ((SELECT sku FROM sku_tallies WHERE sku > $1 ORDER BY sku LIMIT $2)
             UNION
            (SELECT sku FROM shipped WHERE sku IS NOT NULL LIMIT $2)) AS known
     ORDER BY sku
     LIMIT $2
), free AS MATERIALIZED (
    SELECT sku FROM page
     WHERE NOT EXISTS (SELECT FROM cases
                        WHERE cases.sku = page.sku
                          AND state IN ('suspected', 'freezing', 'frozen', 'diagnosing',
                                        'remedy_proposed', 'awaiting_approval', 'reinstating',
                                        'probation', 'appealed'))
       AND NOT EXISTS (SELECT FROM holds
                        WHERE holds.sku = page.sku AND state IN ('active', 'releasing'))
)
SELECT page.sku, (SELECT category FROM skus WHERE skus.sku = page.sku) AS category,
       free.sku IS NULL AS is_held, heard.first, heard.last,
       sent.units, sent.first_day, sent.last_day, told.days, told.customers
  FROM page
  LEFT JOIN free ON free.sku = page.sku
  LEFT JOIN LATERAL (
       SELECT (SELECT occurred_at FROM signals WHERE signals.sku = free.sku AND occurred_at < $4
                ORDER BY occurred_at LIMIT 1) AS first,
              (SELECT occurred_at FROM signals WHERE signals.sku = free.sku AND occurred_at < $4
                ORDER BY occurred_at DESC LIMIT 1) AS last) AS heard ON true
  LEFT JOIN LATERAL (
       SELECT sum(units)::bigint AS units,
              (min(shipped_at) AT TIME ZONE 'UTC')::date - date '0001-01-01' + 1 AS first_day,
              (max(shipped_at) AT TIME ZONE 'UTC')::date - date '0001-01-01' + 1 AS last_day
         FROM shipments
        WHERE shipments.sku = free.sku AND shipped_at >= $3 AND shipped_at < $4
          AND units > 0) AS sent ON true
  LEFT JOIN LATERAL (
       SELECT array_agg(day ORDER BY day) AS days, array_agg(number ORDER BY day) AS customers
         FROM (SELECT day, sum(customers)::bigint AS number
                 FROM (SELECT (occurred_at AT TIME ZONE 'UTC')::date - date '0001-01-01' + 1 AS day,
                              count(DISTINCT coalesce(customer, '')) AS customers
                         FROM signals
                        WHERE signals.sku = free.sku
                          AND occurred_at >= $3 AND occurred_at < $4
                          AND (judged_by IS NULL OR judged_usual)
                          AND kind = ANY ($5::text[]) AND intent <> ALL ($6::text[])
                        GROUP BY day, seller, channel, country, lot, kind, intent, result
                      ) AS by_kind
                GROUP BY day) AS by_day) AS told ON true
 ORDER BY page.sku;

-- name: priors
-- Return what was learned last of each category and unit.
SELECT DISTINCT ON (category, unit) category, unit, revision, shape, exposure, items
  FROM learned_priors
 ORDER BY category, unit, revision DESC;

-- name: raise_revision
-- Take the lock that orders changes of rules; return the revision with this one.
UPDATE instance SET rules_revision = rules_revision + 1 RETURNING rules_revision;

-- name: put_prior
-- Store what was learned of a category and unit.
INSERT INTO learned_priors (category, unit, revision, shape, exposure, items, learned_at)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: was_learned
-- Say whether this prior was learned with this revision, and known by a moment.
SELECT EXISTS (
           SELECT FROM learned_priors
            WHERE revision = $1 AND unit = $2 AND shape = $3 AND exposure = $4
              AND learned_at <= $5);
