-- Holds, and the ledger of the held set.

-- name: next_revision
-- Take the lock that orders every change of the held set; return the next revision.
UPDATE held_set SET revision = revision + 1 RETURNING revision;

-- name: take_slot
-- Take the lock, and count what is spent of the budgets of an automatic freeze; where a case is to
-- be opened on some signals ($8), draw its number, and return the beginnings of their masked texts.
SELECT slot.*, CASE WHEN $8::text[] IS NOT NULL THEN nextval('cases_number_seq') END AS number,
       beginnings($8, $9, $10) AS excerpts
  FROM take_slot($1, $2, $3, $4, $5, $6, $7) AS slot;

-- name: current_revision
-- Return the revision of the held set.
SELECT revision FROM held_set;

-- name: update_hold
-- Store a changed hold.
UPDATE holds
   SET case_id = $2, sku = $3, seller = $4, channel = $5, country = $6, lot = $7, lane = $8,
       level = $9, soft = $10, state = $11, reason = $12, since = $13, revision = $14,
       ended_at = $15
 WHERE id = $1;

-- name: holds_of_case
-- Return the holds of a case that are in force, oldest first.
SELECT id, case_id, sku, seller, channel, country, lot, lane, level, soft, state, reason, since,
       revision
  FROM holds
 WHERE case_id = $1 AND state IN ('active', 'releasing')
 ORDER BY since, id;

-- name: was_held
-- Say whether a case ever had a hold, if only the soft one of a suspicion.
SELECT EXISTS (SELECT FROM holds WHERE case_id = $1);

-- name: holds_of_sku
-- Return the holds of a SKU that are in force, oldest first.
SELECT id, case_id, sku, seller, channel, country, lot, lane, level, soft, state, reason, since,
       revision
  FROM holds
 WHERE sku = $1 AND state IN ('active', 'releasing')
 ORDER BY since, id;

-- name: held_set
-- Return the revision with every hold in force, from one snapshot; one row without id where none.
SELECT held_set.revision AS set_revision, holds.id, case_id, sku, seller, channel, country, lot,
       lane, level, soft, state, reason, since, holds.revision
  FROM held_set
  LEFT JOIN holds ON state IN ('active', 'releasing')
 ORDER BY sku, since, holds.id;

-- name: releasing_cases
-- Return the cases whose holds are being released since after a revision, the longest waiting first.
SELECT case_id, revision FROM holds
 WHERE state = 'releasing' AND revision > $1
 ORDER BY revision
 LIMIT $2;

-- name: changes_after
-- Return what changed after a revision, in order.
SELECT revision, at, change, hold_id, sku, hold
  FROM hold_changes
 WHERE revision > $1
 ORDER BY revision
 LIMIT $2;

-- name: changes_until
-- Return the last change of each hold until a moment.
SELECT DISTINCT ON (hold_id) revision, at, change, hold_id, sku, hold
  FROM hold_changes
 WHERE at <= $1
 ORDER BY hold_id, revision DESC;
