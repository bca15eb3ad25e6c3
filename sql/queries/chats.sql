-- Where people and teams read notices in a chat, and when they want none.

-- name: put
-- Store an address; it takes the place of the one of the same kind, and is as new.
INSERT INTO chat_addresses (id, recipient, kind, url, host, name, areas, language, time_zone,
                            created_at, created_by, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $10)
ON CONFLICT (recipient, kind) WHERE removed_at IS NULL
DO UPDATE SET url = excluded.url, host = excluded.host, name = excluded.name,
              areas = excluded.areas, language = excluded.language,
              time_zone = excluded.time_zone, updated_at = excluded.updated_at,
              created_by = excluded.created_by, state = 'active', why = '', not_before = NULL
RETURNING id, recipient, kind, url, host, name, areas, language, time_zone, state, why, created_at,
          created_by, updated_at;

-- name: address
-- Return an address that is not removed.
SELECT id, recipient, kind, url, host, name, areas, language, time_zone, state, why, created_at,
       created_by, updated_at
  FROM chat_addresses
 WHERE id = $1 AND removed_at IS NULL;

-- name: addresses
-- Return the addresses of somebody, or all of them.
SELECT id, recipient, kind, url, host, name, areas, language, time_zone, state, why, created_at,
       created_by, updated_at
  FROM chat_addresses
 WHERE removed_at IS NULL AND ($1::text IS NULL OR recipient = $1)
 ORDER BY recipient, kind;

-- name: count_teams
-- Return how many addresses teams have.
SELECT count(*) FROM chat_addresses WHERE removed_at IS NULL AND recipient LIKE 'team:%';

-- name: disable
-- Switch an address off, unless somebody has set another one meanwhile.
UPDATE chat_addresses SET state = 'disabled', why = left($3, 300), updated_at = $4
 WHERE id = $1 AND url = $2 AND state = 'active' AND removed_at IS NULL
RETURNING id;

-- name: hold_off
-- Send nothing to an address for so many seconds.
UPDATE chat_addresses
   SET not_before = coalesce($3::timestamptz, clock_timestamp()) + make_interval(secs => $2)
 WHERE id = $1;

-- name: remove
-- Forget an address; what waits for it has nowhere to go.
WITH gone AS (
    UPDATE chat_addresses SET removed_at = $2, updated_at = $2, url = '' WHERE id = $1
    RETURNING id
)
UPDATE notices
   SET state = 'bounced', last_error = 'the address was removed', next_at = NULL
  FROM gone
 WHERE address = gone.id::text AND channel <> 'mail' AND state = 'queued';

-- name: quiet_hours
-- Return when a person wants to hear of nothing that can wait.
SELECT begins, ends FROM quiet_hours WHERE person = $1;

-- name: put_quiet_hours
-- Store when a person wants to hear of nothing that can wait.
INSERT INTO quiet_hours (person, begins, ends, updated_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (person) DO UPDATE SET begins = excluded.begins, ends = excluded.ends,
                                   updated_at = excluded.updated_at;

-- name: remove_quiet_hours
-- Let a person hear of everything at once.
DELETE FROM quiet_hours WHERE person = $1;
