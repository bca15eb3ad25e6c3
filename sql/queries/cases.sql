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

-- name: get_cases
-- Return some cases, in the order in which they are asked for.
SELECT cases.*
  FROM unnest($1::uuid[]) WITH ORDINALITY AS asked (id, place)
  JOIN cases USING (id)
 ORDER BY place;

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

-- name: told_of_sku
-- Return the cases of a SKU of which customers may be told: open ones, and those that took it off sale.
SELECT * FROM cases
 WHERE sku = $1
   AND state IN ('suspected', 'freezing', 'frozen', 'diagnosing', 'remedy_proposed',
                 'awaiting_approval', 'reinstating', 'probation', 'appealed', 'delisted');

-- name: cases_of_sku
-- Return every case of a SKU, newest first.
SELECT * FROM cases WHERE sku = $1 ORDER BY opened_at DESC, id DESC;

-- name: list_cases
-- List cases by what is asked of them, newest first. $10 to $14 are whose turn it is to be.
SELECT * FROM cases
 WHERE ($1::text[] IS NULL OR state = ANY ($1))
   AND ($2::text IS NULL OR cases.sku = $2)
   AND ($3::text IS NULL OR cases.vendor = $3)
   AND ($4::text IS NULL OR cases.owner = $4)
   AND ($5::text[] IS NULL OR cases.category = ANY ($5))
   AND ($6::text[] IS NULL OR lane = ANY ($6))
   AND ($7::boolean IS NULL OR degraded = $7)
   AND ($8::timestamptz IS NULL OR EXISTS (
           SELECT FROM clocks
            WHERE case_id = cases.id AND stopped_at IS NULL AND paused_at IS NULL
              AND due_at < $8))
   AND (NOT $9 OR frozen_at IS NOT NULL)
   AND ($10::text IS NULL
        OR cases.owner = $10
        OR hand_off ->> 'to' = $10
        OR cases.id = ANY (ARRAY(
            SELECT case_id FROM case_questions WHERE person = $10 AND outcome IS NULL))
        OR (state = 'suspected' AND $11 AND opened_by LIKE 'person:%'
            AND opened_by <> 'person:' || $10)
        OR (state = 'awaiting_approval' AND cardinality($13::text[]) >= 0
            AND (cardinality($13::text[]) = 0 OR cases.category = ANY ($13))
            AND $10 IS DISTINCT FROM remedy_author AND $10 IS DISTINCT FROM approval_requested_by
            AND NOT EXISTS (
                SELECT FROM approvals
                 WHERE case_id = cases.id AND command = 'approve' AND person = $10
                   AND void_at IS NULL AND expires_at > $14::timestamptz))
        OR (state = 'appealed' AND $12 AND NOT $10 = ANY (decided_by)
            AND (cardinality(coalesce($13::text[], '{}')) = 0 OR cases.category = ANY ($13)))
        OR ($12 AND $10 IS DISTINCT FROM remedy_author
            AND $10 IS DISTINCT FROM approval_requested_by
            AND state IN ('freezing', 'frozen', 'diagnosing', 'remedy_proposed',
                          'awaiting_approval')
            AND EXISTS (
                SELECT FROM approvals
                 WHERE case_id = cases.id AND person <> $10 AND void_at IS NULL
                   AND expires_at > $14
                   AND approvals.evidence_revision = cases.evidence_revision)))
   AND (NOT $15 OR state IN ('suspected', 'freezing', 'frozen', 'diagnosing', 'remedy_proposed',
                            'awaiting_approval', 'reinstating', 'probation', 'appealed'))
   AND ($16::timestamptz IS NULL OR (opened_at, id) < ($16, $17::uuid))
 ORDER BY opened_at DESC, id DESC
 LIMIT $18;

-- name: queue
-- List open cases by what is asked of them as above, by harm and age as they stand at $15, the worst
-- first. The formula is in the description of the route. Who was not counted yet is taken from why
-- the case was opened. Figures and clocks are looked up case by case: one plan is made for all
-- arguments, it expects one case, and would compare each of thousands with all figures and late clocks.
WITH weighed AS (
    SELECT cases.id, coalesce(harm.severity, (known_evidence ->> 'severity')::integer, 0)
               AS severity,
           harm.customers, harm.units, coalesce(harm.contact_cost, 0) AS contact_cost, price,
           late.clocks AS overdue, lane,
           greatest(extract(epoch FROM $15::timestamptz - opened_at)::float8 / 86400, 0) AS days,
           coalesce(harm.customers, (reason ->> 'customers')::integer, 0) AS people
      FROM cases
      LEFT JOIN LATERAL (SELECT * FROM case_harm WHERE case_id = cases.id OFFSET 0) AS harm ON true
      LEFT JOIN skus ON skus.sku = cases.sku
     CROSS JOIN LATERAL (
           SELECT count(*) AS clocks
             FROM clocks
            WHERE case_id = cases.id AND stopped_at IS NULL AND paused_at IS NULL
              AND due_at < $15) AS late
     WHERE state IN ('suspected', 'freezing', 'frozen', 'diagnosing', 'remedy_proposed',
                            'awaiting_approval', 'reinstating', 'probation', 'appealed')
       AND ($1::text[] IS NULL OR state = ANY ($1))
   AND ($2::text IS NULL OR cases.sku = $2)
   AND ($3::text IS NULL OR cases.vendor = $3)
   AND ($4::text IS NULL OR cases.owner = $4)
   AND ($5::text[] IS NULL OR cases.category = ANY ($5))
   AND ($6::text[] IS NULL OR lane = ANY ($6))
   AND ($7::boolean IS NULL OR degraded = $7)
   AND ($8::timestamptz IS NULL OR EXISTS (
           SELECT FROM clocks
            WHERE case_id = cases.id AND stopped_at IS NULL AND paused_at IS NULL
              AND due_at < $8))
   AND (NOT $9 OR frozen_at IS NOT NULL)
   AND ($10::text IS NULL
        OR cases.owner = $10
        OR hand_off ->> 'to' = $10
        OR cases.id = ANY (ARRAY(
            SELECT case_id FROM case_questions WHERE person = $10 AND outcome IS NULL))
        OR (state = 'suspected' AND $11 AND opened_by LIKE 'person:%'
            AND opened_by <> 'person:' || $10)
        OR (state = 'awaiting_approval' AND cardinality($13::text[]) >= 0
            AND (cardinality($13::text[]) = 0 OR cases.category = ANY ($13))
            AND $10 IS DISTINCT FROM remedy_author AND $10 IS DISTINCT FROM approval_requested_by
            AND NOT EXISTS (
                SELECT FROM approvals
                 WHERE case_id = cases.id AND command = 'approve' AND person = $10
                   AND void_at IS NULL AND expires_at > $14::timestamptz))
        OR (state = 'appealed' AND $12 AND NOT $10 = ANY (decided_by)
            AND (cardinality(coalesce($13::text[], '{}')) = 0 OR cases.category = ANY ($13)))
        OR ($12 AND $10 IS DISTINCT FROM remedy_author
            AND $10 IS DISTINCT FROM approval_requested_by
            AND state IN ('freezing', 'frozen', 'diagnosing', 'remedy_proposed',
                          'awaiting_approval')
            AND EXISTS (
                SELECT FROM approvals
                 WHERE case_id = cases.id AND person <> $10 AND void_at IS NULL
                   AND expires_at > $14
                   AND approvals.evidence_revision = cases.evidence_revision)))
), ranked AS (
    SELECT *,
           (CASE lane WHEN 'quality' THEN 1 ELSE 100 END
            * power(2, greatest(severity, 1) - 1)
            * (1 + people)
            * (1 + 4 * least(1, people / nullif(units, 0)::float8))
            * (1 + log((1 + coalesce(price, 0) + contact_cost)::float8))
            * (1 + least(overdue, 4)::float8 / 2)
            * (1 + days))::real AS rank
      FROM weighed
)
SELECT cases.*, ranked.severity, ranked.customers, ranked.units, ranked.contact_cost AS told_cost,
       ranked.price, ranked.overdue, ranked.days, ranked.rank
  FROM (SELECT * FROM ranked
         WHERE $16::real IS NULL OR (rank, id) < ($16, $17::uuid)
         ORDER BY rank DESC, id DESC
         LIMIT $18) AS ranked
  JOIN cases USING (id)
 ORDER BY ranked.rank DESC, id DESC;

-- name: uncounted
-- Return open cases whose figures for the queue are not those of now: never counted, counted in
-- another version, or, of those to which something was attached since $1 (null: of all), with another
-- number of signals.
SELECT cases.id
  FROM cases
  LEFT JOIN case_harm AS harm ON harm.case_id = cases.id
 WHERE state IN ('suspected', 'freezing', 'frozen', 'diagnosing', 'remedy_proposed',
                            'awaiting_approval', 'reinstating', 'probation', 'appealed')
   AND (harm.version IS DISTINCT FROM cases.version
        OR (($1::timestamptz IS NULL
             OR cases.id = ANY (ARRAY(SELECT case_id FROM case_signals WHERE attached_at >= $1)))
            AND harm.signals <> (SELECT count(*) FROM case_signals WHERE case_id = cases.id)))
 LIMIT $2;

-- name: count_harm
-- Count what a case did: complaints that still count against the item, who made them, the worst, what
-- their contacts cost, and the units of its scope that were shipped from 90 days before it. One look
-- at the primary key per signal: a join that was planned for few signals would take minutes for many.
INSERT INTO case_harm (case_id, version, signals, customers, severity, contact_cost, units)
SELECT cases.id, version, attached.number, told.customers, told.severity, told.contact_cost,
       shipped.units
  FROM cases
 CROSS JOIN LATERAL (
       SELECT count(*) AS number FROM case_signals WHERE case_id = cases.id) AS attached
 CROSS JOIN LATERAL (
       SELECT count(DISTINCT coalesce(one.customer, '')) AS customers,
              coalesce(max(one.severity), 0) AS severity,
              coalesce(sum(one.contact_cost), 0) AS contact_cost
         FROM case_signals AS evidence
        CROSS JOIN LATERAL (
              SELECT customer, severity, contact_cost
                FROM signals
               WHERE sku = evidence.sku AND occurred_at = evidence.occurred_at
                 AND source = evidence.source AND id = evidence.id AND judged_by IS NULL
                 AND CASE WHEN kind IN ('inspection', 'telemetry') THEN result = 'fail'
                          ELSE intent NOT IN ('delivery', 'change_of_mind') END
              OFFSET 0) AS one
        WHERE evidence.case_id = cases.id) AS told
 CROSS JOIN LATERAL (
       SELECT coalesce(sum(shipments.units), 0)::bigint AS units
         FROM shipments
        WHERE shipments.sku = cases.sku
          AND shipped_at > cases.opened_at - interval '90 days'
          AND (cases.seller IS NULL OR shipments.seller IS NULL OR shipments.seller = cases.seller)
          AND (cases.channel IS NULL OR shipments.channel IS NULL
               OR shipments.channel = cases.channel)
          AND (cases.country IS NULL OR shipments.country IS NULL
               OR shipments.country = cases.country)
          AND (cases.lot IS NULL OR shipments.lot IS NULL OR shipments.lot = cases.lot)
       ) AS shipped
 WHERE cases.id = ANY ($1::uuid[])
 ORDER BY cases.id
ON CONFLICT (case_id) DO UPDATE SET
    version = excluded.version,
    signals = excluded.signals,
    customers = excluded.customers,
    severity = excluded.severity,
    contact_cost = excluded.contact_cost,
    units = excluded.units;

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
