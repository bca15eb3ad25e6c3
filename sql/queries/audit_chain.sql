-- The audit record as a hash chain.

-- name: instance
-- Return which chain this is.
SELECT instance FROM audit_origin;

-- name: take_turn
-- Return the moment where nobody else chains now, until the end of the transaction; else null.
SELECT CASE WHEN pg_try_advisory_xact_lock(hashtext('audit_chain')) THEN clock_timestamp() END;

-- name: head
-- Return the last link.
SELECT position, audit_seq, chained_at, salt, digest, hash
  FROM audit_chain
 ORDER BY position DESC
 LIMIT 1;

-- name: highest_seq
-- Return the highest audit row that is chained; lower ones may still be missing.
SELECT coalesce(max(audit_seq), 0) FROM audit_chain;

-- name: frontier
-- Return about which number rows are chained now; single ones that lie far off do not count.
SELECT coalesce(percentile_disc(0.9) WITHIN GROUP (ORDER BY audit_seq), 0)::bigint
  FROM (SELECT audit_seq FROM audit_chain ORDER BY position DESC LIMIT 100) AS last;

-- name: end_of_next
-- Return the number of the last one of the next rows, null where there are none: numbers may lie
-- far apart, so a walk over rows does not count on them.
SELECT max(seq) FROM (SELECT seq FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2) AS next;

-- name: unchained
-- Return audit rows of a stretch that are not chained yet, in order.
SELECT seq, at, actor, action, subject, why, details::text, request_id
  FROM audit
 WHERE seq > $1 AND seq <= $2
   AND (SELECT true FROM audit_chain WHERE audit_seq = seq) IS NULL
 ORDER BY seq
 LIMIT $3;

-- name: append
-- Add links.
INSERT INTO audit_chain (position, audit_seq, chained_at, salt, digest, hash)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::bytea[], $5::bytea[],
                     $6::bytea[]);

-- name: backlog
-- Count what waits to be chained among the newest rows, and since when. `$1` is the frontier.
SELECT count(*) AS rows, min(at) AS oldest_at
  FROM (SELECT at
          FROM audit
         WHERE seq > $1
           AND (SELECT true FROM audit_chain WHERE audit_seq = seq) IS NULL
         LIMIT 10000) AS waiting;

-- name: links
-- Return the next links.
SELECT position, audit_seq, chained_at, salt, digest, hash
  FROM audit_chain
 WHERE position > $1
 ORDER BY position
 LIMIT $2;

-- name: rows
-- Return audit rows by their numbers, as far as they are there.
SELECT seq, at, actor, action, subject, why, details::text, request_id
  FROM audit
 WHERE seq = ANY ($1::bigint[]);

-- name: stretch
-- Return the links from one position to another, without what they are about.
SELECT position, audit_seq, chained_at, salt, digest, hash
  FROM audit_chain
 WHERE position BETWEEN $1 AND $2
 ORDER BY position;

-- name: of_subject
-- Return the audit rows of one subject with their links, as far as they are chained.
SELECT seq, at, actor, action, subject, why, details::text, request_id,
       position, audit_seq, chained_at, salt, digest, audit_chain.hash
  FROM audit
  LEFT JOIN audit_chain ON audit_seq = seq
 WHERE subject = $1
 ORDER BY seq;
