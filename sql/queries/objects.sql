-- Catalogue objects. Leases and delays are on the database's own clock.
--
-- While a worker holds a lease, next_at equals lease_until: should the worker die, the object is
-- due then. A next_at that differs is somebody's wish to look again, and outlives the lease.
--
-- sent_at is when a stop was sent, or may have been: from then on the before-image is kept. An object
-- at rest has none: nothing of ours is in force, or may still come to be.

-- name: objects_of_sku
-- Return the objects of a SKU.
SELECT * FROM catalogue_objects WHERE sku = $1 ORDER BY catalogue, remote_id;

-- name: lock_objects_of_sku
-- Lock the objects of a SKU and return them.
SELECT * FROM catalogue_objects WHERE sku = $1 ORDER BY catalogue, remote_id FOR UPDATE;

-- name: object
-- Return one object.
SELECT * FROM catalogue_objects WHERE sku = $1 AND catalogue = $2 AND remote_id = $3;

-- name: claim_due
-- Claim objects of a catalogue that are due: stops, then what was seen stopped, then releases. A lease
-- that was never given back is noted in sent_at; but not where nobody can have sent anything ($5).
UPDATE catalogue_objects AS known
   SET next_at = at + $2::interval, lease_until = at + $2::interval, lease_token = $3,
       sent_at = CASE WHEN wanted = 'sellable' THEN sent_at
                      WHEN $5 THEN sent_at
                      ELSE coalesce(sent_at, lease_until) END
  FROM (SELECT clock_timestamp() AS at) AS clock
 WHERE known.ctid = ANY (ARRAY(
           SELECT ctid FROM catalogue_objects
            WHERE catalogue = $1 AND next_at <= clock_timestamp()
              AND (lease_until IS NULL OR lease_until <= clock_timestamp())
            ORDER BY wanted = 'sellable',
                     status = 'confirmed'
                     OR status = 'unreachable' AND attempts = 0 AND failing_since IS NOT NULL,
                     next_at
            LIMIT $4
              FOR UPDATE SKIP LOCKED))
RETURNING known.*;

-- name: claim_unseen
-- Claim objects that are confirmed as stopped by a read-back older than an age, due or not. One
-- from the future tells no more: somebody's clock was set back since.
UPDATE catalogue_objects AS known
   SET next_at = at + $2::interval, lease_until = at + $2::interval, lease_token = $3
  FROM (SELECT clock_timestamp() AS at) AS clock
 WHERE known.ctid = ANY (ARRAY(
           SELECT ctid FROM catalogue_objects
            WHERE catalogue = $1 AND next_at IS NOT NULL AND status = 'confirmed'
              AND (lease_until IS NULL OR lease_until <= clock_timestamp())
              AND (seen_at BETWEEN $5::timestamptz - $6::interval
                               AND $5::timestamptz + $6::interval) IS NOT TRUE
            ORDER BY next_at
            LIMIT $4
              FOR UPDATE SKIP LOCKED))
RETURNING known.*;

-- name: seconds_until_due
-- Return the seconds until the next object of a catalogue is due; null where none ever is.
SELECT extract(epoch FROM min(greatest(next_at, lease_until)) - clock_timestamp())::float8
  FROM (SELECT next_at, lease_until FROM catalogue_objects
         WHERE catalogue = $1 AND next_at IS NOT NULL
         ORDER BY next_at
         LIMIT 200) AS nearest;

-- name: replace_unresolved
-- Put the objects that were found in the place of the row that stood for all of them.
WITH gone AS (
    DELETE FROM catalogue_objects
     WHERE sku = $1 AND catalogue = $2 AND remote_id = '' AND lease_token IS NOT DISTINCT FROM $3
    RETURNING wanted, wanted_revision
)
INSERT INTO catalogue_objects AS known (sku, catalogue, remote_id, wanted, wanted_revision, status,
                                        before_image, before_at, takes_along, next_at, lease_until,
                                        lease_token)
SELECT $1, $2, found.remote_id, gone.wanted, gone.wanted_revision,
       CASE WHEN gone.wanted = 'sellable' THEN 'idle' ELSE 'pending' END,
       found.image, $5, found.takes_along, at + $6::interval, at + $6::interval, $3
  FROM gone, (SELECT clock_timestamp() AS at) AS clock,
       jsonb_to_recordset($4) AS found (remote_id text, image jsonb, takes_along text[])
 ORDER BY found.remote_id COLLATE "C"
ON CONFLICT (sku, catalogue, remote_id) DO UPDATE SET
    wanted = excluded.wanted,
    wanted_revision = greatest(known.wanted_revision, excluded.wanted_revision),
    status = CASE WHEN known.wanted = excluded.wanted THEN known.status ELSE 'pending' END,
    before_image = CASE
        WHEN known.before_image IS NULL OR known.written IS NULL AND known.sent_at IS NULL
            THEN excluded.before_image
        ELSE known.before_image END,
    before_at = CASE
        WHEN known.before_image IS NULL OR known.written IS NULL AND known.sent_at IS NULL
            THEN excluded.before_at
        ELSE known.before_at END,
    takes_along = excluded.takes_along,
    next_at = CASE
        WHEN known.lease_until > clock_timestamp() THEN known.lease_until + interval '1 second'
        ELSE excluded.next_at END,
    lease_until = excluded.lease_until,
    lease_token = excluded.lease_token
RETURNING *;

-- name: save_before_image
-- Save a before-image where there is none, or where none of our stops can have been sent yet.
UPDATE catalogue_objects SET before_image = $4, before_at = $5
 WHERE sku = $1 AND catalogue = $2 AND remote_id = $3
   AND (before_image IS NULL OR written IS NULL AND sent_at IS NULL);

-- name: keep_earlier_image
-- Replace the image of an object that a hold covers by one that was read earlier, during the hold.
UPDATE catalogue_objects AS known SET before_image = $4, before_at = $5
 WHERE sku = $1 AND catalogue = $2 AND remote_id = $3 AND wanted <> 'sellable' AND before_at > $5
   AND EXISTS (
           SELECT FROM holds
            WHERE holds.sku = known.sku AND state IN ('active', 'releasing') AND since <= $5);

-- name: amend_image
-- Put fields into a before-image as they were just before they were written for the first time.
UPDATE catalogue_objects SET before_image = before_image || $5
 WHERE sku = $1 AND catalogue = $2 AND remote_id = $3 AND lease_token = $4;

-- name: sold_as_one
-- Return the rows of other SKUs for the same object where a stop is, may be or was in force lately,
-- each with the earliest moment from which it may have been: the first hold since its image was read,
-- or since it was put back; else the oldest in force. Null where there is none.
SELECT other.*,
       coalesce((SELECT min(since) FROM cases JOIN holds ON holds.case_id = cases.id
                  WHERE cases.sku = other.sku
                    AND since >= greatest(other.before_at, other.restored_at)),
                (SELECT min(since) FROM holds
                  WHERE holds.sku = other.sku AND state IN ('active', 'releasing'))
               ) AS stopped_since
  FROM catalogue_objects AS other
 WHERE catalogue = $2 AND remote_id = $3 AND sku <> $1
   AND (wanted <> 'sellable' OR sent_at IS NOT NULL OR restored_at IS NOT NULL)
 ORDER BY sku;

-- name: stopped_since
-- Return the same moment of one SKU's row, whose image was read ($2) and that was put back ($3) then.
SELECT coalesce((SELECT min(since) FROM cases JOIN holds ON holds.case_id = cases.id
                  WHERE cases.sku = $1
                    AND since >= greatest($2::timestamptz, $3::timestamptz)),
                (SELECT min(since) FROM holds
                  WHERE sku = $1 AND state IN ('active', 'releasing')));

-- name: lock_heirs
-- Lock the rows of other SKUs for the same object that are to be stopped, and return them.
SELECT * FROM catalogue_objects
 WHERE catalogue = $2 AND remote_id = $3 AND sku <> $1 AND wanted <> 'sellable'
 ORDER BY sku
   FOR UPDATE;

-- name: leave_to
-- Leave to a row what the stops of another SKU wrote; it is due at once.
UPDATE catalogue_objects
   SET inherited = $4, next_at = CASE WHEN next_at IS NULL THEN NULL ELSE clock_timestamp() END
 WHERE sku = $1 AND catalogue = $2 AND remote_id = $3;

-- name: wake_as_one
-- Make due what is to be stopped of other SKUs for the same object.
UPDATE catalogue_objects SET next_at = clock_timestamp()
 WHERE catalogue = $2 AND remote_id = $3 AND sku <> $1 AND wanted <> 'sellable'
   AND next_at IS NOT NULL;

-- name: add_found
-- Add objects of a stopped SKU that were not known; they are due at once.
INSERT INTO catalogue_objects (sku, catalogue, remote_id, wanted, wanted_revision, status,
                               before_image, before_at, takes_along, next_at)
SELECT $1, $2, found.remote_id, stopped.wanted, stopped.wanted_revision, 'pending', found.image,
       $4, found.takes_along, clock_timestamp()
  FROM (SELECT wanted, wanted_revision FROM catalogue_objects
         WHERE sku = $1 AND catalogue = $2 AND wanted <> 'sellable'
         ORDER BY wanted_revision DESC
         LIMIT 1) AS stopped,
       jsonb_to_recordset($3) AS found (remote_id text, image jsonb, takes_along text[])
 ORDER BY found.remote_id COLLATE "C"
ON CONFLICT (sku, catalogue, remote_id) DO NOTHING;

-- name: renew
-- Lengthen a lease that nobody took over, and note which further means may be in force.
UPDATE catalogue_objects AS known
   SET next_at = CASE WHEN next_at = lease_until THEN at + $5::interval ELSE next_at END,
       lease_until = at + $5::interval,
       fallbacks = $6
  FROM (SELECT clock_timestamp() AS at) AS clock
 WHERE sku = $1 AND catalogue = $2 AND remote_id = $3 AND lease_token = $4
   AND ($7::bigint IS NULL OR wanted_revision = $7);

-- name: overtaken
-- Note what a worker may have written after its lease was lost; a stop ($4) that came too late for
-- a release has to be taken back, and a release that came too late for a stop is looked at.
UPDATE catalogue_objects AS known
   SET written = CASE WHEN $4 AND $5::jsonb IS NOT NULL
                      THEN coalesce(written, '{}') || $5 ELSE written END,
       fallbacks = CASE WHEN $4
                        THEN fallbacks || ARRAY(SELECT unnest($6::text[])
                                                EXCEPT SELECT unnest(fallbacks))
                        ELSE fallbacks END,
       sent_at = CASE WHEN $4 OR wanted <> 'sellable' THEN clock_timestamp() ELSE sent_at END,
       status = CASE WHEN $4 AND wanted = 'sellable' AND status = 'idle' THEN 'pending'
                     ELSE status END,
       next_at = CASE WHEN $4 OR wanted <> 'sellable' THEN clock_timestamp() ELSE next_at END
 WHERE sku = $1 AND catalogue = $2 AND remote_id = $3;

-- name: settle
-- Store what a worker did and saw; where more is wanted by now, that is due at once. What comes to
-- rest forgets its stop, unless somebody wished to look again: a late command may still land.
UPDATE catalogue_objects AS known
   SET status = CASE WHEN wanted_revision > $5 THEN 'pending' ELSE $6 END,
       detail = $7,
       before_image = coalesce(before_image, $8),
       before_at = CASE WHEN before_image IS NULL AND $8 IS NOT NULL THEN $9 ELSE before_at END,
       written = CASE WHEN released AND wished THEN written ELSE $10 END,
       fallbacks = $11, takes_along = $12,
       seen_sellable = $13, seen_side = $14, seen_at = $15,
       sent_at = CASE WHEN NOT released THEN greatest($16, sent_at)
                      WHEN wished THEN sent_at
                      ELSE $16 END,
       attempts = CASE WHEN wanted_revision > $5 THEN attempts ELSE $17 END,
       failing_since = CASE WHEN wanted_revision > $5 THEN failing_since ELSE $18 END,
       inherited = CASE WHEN released AND NOT wished AND $10::jsonb IS NULL THEN NULL
                        ELSE inherited END,
       restored_at = CASE WHEN released THEN at ELSE restored_at END,
       next_at = CASE
           WHEN wanted_revision > $5 THEN at
           WHEN wished THEN least(next_at, at + make_interval(secs => $19))
           ELSE at + make_interval(secs => $19) END,
       lease_until = NULL, lease_token = NULL
  FROM (SELECT sku, catalogue, remote_id, clock_timestamp() AS at,
               wanted = 'sellable' AND $6 IN ('idle', 'not_listed') AS released,
               next_at IS DISTINCT FROM lease_until AS wished
          FROM catalogue_objects
         WHERE sku = $1 AND catalogue = $2 AND remote_id = $3 AND lease_token = $4
           FOR UPDATE) AS held
 WHERE known.sku = held.sku AND known.catalogue = held.catalogue
   AND known.remote_id = held.remote_id;

-- name: see_again
-- Store that a confirmed object was read back once more, where nobody has wished for anything since
-- and every case of its SKU is where a stop brings it no further: stopped ($12), all of it.
UPDATE catalogue_objects
   SET detail = $6, seen_sellable = $7, seen_side = $8, seen_at = $9, attempts = $10,
       failing_since = $11, next_at = clock_timestamp() + make_interval(secs => $13),
       lease_until = NULL, lease_token = NULL
 WHERE sku = $1 AND catalogue = $2 AND remote_id = $3 AND lease_token = $4
   AND wanted_revision = $5 AND status = 'confirmed'
   AND next_at IS NOT DISTINCT FROM lease_until
   AND EXISTS (SELECT FROM holds WHERE sku = $1 AND state = 'active')
   AND NOT EXISTS (
           SELECT FROM holds
             JOIN cases ON cases.id = case_id
            WHERE holds.sku = $1 AND holds.state IN ('active', 'releasing')
              AND (holds.state = 'releasing' OR narrowing IS NOT NULL
                   OR cases.state <> ALL ($12::text[])));

-- name: wake
-- Make objects due at once that wait for a retry or a check.
UPDATE catalogue_objects SET next_at = clock_timestamp()
 WHERE next_at IS NOT NULL
   AND ($1::text IS NULL OR catalogue = $1) AND ($2::text IS NULL OR sku = $2);

-- name: stopped_objects
-- Return what is confirmed as stopped in a catalogue, a page at a time.
SELECT sku, remote_id FROM catalogue_objects
 WHERE catalogue = $1 AND next_at IS NOT NULL AND status = 'confirmed' AND wanted <> 'sellable'
   AND (sku, remote_id) > ($2, $3)
 ORDER BY sku, remote_id
 LIMIT $4;

-- name: wake_these
-- Make objects due at once that are confirmed as stopped and that nobody works on.
UPDATE catalogue_objects AS known SET next_at = clock_timestamp()
  FROM unnest($2::text[], $3::text[]) AS astray (sku, remote_id)
 WHERE known.sku = astray.sku AND known.catalogue = $1 AND known.remote_id = astray.remote_id
   AND next_at IS NOT NULL AND status = 'confirmed' AND wanted <> 'sellable'
   AND (lease_until IS NULL OR lease_until <= clock_timestamp());

-- name: wake_named
-- Make objects due that are confirmed as stopped and that are named, by SKU, remote id or a part of
-- it. What was read back a moment ago is, a second later: who repeats names makes no crowd.
UPDATE catalogue_objects AS known
   SET next_at = LEAST(known.next_at,
                       GREATEST(clock_timestamp(), known.seen_at + interval '1 second'))
  FROM (SELECT sku, remote_id FROM catalogue_objects
         WHERE catalogue = $1 AND next_at IS NOT NULL AND status = 'confirmed'
           AND wanted <> 'sellable'
           AND (remote_id = ANY ($2::text[]) OR sku = ANY ($2::text[])
                OR string_to_array(remote_id, '/') && $2::text[])
           AND (lease_until IS NULL OR lease_until <= clock_timestamp())
           FOR UPDATE SKIP LOCKED) AS named
 WHERE known.catalogue = $1 AND known.sku = named.sku AND known.remote_id = named.remote_id;

-- name: checks
-- Return which catalogues were proved, each with the fingerprint of its configuration then.
SELECT catalogue, fingerprint FROM catalogue_checks;

-- name: was_proved
-- Say whether a catalogue was proved at any time, with whatever configuration.
SELECT EXISTS (SELECT FROM catalogue_checks WHERE catalogue = $1);

-- name: note_check
-- Note that a catalogue was proved.
INSERT INTO catalogue_checks AS known (catalogue, fingerprint, passed_at, passed_by, sku)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (catalogue) DO UPDATE SET
    fingerprint = excluded.fingerprint, passed_at = excluded.passed_at,
    passed_by = excluded.passed_by, sku = excluded.sku;

-- name: reserve_objects
-- Take objects in hand that are to be stopped for a moment and put back: with their images, a lease,
-- and the note that a stop may have been sent. No row for one that is wanted stopped, that somebody
-- has in hand, or that was stopped or released since a revision ($9).
INSERT INTO catalogue_objects AS known (sku, catalogue, remote_id, wanted, wanted_revision, status,
                                        detail, before_image, before_at, takes_along, sent_at,
                                        next_at, lease_until, lease_token)
SELECT $1, $2, found.remote_id, 'sellable', $7, 'pending', $8, found.image, $4, found.takes_along,
       at, at + $5::interval, at + $5::interval, $6
  FROM (SELECT clock_timestamp() AS at) AS clock,
       jsonb_to_recordset($3) AS found (remote_id text, image jsonb, takes_along text[])
 WHERE NOT EXISTS (
           SELECT FROM catalogue_objects
            WHERE sku = $1 AND catalogue = $2
              AND (wanted <> 'sellable' OR lease_until > clock_timestamp()))
 ORDER BY found.remote_id COLLATE "C"
ON CONFLICT (sku, catalogue, remote_id) DO UPDATE SET
    wanted_revision = excluded.wanted_revision,
    status = 'pending',
    detail = excluded.detail,
    before_image = excluded.before_image,
    before_at = excluded.before_at,
    written = NULL,
    fallbacks = '{}',
    takes_along = excluded.takes_along,
    sent_at = excluded.sent_at,
    attempts = 0,
    failing_since = NULL,
    next_at = excluded.next_at,
    lease_until = excluded.lease_until,
    lease_token = excluded.lease_token
 WHERE known.wanted = 'sellable' AND known.status = 'idle' AND known.wanted_revision <= $9
RETURNING *;

-- name: note_written
-- Note what a stop has written into an object that is in hand.
UPDATE catalogue_objects SET written = coalesce(written, '{}') || $5
 WHERE sku = $1 AND catalogue = $2 AND remote_id = $3 AND lease_token = $4;

-- name: left_behind
-- Return the objects of a catalogue that may be stopped, that no hold is about and nobody has in hand.
SELECT sku, catalogue, remote_id FROM catalogue_objects AS known
 WHERE catalogue = $1 AND remote_id <> '' AND wanted = 'sellable'
   AND status IN ('pending', 'refused', 'unreachable')
   AND (lease_until IS NULL OR lease_until <= clock_timestamp())
   AND NOT EXISTS (
           SELECT FROM holds
            WHERE holds.sku = known.sku AND holds.state IN ('active', 'releasing'))
 ORDER BY sku, remote_id;

-- name: take_up
-- Claim one object that is to be released and that nobody has in hand; else no row.
UPDATE catalogue_objects AS known
   SET next_at = at + $4::interval, lease_until = at + $4::interval, lease_token = $5
  FROM (SELECT clock_timestamp() AS at) AS clock
 WHERE sku = $1 AND catalogue = $2 AND remote_id = $3 AND wanted = 'sellable'
   AND status IN ('pending', 'refused', 'unreachable')
   AND (lease_until IS NULL OR lease_until <= clock_timestamp())
RETURNING known.*;

-- name: drop_unlisted
-- Forget that a catalogue does not list a SKU.
DELETE FROM catalogue_objects
 WHERE sku = $1 AND catalogue = $2 AND remote_id = ''
   AND wanted = 'sellable' AND status IN ('idle', 'not_listed');

-- name: refresh_images
-- Store images read ahead; objects that are, or were meanwhile, stopped or released keep theirs.
INSERT INTO catalogue_objects AS known (sku, catalogue, remote_id, wanted, status, before_image,
                                        before_at, takes_along)
SELECT $1, $2, remote_id, 'sellable', 'idle', image, $4, takes_along
  FROM jsonb_to_recordset($3) AS found (remote_id text, image jsonb, takes_along text[])
 WHERE NOT EXISTS (
           SELECT FROM catalogue_objects
            WHERE sku = $1 AND catalogue = $2 AND wanted <> 'sellable')
 ORDER BY remote_id COLLATE "C"
ON CONFLICT (sku, catalogue, remote_id) DO UPDATE SET
    before_image = excluded.before_image,
    before_at = excluded.before_at,
    takes_along = excluded.takes_along
 WHERE known.wanted = 'sellable' AND known.status = 'idle' AND known.sent_at IS NULL
   AND known.wanted_revision <= $5;

-- name: objects_of_cases
-- Return the objects of the SKUs of some cases, and whether a case that is being frozen has, or had, a
-- waiver for one, and which other case has a hold on its SKU.
SELECT c.id AS case_id, o.catalogue, o.remote_id, o.wanted, o.seen_sellable,
       CASE WHEN c.state = 'freezing' AND EXISTS (
                 SELECT FROM waivers AS w
                  WHERE w.case_id = c.id AND w.catalogue = o.catalogue
                    AND w.remote_id = o.remote_id)
            THEN 'waived' ELSE o.status END AS status,
       (SELECT h.case_id::text FROM holds AS h
         WHERE h.sku = c.sku AND h.state = 'active' AND h.case_id <> c.id
         LIMIT 1) AS held_by_other
  FROM cases AS c
  JOIN catalogue_objects AS o ON o.sku = c.sku
 WHERE c.id = ANY ($1::uuid[]);

-- name: wanted_of
-- Return what is wanted of the objects of some SKUs.
SELECT sku, catalogue, wanted FROM catalogue_objects WHERE sku = ANY ($1::text[]);

-- name: note_unlisted
-- Note that a catalogue does not list a SKU that nothing stops.
INSERT INTO catalogue_objects AS known (sku, catalogue, remote_id, wanted, status, seen_at)
VALUES ($1, $2, '', 'sellable', 'not_listed', $3)
ON CONFLICT (sku, catalogue, remote_id) DO UPDATE SET
    status = excluded.status,
    seen_at = excluded.seen_at
 WHERE known.wanted = 'sellable' AND known.status IN ('idle', 'not_listed');

-- name: skus_to_read_ahead
-- List the SKUs whose images are oldest, where they are older than a moment.
SELECT sku
  FROM (SELECT sku, read_ahead_at FROM skus ORDER BY read_ahead_at NULLS FIRST, sku LIMIT $2)
       AS oldest
 WHERE read_ahead_at IS NULL OR read_ahead_at < $1
 ORDER BY read_ahead_at NULLS FIRST, sku;

-- name: mark_read_ahead
-- Note when the images of a SKU were read ahead.
UPDATE skus SET read_ahead_at = $2 WHERE sku = $1;

-- name: troubled
-- Return the objects that do not obey.
SELECT * FROM catalogue_objects
 WHERE status IN ('refused', 'unreachable', 'drifted')
 ORDER BY sku, catalogue, remote_id;

-- name: waivers_of_case
-- Return the waivers of a case. One whose clock has stopped is over, whoever stopped it: the version
-- before this one stops the clock only.
SELECT w.* FROM waivers AS w
 WHERE case_id = $1
   AND EXISTS (
           SELECT FROM clocks
            WHERE case_id = $1 AND stopped_at IS NULL
              AND kind = 'waiver:' || concat_ws('/', w.catalogue, nullif(w.remote_id, '')))
 ORDER BY catalogue, remote_id;

-- name: waive_object
-- Note that a manager takes it upon himself that an object is not stopped, for one case. What is
-- seen of it, and that it is tried, stays as it is.
INSERT INTO waivers (case_id, sku, catalogue, remote_id, waived_by, until, why, waived_at)
SELECT id, sku, $2, $3, $4, $5, $6, $7 FROM cases WHERE id = $1
ON CONFLICT (case_id, catalogue, remote_id) DO UPDATE SET
    waived_by = excluded.waived_by,
    until = excluded.until,
    why = excluded.why,
    waived_at = excluded.waived_at;

-- name: unwaive_object
-- End a waiver.
DELETE FROM waivers WHERE case_id = $1 AND catalogue = $2 AND remote_id = $3;

-- name: move_waivers
-- Give the waivers of a case to the one into which it is merged; of two for one object the one that
-- ends first counts.
WITH moved AS (
    DELETE FROM waivers WHERE case_id = $1
    RETURNING sku, catalogue, remote_id, waived_by, waived_at, until, why
)
INSERT INTO waivers AS mine (case_id, sku, catalogue, remote_id, waived_by, waived_at, until, why)
SELECT $2, sku, catalogue, remote_id, waived_by, waived_at, until, why FROM moved
ON CONFLICT (case_id, catalogue, remote_id) DO UPDATE SET
    waived_by = excluded.waived_by,
    waived_at = excluded.waived_at,
    until = excluded.until,
    why = excluded.why
 WHERE excluded.until < mine.until;
