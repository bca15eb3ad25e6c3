-- Which notices leave singly and which as one mail. Delays are on the database's own clock, unless a
-- moment is given.

-- name: has_arrivals
-- Say whether any notice is not sorted yet.
SELECT EXISTS (SELECT FROM notices WHERE state = 'queued' AND sorted_at IS NULL);

-- name: lock_sorting
-- One sorts at a time: who counts must see what the others have counted.
SELECT pg_advisory_xact_lock(hashtext('sort_notices'));

-- name: arrivals
-- Return notices that are not sorted yet, in order, with what their readers were sent lately.
SELECT id, recipient, channel, address, kind, facts ->> 'lane' AS lane,
       (SELECT count(*)
          FROM (SELECT FROM notices AS recent
                 WHERE recent.recipient = one.recipient AND recent.channel = one.channel
                   AND recent.address = one.address
                   AND recent.sorted_at > coalesce($3::timestamptz, clock_timestamp())
                                          - $2::interval
                 LIMIT $4) AS lately)
         + (SELECT count(*) FROM notice_digests AS left_lately
             WHERE left_lately.recipient = one.recipient AND left_lately.channel = one.channel
               AND left_lately.address = one.address AND left_lately.outcome IS DISTINCT FROM 'dissolved'
               AND left_lately.closed_at > coalesce($3::timestamptz, clock_timestamp())
                                          - $2::interval) AS recent,
       EXISTS (SELECT FROM notice_digests AS open
                WHERE open.recipient = one.recipient AND open.channel = one.channel
                  AND open.address = one.address AND open.closed_at IS NULL) AS has_open,
       one.time_zone, quiet.begins, quiet.ends
  FROM notices AS one
  LEFT JOIN quiet_hours AS quiet ON one.recipient = 'person:' || quiet.person
 WHERE state = 'queued' AND sorted_at IS NULL
 ORDER BY created_at, n, id
 LIMIT $1;

-- name: sort_singly
-- These go by themselves.
UPDATE notices SET sorted_at = coalesce($2::timestamptz, clock_timestamp()) WHERE id = ANY ($1);

-- name: open_digest
-- Return the open digest of a reader, opening one where there is none; it waits until a moment ($7)
-- at least, where one is given.
INSERT INTO notice_digests (id, recipient, channel, address, opened_at, due_at)
VALUES ($1, $2, $3, $4, coalesce($6::timestamptz, clock_timestamp()),
        greatest(coalesce($6::timestamptz, clock_timestamp()) + $5::interval, $7::timestamptz))
ON CONFLICT (recipient, channel, address) WHERE closed_at IS NULL
DO UPDATE SET due_at = greatest(notice_digests.due_at, $7::timestamptz)
RETURNING id;

-- name: join_digest
-- These go with a digest.
UPDATE notices
   SET sorted_at = coalesce($3::timestamptz, clock_timestamp()), digest = $2
 WHERE id = ANY ($1);

-- name: take_along
-- Take earlier notices of the same cases out of open digests: what goes singly waits for none.
UPDATE notices
   SET digest = NULL
 WHERE id = ANY (ARRAY(
           SELECT member.id
             FROM notices AS single
             JOIN notices AS member
               ON member.case_id = single.case_id AND member.recipient = single.recipient
              AND member.channel = single.channel AND member.n < single.n
             JOIN notice_digests AS open ON open.id = member.digest AND open.closed_at IS NULL
            WHERE single.id = ANY ($1) AND member.state = 'queued'));

-- name: claim_digest
-- Close and claim a digest that is due, never past an earlier notice of a case to the same reader.
UPDATE notice_digests
   SET closed_at = coalesce(closed_at, $3::timestamptz, clock_timestamp()),
       lease_until = clock_timestamp() + $1::interval, lease_token = $2
 WHERE id = (
           SELECT id FROM notice_digests AS one
            WHERE ended_at IS NULL AND due_at <= coalesce($3::timestamptz, clock_timestamp())
              AND channel = ANY ($4)
              AND (channel = 'mail' OR NOT EXISTS (
                      SELECT FROM chat_addresses AS chat
                       WHERE chat.id::text = one.address
                         AND chat.not_before > coalesce($3::timestamptz, clock_timestamp())))
              AND (lease_until IS NULL OR lease_until <= clock_timestamp())
              AND NOT EXISTS (
                      SELECT FROM notices AS member
                        JOIN notices AS earlier
                          ON earlier.case_id = member.case_id
                         AND earlier.recipient = member.recipient
                         AND earlier.channel = member.channel AND earlier.n < member.n
                       WHERE member.digest = one.id AND member.state = 'queued'
                         AND earlier.state = 'queued' AND earlier.digest IS DISTINCT FROM one.id)
            ORDER BY due_at
            LIMIT 1
              FOR UPDATE SKIP LOCKED)
RETURNING id, recipient, channel, address, attempts, closed_at, tried, lease_token;

-- name: leave_out_answered
-- Mark the requests of a digest as answered whose clocks stood still before it was closed. A clock
-- that ran when the notice was made and has not been started anew since is the one it is about.
UPDATE notices AS member
   SET state = 'answered'
  FROM unnest($2::text[], $3::text[]) AS ask (kind, clock)
 WHERE member.digest = $1 AND member.state = 'queued' AND member.kind = ask.kind
   AND EXISTS (SELECT FROM clocks
                WHERE clocks.case_id = member.case_id
                  AND clocks.kind = coalesce(ask.clock, member.facts ->> 'clock')
                  AND clocks.started_at <= member.created_at
                  AND clocks.stopped_at BETWEEN member.created_at AND $4);

-- name: members
-- Return the notices of a digest, in order.
SELECT id, case_id, sku, n, recipient, channel, address, kind, facts, language, time_zone, state,
       attempts, last_error, created_at, sent_at, lease_token, tried
  FROM notices
 WHERE digest = $1 AND state = ANY ($2)
 ORDER BY created_at, n, id;

-- name: digest_sent
-- Note that a digest was sent, and all its notices with it.
WITH told AS (
    UPDATE notices
       SET state = 'sent', sent_at = $2, attempts = attempts + 1, last_error = NULL, next_at = NULL
     WHERE digest = $1 AND state = 'queued'
)
UPDATE notice_digests
   SET ended_at = $2, outcome = 'sent', attempts = attempts + 1, last_error = NULL,
       lease_until = NULL, lease_token = NULL
 WHERE id = $1 AND ended_at IS NULL;

-- name: digest_failed
-- Note a failed attempt of whoever holds the lease, if any; it is tried again after a delay.
UPDATE notice_digests
   SET attempts = attempts + 1, last_error = left($3, 1000),
       due_at = coalesce($5::timestamptz, clock_timestamp()) + make_interval(secs => $4),
       lease_until = NULL, lease_token = NULL
 WHERE id = $1 AND lease_token = $2 AND ended_at IS NULL
RETURNING id;

-- name: redirect_digest
-- Send a digest that did not arrive to another address, whole.
WITH redirected AS (
    UPDATE notice_digests
       SET address = $3, tried = tried || address, attempts = 0, last_error = left($4, 1000),
           due_at = coalesce($5::timestamptz, clock_timestamp()),
           lease_until = NULL, lease_token = NULL
     WHERE id = $1 AND lease_token = $2 AND ended_at IS NULL
    RETURNING id
), members AS (
    UPDATE notices
       SET address = $3, tried = tried || address
     WHERE digest IN (SELECT id FROM redirected) AND state = 'queued'
)
SELECT id FROM redirected;

-- name: release_lone
-- Let the one notice that a digest holds go by itself.
WITH ended AS (
    UPDATE notice_digests
       SET ended_at = closed_at, outcome = 'dissolved', lease_until = NULL, lease_token = NULL
     WHERE id = $1 AND lease_token = $2 AND ended_at IS NULL
    RETURNING id
)
UPDATE notices SET digest = NULL
  FROM ended
 WHERE digest = ended.id AND state = 'queued';

-- name: dissolve_digest
-- Give a digest up: its notices are sent one by one, and each fails or arrives by itself.
WITH dissolved AS (
    UPDATE notice_digests
       SET ended_at = coalesce($4::timestamptz, clock_timestamp()), outcome = 'dissolved',
           attempts = attempts + 1, last_error = left($3, 1000),
           lease_until = NULL, lease_token = NULL
     WHERE id = $1 AND lease_token = $2 AND ended_at IS NULL
    RETURNING id, attempts
)
UPDATE notices
   SET digest = NULL, attempts = dissolved.attempts
  FROM dissolved
 WHERE digest = dissolved.id AND state = 'queued';
