-- People, their credentials, and the one row that all replicas share.

-- name: instance
-- Return the shared row.
SELECT customer_key, default_owner, access_revision, rules_revision, created_at FROM instance;

-- name: create_instance
-- Make the shared row, where there is none.
INSERT INTO instance (customer_key, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING;

-- name: set_default_owner
-- Set who owns cases that nobody else does.
UPDATE instance SET default_owner = $1;

-- name: access_revision
-- Return the number that rises with every change of people and credentials.
SELECT access_revision FROM instance;

-- name: lock_access
-- Keep others from changing people and credentials until this transaction ends.
SELECT access_revision FROM instance FOR UPDATE;

-- name: raise_access_revision
-- Tell that people or credentials change.
UPDATE instance SET access_revision = access_revision + 1;

-- name: valid_credentials
-- Return every credential that is valid now, with its person.
SELECT secret_hash, credentials.id, person, credentials.name AS label, rights, source,
       freeze_budget, credentials.created_at, expires_at, revoked_at,
       people.name, roles, email, vendor, areas, time_zone, language, calendar, deputy
  FROM credentials
  LEFT JOIN people ON people.id = person
 WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())
   AND (person IS NULL OR active);

-- name: put_person
-- Store a person.
INSERT INTO people (id, name, roles, email, vendor, areas, time_zone, language, active, created_at,
                    updated_at, calendar, deputy)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, $12)
ON CONFLICT (id) DO UPDATE SET
    name = excluded.name,
    roles = excluded.roles,
    email = excluded.email,
    vendor = excluded.vendor,
    areas = excluded.areas,
    time_zone = excluded.time_zone,
    language = excluded.language,
    active = excluded.active,
    updated_at = excluded.updated_at,
    calendar = excluded.calendar,
    deputy = excluded.deputy;

-- name: person
-- Return a person.
SELECT id, name, roles, email, vendor, areas, time_zone, language, active, calendar, deputy
  FROM people
 WHERE id = $1;

-- name: deputy
-- Return who stands in for a person.
SELECT deputy.id, deputy.name, deputy.roles, deputy.email, deputy.vendor, deputy.areas,
       deputy.time_zone, deputy.language, deputy.active, deputy.calendar, deputy.deputy
  FROM people AS away
  JOIN people AS deputy ON deputy.id = away.deputy
 WHERE away.id = $1;

-- name: people
-- Return everybody.
SELECT id, name, roles, email, vendor, areas, time_zone, language, active, calendar, deputy
  FROM people
 ORDER BY id;

-- name: people_of_vendor
-- Return the people of a vendor.
SELECT id, name, roles, email, vendor, areas, time_zone, language, active, calendar, deputy
  FROM people
 WHERE vendor = $1
 ORDER BY id;

-- name: add_credential
-- Store a credential.
INSERT INTO credentials (id, person, name, rights, source, freeze_budget, created_at, expires_at,
                         secret_hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: revoke_credential
-- Revoke a credential.
UPDATE credentials SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL;

-- name: credentials
-- Return every credential, revoked and expired ones too.
SELECT id, person, name AS label, rights, source, freeze_budget, created_at, expires_at, revoked_at
  FROM credentials
 ORDER BY created_at, id;
