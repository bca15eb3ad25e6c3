-- The audit record.

-- name: entries
-- Return the record, of one subject or all, newest first.
SELECT seq, at, actor, action, subject, why, details, request_id
  FROM audit
 WHERE ($1::text IS NULL OR subject = $1) AND ($2::bigint IS NULL OR seq < $2)
 ORDER BY seq DESC
 LIMIT $3;
