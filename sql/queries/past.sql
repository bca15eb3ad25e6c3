-- The whole past, page by page, for backtests.

-- name: past_signals
-- Return the next signals after a place in the order of SKUs and moments; of judged ones, when
-- that was. Where nobody noted when, they never counted.
SELECT sku, occurred_at, source, id, seq, kind, intent, severity, result, customer, lot, seller,
       channel, country, may_assert_safety, acts_on_history, marks,
       CASE WHEN judged_by IS NOT NULL THEN coalesce(judged_at, occurred_at) END AS judged_at,
       coalesce(judged_usual, false) AS judged_usual
  FROM signals
 WHERE (sku, occurred_at, source, id) > ($1, $2::timestamptz, $3, $4)
 ORDER BY sku, occurred_at, source, id
 LIMIT $5;

-- name: past_shipments
-- Return the next units shipped after a place in the order of SKUs and moments.
SELECT sku, seller, channel, country, lot, shipped_at, units, source, id
  FROM shipments
 WHERE (sku, shipped_at, source, id) > ($1, $2::timestamptz, $3, $4)
 ORDER BY sku, shipped_at, source, id
 LIMIT $5;

-- name: confirmed_defects
-- Return the SKUs whose case ended with a remedy or a delisting, and when the first was opened.
SELECT sku, min(opened_at) AS opened_at
  FROM cases
 WHERE state IN ('closed_reinstated', 'delisted')
 GROUP BY sku;

-- name: tried_skus
-- Return the next SKUs of a scope, in order, that were heard of since a moment.
SELECT tallies.sku, vendor, category
  FROM sku_tallies AS tallies
  LEFT JOIN skus ON skus.sku = tallies.sku
 -- one look at the primary key per SKU: all signals since then would be far more
 CROSS JOIN LATERAL (
       SELECT FROM signals WHERE signals.sku = tallies.sku AND occurred_at > $2 LIMIT 1) AS heard
 WHERE tallies.sku > $1
   AND ($4::text IS NULL OR tallies.sku = $4)
   AND ($5::text IS NULL OR vendor = $5) AND ($6::text IS NULL OR category = $6)
 ORDER BY tallies.sku
 LIMIT $3;

-- name: past_signals_of
-- Return the signals of a SKU after a moment; of judged ones, when that was.
SELECT sku, occurred_at, source, id, seq, kind, intent, severity, result, customer, lot, seller,
       channel, country, may_assert_safety, acts_on_history, marks,
       CASE WHEN judged_by IS NOT NULL THEN coalesce(judged_at, occurred_at) END AS judged_at,
       coalesce(judged_usual, false) AS judged_usual
  FROM signals
 WHERE sku = $1 AND occurred_at > $2
 ORDER BY occurred_at, source, id;

-- name: past_stops
-- Return the first stop of each case of a scope since a moment, of SKUs in a part of their order.
SELECT cases.sku, event.at AS stopped_at, event.actor, cases.lane, cases.number, cases.state,
       cases.closed_at
  FROM cases
 CROSS JOIN LATERAL (
       SELECT at, actor
         FROM case_events
        WHERE case_id = cases.id AND to_state = 'freezing' AND at >= $1
          AND from_state IS DISTINCT FROM 'freezing'
        ORDER BY n
        LIMIT 1) AS event
 WHERE (cases.closed_at IS NULL OR cases.closed_at >= $1)
   AND cases.sku > $2 AND ($3::text IS NULL OR cases.sku <= $3)
   AND ($4::text IS NULL OR cases.sku = $4)
   AND ($5::text IS NULL OR cases.vendor = $5) AND ($6::text IS NULL OR cases.category = $6)
 ORDER BY cases.sku, event.at;
