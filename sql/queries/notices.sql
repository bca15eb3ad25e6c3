-- The outbox of notices. Leases and delays are on the database's own clock, unless a moment is given.

-- name: claim_due
-- Claim notices that are due, never past an earlier one to the same reader of the same case.
UPDATE notices
   SET lease_until = clock_timestamp() + $1::interval, lease_token = $2
 WHERE ctid = ANY (ARRAY(
           SELECT ctid FROM notices AS one
            WHERE state = 'queued' AND next_at <= coalesce($4::timestamptz, clock_timestamp())
              AND sorted_at IS NOT NULL AND digest IS NULL AND channel = ANY ($5)
              AND (lease_until IS NULL OR lease_until <= clock_timestamp())
              AND (channel = 'mail' OR NOT EXISTS (
                      SELECT FROM chat_addresses AS chat
                       WHERE chat.id::text = one.address
                         AND chat.not_before > coalesce($4::timestamptz, clock_timestamp())))
              AND NOT EXISTS (
                      SELECT FROM notices AS earlier
                       WHERE earlier.case_id = one.case_id AND earlier.recipient = one.recipient
                         AND earlier.channel = one.channel AND earlier.n < one.n
                         AND earlier.state = 'queued')
            ORDER BY next_at, n
            LIMIT $3
              FOR UPDATE SKIP LOCKED))
RETURNING id, case_id, sku, n, recipient, channel, address, kind, facts, language, time_zone, state,
          attempts, last_error, created_at, sent_at, lease_token, tried;

-- name: seconds_until_due
-- Return the seconds until the next notice that may be claimed; null where none waits.
SELECT extract(epoch FROM min(greatest(next_at, lease_until)) - clock_timestamp())::float8
  FROM notices AS one
 WHERE state = 'queued' AND digest IS NULL
   AND NOT EXISTS (
           SELECT FROM notices AS earlier
            WHERE earlier.case_id = one.case_id AND earlier.recipient = one.recipient
              AND earlier.channel = one.channel AND earlier.n < one.n
              AND earlier.state = 'queued');

-- name: sent
-- Note that a notice was sent, also where the lease ran out meanwhile.
UPDATE notices
   SET state = 'sent', sent_at = $2, attempts = attempts + 1, last_error = NULL, next_at = NULL,
       lease_until = NULL, lease_token = NULL
 WHERE id = $1 AND state = 'queued';

-- name: failed
-- Note a failed attempt of whoever holds the lease, if any; without a delay the notice has bounced.
UPDATE notices
   SET state = CASE WHEN $4::float8 IS NULL THEN 'bounced' ELSE state END,
       attempts = attempts + 1, last_error = left($3, 1000),
       next_at = coalesce($5::timestamptz, clock_timestamp()) + make_interval(secs => $4),
       lease_until = NULL, lease_token = NULL
 WHERE id = $1 AND lease_token = $2 AND state = 'queued'
RETURNING id;

-- name: came_back
-- Note that a notice which had left came back from the address that it was sent to.
UPDATE notices
   SET state = 'bounced', last_error = left($3, 1000)
 WHERE id = $1 AND address = $2 AND state = 'sent'
RETURNING id;

-- name: redirect
-- Send a notice that did not arrive to another address: it is sorted anew.
UPDATE notices
   SET state = 'queued', address = $4, tried = tried || address, attempts = 0, sent_at = NULL,
       last_error = left($5, 1000), next_at = coalesce($6::timestamptz, clock_timestamp()),
       sorted_at = NULL, digest = NULL, lease_until = NULL, lease_token = NULL
 WHERE id = $1 AND address = $2
   AND (state = 'queued' AND lease_token = $3 OR state = 'sent' AND $3::uuid IS NULL)
RETURNING id;

-- name: of_case
-- Return the notices of a case, in order.
SELECT id, case_id, sku, n, recipient, channel, address, kind, facts, language, time_zone, state,
       attempts, last_error, created_at, sent_at, lease_token, tried
  FROM notices
 WHERE case_id = $1
 ORDER BY n, recipient, channel;

-- name: vendor_reacted
-- Note that a vendor has reacted to what it was told of a case: read it, or answered it.
UPDATE notices SET state = $2
 WHERE case_id = $1 AND recipient LIKE 'vendor:%'
   AND (state IN ('sent', 'delivered') OR (state = 'acknowledged' AND $2 = 'answered'));

-- name: untold
-- Return notices that have reached the vendor of a stopped sale whose case does not know it yet.
SELECT told.id, case_id, told.sku, n, recipient, told.channel, address, kind, facts, language,
       time_zone, told.state, attempts, last_error, created_at, sent_at, lease_token, tried
  FROM cases,
       LATERAL (SELECT * FROM notices
                 WHERE case_id = cases.id AND recipient LIKE 'vendor:%'
                   AND notices.state IN ('sent', 'delivered', 'acknowledged', 'answered')
                   AND created_at >= cases.frozen_at
                 ORDER BY n
                 LIMIT 1) AS told
 WHERE cases.state IN ('freezing', 'frozen', 'diagnosing', 'remedy_proposed', 'awaiting_approval')
   AND cases.vendor_status = 'unreached'
 LIMIT $1;

-- name: of_recipient
-- Return the latest notices to somebody, newest first.
SELECT id, case_id, sku, n, recipient, channel, address, kind, facts, language, time_zone, state,
       attempts, last_error, created_at, sent_at, lease_token, tried
  FROM notices
 WHERE recipient = $1
 ORDER BY created_at DESC, n DESC, id
 LIMIT $2;

-- name: notice
-- Return one notice.
SELECT id, case_id, sku, n, recipient, channel, address, kind, facts, language, time_zone, state,
       attempts, last_error, created_at, sent_at, lease_token, tried
  FROM notices
 WHERE id = $1;
