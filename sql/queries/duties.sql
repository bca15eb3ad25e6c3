-- What is due on a case: its clocks and manual tasks.

-- name: stop_clocks
-- Stop clocks of a case, and take back what they told and nobody is about to send.
WITH stopped AS (
    UPDATE clocks SET stopped_at = $3
     WHERE case_id = $1 AND stopped_at IS NULL AND kind = ANY ($2)
    RETURNING kind
)
UPDATE notices SET state = 'silent', last_error = 'answered before it left', next_at = NULL
 WHERE case_id = $1 AND state = 'queued'
   AND kind IN ('clock_warning', 'clock_breached', 'legal_clock', 'question_asked')
   AND facts ->> 'clock' IN (SELECT kind FROM stopped)
   AND (lease_until IS NULL OR lease_until <= clock_timestamp());

-- name: pause_clocks
-- Let clocks of a case stand still.
UPDATE clocks SET paused_at = $3
 WHERE case_id = $1 AND stopped_at IS NULL AND paused_at IS NULL AND kind = ANY ($2);

-- name: resume_clocks
-- Let clocks of a case go on, with the time that they had left. One that had run out stays overdue
-- since then; whoever is next on its ladder hears that much later.
UPDATE clocks
   SET due_at = CASE WHEN due_at <= paused_at THEN due_at ELSE due_at + ($3 - paused_at) END,
       next_at = next_at + ($3 - paused_at), paused_at = NULL
 WHERE case_id = $1 AND stopped_at IS NULL AND paused_at IS NOT NULL AND kind = ANY ($2);

-- name: running_clocks
-- Return the clocks of some cases that run, the one that is due first first.
SELECT id, case_id, sku, kind, started_at, due_at, stopped_at, next_at, level, warned_at,
       breached_at, paused_at, details
  FROM clocks
 WHERE case_id = ANY ($1::uuid[]) AND stopped_at IS NULL AND paused_at IS NULL
 ORDER BY due_at, id;

-- name: clocks
-- Return every clock of a case.
SELECT id, case_id, sku, kind, started_at, due_at, stopped_at, next_at, level, warned_at,
       breached_at, paused_at, details
  FROM clocks
 WHERE case_id = $1
 ORDER BY started_at, id;

-- name: claim_due_clocks
-- Claim clocks whose next stage is due by the database's clock, or at $1; untried ones first. Those
-- without stages are of the version before this one.
UPDATE clocks SET lease_until = clock_timestamp() + $2::interval
 WHERE ctid = ANY (ARRAY(
           SELECT ctid FROM clocks
            WHERE stopped_at IS NULL AND paused_at IS NULL
              AND (next_at <= coalesce($1::timestamptz, statement_timestamp())
                   OR (next_at IS NULL AND fired_at IS NULL
                       AND due_at <= coalesce($1::timestamptz, statement_timestamp())))
              AND (lease_until IS NULL OR lease_until <= clock_timestamp())
            ORDER BY lease_until NULLS FIRST, coalesce(next_at, due_at)
            LIMIT $3
              FOR UPDATE SKIP LOCKED))
RETURNING id, case_id, sku, kind, started_at, due_at, stopped_at, next_at, level, warned_at,
          breached_at, paused_at, details;

-- name: clock_if_due
-- Return a clock whose next stage is still due, with the moment by which it is; no row otherwise.
SELECT id, case_id, sku, kind, started_at, due_at, stopped_at, next_at, level, warned_at,
       breached_at, paused_at, details, moment
  FROM clocks, (SELECT coalesce($2::timestamptz, clock_timestamp()) AS moment) AS present
 WHERE id = $1 AND stopped_at IS NULL AND paused_at IS NULL
   AND (next_at <= moment OR (next_at IS NULL AND fired_at IS NULL AND due_at <= moment));

-- name: pass_stage
-- Note that a stage of a clock has passed; without a next one the clock has said all it has to say.
UPDATE clocks
   SET next_at = $2, level = $3, warned_at = coalesce(warned_at, $4),
       breached_at = coalesce(breached_at, $5), fired_at = coalesce(fired_at, started_at),
       lease_until = NULL
 WHERE id = $1;

-- name: next_stage
-- Return the moment of the next stage of any clock; null where none runs.
SELECT min(next_at) FROM clocks
 WHERE stopped_at IS NULL AND paused_at IS NULL AND next_at IS NOT NULL;

-- name: open_task
-- Ask a person for something; where that is asked already, the words are renewed.
INSERT INTO manual_tasks (id, case_id, sku, catalogue, remote_id, task, instruction, assigned_to,
                          opened_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (case_id, catalogue, remote_id, task) WHERE resolved_at IS NULL DO UPDATE SET
    instruction = excluded.instruction;

-- name: close_tasks
-- Close open tasks of a case; of one sort or all, of one catalogue object or all. With the last of
-- them ends the clock that waits for a person.
WITH closed AS (
    UPDATE manual_tasks SET resolved_at = $5, resolved_by = $6, note = $7
     WHERE case_id = $1 AND resolved_at IS NULL
       AND ($2::text IS NULL OR task = $2)
       AND ($3::text IS NULL OR (catalogue = $3 AND remote_id = $4))
    RETURNING id
)
UPDATE clocks SET stopped_at = $5
 WHERE case_id = $1 AND kind = 'manual_task' AND stopped_at IS NULL
   AND NOT EXISTS (
           SELECT FROM manual_tasks
            WHERE case_id = $1 AND resolved_at IS NULL AND id NOT IN (SELECT id FROM closed));

-- name: tasks
-- Return every task of a case.
SELECT id, case_id, catalogue, remote_id, task, instruction, assigned_to, opened_at, resolved_at,
       resolved_by, note
  FROM manual_tasks
 WHERE case_id = $1
 ORDER BY opened_at, id;
