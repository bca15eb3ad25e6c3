-- Feeds: when they speak, whether they fell silent, and what became of their cases.

-- name: note_heard
-- Add to what was heard of sources in hours; what is too old to learn from goes.
WITH heard AS (
    SELECT *
      FROM unnest($1::text[], $2::timestamptz[], $3::bigint[], $4::timestamptz[])
           AS heard (source, hour, signals, at)
), counted AS (
    INSERT INTO source_hours AS known (source, hour, signals)
    SELECT source, hour, signals FROM heard
     ORDER BY source COLLATE "C", hour
    ON CONFLICT (source, hour) DO UPDATE SET signals = known.signals + excluded.signals
), forgotten AS (
    DELETE FROM source_hours AS known
     USING heard
     WHERE known.source = heard.source AND known.hour < heard.hour - $5::interval
)
INSERT INTO sources AS known (source, name, updated_at, first_heard_at, last_heard_at)
SELECT source, source, max(at), min(at), max(at) FROM heard
 GROUP BY source
 ORDER BY source COLLATE "C"
ON CONFLICT (source) DO UPDATE SET
    first_heard_at = least(known.first_heard_at, excluded.first_heard_at),
    last_heard_at = greatest(known.last_heard_at, excluded.last_heard_at);

-- name: listen
-- Note that a replica is there to hear; return since when one is, without a gap longer than $2. No
-- row where another one has looked within $3.
INSERT INTO listening AS known (since, seen_at) VALUES ($1, $1)
ON CONFLICT (only_row) DO UPDATE SET
    since = CASE WHEN known.seen_at < excluded.seen_at - $2::interval THEN excluded.seen_at
                 ELSE known.since END,
    seen_at = excluded.seen_at
 WHERE known.seen_at <= excluded.seen_at - $3::interval
RETURNING since;

-- name: quiet
-- Return the sources that were not heard since $1, or for longer than they may be silent at $2, and
-- of whom nobody has been told; each with the hours in which it spoke, $3 before that at most.
SELECT source, name, first_heard_at, last_heard_at, max_silence,
       ARRAY(SELECT hour FROM source_hours AS hours
              WHERE hours.source = sources.source AND hour > last_heard_at - $3::interval
              ORDER BY hour) AS spoken
  FROM sources
 WHERE silent_since IS NULL
   AND (last_heard_at <= $1 OR last_heard_at < $2::timestamptz - max_silence)
 ORDER BY source;

-- name: mark_silent
-- Note that a source is silent; no row where it was heard meanwhile, or somebody was quicker.
UPDATE sources SET silent_since = last_heard_at
 WHERE source = $1 AND last_heard_at = $2 AND silent_since IS NULL
RETURNING true;

-- name: speaking_again
-- Note of the sources that were silent and have been heard since that they speak; return them.
UPDATE sources
   SET silent_since = NULL
  FROM (SELECT source, silent_since FROM sources
         WHERE last_heard_at > silent_since
         ORDER BY source
           FOR UPDATE) AS before
 WHERE sources.source = before.source
RETURNING sources.source, name, first_heard_at, before.silent_since, last_heard_at;

-- name: silent
-- Count the sources that are silent.
SELECT count(*) FROM sources WHERE silent_since IS NOT NULL;

-- name: listed
-- Return sources, or one, with how many signals a day they sent in the last 28 days before they
-- were last heard.
SELECT source, name, trust, false_alarms, max_silence, first_heard_at, last_heard_at, silent_since,
       (SELECT sum(signals) FROM source_hours AS hours
         WHERE hours.source = sources.source AND hour > last_heard_at - interval '28 days')
       / greatest(1, least(28, extract(epoch FROM last_heard_at - first_heard_at) / 86400))
       AS usual_per_day
  FROM sources
 WHERE $1::text IS NULL OR source = $1
 ORDER BY source;

-- name: silent_of_case
-- Return the sources of a case's complaints where every one of them is silent, else nothing.
SELECT source, silent_since
  FROM (SELECT DISTINCT source FROM case_signals WHERE case_id = $1) AS of_case
  LEFT JOIN sources USING (source)
 WHERE NOT EXISTS (
       SELECT FROM case_signals AS also
         LEFT JOIN sources AS known USING (source)
        WHERE also.case_id = $1 AND known.silent_since IS NULL)
 ORDER BY source;

-- name: judge
-- Note whether the sources of what counted for a case were right; the latest word on a case counts.
INSERT INTO source_verdicts AS known (source, case_id, at, was_right)
SELECT DISTINCT source, $1::uuid, $2::timestamptz, $3::boolean
  FROM case_signals
 WHERE case_id = $1 AND counted
 ORDER BY source
ON CONFLICT (source, case_id) DO UPDATE SET
    at = excluded.at,
    was_right = excluded.was_right;

-- name: verdicts
-- Return every source's given trust, and what became of its cases since a moment.
SELECT source, trust,
       ARRAY(SELECT at FROM source_verdicts AS own
              WHERE own.source = sources.source AND was_right AND at > $1 ORDER BY at) AS were_right,
       ARRAY(SELECT at FROM source_verdicts AS own
              WHERE own.source = sources.source AND NOT was_right AND at > $1 ORDER BY at)
       AS were_wrong
  FROM sources;
