-- What is erased by its age, batch by batch, and how far a run got. The sizes of batches are written
-- out: of one that is a parameter the planner would expect a tenth of the table.

-- name: try_lock
-- Say whether this transaction alone works on retention.
SELECT pg_try_advisory_xact_lock(hashtext('retention'));

-- name: run_under_way
-- Return the run that is not finished.
SELECT id, measured_at, class, after, counts FROM retention_runs WHERE finished_at IS NULL;

-- name: begin_run
-- Begin a run where the last one began so long ago, by the database's clock; else no row.
INSERT INTO retention_runs (started_at, measured_at, class)
SELECT clock_timestamp(), $1, $2
 WHERE NOT EXISTS (SELECT FROM retention_runs WHERE started_at > clock_timestamp() - $3::interval)
RETURNING id, measured_at, class, after, counts;

-- name: note_progress
-- Note how far a run got.
UPDATE retention_runs
   SET class = $2, after = $3, counts = $4,
       finished_at = CASE WHEN $5 THEN clock_timestamp() END
 WHERE id = $1;

-- name: erase_texts
-- Erase the texts that no case needs, of one page in the order of the primary key; return its end.
WITH page AS MATERIALIZED (
    SELECT source, id, sku, num_nonnulls(text, order_ref, extra) > 0 AS holds_any
      FROM signal_texts
     WHERE (source, id) > ($1, $2)
     ORDER BY source, id
     LIMIT 500
), due AS MATERIALIZED (
    SELECT source, id
      FROM page
      JOIN signal_identities AS known USING (source, id)
     CROSS JOIN LATERAL (
           -- a case that was merged is as open as the one that it was merged into
           SELECT bool_or(cases.closed_at IS NULL OR cases.closed_at > $3
                          OR cases.merged_into IS NOT NULL
                             AND (target.closed_at IS NULL OR target.closed_at > $3)) AS is_needed
             FROM cases
             JOIN case_signals ON case_id = cases.id AND case_signals.source = page.source
                                  AND case_signals.id = page.id
             LEFT JOIN cases AS target ON target.id = cases.merged_into
            WHERE cases.sku = page.sku) AS evidence
     WHERE holds_any
       AND CASE WHEN is_needed IS NULL THEN known.occurred_at <= $3 ELSE NOT is_needed END
), emptied AS (
    UPDATE signal_texts SET text = NULL, order_ref = NULL, extra = NULL
      FROM due
     WHERE signal_texts.source = due.source AND signal_texts.id = due.id
), forgotten AS (
    UPDATE signal_identities SET fingerprint = ''
      FROM due
     WHERE signal_identities.source = due.source AND signal_identities.id = due.id
), latest AS (
    SELECT source, id FROM page ORDER BY source DESC, id DESC LIMIT 1
)
SELECT (SELECT count(*) FROM due) AS erased, source, id FROM latest;

-- name: erase_excerpts
-- Empty the excerpts in the notices and messages of a page of cases closed long ago; return its end.
WITH page AS MATERIALIZED (
    SELECT id, closed_at, merged_into FROM cases WHERE id > $1 ORDER BY id LIMIT 500
), emptied AS (
    UPDATE notices SET facts = jsonb_set(facts, '{evidence,excerpts}', '[]')
      FROM page
      LEFT JOIN cases AS target ON target.id = page.merged_into
     WHERE case_id = page.id AND page.closed_at <= $2
       AND (page.merged_into IS NULL OR target.closed_at <= $2)
       AND jsonb_array_length(facts #> '{evidence,excerpts}') > 0
    RETURNING notices.id
), unsaid AS (
    UPDATE webhook_messages SET data = jsonb_set(data, '{evidence,excerpts}', '[]')
      FROM page
      LEFT JOIN cases AS target ON target.id = page.merged_into
     WHERE case_id = page.id AND page.closed_at <= $2
       AND (page.merged_into IS NULL OR target.closed_at <= $2)
       AND jsonb_array_length(data #> '{evidence,excerpts}') > 0
    RETURNING webhook_messages.id
), latest AS (
    SELECT id FROM page ORDER BY id DESC LIMIT 1
)
SELECT (SELECT count(*) FROM emptied) + (SELECT count(*) FROM unsaid) AS erased, id FROM latest;

-- name: erase_customers
-- Replace customers of a page of SKUs that were last heard of long ago; return its end.
-- All signals of a customer about a SKU change together, so that distinct customers stay distinct.
WITH page AS MATERIALIZED (
    SELECT sku FROM sku_tallies WHERE sku > $1 ORDER BY sku LIMIT 200
), quiet AS MATERIALIZED (
    SELECT sku FROM page
     WHERE NOT EXISTS (SELECT FROM cases WHERE cases.sku = page.sku AND closed_at IS NULL)
), due AS MATERIALIZED (
    SELECT sku, customer, '\x00'::bytea || uuid_send(gen_random_uuid()) AS pseudonym
      FROM quiet
      JOIN signals USING (sku)
     WHERE octet_length(customer) <> 17
     GROUP BY sku, customer
    HAVING max(occurred_at) <= $2
), replaced AS (
    UPDATE signals SET customer = pseudonym, marks = impersonal(marks)
      FROM due
     WHERE signals.sku = due.sku AND signals.customer = due.customer
    RETURNING signals.source, signals.id
), forgotten AS (
    UPDATE signal_identities SET fingerprint = ''
      FROM replaced
     WHERE signal_identities.source = replaced.source AND signal_identities.id = replaced.id
), nameless AS (
    UPDATE signals SET marks = impersonal(marks)
      FROM quiet
     WHERE signals.sku = quiet.sku AND customer IS NULL AND occurred_at <= $2
       AND marks IS DISTINCT FROM impersonal(marks)
), outgrown AS (
    UPDATE cases SET known_evidence = known_evidence - 'new_customers'
      FROM quiet
     WHERE cases.sku = quiet.sku AND closed_at <= $2 AND known_evidence ? 'new_customers'
), latest AS (
    SELECT sku FROM page ORDER BY sku DESC LIMIT 1
)
SELECT (SELECT count(*) FROM replaced) AS erased, sku FROM latest;

-- name: erase_rejected
-- Erase the bodies of some signals that were rejected long ago.
UPDATE rejected_signals SET body = '', detail = ''
 WHERE id IN (
           SELECT id FROM rejected_signals WHERE received_at <= $1 AND body <> ''
            ORDER BY received_at LIMIT 500 FOR UPDATE SKIP LOCKED);

-- name: erase_messages
-- Remove a page of old messages of webhooks, with deliveries and attempts; return its end.
-- What still waits for an endpoint stays.
WITH page AS MATERIALIZED (
    SELECT id, seq FROM webhook_messages WHERE seq > $1 AND at <= $2 ORDER BY seq LIMIT 500
), due AS MATERIALIZED (
    SELECT id FROM page
     WHERE NOT EXISTS (
               SELECT FROM webhook_deliveries WHERE message_id = page.id AND state = 'queued')
), attempts AS (
    DELETE FROM webhook_attempts AS attempt
     USING webhook_deliveries AS delivery, due
     WHERE delivery.message_id = due.id AND attempt.endpoint_id = delivery.endpoint_id
       AND attempt.message_id = delivery.message_id
), deliveries AS (
    DELETE FROM webhook_deliveries USING due WHERE message_id = due.id
), messages AS (
    DELETE FROM webhook_messages USING due WHERE webhook_messages.id = due.id
), latest AS (
    SELECT seq FROM page ORDER BY seq DESC LIMIT 1
)
SELECT (SELECT count(*) FROM due) AS erased, seq FROM latest;

-- name: erase_digests
-- Remove some digests that ended long ago; their notices stay and were sent.
WITH due AS MATERIALIZED (
    SELECT id FROM notice_digests WHERE ended_at <= $1 ORDER BY ended_at LIMIT 200
       FOR UPDATE SKIP LOCKED
), freed AS (
    UPDATE notices SET digest = NULL FROM due WHERE digest = due.id
)
DELETE FROM notice_digests USING due WHERE notice_digests.id = due.id;

-- name: erase_mails
-- Forget some mails that were taken long ago.
DELETE FROM mails_received
 WHERE message_id IN (
           SELECT message_id FROM mails_received WHERE received_at <= $1
            ORDER BY received_at LIMIT 500);

-- name: erase_files
-- Erase the bytes and the words of a page of files whose cases were closed long ago; return its end.
WITH page AS MATERIALIZED (
    SELECT id, case_id FROM evidence_files
     WHERE id > $1 AND erased_at IS NULL
     ORDER BY id LIMIT 100
), due AS MATERIALIZED (
    SELECT page.id
      FROM page
      JOIN cases ON cases.id = page.case_id
      LEFT JOIN cases AS target ON target.id = cases.merged_into
     WHERE cases.closed_at <= $2 AND (cases.merged_into IS NULL OR target.closed_at <= $2)
), emptied AS (
    DELETE FROM evidence_contents USING due WHERE file_id = due.id
), noted AS (
    UPDATE evidence_files
       SET erased_at = $3, erased_why = 'its time is over', name = '', note = ''
      FROM due
     WHERE evidence_files.id = due.id
), latest AS (
    SELECT id FROM page ORDER BY id DESC LIMIT 1
)
SELECT (SELECT count(*) FROM due) AS erased, id FROM latest;
