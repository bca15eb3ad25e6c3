-- People who signed in with a browser, and links and codes that let somebody in once.

-- name: open_session
-- Store a new session.
INSERT INTO sessions (token_hash, person, how, opened_at, seen_at, proved_at, ends_at)
VALUES ($1, $2, $3, $4, $4, $6, $5);

-- name: session
-- Return a session that runs, with its person as they are known now.
SELECT how, opened_at, seen_at, proved_at, ends_at,
       people.id, name, roles, email, vendor, areas, time_zone, language, calendar, deputy
  FROM sessions
  JOIN people ON people.id = person
 WHERE token_hash = $1 AND ended_at IS NULL AND active;

-- name: see
-- Note that a session was used.
UPDATE sessions SET seen_at = $2 WHERE token_hash = $1 AND seen_at < $2;

-- name: end_session
-- End a session.
UPDATE sessions SET ended_at = $2 WHERE token_hash = $1 AND ended_at IS NULL;

-- name: end_sessions_of
-- End every session of a person.
UPDATE sessions SET ended_at = $2 WHERE person = $1 AND ended_at IS NULL;

-- name: add_link
-- Store a link that lets a person in once.
INSERT INTO sign_in_links (secret_hash, person, issued_by, issued_at, expires_at)
VALUES ($1, $2, $3, $4, $5);

-- name: link
-- Return whom a link lets in, where it still does.
SELECT people.id, name, roles, email, vendor, areas, time_zone, language, calendar, deputy
  FROM sign_in_links
  JOIN people ON people.id = person
 WHERE secret_hash = $1 AND used_at IS NULL AND expires_at > $2 AND active;

-- name: use_link
-- Use up a link.
UPDATE sign_in_links SET used_at = $2
 WHERE secret_hash = $1 AND used_at IS NULL AND expires_at > $2;

-- name: identified
-- Return who somebody is whom a provider names so, where they may sign in.
SELECT people.id, name, roles, email, vendor, areas, time_zone, language, calendar, deputy
  FROM identities
  JOIN people ON people.id = person
 WHERE issuer = $1 AND subject = $2 AND active;

-- name: people_of_address
-- Return who may sign in and has this mail address, whatever the case of its letters.
SELECT id, name, roles, email, vendor, areas, time_zone, language, calendar, deputy
  FROM people
 WHERE lower(email) = lower($1) AND active;

-- name: identify
-- Keep who somebody is at a provider; false where another replica just has.
INSERT INTO identities (issuer, subject, person, linked_at)
VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING;

-- name: forget_sessions
-- Forget sessions that ended before a moment.
DELETE FROM sessions WHERE ends_at < $1 OR ended_at < $1;

-- name: forget_links
-- Forget links that let nobody in since a moment.
DELETE FROM sign_in_links WHERE expires_at < $1 OR used_at < $1;

-- name: lock_codes
-- Let others ask for codes after this transaction: what is limited is counted first.
SELECT pg_advisory_xact_lock(hashtext('sign_in_codes'));

-- name: add_code
-- Store a code for whoever holds the browser that asked.
INSERT INTO sign_in_codes (browser_hash, case_id, vendor, address, code_hash, asked_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: codes_asked
-- Count the codes asked for since: for a case, for an address, altogether.
SELECT (SELECT count(*) FROM sign_in_codes WHERE case_id = $1 AND asked_at > $2) AS of_case,
       (SELECT count(*) FROM sign_in_codes WHERE address = $3 AND asked_at > $4) AS of_address,
       (SELECT count(*) FROM sign_in_codes WHERE asked_at > $5) AS of_all;

-- name: try_code
-- Use up one try of a code, where it has one left; return what it needs to be compared.
UPDATE sign_in_codes SET tries = tries + 1
 WHERE browser_hash = $1 AND tries < $3 AND used_at IS NULL AND expires_at > $2
RETURNING case_id, vendor, address, code_hash;

-- name: use_code
-- Use up a code.
UPDATE sign_in_codes SET used_at = $2 WHERE browser_hash = $1 AND used_at IS NULL;

-- name: forget_codes
-- Forget codes that were asked for before a moment.
DELETE FROM sign_in_codes WHERE asked_at < $1;
