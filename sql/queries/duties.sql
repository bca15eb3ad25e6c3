-- What is due on a case: its clocks and manual tasks.

-- name: stop_clocks
-- Stop clocks of a case; without kinds, all of them.
UPDATE clocks SET stopped_at = $3
 WHERE case_id = $1 AND stopped_at IS NULL
   AND (cardinality($2::text[]) = 0 OR kind = ANY ($2));

-- name: clocks
-- Return every clock of a case.
SELECT id, case_id, sku, kind, started_at, due_at, stopped_at, fired_at
  FROM clocks
 WHERE case_id = $1
 ORDER BY started_at, id;

-- name: claim_due_clocks
-- Claim clocks due by the database's clock, or at $1, that have not fired; untried ones first.
UPDATE clocks SET lease_until = clock_timestamp() + $2::interval
 WHERE ctid = ANY (ARRAY(
           SELECT ctid FROM clocks
            WHERE stopped_at IS NULL AND paused_at IS NULL
              AND due_at <= coalesce($1::timestamptz, statement_timestamp()) AND fired_at IS NULL
              AND (lease_until IS NULL OR lease_until <= clock_timestamp())
            ORDER BY lease_until NULLS FIRST, due_at
            LIMIT $3
              FOR UPDATE SKIP LOCKED))
RETURNING id, case_id, sku, kind, started_at, due_at, stopped_at, fired_at;

-- name: moment_if_due
-- Return the present moment where a clock is due and has not fired; no row where it is not.
SELECT clock_timestamp() FROM clocks
 WHERE id = $1 AND stopped_at IS NULL AND paused_at IS NULL AND fired_at IS NULL
   AND due_at <= clock_timestamp();

-- name: mark_fired
-- Note that a clock has fired.
UPDATE clocks SET fired_at = $2, lease_until = NULL WHERE id = $1;

-- name: open_task
-- Ask a person for something; where that is asked already, the words are renewed.
INSERT INTO manual_tasks (id, case_id, sku, catalogue, remote_id, task, instruction, assigned_to,
                          opened_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (case_id, catalogue, remote_id, task) WHERE resolved_at IS NULL DO UPDATE SET
    instruction = excluded.instruction;

-- name: close_tasks
-- Close open tasks of a case; of one sort or all, of one catalogue object or all.
UPDATE manual_tasks SET resolved_at = $5, resolved_by = $6, note = $7
 WHERE case_id = $1 AND resolved_at IS NULL
   AND ($2::text IS NULL OR task = $2)
   AND ($3::text IS NULL OR (catalogue = $3 AND remote_id = $4));

-- name: tasks
-- Return every task of a case.
SELECT id, case_id, catalogue, remote_id, task, instruction, assigned_to, opened_at, resolved_at,
       resolved_by, note
  FROM manual_tasks
 WHERE case_id = $1
 ORDER BY opened_at, id;
