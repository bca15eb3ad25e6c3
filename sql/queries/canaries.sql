-- Canaries: who is at which, what it has stopped, and how its rounds went.

-- name: claim
-- Begin a round where one is due, by a lease; else no row. Due is it $5 after the last one began,
-- sooner ($6) where that one has left something stopped, and at once where its replica was killed.
INSERT INTO canaries AS known (catalogue, sku, begun_at, holder, lease_until)
VALUES ($1, $2, $3, $4, clock_timestamp() + $7::interval)
ON CONFLICT (catalogue) DO UPDATE SET
    sku = CASE WHEN known.images IS NULL THEN excluded.sku ELSE known.sku END,
    begun_at = excluded.begun_at,
    holder = excluded.holder,
    lease_until = excluded.lease_until
 WHERE (known.lease_until IS NULL OR known.lease_until <= clock_timestamp())
   AND (known.holder IS NOT NULL
        OR known.begun_at NOT BETWEEN $3::timestamptz - CASE
               WHEN known.images IS NULL THEN $5::interval ELSE $6::interval END AND $3)
RETURNING catalogue, sku, begun_at, finished_at, succeeded_at, result, detail, stop_seconds,
          release_seconds, images, alarmed_at;

-- name: renew
-- Hold on to the lease; no row where another one has it.
UPDATE canaries SET lease_until = clock_timestamp() + $3::interval
 WHERE catalogue = $1 AND holder = $2
RETURNING true;

-- name: keep_images
-- Note what is about to be stopped, as it is before; null: nothing of it is stopped any more.
UPDATE canaries SET images = $3
 WHERE catalogue = $1 AND holder = $2
RETURNING true;

-- name: finish
-- Note how a round went, and let go; what was seen to take so long stays until it is seen again.
UPDATE canaries
   SET finished_at = $3, result = $4, detail = $5,
       succeeded_at = CASE WHEN $4 = 'well' THEN $3 ELSE succeeded_at END,
       stop_seconds = coalesce($6, stop_seconds),
       release_seconds = coalesce($7, release_seconds),
       alarmed_at = $8, holder = NULL, lease_until = NULL
 WHERE catalogue = $1 AND holder = $2
RETURNING true;

-- name: listed
-- Return every canary with how its last rounds went.
SELECT catalogue, sku, begun_at, finished_at, succeeded_at, result, detail, stop_seconds,
       release_seconds, images, alarmed_at
  FROM canaries
 ORDER BY catalogue;
