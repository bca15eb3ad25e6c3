-- Cases, their history, the signals attached to them, and their votes.

-- name: announce
-- Draw the number of a new case, and return the beginnings of the masked texts of some signals.
SELECT nextval('cases_number_seq') AS number, beginnings($1, $2, $3) AS excerpts;

-- name: update_case
-- Store a changed case.
UPDATE cases
   SET sku = $2, seller = $3, channel = $4, country = $5, lot = $6, state = $7, lane = $8,
       version = $9, evidence_revision = $10, recurrence = $11, degraded = $12, vendor = $13,
       vendor_status = $14, category = $15, owner = $16, outcome = $17, opened_by = $18,
       opened_at = $19, frozen_at = $20, reinstated_at = $21, closed_at = $22, reason = $23,
       rule_id = $24, rule_version = $25, diagnosis = $26, remedy = $27, remedy_author = $28,
       remedy_rounds = $29, verification = $30, approval_requested_at = $31,
       approval_requested_by = $32, approval_evidence = $33, release_tries = $34, probation = $35,
       known_evidence = $36, contact_cost = $37, further_scopes = $38, narrowing = $39,
       authority_order = $40, commitment = $41, contest = $42, appeal = $43, hand_off = $44,
       defect_found = $45, decided_by = $46, merged_into = $47
 WHERE id = $1;

-- name: get_case
-- Return a case.
SELECT * FROM cases WHERE id = $1;

-- name: lock_case
-- Lock a case and return it.
SELECT * FROM cases WHERE id = $1 FOR NO KEY UPDATE;

-- name: open_of_sku
-- Return the open cases of a SKU, oldest first.
SELECT * FROM cases
 WHERE sku = $1
   AND state IN ('suspected', 'freezing', 'frozen', 'diagnosing', 'remedy_proposed',
                 'awaiting_approval', 'reinstating', 'probation', 'appealed')
 ORDER BY opened_at, id;

-- name: lock_open_of_sku
-- Lock the open cases of a SKU and return them, oldest first.
SELECT * FROM cases
 WHERE sku = $1
   AND state IN ('suspected', 'freezing', 'frozen', 'diagnosing', 'remedy_proposed',
                 'awaiting_approval', 'reinstating', 'probation', 'appealed')
 ORDER BY opened_at, id
   FOR NO KEY UPDATE;

-- name: skus_with_open_cases
-- Return which of these SKUs have an open case.
SELECT DISTINCT sku FROM cases
 WHERE sku = ANY ($1::text[])
   AND state IN ('suspected', 'freezing', 'frozen', 'diagnosing', 'remedy_proposed',
                 'awaiting_approval', 'reinstating', 'probation', 'appealed');

-- name: cases_of_sku
-- Return every case of a SKU, newest first.
SELECT * FROM cases WHERE sku = $1 ORDER BY opened_at DESC, id DESC;

-- name: list_cases
-- List cases by what is asked of them, newest first.
SELECT * FROM cases
 WHERE ($1::text IS NULL OR state = $1)
   AND ($2::text IS NULL OR sku = $2)
   AND ($3::text IS NULL OR vendor = $3)
   AND ($4::text IS NULL OR owner = $4)
   AND (NOT $5 OR state IN ('suspected', 'freezing', 'frozen', 'diagnosing', 'remedy_proposed',
                            'awaiting_approval', 'reinstating', 'probation', 'appealed'))
   AND ($6::timestamptz IS NULL OR EXISTS (
           SELECT FROM clocks
            WHERE case_id = cases.id AND stopped_at IS NULL AND paused_at IS NULL
              AND due_at < $6))
   AND (NOT $7 OR frozen_at IS NOT NULL)
   AND ($8::timestamptz IS NULL OR (opened_at, id) < ($8, $9::uuid))
 ORDER BY opened_at DESC, id DESC
 LIMIT $10;

-- name: similar_cases
-- Return cases of the same SKU, vendor or category that stopped a sale, the nearest first.
SELECT id, number, sku, state, outcome, opened_at, reason -> 'sentence' AS reason,
       remedy -> 'cause' AS cause
  FROM cases
 WHERE id <> $1 AND frozen_at IS NOT NULL AND (sku = $2 OR vendor = $3 OR category = $4)
 ORDER BY (sku = $2) DESC, (vendor IS NOT NULL AND vendor = $3) DESC, opened_at DESC, id DESC
 LIMIT $5;

-- name: events
-- Return a case's history, in order.
SELECT case_id, n, at, actor, command, from_state, to_state, version, evidence_revision, arguments
  FROM case_events
 WHERE case_id = $1
 ORDER BY n;

-- name: states_since
-- Return since when some cases are in their states.
SELECT DISTINCT ON (case_id) case_id, at
  FROM case_events
 WHERE case_id = ANY ($1::uuid[]) AND from_state IS DISTINCT FROM to_state
 ORDER BY case_id, n DESC;

-- name: found_beside
-- Return the newest case since $4, of another SKU of a vendor, in which a defect was found, if it is of
-- the same category or gives up one of some lots ($5), and is open or was closed after $6.
SELECT sku, number
  FROM cases
 WHERE vendor = $1 AND sku <> $2 AND opened_at > $4
   AND defect_found
   AND (closed_at IS NULL OR closed_at > $6)
   AND (category = $3 OR remedy -> 'affected_lots' ?| $5::text[])
 ORDER BY opened_at DESC
 LIMIT 1;

-- name: pullers
-- Return who pulled the cord for the latest stop, or seconded it, or for every stop ($2); those of
-- cases that were merged into this one since are among them. "surroundings" reads the latest alike.
SELECT person
  FROM (SELECT n, substr(actor, length('person:') + 1) AS person
          FROM case_events
         WHERE case_id = $1 AND actor LIKE 'person:%'
           AND (command IN ('suspect', 'freeze', 'reopen')
                OR (command = 'register_order' AND to_state = 'freezing'
                    AND from_state <> 'freezing'))
         UNION ALL
        SELECT n, jsonb_array_elements_text(arguments -> 'pullers')
          FROM case_events
         WHERE case_id = $1 AND command = 'absorb' AND arguments ? 'pullers') AS pulls
 WHERE $2 OR n >= coalesce(
           (SELECT max(n) FROM case_events
             WHERE case_id = $1 AND to_state = 'freezing'
               AND from_state IN ('reinstating', 'probation', 'appealed')), 0)
 GROUP BY person
 ORDER BY min(n);

-- name: add_vote
-- Store a vote; whoever votes again renews the vote.
INSERT INTO approvals (id, case_id, sku, command, person, arguments, evidence_revision, cast_at,
                       expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (case_id, command, person) WHERE void_at IS NULL DO UPDATE SET
    arguments = excluded.arguments,
    evidence_revision = excluded.evidence_revision,
    cast_at = excluded.cast_at,
    expires_at = excluded.expires_at;

-- name: votes
-- Return the votes that still count, with what says whether the voter manages the category.
SELECT vote.command, vote.person, vote.evidence_revision, vote.expires_at, vote.arguments,
       voter.roles, voter.areas, cases.category
  FROM approvals AS vote
  JOIN people AS voter ON voter.id = vote.person
  JOIN cases ON cases.id = vote.case_id
 WHERE vote.case_id = $1 AND vote.void_at IS NULL AND vote.expires_at > $2 AND voter.active
 ORDER BY vote.cast_at, vote.id;

-- name: every_vote
-- Return all votes ever cast on a case.
SELECT command, person, evidence_revision, cast_at, expires_at, void_at, void_why
  FROM approvals
 WHERE case_id = $1
 ORDER BY cast_at, id;

-- name: void_votes
-- Make the votes of a case count no more.
UPDATE approvals SET void_at = $2, void_why = $3 WHERE case_id = $1 AND void_at IS NULL;

-- name: merge_signals
-- Attach to one case what is attached to another.
INSERT INTO case_signals (case_id, sku, source, id, occurred_at, attached_at, counted)
SELECT $2, sku, source, id, occurred_at, $3, counted
  FROM case_signals
 WHERE case_id = $1
ON CONFLICT (case_id, source, id) DO NOTHING;

-- name: make_promise
-- Store the date that a vendor has set itself; an earlier one of the case was moved.
WITH moved AS (
    UPDATE vendor_promises SET settled_at = $5, outcome = 'moved'
     WHERE case_id = $2 AND settled_at IS NULL
    RETURNING id
)
INSERT INTO vendor_promises (id, case_id, sku, vendor, made_at, made_by, due_at)
SELECT $1, $2, $3, $4, $5, $6, $7
 WHERE (SELECT count(*) FROM moved) >= 0;

-- name: settle_promise
-- Store what became of the vendor's date of a case.
UPDATE vendor_promises SET settled_at = $2, outcome = $3
 WHERE case_id = $1 AND settled_at IS NULL;

-- name: promises
-- Return how many of its dates a vendor has kept, and how many it has broken.
SELECT count(*) FILTER (WHERE outcome = 'kept') AS kept,
       count(*) FILTER (WHERE outcome = 'broken') AS broken
  FROM vendor_promises
 WHERE vendor = $1;

-- name: add_review
-- Store a later review.
INSERT INTO reviews (id, case_id, sku, verdict, comment, reviewed_by, reviewed_at, pullers, rule_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: reviews
-- Return the reviews of a case, in order.
SELECT verdict, comment, reviewed_by, reviewed_at FROM reviews
 WHERE case_id = $1
 ORDER BY reviewed_at, id;

-- name: review_scores
-- Return how often later reviews found each person's pulls, and each rule's freezes, right or wrong.
-- Of several reviews of one stop by one reviewer the last one counts.
WITH counted AS (
    SELECT DISTINCT ON (case_id, reviewed_by, stop) pullers, rule_id, verdict
      FROM (SELECT reviews.*,
                   (SELECT max(n) FROM case_events
                     WHERE case_id = reviews.case_id AND at <= reviewed_at
                       AND to_state = 'freezing'
                       AND from_state IN ('reinstating', 'probation', 'appealed')) AS stop
              FROM reviews) AS of_a_stop
     ORDER BY case_id, reviewed_by, stop, reviewed_at DESC, id DESC
)
SELECT kind, name, count(*) FILTER (WHERE verdict = 'right') AS right,
       count(*) FILTER (WHERE verdict = 'wrong') AS wrong,
       count(*) FILTER (WHERE verdict = 'undecided') AS undecided
  FROM (SELECT 'person' AS kind, unnest(pullers) AS name, verdict FROM counted
         UNION ALL
        SELECT 'rule', rule_id, verdict FROM counted WHERE rule_id IS NOT NULL) AS each
 GROUP BY kind, name
 ORDER BY kind, name;

-- name: cases_of_nobody
-- Return open cases whose owner is gone or has none of the roles of $2, by their ids after $1.
SELECT cases.id FROM cases LEFT JOIN people ON people.id = cases.owner
 WHERE cases.state IN ('suspected', 'freezing', 'frozen', 'diagnosing', 'remedy_proposed',
                       'awaiting_approval', 'reinstating', 'probation', 'appealed')
   AND ($1::uuid IS NULL OR cases.id > $1)
   AND NOT coalesce(people.active AND people.roles && $2::text[], false)
 ORDER BY cases.id LIMIT $3;

-- name: narrowing_cases
-- Return cases whose narrower hold waits to be read back, the oldest first.
SELECT id FROM cases WHERE narrowing IS NOT NULL ORDER BY opened_at, id LIMIT $1;
