-- What `doctor` and the start of the service look at, in the database's own words.

-- name: server
-- Return the version of the server as a number, and its clock.
SELECT current_setting('server_version_num')::integer AS version, clock_timestamp() AS now;

-- name: role
-- Say whether the present role may do more than the service needs.
SELECT rolsuper OR rolbypassrls AS above,
       EXISTS (SELECT FROM pg_class
                WHERE relowner = roles.oid AND relnamespace = 'public'::regnamespace) AS owns
  FROM pg_roles AS roles
 WHERE rolname = current_user;

-- name: last_partition
-- Return the month of the last planned partition, as YYYY_MM.
SELECT max(right(relname, 7))
  FROM pg_class
  JOIN pg_inherits ON inhrelid = pg_class.oid
 WHERE inhparent = 'signals'::regclass AND relname ~ '^signals_\d{4}_\d{2}$';

-- name: catalogues_in_use
-- Count the objects of each catalogue that are, or should be, stopped.
SELECT catalogue, count(*) AS objects
  FROM catalogue_objects
 WHERE wanted <> 'sellable' OR status IN ('pending', 'refused', 'unreachable', 'drifted')
 GROUP BY catalogue
 ORDER BY catalogue;

-- name: failing_evaluations
-- Count the SKUs whose evaluation has failed and waits to be tried again.
SELECT count(*) FROM pending_evaluations WHERE attempts > 0;

-- name: chats_switched_off
-- Return whose chats are switched off, because they took nothing any more.
SELECT recipient, kind FROM chat_addresses
 WHERE state = 'disabled' AND removed_at IS NULL
 ORDER BY recipient, kind
 LIMIT 20;

-- name: late_notices
-- Count the notices that have waited for longer than ten minutes.
SELECT count(*) FROM notices
 WHERE state = 'queued' AND created_at < clock_timestamp() - interval '10 minutes';
