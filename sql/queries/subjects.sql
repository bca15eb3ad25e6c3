-- The rights of data subjects: what is held about a person, and erasing it. `find_…` reads a place
-- page by page in the order of its rows: $1 are patterns of which one must match what the place says
-- with small letters of ASCII (how they are made: freezeguard/domain/spelling.py), $2 is the last row
-- of the page before. `write_…` puts back what is left of it.

-- name: signals_of
-- Return the signals of a customer, whose reference may be hashed in several spellings, with their texts.
SELECT sku, occurred_at, source, id, received_at, observed_at, kind, intent, severity, result,
       customer, lot, seller, channel, country, contact_cost, text, order_ref, extra
  FROM signals
  LEFT JOIN signal_texts USING (source, id, sku)
 WHERE customer = ANY ($1::bytea[]) AND ($2::text IS NULL OR sku = $2)
 ORDER BY sku, occurred_at, source, id;

-- name: signals_with_orders
-- Return the signals whose order reference matches, with their texts.
SELECT sku, occurred_at, source, id, received_at, observed_at, kind, intent, severity, result,
       customer, lot, seller, channel, country, contact_cost, text, order_ref, extra
  FROM signal_texts
  JOIN signal_identities USING (source, id, sku)
  JOIN signals USING (source, id, sku, occurred_at)
 WHERE lower(order_ref COLLATE "C") LIKE ANY ($1::text[])
 ORDER BY sku, occurred_at, source, id;

-- name: empty_texts
-- Erase the texts of signals.
UPDATE signal_texts SET text = NULL, order_ref = NULL, extra = NULL
  FROM unnest($1::text[], $2::text[]) AS own (source, id)
 WHERE signal_texts.source = own.source AND signal_texts.id = own.id
   AND num_nonnulls(text, order_ref, extra) > 0;

-- name: forget_marks
-- Forget from what device and address signals of a SKU came.
UPDATE signals SET marks = impersonal(marks)
  FROM unnest($2::text[], $3::text[]) AS own (source, id)
 WHERE sku = $1 AND signals.source = own.source AND signals.id = own.id AND marks IS NOT NULL;

-- name: forget_bodies
-- Forget what tells a repeat of a signal from another body: any body under its identity repeats it.
UPDATE signal_identities SET fingerprint = ''
  FROM unnest($1::text[], $2::text[]) AS own (source, id)
 WHERE signal_identities.source = own.source AND signal_identities.id = own.id;

-- name: replace_customer
-- Put a new pseudonym in the place of a customer of a SKU, in its signals and in its cases.
WITH pseudonym AS MATERIALIZED (
    SELECT '\x00'::bytea || uuid_send(gen_random_uuid()) AS pseudonym
), replaced AS (
    UPDATE signals SET customer = pseudonym, marks = impersonal(marks) FROM pseudonym
     WHERE sku = $1 AND customer = $2
    RETURNING source
), known AS (
    UPDATE cases
       SET known_evidence = replace(known_evidence::text, encode($2, 'hex'),
                                    encode(pseudonym, 'hex'))::jsonb
      FROM pseudonym
     WHERE sku = $1 AND known_evidence::text LIKE '%' || encode($2, 'hex') || '%'
)
SELECT count(*) FROM replaced;

-- name: skus_of_cases
-- Return the SKUs of cases whose words match.
SELECT DISTINCT sku
  FROM cases
 WHERE lower(jsonb_build_array(reason, diagnosis, remedy, verification, probation, narrowing,
                               authority_order, commitment, contest, appeal, hand_off)::text
             COLLATE "C") LIKE ANY ($1::text[])
 ORDER BY sku;

-- name: find_cases
-- Read the words of the cases of a SKU, whose lock the caller holds.
SELECT ctid::text AS place,
       jsonb_build_object(
           'reason', reason, 'diagnosis', diagnosis, 'remedy', remedy,
           'verification', verification, 'probation', probation, 'narrowing', narrowing,
           'authority_order', authority_order, 'commitment', commitment, 'contest', contest,
           'appeal', appeal, 'hand_off', hand_off) AS value
  FROM cases
 WHERE sku = $1
   FOR UPDATE;

-- name: write_cases
-- Put back the words of a case.
UPDATE cases
   SET reason = $2::jsonb -> 'reason',
       diagnosis = nullif($2::jsonb -> 'diagnosis', 'null'),
       remedy = nullif($2::jsonb -> 'remedy', 'null'),
       verification = nullif($2::jsonb -> 'verification', 'null'),
       probation = nullif($2::jsonb -> 'probation', 'null'),
       narrowing = nullif($2::jsonb -> 'narrowing', 'null'),
       authority_order = nullif($2::jsonb -> 'authority_order', 'null'),
       commitment = nullif($2::jsonb -> 'commitment', 'null'),
       contest = nullif($2::jsonb -> 'contest', 'null'),
       appeal = nullif($2::jsonb -> 'appeal', 'null'),
       hand_off = nullif($2::jsonb -> 'hand_off', 'null')
 WHERE ctid = $1::text::tid;

-- name: find_notices_of_sku
-- Read the notices of a SKU's cases.
SELECT ctid::text AS place, jsonb_build_object('facts', facts, 'last_error', last_error) AS value
  FROM notices
 WHERE case_id IN (SELECT id FROM cases WHERE sku = $1)
   FOR UPDATE;

-- name: find_webhook_messages_of_sku
-- Read what webhooks said of a SKU's cases.
SELECT ctid::text AS place, data AS value
  FROM webhook_messages
 WHERE case_id IN (SELECT id FROM cases WHERE sku = $1)
   FOR UPDATE;

-- name: find_webhook_messages
-- Read what webhooks said.
SELECT ctid::text AS place, data AS value
  FROM webhook_messages
 WHERE lower(data::text COLLATE "C") LIKE ANY ($1::text[]) AND ctid > $2::text::tid
 ORDER BY ctid
 LIMIT $3
   FOR UPDATE;

-- name: write_webhook_messages
-- Put back what a webhook said.
UPDATE webhook_messages SET data = $2::jsonb WHERE ctid = $1::text::tid;

-- name: find_webhook_endpoints
-- Read what people say an endpoint is for, and why it is off.
SELECT ctid::text AS place, jsonb_build_object('description', description, 'why', why) AS value
  FROM webhook_endpoints
 WHERE (lower(description COLLATE "C") LIKE ANY ($1::text[]) OR lower(why COLLATE "C") LIKE ANY ($1::text[])) AND ctid > $2::text::tid
 ORDER BY ctid
 LIMIT $3
   FOR UPDATE;

-- name: write_webhook_endpoints
-- Put back the words about an endpoint.
UPDATE webhook_endpoints SET description = $2::jsonb ->> 'description', why = $2::jsonb ->> 'why' WHERE ctid = $1::text::tid;

-- name: find_saved_views
-- Read what people call their views of the queue, and what they look for.
SELECT ctid::text AS place, jsonb_build_object('name', name, 'filters', filters) AS value
  FROM saved_views
 WHERE (lower(name COLLATE "C") LIKE ANY ($1::text[])
        OR lower(filters::text COLLATE "C") LIKE ANY ($1::text[])) AND ctid > $2::text::tid
 ORDER BY ctid
 LIMIT $3
   FOR UPDATE;

-- name: write_saved_views
-- Put back the words of a view.
UPDATE saved_views SET name = $2::jsonb ->> 'name', filters = $2::jsonb -> 'filters'
 WHERE ctid = $1::text::tid;

-- name: find_notice_digests
-- Read why digests did not leave.
SELECT ctid::text AS place, to_jsonb(last_error) AS value
  FROM notice_digests
 WHERE lower(last_error COLLATE "C") LIKE ANY ($1::text[]) AND ctid > $2::text::tid
 ORDER BY ctid
 LIMIT $3
   FOR UPDATE;

-- name: write_notice_digests
-- Put back why a digest did not leave.
UPDATE notice_digests SET last_error = $2::jsonb #>> '{}' WHERE ctid = $1::text::tid;

-- name: find_evidence_files
-- Read what files are called, and what is said of them.
SELECT ctid::text AS place, jsonb_build_object('name', name, 'note', note, 'erased_why', erased_why) AS value
  FROM evidence_files
 WHERE (lower(name COLLATE "C") LIKE ANY ($1::text[]) OR lower(note COLLATE "C") LIKE ANY ($1::text[]) OR lower(erased_why COLLATE "C") LIKE ANY ($1::text[])) AND ctid > $2::text::tid
 ORDER BY ctid
 LIMIT $3
   FOR UPDATE;

-- name: write_evidence_files
-- Put back the words about a file.
UPDATE evidence_files SET name = $2::jsonb ->> 'name', note = $2::jsonb ->> 'note', erased_why = $2::jsonb ->> 'erased_why' WHERE ctid = $1::text::tid;

-- name: files_to_read
-- Return the files on cases that these signals are evidence of, and those whose words match.
SELECT id, case_number, case_id, name, note, is_on_their_case
  FROM (SELECT file.id, cases.number AS case_number, file.case_id, file.name, file.note,
               file.uploaded_at,
               EXISTS (SELECT
                         FROM case_signals
                         JOIN unnest($1::text[], $2::text[]) AS own (source, id)
                              ON own.source = case_signals.source AND own.id = case_signals.id
                        WHERE case_signals.case_id = file.case_id) AS is_on_their_case
          FROM evidence_files AS file
          JOIN cases ON cases.id = file.case_id
         WHERE erased_at IS NULL) AS file
 WHERE is_on_their_case
    OR lower(name COLLATE "C") LIKE ANY ($3::text[]) OR lower(note COLLATE "C") LIKE ANY ($3::text[])
 ORDER BY case_number, uploaded_at, id;

-- name: find_notices
-- Read notices.
SELECT ctid::text AS place, jsonb_build_object('facts', facts, 'last_error', last_error) AS value
  FROM notices
 WHERE (lower(facts::text COLLATE "C") LIKE ANY ($1::text[]) OR lower(last_error COLLATE "C") LIKE ANY ($1::text[])) AND ctid > $2::text::tid
 ORDER BY ctid
 LIMIT $3
   FOR UPDATE;

-- name: write_notices
-- Put back a notice.
UPDATE notices SET facts = $2::jsonb -> 'facts', last_error = $2::jsonb ->> 'last_error' WHERE ctid = $1::text::tid;

-- name: find_case_events
-- Read the history of cases.
SELECT ctid::text AS place, arguments AS value
  FROM case_events
 WHERE lower(arguments::text COLLATE "C") LIKE ANY ($1::text[]) AND ctid > $2::text::tid
 ORDER BY ctid
 LIMIT $3
   FOR UPDATE;

-- name: write_case_events
-- Put back what was asked of a case.
UPDATE case_events SET arguments = $2::jsonb WHERE ctid = $1::text::tid;

-- name: find_approvals
-- Read votes.
SELECT ctid::text AS place, jsonb_build_object('arguments', arguments, 'void_why', void_why) AS value
  FROM approvals
 WHERE (lower(arguments::text COLLATE "C") LIKE ANY ($1::text[]) OR lower(void_why COLLATE "C") LIKE ANY ($1::text[])) AND ctid > $2::text::tid
 ORDER BY ctid
 LIMIT $3
   FOR UPDATE;

-- name: write_approvals
-- Put back a vote.
UPDATE approvals SET arguments = $2::jsonb -> 'arguments', void_why = $2::jsonb ->> 'void_why' WHERE ctid = $1::text::tid;

-- name: find_reviews
-- Read later reviews.
SELECT ctid::text AS place, to_jsonb(comment) AS value
  FROM reviews
 WHERE lower(comment COLLATE "C") LIKE ANY ($1::text[]) AND ctid > $2::text::tid
 ORDER BY ctid
 LIMIT $3
   FOR UPDATE;

-- name: write_reviews
-- Put back the words of a review.
UPDATE reviews SET comment = $2::jsonb #>> '{}' WHERE ctid = $1::text::tid;

-- name: find_case_questions
-- Read questions on cases.
SELECT ctid::text AS place, jsonb_build_object('question', question, 'answer', answer) AS value
  FROM case_questions
 WHERE (lower(question COLLATE "C") LIKE ANY ($1::text[]) OR lower(answer COLLATE "C") LIKE ANY ($1::text[])) AND ctid > $2::text::tid
 ORDER BY ctid
 LIMIT $3
   FOR UPDATE;

-- name: write_case_questions
-- Put back the words of a question.
UPDATE case_questions SET question = $2::jsonb ->> 'question', answer = $2::jsonb ->> 'answer' WHERE ctid = $1::text::tid;

-- name: find_case_causes
-- Read suggested causes.
SELECT ctid::text AS place,
       jsonb_build_object('description', description, 'whys', whys, 'evidence', evidence) AS value
  FROM case_causes
 WHERE (lower(description COLLATE "C") LIKE ANY ($1::text[])
        OR lower(whys::text COLLATE "C") LIKE ANY ($1::text[])
        OR lower(evidence::text COLLATE "C") LIKE ANY ($1::text[])) AND ctid > $2::text::tid
 ORDER BY ctid
 LIMIT $3
   FOR UPDATE;

-- name: write_case_causes
-- Put back the words of a suggested cause.
UPDATE case_causes
   SET description = $2::jsonb ->> 'description', whys = $2::jsonb -> 'whys',
       evidence = $2::jsonb -> 'evidence'
 WHERE ctid = $1::text::tid;

-- name: find_manual_tasks
-- Read tasks.
SELECT ctid::text AS place, jsonb_build_object('instruction', instruction, 'note', note) AS value
  FROM manual_tasks
 WHERE (lower(instruction COLLATE "C") LIKE ANY ($1::text[]) OR lower(note COLLATE "C") LIKE ANY ($1::text[])) AND ctid > $2::text::tid
 ORDER BY ctid
 LIMIT $3
   FOR UPDATE;

-- name: write_manual_tasks
-- Put back the words of a task.
UPDATE manual_tasks SET instruction = $2::jsonb ->> 'instruction', note = $2::jsonb ->> 'note' WHERE ctid = $1::text::tid;

-- name: find_clocks
-- Read clocks.
SELECT ctid::text AS place, details AS value
  FROM clocks
 WHERE lower(details::text COLLATE "C") LIKE ANY ($1::text[]) AND ctid > $2::text::tid
 ORDER BY ctid
 LIMIT $3
   FOR UPDATE;

-- name: write_clocks
-- Put back the details of a clock.
UPDATE clocks SET details = $2::jsonb WHERE ctid = $1::text::tid;

-- name: find_suppressions
-- Read suppressions.
SELECT ctid::text AS place, to_jsonb(cause) AS value
  FROM suppressions
 WHERE lower(cause COLLATE "C") LIKE ANY ($1::text[]) AND ctid > $2::text::tid
 ORDER BY ctid
 LIMIT $3
   FOR UPDATE;

-- name: write_suppressions
-- Put back the cause of a suppression.
UPDATE suppressions SET cause = $2::jsonb #>> '{}' WHERE ctid = $1::text::tid;

-- name: find_waivers
-- Read why catalogue objects are waived.
SELECT ctid::text AS place, to_jsonb(why) AS value
  FROM waivers
 WHERE lower(why COLLATE "C") LIKE ANY ($1::text[]) AND ctid > $2::text::tid
 ORDER BY ctid
 LIMIT $3
   FOR UPDATE;

-- name: write_waivers
-- Put back why an object is waived.
UPDATE waivers SET why = $2::jsonb #>> '{}' WHERE ctid = $1::text::tid;

-- name: find_catalogue_objects
-- Read why catalogue objects were waived by an earlier version.
SELECT ctid::text AS place, to_jsonb(waived_why) AS value
  FROM catalogue_objects
 WHERE lower(waived_why COLLATE "C") LIKE ANY ($1::text[]) AND ctid > $2::text::tid
 ORDER BY ctid
 LIMIT $3
   FOR UPDATE;

-- name: write_catalogue_objects
-- Put back why an object was waived.
UPDATE catalogue_objects SET waived_why = $2::jsonb #>> '{}' WHERE ctid = $1::text::tid;

-- name: find_signal_texts
-- Read what other signals say.
SELECT ctid::text AS place, jsonb_build_object('text', text, 'extra', extra) AS value
  FROM signal_texts
 WHERE (lower(text COLLATE "C") LIKE ANY ($1::text[]) OR lower(extra::text COLLATE "C") LIKE ANY ($1::text[])) AND ctid > $2::text::tid
 ORDER BY ctid
 LIMIT $3
   FOR UPDATE;

-- name: write_signal_texts
-- Put back what a signal says.
UPDATE signal_texts SET text = $2::jsonb ->> 'text', extra = nullif($2::jsonb -> 'extra', 'null') WHERE ctid = $1::text::tid;

-- name: find_rejected_signals
-- Read what was not accepted; escapes may hide anything.
SELECT ctid::text AS place, jsonb_build_object('body', body, 'detail', detail) AS value
  FROM rejected_signals
 WHERE (lower(body COLLATE "C") LIKE ANY ($1::text[]) OR body LIKE '%\\u%' OR body LIKE '%\\/%'
        OR lower(detail COLLATE "C") LIKE ANY ($1::text[])) AND ctid > $2::text::tid
 ORDER BY ctid
 LIMIT $3
   FOR UPDATE;

-- name: write_rejected_signals
-- Put back what is left of a body.
UPDATE rejected_signals SET body = $2::jsonb ->> 'body', detail = $2::jsonb ->> 'detail' WHERE ctid = $1::text::tid;

-- name: find_idempotency_keys
-- Read answers that are kept for repeats.
SELECT ctid::text AS place, to_jsonb(convert_from(body, 'UTF8')) AS value
  FROM idempotency_keys
 WHERE lower(convert_from(body, 'UTF8') COLLATE "C") LIKE ANY ($1::text[]) AND ctid > $2::text::tid
 ORDER BY ctid
 LIMIT $3
   FOR UPDATE;

-- name: write_idempotency_keys
-- Put back an answer.
UPDATE idempotency_keys SET body = convert_to($2::jsonb #>> '{}', 'UTF8') WHERE ctid = $1::text::tid;
