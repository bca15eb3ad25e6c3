-- The audit record.

-- name: entries
-- Return the record, of one subject or all, newest first.
SELECT seq, at, actor, action, subject, why, details, request_id
  FROM audit
 WHERE ($1::text IS NULL OR subject = $1) AND ($2::bigint IS NULL OR seq < $2)
 ORDER BY seq DESC
 LIMIT $3;

-- name: highest
-- Return the highest number that is committed; lower ones may still be missing.
SELECT coalesce(max(seq), 0) FROM audit;

-- name: changes_of_cases
-- Return rows behind a number, and those of the missing ones that are there by now, each with the
-- case that it is about, if it is about one.
SELECT seq, cases.id, cases.number, cases.version
  FROM (SELECT seq, subject FROM audit WHERE seq = ANY ($2::bigint[])
         UNION ALL
        (SELECT seq, subject FROM audit WHERE seq > $1 ORDER BY seq LIMIT $3)) AS fresh
  LEFT JOIN cases
    ON cases.id = CASE WHEN subject ~ '^case:[0-9a-f-]{36}$' THEN substr(subject, 6)::uuid END
 ORDER BY seq
 LIMIT $3;
