-- Webhooks: endpoints, messages, deliveries. Leases and delays are on the database's own clock,
-- what is due goes by another moment where one is given.
-- Messages of a change are stored by `write_deferred`, in the round trip of the change.

-- name: enqueue_for
-- Store a message for one endpoint, whatever it wants, and wake whoever sends.
WITH posted AS (
    INSERT INTO webhook_messages (id, vendor, thread, case_id, sku, type, at, data)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    RETURNING id, seq, thread
), dispatched AS (
    INSERT INTO webhook_deliveries (message_id, endpoint_id, seq, thread, state, next_at)
    SELECT id, $9, seq, thread, 'queued', clock_timestamp() FROM posted
)
SELECT pg_notify('freezeguard', 'webhooks');

-- name: add_endpoint
-- Store a new endpoint.
INSERT INTO webhook_endpoints (id, vendor, url, types, scheme, secret, description, state,
                               created_at, created_by, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'active', $9, $8, $9);

-- name: update_endpoint
-- Store what an endpoint is and how it stands.
UPDATE webhook_endpoints
   SET url = $2, types = $3, description = $4, secret = $5, previous_secret = $6,
       previous_until = $7, state = $8, why = left($9, 1000), failing_since = $10,
       warned_at = $11, disabled_at = $12, updated_at = $13,
       not_before = CASE WHEN $8 = 'active' THEN NULL ELSE not_before END
 WHERE id = $1;

-- name: remove_endpoint
-- Forget the secrets of an endpoint; its log stays.
UPDATE webhook_endpoints
   SET removed_at = $2, updated_at = $2, secret = '', previous_secret = NULL,
       previous_until = NULL, lease_until = NULL, lease_token = NULL
 WHERE id = $1;

-- name: endpoint
-- Return an endpoint that is not removed.
SELECT id, vendor, url, types, scheme, secret, description, previous_secret, previous_until, state,
       why, failing_since, warned_at, disabled_at, created_at, created_by, lease_token
  FROM webhook_endpoints
 WHERE id = $1 AND removed_at IS NULL;

-- name: lock_endpoint
-- Lock an endpoint that is not removed and return it; messages may be stored for it meanwhile.
SELECT id, vendor, url, types, scheme, secret, description, previous_secret, previous_until, state,
       why, failing_since, warned_at, disabled_at, created_at, created_by, lease_token
  FROM webhook_endpoints
 WHERE id = $1 AND removed_at IS NULL
   FOR NO KEY UPDATE;

-- name: endpoints
-- Return the endpoints of a vendor, or all of them.
SELECT id, vendor, url, types, scheme, secret, description, previous_secret, previous_until, state,
       why, failing_since, warned_at, disabled_at, created_at, created_by, lease_token
  FROM webhook_endpoints
 WHERE removed_at IS NULL AND ($1::text IS NULL OR vendor = $1)
 ORDER BY created_at, id;

-- name: count_endpoints
-- Return how many endpoints a vendor has, or the shop itself.
SELECT count(*) FROM webhook_endpoints
 WHERE removed_at IS NULL AND vendor IS NOT DISTINCT FROM $1::text;

-- name: is_test_waiting
-- Tell whether a test message waits for an endpoint, whatever was queued there since.
SELECT EXISTS (
           SELECT FROM webhook_deliveries
            WHERE endpoint_id = $1 AND state = 'queued' AND thread LIKE 'test:%');

-- name: troubled
-- Lock and return endpoints that have only failed since before a moment.
SELECT id, vendor, url, types, scheme, secret, description, previous_secret, previous_until, state,
       why, failing_since, warned_at, disabled_at, created_at, created_by, lease_token
  FROM webhook_endpoints
 WHERE removed_at IS NULL AND state = 'failing' AND failing_since <= $1
 ORDER BY id
   FOR NO KEY UPDATE SKIP LOCKED;

-- name: cancel_queued
-- Give up what waits for an endpoint.
UPDATE webhook_deliveries
   SET state = 'cancelled', next_at = NULL, settled_at = $2
 WHERE endpoint_id = $1 AND state = 'queued';

-- name: requeue_unsent
-- Queue again what was given up since a moment.
UPDATE webhook_deliveries
   SET state = 'queued', attempts = 0, next_at = clock_timestamp(), settled_at = NULL
 WHERE endpoint_id = $1 AND state IN ('failed', 'cancelled') AND settled_at >= $2;

-- name: replay
-- Queue the wanted messages of a while that an endpoint has not got, or all of them.
INSERT INTO webhook_deliveries (message_id, endpoint_id, seq, thread, state, next_at)
SELECT id, $1, seq, thread, 'queued', clock_timestamp()
  FROM webhook_messages AS one
 WHERE vendor IS NOT DISTINCT FROM $2::text AND at >= $3 AND at < $4
   AND ($5::text[] = '{}' OR type = ANY ($5)) AND type <> 'webhook.test'
ON CONFLICT (endpoint_id, message_id) DO UPDATE
   SET state = 'queued', attempts = 0, next_at = excluded.next_at, settled_at = NULL
 WHERE webhook_deliveries.state <> 'sent' OR $6;

-- name: wake
-- Wake whoever sends.
SELECT pg_notify('freezeguard', 'webhooks');

-- name: deliveries
-- Return deliveries of an endpoint with all their attempts, newest first.
SELECT one.seq, message_id, type, case_id, sku, at, state, attempts, next_at, settled_at,
       (SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'at', log.at, 'status', log.status, 'error', log.error,
                   'seconds', log.seconds) ORDER BY n), '[]')
          FROM webhook_attempts AS log
         WHERE log.endpoint_id = one.endpoint_id AND log.message_id = one.message_id) AS log
  FROM webhook_deliveries AS one
  JOIN webhook_messages AS message ON message.id = message_id
 WHERE endpoint_id = $1 AND ($2::bigint IS NULL OR one.seq < $2)
 ORDER BY one.seq DESC
 LIMIT $3;

-- name: claim_endpoint
-- Claim an endpoint that has something due, those in good order first.
UPDATE webhook_endpoints
   SET lease_until = clock_timestamp() + $1::interval, lease_token = $2
 WHERE id = (
           SELECT id FROM webhook_endpoints AS known
            WHERE removed_at IS NULL
              AND (state = 'active' OR (state = 'failing' AND $3))
              AND (lease_until IS NULL OR lease_until <= clock_timestamp())
              AND (not_before IS NULL OR not_before <= coalesce($4::timestamptz, clock_timestamp()))
              AND EXISTS (
                      SELECT FROM webhook_deliveries AS one
                       WHERE one.endpoint_id = known.id AND one.state = 'queued'
                         AND one.next_at <= coalesce($4::timestamptz, statement_timestamp())
                         AND NOT EXISTS (
                                 SELECT FROM webhook_deliveries AS earlier
                                  WHERE earlier.endpoint_id = one.endpoint_id
                                    AND earlier.thread = one.thread AND earlier.seq < one.seq
                                    AND earlier.state = 'queued'))
            ORDER BY state, lease_until NULLS FIRST, id
            LIMIT 1
              FOR NO KEY UPDATE SKIP LOCKED)
RETURNING id, vendor, url, types, scheme, secret, description, previous_secret, previous_until,
          state, why, failing_since, warned_at, disabled_at, created_at, created_by, lease_token;

-- name: next_message
-- Return what is due first at an endpoint, never past an earlier message of the same thread.
SELECT id, message.vendor, first.thread, type, at, data, sku, case_id, first.seq, attempts
  FROM (SELECT message_id, thread, seq, attempts
          FROM webhook_deliveries AS one
         WHERE endpoint_id = $1 AND state = 'queued'
           AND next_at <= coalesce($2::timestamptz, statement_timestamp())
           AND NOT EXISTS (
                   SELECT FROM webhook_deliveries AS earlier
                    WHERE earlier.endpoint_id = one.endpoint_id AND earlier.thread = one.thread
                      AND earlier.seq < one.seq AND earlier.state = 'queued')
         ORDER BY next_at, seq
         LIMIT 1) AS first
  JOIN webhook_messages AS message ON message.id = message_id;

-- name: log_attempt
-- Note what an endpoint answered.
INSERT INTO webhook_attempts (message_id, endpoint_id, at, status, error, seconds)
VALUES ($1, $2, $3, $4, left($5, 1000), $6);

-- name: sent
-- Note that a message was taken over, also where it was given up meanwhile.
UPDATE webhook_deliveries
   SET state = 'sent', attempts = attempts + 1, next_at = NULL, settled_at = $3
 WHERE endpoint_id = $1 AND message_id = $2 AND state <> 'sent';

-- name: failed
-- Note a failed attempt of whoever holds the lease; without a delay the message is given up.
UPDATE webhook_deliveries
   SET state = CASE WHEN $5::float8 IS NULL THEN 'failed' ELSE state END,
       attempts = attempts + 1,
       next_at = coalesce($6::timestamptz, clock_timestamp()) + make_interval(secs => $5),
       settled_at = CASE WHEN $5 IS NULL THEN $4::timestamptz END
 WHERE endpoint_id = $1 AND message_id = $2 AND state = 'queued'
   AND EXISTS (
           SELECT FROM webhook_endpoints AS known
            WHERE known.id = $1 AND known.lease_token = $3 AND removed_at IS NULL)
RETURNING message_id;

-- name: hold_off
-- Send nothing to an endpoint for so many seconds.
UPDATE webhook_endpoints
   SET not_before = coalesce($3::timestamptz, clock_timestamp()) + make_interval(secs => $2)
 WHERE id = $1;

-- name: release
-- Give back the lease of an endpoint, if it is still ours. What it waited for longest comes next.
UPDATE webhook_endpoints
   SET lease_until = clock_timestamp(), lease_token = NULL
 WHERE id = $1 AND lease_token = $2;
