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
