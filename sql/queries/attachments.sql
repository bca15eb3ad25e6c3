-- The signals that are attached to cases.

-- name: attached
-- Count a case's signals: all of them, and by intent, by severity and by lot. With $2 only those
-- that nobody has judged: what came after a reinstatement. With them the beginnings of $3 masked texts,
-- the most severe first: all signals are looked up once, texts until there are enough.
WITH told AS MATERIALIZED (
    SELECT source, id, intent, severity, lot, customer, occurred_at, contact_cost
      FROM case_signals
      JOIN signals USING (sku, occurred_at, source, id)
     WHERE case_id = $1 AND (NOT $2 OR judged_by IS NULL)
)
SELECT grouping(intent, severity, lot) AS grouped, intent, severity, lot, count(*) AS signals,
       (SELECT count(*) FROM (SELECT DISTINCT coalesce(customer, '') FROM told) AS people)
           AS customers,
       min(occurred_at) AS first_at, max(occurred_at) AS last_at,
       coalesce(sum(contact_cost), 0) AS contact_cost,
       (SELECT array_agg(excerpt)
          FROM (SELECT left(text, 300) AS excerpt
                  FROM (SELECT source, id, severity, occurred_at
                          FROM told
                         WHERE $3 > 0
                         ORDER BY severity DESC, occurred_at, source, id
                        OFFSET 0) AS worst
                 CROSS JOIN LATERAL (
                       SELECT text FROM signal_texts
                        WHERE source = worst.source AND id = worst.id AND text IS NOT NULL
                       OFFSET 0) AS own
                 ORDER BY severity DESC, occurred_at, worst.source, worst.id
                 LIMIT $3) AS first_ones) AS excerpts
  FROM told
 GROUP BY GROUPING SETS ((), (intent), (severity), (lot))
 ORDER BY grouped, signals DESC, intent, severity DESC, lot;

-- name: pareto
-- Count a case's complaints against the item, and who made them, all and by what each of five fields
-- says, the most first. One look at the primary key per signal, as in "count_harm".
WITH told AS MATERIALIZED (
    SELECT one.*
      FROM case_signals AS evidence
     CROSS JOIN LATERAL (
           SELECT intent, lot, channel, seller, severity, coalesce(customer, '') AS customer
             FROM signals
            WHERE sku = evidence.sku AND occurred_at = evidence.occurred_at
              AND source = evidence.source AND id = evidence.id
              AND CASE WHEN kind IN ('inspection', 'telemetry') THEN result = 'fail'
                       ELSE intent NOT IN ('delivery', 'change_of_mind') END
           OFFSET 0) AS one
     WHERE evidence.case_id = $1
)
SELECT field, value, sum(told_by_one)::bigint AS complaints, count(*) AS customers
  FROM (SELECT 'all' AS field, NULL AS value, count(*) AS told_by_one FROM told GROUP BY customer
         UNION ALL
        SELECT 'intent', intent, count(*) FROM told GROUP BY intent, customer
         UNION ALL
        SELECT 'lot', lot, count(*) FROM told GROUP BY lot, customer
         UNION ALL
        SELECT 'channel', channel, count(*) FROM told GROUP BY channel, customer
         UNION ALL
        SELECT 'seller', seller, count(*) FROM told GROUP BY seller, customer
         UNION ALL
        SELECT 'severity', severity::text, count(*) FROM told GROUP BY severity, customer) AS people
 GROUP BY field, value
 ORDER BY field, complaints DESC, customers DESC, value;

-- name: attached_customers
-- Return the customers of a case's signals.
SELECT DISTINCT customer
  FROM case_signals
  JOIN signals USING (sku, occurred_at, source, id)
 WHERE case_id = $1 AND customer IS NOT NULL;

-- name: counted_scopes
-- Return what the signals that counted for a case, and are not judged, say of their scope.
SELECT DISTINCT seller, channel, country, lot
  FROM case_signals
  JOIN signals USING (sku, occurred_at, source, id)
 WHERE case_id = $1 AND counted AND judged_by IS NULL;

-- name: first_counted
-- Return when the first of the signals occurred that counted for a case; null where none did.
SELECT min(occurred_at) FROM case_signals WHERE case_id = $1 AND counted;

-- name: attached_signals
-- Return a case's signals for people, newest first; never a customer.
SELECT source, id, occurred_at, kind, intent, severity, result, lot, seller, channel, country,
       counted, text
  FROM case_signals
  JOIN signals USING (sku, occurred_at, source, id)
  LEFT JOIN signal_texts USING (source, id)
 WHERE case_id = $1
 ORDER BY occurred_at DESC, source DESC, id DESC
 LIMIT $2;

-- name: known_seq
-- Return the highest number of a signal that a case had attached by a moment.
SELECT max(seq)
  FROM case_signals
  JOIN signals USING (sku, occurred_at, source, id)
 WHERE case_id = $1 AND attached_at <= $2;

-- name: judge_attached
-- A case has judged its signals: they never count again.
UPDATE signals
   SET judged_by = $1, judged_at = $2, judged_usual = $3
  FROM case_signals
 WHERE case_id = $1 AND judged_by IS NULL AND signals.sku = case_signals.sku
   AND signals.occurred_at = case_signals.occurred_at AND signals.source = case_signals.source
   AND signals.id = case_signals.id;

-- name: score_false_alarm
-- Count a false alarm against every source whose signals made the crossing.
INSERT INTO sources AS known (source, name, false_alarms, updated_at)
SELECT DISTINCT source, source, 1, $2::timestamptz
  FROM case_signals
 WHERE case_id = $1 AND counted
 ORDER BY source
ON CONFLICT (source) DO UPDATE SET
    false_alarms = known.false_alarms + 1,
    updated_at = excluded.updated_at;

-- name: complaints
-- Count what speaks against a scope in a period: not judged, the item's fault, not of these lots.
SELECT count(*)
  FROM signals
 WHERE sku = $1
   AND ($2::text IS NULL OR seller IS NULL OR seller = $2)
   AND ($3::text IS NULL OR channel IS NULL OR channel = $3)
   AND ($4::text IS NULL OR country IS NULL OR country = $4)
   AND ($5::text IS NULL OR lot IS NULL OR lot = $5)
   AND occurred_at > $6 AND occurred_at <= $7 AND judged_by IS NULL
   AND CASE WHEN kind IN ('inspection', 'telemetry') THEN result = 'fail'
            ELSE intent NOT IN ('delivery', 'change_of_mind') END
   AND (lot IS NULL OR lot <> ALL ($8::text[]));

-- name: units_shipped
-- Add up the units of a scope shipped in a period, not of these lots; null where nothing shipped.
SELECT sum(units)::bigint
  FROM shipments
 WHERE sku = $1
   AND ($2::text IS NULL OR seller IS NULL OR seller = $2)
   AND ($3::text IS NULL OR channel IS NULL OR channel = $3)
   AND ($4::text IS NULL OR country IS NULL OR country = $4)
   AND ($5::text IS NULL OR lot IS NULL OR lot = $5)
   AND shipped_at > $6 AND shipped_at <= $7
   AND (lot IS NULL OR lot <> ALL ($8::text[]));
