-- Keys of repeated writes, and the answers they got.

-- name: begin
-- Claim a key that is new, was left by a killed process, or is too old to matter; else no row.
INSERT INTO idempotency_keys AS known (actor, key, fingerprint, started_at)
VALUES ($1, $2, $3, $4)
ON CONFLICT (actor, key) DO UPDATE SET
    fingerprint = excluded.fingerprint,
    started_at = excluded.started_at,
    status = NULL,
    headers = NULL,
    body = NULL
 WHERE known.started_at < $6
    OR known.status IS NULL AND known.started_at < $5 AND known.fingerprint = $3
RETURNING true;

-- name: known
-- Return what is kept of a key.
SELECT fingerprint, status, headers, body FROM idempotency_keys WHERE actor = $1 AND key = $2;

-- name: finish
-- Keep the answer of a request that has run.
UPDATE idempotency_keys SET status = $3, headers = $4, body = $5
 WHERE actor = $1 AND key = $2 AND status IS NULL;

-- name: abandon
-- Free a key whose request came to nothing.
DELETE FROM idempotency_keys WHERE actor = $1 AND key = $2 AND status IS NULL;

-- name: forget
-- Forget keys that are too old to matter, some at a time.
DELETE FROM idempotency_keys
 WHERE (actor, key) IN (
           SELECT actor, key FROM idempotency_keys WHERE started_at < $1
            ORDER BY started_at LIMIT $2 FOR UPDATE SKIP LOCKED);
