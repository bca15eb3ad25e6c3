-- Signals, their identities, texts and tallies; units shipped; what must be evaluated.

-- name: store_one
-- Store one signal under the lock of its SKU; no row where its identity exists already.
WITH identity AS (
    INSERT INTO signal_identities (source, id, fingerprint, sku, occurred_at)
    VALUES ($4, $5, $1, $2, $3)
    ON CONFLICT (source, id) DO NOTHING
    RETURNING sku
), tally AS (
    -- taken from `identity`, so that a repeat does not count
    INSERT INTO sku_tallies AS known (sku, signals) SELECT sku, 1 FROM identity
    ON CONFLICT (sku) DO UPDATE SET signals = known.signals + 1
    RETURNING sku, signals
), stored AS (
    -- taken from `tally`, so that seq is drawn under the lock
    INSERT INTO signals (sku, occurred_at, source, id, received_at, observed_at, kind, intent,
                         severity, result, customer, lot, seller, channel, country, contact_cost,
                         may_assert_safety, acts_on_history, marks)
    SELECT sku, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20
      FROM tally
    RETURNING seq
), written AS (
    INSERT INTO signal_texts (source, id, sku, text, order_ref, extra)
    SELECT $4, $5, sku, $21, $22, $23 FROM tally
     WHERE num_nonnulls($21::text, $22::text, $23::jsonb) > 0
)
SELECT tally.signals, stored.seq FROM tally, stored;

-- name: add_identities
-- Claim identities in order; return the positions of those that exist already.
WITH asked AS (
    SELECT *
      FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::timestamptz[])
           WITH ORDINALITY AS asked (source, id, fingerprint, sku, occurred_at, position)
), added AS (
    INSERT INTO signal_identities (source, id, fingerprint, sku, occurred_at)
    SELECT source, id, fingerprint, sku, occurred_at FROM asked
     ORDER BY source COLLATE "C", id COLLATE "C"
    ON CONFLICT (source, id) DO NOTHING
    RETURNING source, id
)
SELECT position - 1 AS position FROM asked
 WHERE NOT EXISTS (SELECT FROM added WHERE added.source = asked.source AND added.id = asked.id);

-- name: fingerprints
-- Return the fingerprints under which identities were first stored.
SELECT source, id, known.fingerprint
  FROM signal_identities AS known
  JOIN unnest($1::text[], $2::text[]) AS asked (source, id) USING (source, id);

-- name: raise_tallies
-- Take the locks of SKUs in order, count the new signals; `first` lies below every seq drawn later.
WITH raised AS (
    INSERT INTO sku_tallies AS known (sku, signals)
    SELECT sku, signals FROM unnest($1::text[], $2::bigint[]) AS news (sku, signals)
     ORDER BY sku COLLATE "C"
    ON CONFLICT (sku) DO UPDATE SET signals = known.signals + excluded.signals
    RETURNING sku, signals
)
SELECT sku, signals, (SELECT nextval('signal_seq')) AS first FROM raised;

-- name: store_few
-- Store some signals whose SKUs are locked.
INSERT INTO signals (sku, occurred_at, source, id, received_at, observed_at, kind, intent,
                     severity, result, customer, lot, seller, channel, country, contact_cost,
                     may_assert_safety, acts_on_history, marks)
SELECT * FROM unnest(
    $1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[],
    $7::text[], $8::text[], $9::smallint[], $10::text[], $11::bytea[], $12::text[], $13::text[],
    $14::text[], $15::text[], $16::numeric[], $17::boolean[], $18::boolean[],
    $19::bytea[]);

-- name: store_texts
-- Store the texts, order references and unknown fields of some signals.
INSERT INTO signal_texts (source, id, sku, text, order_ref, extra)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[]);

-- name: keep_rejected
-- Keep what was not accepted.
INSERT INTO rejected_signals (id, received_at, source, credential, position, code, detail, body)
SELECT id, $2, source, credential, position, code, detail, body
  FROM unnest($1::uuid[], $3::text[], $4::uuid[], $5::integer[], $6::text[], $7::text[],
              $8::text[]) AS kept (id, source, credential, position, code, detail, body);

-- name: rejected
-- List what was not accepted, newest first.
SELECT id, received_at, source, credential, position, code, detail, body
  FROM rejected_signals
 WHERE ($1::text IS NULL OR source = $1)
   AND ($2::timestamptz IS NULL OR (received_at, id) < ($2, $3::uuid))
 ORDER BY received_at DESC, id DESC
 LIMIT $4;

-- name: add_shipments
-- Store units shipped; return the positions of those that exist already.
WITH asked AS (
    SELECT *
      FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::bigint[],
                  $6::timestamptz[], $7::text[], $8::text[], $9::text[], $10::text[])
           WITH ORDINALITY AS asked (source, id, fingerprint, sku, units, shipped_at, lot, seller,
                                     channel, country, position)
), added AS (
    INSERT INTO shipments (source, id, fingerprint, sku, units, shipped_at, lot, seller, channel,
                           country, received_at)
    SELECT source, id, fingerprint, sku, units, shipped_at, lot, seller, channel, country, $11
      FROM asked
     ORDER BY source COLLATE "C", id COLLATE "C"
    ON CONFLICT (source, id) DO NOTHING
    RETURNING source, id
)
SELECT position - 1 AS position FROM asked
 WHERE NOT EXISTS (SELECT FROM added WHERE added.source = asked.source AND added.id = asked.id);

-- name: shipment_fingerprints
-- Return the fingerprints under which units shipped were first stored.
SELECT source, id, known.fingerprint
  FROM shipments AS known
  JOIN unnest($1::text[], $2::text[]) AS asked (source, id) USING (source, id);

-- name: lock_sku
-- Take the lock under which a SKU is counted; no row where the SKU is new.
SELECT signals FROM sku_tallies WHERE sku = $1 FOR UPDATE;

-- name: meet_sku
-- Make the row that carries a SKU's lock.
INSERT INTO sku_tallies (sku) VALUES ($1) ON CONFLICT (sku) DO NOTHING;

-- name: lock_without_signals
-- Lock the SKUs that have no signal yet, in order, and return them; no other row is touched.
INSERT INTO sku_tallies AS known (sku)
SELECT sku FROM unnest($1::text[]) AS asked (sku)
 WHERE coalesce((SELECT signals FROM sku_tallies AS seen WHERE seen.sku = asked.sku), 0) = 0
 ORDER BY sku COLLATE "C"
-- whoever stores a first signal right now is waited for, and the number looked at again
ON CONFLICT (sku) DO UPDATE SET signals = known.signals WHERE known.signals = 0
RETURNING sku;

-- name: lock_pending
-- Take the lock of a SKU that waits for an evaluation; no row where it waits no longer.
SELECT signals FROM sku_tallies
 WHERE sku = $1 AND EXISTS (SELECT FROM pending_evaluations WHERE sku = $1)
   FOR UPDATE OF sku_tallies;

-- name: try_lock_pending
-- The same; no row, too, where somebody else holds the lock.
SELECT signals FROM sku_tallies
 WHERE sku = $1 AND EXISTS (SELECT FROM pending_evaluations WHERE sku = $1)
   FOR UPDATE OF sku_tallies SKIP LOCKED;

-- name: mark_pending
-- Ask for evaluations; of several requests for one SKU the earliest news is kept.
INSERT INTO pending_evaluations AS known (sku, since_seq, since_time, marked_at)
SELECT sku, since_seq, since_time, least($4, clock_timestamp())
  FROM unnest($1::text[], $2::bigint[], $3::timestamptz[]) AS asked (sku, since_seq, since_time)
 ORDER BY sku COLLATE "C"
ON CONFLICT (sku) DO UPDATE SET
    since_seq = least(known.since_seq, excluded.since_seq),
    since_time = least(known.since_time, excluded.since_time);

-- name: tallied_skus
-- Return the next SKUs that have a tally, in order.
SELECT sku FROM sku_tallies WHERE sku > $1 ORDER BY sku LIMIT $2;

-- name: skus_with_news
-- Return the next SKUs of a scope, in order, that have so many signals, and one since a moment.
SELECT tallies.sku
  FROM sku_tallies AS tallies
  LEFT JOIN skus ON skus.sku = tallies.sku
 WHERE tallies.sku > $1 AND tallies.signals >= $3
   AND ($5::text IS NULL OR tallies.sku = $5)
   AND ($6::text IS NULL OR vendor = $6) AND ($7::text IS NULL OR category = $7)
   AND EXISTS (SELECT FROM signals
                WHERE signals.sku = tallies.sku AND occurred_at > $2 AND judged_by IS NULL)
 ORDER BY tallies.sku
 LIMIT $4;

-- name: mark_scope_pending
-- Ask for an evaluation of those SKUs that lie in a rule's scope and have a signal in its window.
INSERT INTO pending_evaluations AS known (sku, since_seq, since_time, marked_at)
SELECT asked.sku, 0, earliest.occurred_at, least($1, clock_timestamp())
  FROM unnest($3::text[]) AS asked (sku)
  LEFT JOIN skus ON skus.sku = asked.sku
 -- one look at the primary key per SKU and month: no index starts with a time
 CROSS JOIN LATERAL (
       SELECT occurred_at FROM signals
        WHERE signals.sku = asked.sku AND occurred_at > $1::timestamptz - $2::interval
          AND judged_by IS NULL
        ORDER BY occurred_at LIMIT 1) AS earliest
 WHERE ($4::text IS NULL OR vendor = $4) AND ($5::text IS NULL OR category = $5)
 ORDER BY asked.sku COLLATE "C"
ON CONFLICT (sku) DO UPDATE SET
    since_seq = 0,
    since_time = least(known.since_time, excluded.since_time);

-- name: take_pending
-- Remove a request for an evaluation and return it.
DELETE FROM pending_evaluations WHERE sku = $1 RETURNING sku, since_seq, since_time;

-- name: note_failure
-- Note that an evaluation failed; others get their turn before it is tried again.
UPDATE pending_evaluations
   SET attempts = attempts + 1, last_error = left($2, 1000), marked_at = clock_timestamp()
 WHERE sku = $1;

-- name: pending_skus
-- Take up SKUs whose request nobody has dealt with for some time, oldest first.
WITH oldest AS (
    SELECT sku, marked_at FROM pending_evaluations
     WHERE marked_at <= statement_timestamp() - $1::interval
     ORDER BY marked_at
     LIMIT $2
       FOR UPDATE SKIP LOCKED
), moved AS (
    -- behind the others, whatever comes of it: no set of requests can starve the rest
    UPDATE pending_evaluations SET marked_at = clock_timestamp()
     WHERE sku = ANY (ARRAY(SELECT sku FROM oldest))
)
SELECT sku FROM oldest ORDER BY marked_at;

-- name: count_pending
-- Count the SKUs that wait for an evaluation.
SELECT count(*) FROM pending_evaluations;

-- name: observed
-- Return a SKU's signals that still count, in order: the window of every rule. With $3, also those
-- that this case has judged, or had as its evidence before another case judged them; with $4, those
-- that were judged later.
SELECT sku, occurred_at, source, id, seq, kind, intent, severity, result, customer, lot, seller,
       channel, country, may_assert_safety, acts_on_history, marks
  FROM signals
 WHERE sku = $1 AND occurred_at >= coalesce($2::timestamptz + interval '1 microsecond', '-infinity')
   AND (judged_by IS NULL OR judged_by = $3 OR judged_at > $4 OR EXISTS (
       SELECT FROM case_signals AS evidence
        WHERE evidence.case_id = $3 AND evidence.source = signals.source
          AND evidence.id = signals.id))
 ORDER BY occurred_at, source, id;

-- name: remembered
-- Return a SKU's signals in order: whether each counts still, or does in the eyes of a case ($2) that
-- has judged it or had it as its evidence; and when it was judged.
SELECT sku, occurred_at, source, id, seq, kind, intent, severity, result, customer, lot, seller,
       channel, country, may_assert_safety, acts_on_history, marks, judged_at,
       judged_by IS NULL OR judged_by = $2 OR EXISTS (
       SELECT FROM case_signals AS evidence
        WHERE evidence.case_id = $2 AND evidence.source = signals.source
          AND evidence.id = signals.id) AS counts
  FROM signals
 WHERE sku = $1
 ORDER BY occurred_at, source, id;

-- name: history
-- Return how many customers complained of what on each day of [$2, $3), for rules that learn what is
-- usual; day 0 if there was anything before. What was judged teaches only where it was found to be
-- usual, and then up to any day.
SELECT sku, seller, channel, country, lot, kind, intent, result,
       (occurred_at AT TIME ZONE 'UTC')::date - date '0001-01-01' + 1 AS day,
       count(DISTINCT coalesce(customer, '')) AS customers
  FROM signals
 WHERE sku = $1 AND occurred_at >= $2
   AND ((occurred_at < $3 AND judged_by IS NULL) OR judged_usual)
 GROUP BY sku, seller, channel, country, lot, kind, intent, result, day, judged_by IS NULL
 UNION ALL
(SELECT sku, NULL, NULL, NULL, NULL, kind, intent, result, 0, 1
   FROM signals
  WHERE sku = $1 AND occurred_at < $2 AND (judged_by IS NULL OR judged_usual)
  ORDER BY occurred_at
  LIMIT 1)
 ORDER BY day;

-- name: judged_usual
-- The same of what had been judged as usual by a moment.
SELECT sku, seller, channel, country, lot, kind, intent, result,
       (occurred_at AT TIME ZONE 'UTC')::date - date '0001-01-01' + 1 AS day,
       count(DISTINCT coalesce(customer, '')) AS customers
  FROM signals
 WHERE sku = $1 AND judged_usual AND judged_at <= $2
 GROUP BY sku, seller, channel, country, lot, kind, intent, result, day
 ORDER BY day;

-- name: shipped_by_day
-- Return the units shipped on each day from $2 on; a day without any before, if any were shipped.
SELECT sku, seller, channel, country, lot, greatest(date_trunc('day', shipped_at, 'UTC'),
       $2::timestamptz - interval '1 day') AS day, coalesce(sum(units) FILTER (WHERE shipped_at >= $2), 0)::bigint
       AS units
  FROM shipments
 WHERE sku = $1
 GROUP BY sku, seller, channel, country, lot, day
 ORDER BY day;

-- name: shipments
-- Return a SKU's units shipped, in order; all of them, or those reported by a moment.
SELECT sku, seller, channel, country, lot, shipped_at, units
  FROM shipments
 WHERE sku = $1 AND shipped_at >= coalesce($2::timestamptz + interval '1 microsecond', '-infinity')
   AND ($3::timestamptz IS NULL OR received_at <= $3)
 ORDER BY shipped_at, source, id;

-- name: ensure_partitions
-- Make the monthly partitions ahead of time; return how many were made.
SELECT ensure_signal_partitions($1, 3);

-- name: unplanned
-- Count the signals that no monthly partition took.
SELECT count(*) FROM signals_unplanned;
