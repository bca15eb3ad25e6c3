-- Rules, suppressions, crossings, and the governor's ledger.

-- name: rules
-- Return the revision with the current version of every rule; one row without id where none.
SELECT coalesce((SELECT rules_revision FROM instance), 0) AS revision, id, version, body
  FROM (VALUES (1)) AS always
  LEFT JOIN (SELECT DISTINCT ON (id) id, version, body FROM rules ORDER BY id, version DESC)
       AS current ON true
 ORDER BY id;

-- name: current_rule_bodies
-- Return the current version of every rule, for people.
SELECT DISTINCT ON (id) id, version, body, mode, created_by, created_at
  FROM rules
 ORDER BY id, version DESC;

-- name: rule_history
-- Return every version of a rule, for people, newest first.
SELECT id, version, body, mode, created_by, created_at
  FROM rules
 WHERE id = $1
 ORDER BY version DESC;

-- name: rule_version
-- Return the body of one version of a rule.
SELECT body FROM rules WHERE id = $1 AND version = $2;

-- name: raise_rules_revision
-- Take the lock that orders changes of rules and suppressions, and tell that there is one.
UPDATE instance SET rules_revision = rules_revision + 1;

-- name: put_rule
-- Store the next version of a rule; return its number.
INSERT INTO rules (id, version, body, mode, created_by, created_at)
SELECT $1, coalesce(max(version), 0) + 1, $2, $3, $4, $5 FROM rules WHERE id = $1
RETURNING version;

-- name: lock_rules
-- Take the lock that orders changes of rules: what is read after it, nobody changes meanwhile.
SELECT rules_revision FROM instance FOR UPDATE;

-- name: add_proposal
-- Store a change of a rule that waits for a second person; the same person's earlier one is withdrawn.
WITH earlier AS (
    UPDATE rule_proposals
       SET decided_at = $7, decided_by = 'person:' || $6, outcome = 'withdrawn'
     WHERE rule_id = $2 AND proposed_by = $6 AND decided_at IS NULL
)
INSERT INTO rule_proposals (id, rule_id, base_version, body, loosens, proposed_by, proposed_at,
                            expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: proposals
-- Return the proposals that wait: neither decided nor expired, of a rule that is as it was.
SELECT proposal.id, proposal.rule_id, base_version, proposal.body, loosens, proposed_by,
       proposed_at, expires_at, decided_at, outcome
  FROM rule_proposals AS proposal
 WHERE decided_at IS NULL AND expires_at > $1
   AND base_version = coalesce((SELECT max(version) FROM rules WHERE rules.id = rule_id), 0)
 ORDER BY proposed_at, proposal.id;

-- name: proposal
-- Return a proposal, whatever became of it.
SELECT id, rule_id, base_version, body, loosens, proposed_by, proposed_at, expires_at, decided_at,
       outcome
  FROM rule_proposals
 WHERE id = $1;

-- name: decide_proposal
-- Note what became of a proposal.
UPDATE rule_proposals SET decided_at = $2, decided_by = $3, outcome = $4 WHERE id = $1;

-- name: marked_revision
-- Return up to which revision of the rules all that they concern was asked for.
SELECT marked_revision FROM instance;

-- name: note_marked
-- Note that all was asked for that the rules of a revision concern.
UPDATE instance SET marked_revision = $1 WHERE marked_revision < $1;

-- name: suppressions
-- Return the suppressions that hold at a moment.
SELECT id, cause, author, created_at, expires_at, sku, vendor, category, rule_id, ended_at
  FROM suppressions
 WHERE expires_at > $1 AND (ended_at IS NULL OR ended_at > $1)
 ORDER BY created_at, id;

-- name: ended_suppressions
-- Return the suppressions that came to an end in (since, now].
SELECT id, cause, author, created_at, expires_at, sku, vendor, category, rule_id, ended_at
  FROM suppressions
 WHERE least(expires_at, ended_at) > $1 AND least(expires_at, ended_at) <= $2
 ORDER BY created_at, id;

-- name: add_suppression
-- Store a suppression.
INSERT INTO suppressions (id, cause, author, created_at, expires_at, sku, vendor, category, rule_id,
                          ended_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: end_suppression
-- End a suppression before it expires.
UPDATE suppressions SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL AND expires_at > $2;

-- name: ending_suppressions
-- Note that people are warned of those suppressions that end within $2, or within the last fifth of
-- a shorter one, and return them.
UPDATE suppressions SET warned_at = $1
 WHERE warned_at IS NULL AND ended_at IS NULL AND expires_at > $1
   AND $1 >= expires_at - least($2::interval, (expires_at - created_at) * 0.2)
RETURNING id, cause, author, created_at, expires_at, sku, vendor, category, rule_id, ended_at;

-- name: suppressions_over
-- Note that people are told of those suppressions that are over, and return them.
UPDATE suppressions SET end_told_at = $1
 WHERE end_told_at IS NULL AND least(expires_at, ended_at) <= $1
RETURNING id, cause, author, created_at, expires_at, sku, vendor, category, rule_id, ended_at;

-- name: held_back
-- Count the crossings, and their SKUs, that each of some suppressions has held back until a moment.
SELECT told.*
  FROM unnest($1::uuid[]) WITH ORDINALITY AS asked (id, place)
  JOIN suppressions AS held USING (id)
 CROSS JOIN LATERAL (
       SELECT count(*) AS crossings, count(DISTINCT crossings.sku) AS skus,
              (array_agg(DISTINCT crossings.sku ORDER BY crossings.sku))[1:10] AS named
         FROM crossings
         LEFT JOIN skus ON skus.sku = crossings.sku
        WHERE outcome = 'suppressed' AND known_at BETWEEN held.created_at AND $2
          AND (held.sku IS NULL OR crossings.sku = held.sku)
          AND (held.vendor IS NULL OR skus.vendor = held.vendor)
          AND (held.category IS NULL OR skus.category = held.category)
          AND (held.rule_id IS NULL OR crossings.rule_id = held.rule_id)) AS told
 ORDER BY place;

-- name: crossings
-- Return the crossings of a SKU, newest first.
SELECT id, sku, scope, rule_id, rule_version, crossed_at, source, signal_id, known_at, outcome,
       case_id, reason
  FROM crossings
 WHERE sku = $1
 ORDER BY known_at DESC, id DESC;

-- name: sightings
-- Return the SKUs that a version of a shadow rule would have frozen since a moment, each once, beside
-- the first stop of each since then, of SKUs in the rule's scope. What was stopped and sold again
-- before the rule spoke is another story: there, the rule spoke alone.
WITH said AS (
    SELECT sku, min(known_at) AS at
      FROM crossings
     WHERE rule_id = $1 AND rule_version = $2 AND outcome = 'shadow' AND known_at >= $4
       AND (reason ->> 'bound')::float8 >= $3
     GROUP BY sku
), stops AS (
    SELECT cases.sku, event.at, event.actor, cases.lane, cases.number, cases.state, cases.closed_at
      FROM cases
     CROSS JOIN LATERAL (
           SELECT at, actor
             FROM case_events
            WHERE case_id = cases.id AND to_state = 'freezing' AND at >= $4
              AND from_state IS DISTINCT FROM 'freezing'
            ORDER BY n
            LIMIT 1) AS event
     WHERE (cases.closed_at IS NULL OR cases.closed_at >= $4)
       AND ($5::text IS NULL OR cases.category = $5)
       AND ($6::text IS NULL OR cases.vendor = $6)
       AND ($7::text IS NULL OR cases.sku = $7)
), first_stops AS (
    SELECT DISTINCT ON (sku) sku, stops.at, actor, lane, number, state
      FROM stops
      LEFT JOIN said USING (sku)
     WHERE said.at IS NULL OR closed_at IS NULL OR closed_at >= said.at
     ORDER BY sku, stops.at, number
)
SELECT sku, said.at AS said_at, stop.at AS stopped_at, stop.actor, stop.lane, stop.number, stop.state
  FROM said
  FULL JOIN first_stops AS stop USING (sku)
 ORDER BY sku;

-- name: spent_by_key
-- Count the freezes that a machine key ordered since a moment.
SELECT count(*) FROM automatic_freezes WHERE at > $2 AND credential = $1;

-- name: alert_once
-- Note that somebody is alerted; no row where that happened a short time ago.
INSERT INTO alerts AS known (name, last_at) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET last_at = excluded.last_at
 WHERE known.last_at <= $2 - $3::interval
RETURNING true;
