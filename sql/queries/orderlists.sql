-- Cases whose orders under way are announced by themselves. Times are the database's own clock.

-- name: want
-- Have the orders of a case announced, also where that was done for an earlier freeze of it.
INSERT INTO order_lists (case_id, wanted_at, next_at)
VALUES ($1, $2, clock_timestamp())
ON CONFLICT (case_id) DO UPDATE
   SET wanted_at = excluded.wanted_at, catalogues = NULL, attempts = 0,
       next_at = excluded.next_at;

-- name: claim
-- Claim the case that is due first; it is due again after the lease unless it is settled.
UPDATE order_lists
   SET next_at = clock_timestamp() + $1::interval, attempts = attempts + 1
 WHERE case_id = (
           SELECT case_id FROM order_lists
            WHERE next_at <= clock_timestamp()
            ORDER BY next_at, case_id
            LIMIT 1
              FOR NO KEY UPDATE SKIP LOCKED)
RETURNING case_id, wanted_at, catalogues, attempts;

-- name: settle
-- Note which catalogues are still to be asked, and after how long; no row where it was claimed or
-- wanted anew meanwhile.
UPDATE order_lists
   SET catalogues = $4, next_at = clock_timestamp() + $5::interval
 WHERE case_id = $1 AND wanted_at = $2 AND attempts = $3
RETURNING true;
