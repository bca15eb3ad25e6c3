-- migrate:up transaction:false
-- Where people and teams read notices in a chat, and the hours in which a person wants none. A replica
-- of the version before this one writes no notice to a chat; register the first address once none of
-- that version runs: it would take one that is due for a mail.

CREATE TABLE IF NOT EXISTS chat_addresses (
    id           uuid PRIMARY KEY,
    recipient    text COLLATE "C" NOT NULL,     -- person:ann, team:kitchen
    kind         text NOT NULL CHECK (kind IN ('slack', 'teams')),
    url          text NOT NULL,                 -- a secret: who knows it may write; empty once removed
    host         text NOT NULL,                 -- what is shown of it
    name         text NOT NULL,                 -- what a team is called
    areas        text[] NOT NULL DEFAULT '{}',  -- categories of a team; empty = all
    language     text NOT NULL DEFAULT 'en',    -- of a team, as its zone
    time_zone    text NOT NULL DEFAULT 'UTC',
    state        text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'disabled')),
    why          text NOT NULL DEFAULT '',
    not_before   timestamptz,                   -- Retry-After
    created_at   timestamptz NOT NULL,
    created_by   text NOT NULL,
    updated_at   timestamptz NOT NULL,
    removed_at   timestamptz,
    CHECK (removed_at IS NULL OR url = '')
);
CREATE UNIQUE INDEX IF NOT EXISTS chat_addresses_one ON chat_addresses (recipient, kind)
    WHERE removed_at IS NULL;

CREATE TABLE IF NOT EXISTS quiet_hours (
    person       text COLLATE "C" PRIMARY KEY REFERENCES people (id),
    begins       smallint NOT NULL CHECK (begins BETWEEN 0 AND 1439),  -- minutes after midnight in
    ends         smallint NOT NULL CHECK (ends BETWEEN 0 AND 1439),    -- the person's own zone
    updated_at   timestamptz NOT NULL,
    CHECK (begins <> ends)
);

CREATE INDEX CONCURRENTLY IF NOT EXISTS notice_digests_by_reader
    ON notice_digests (recipient, closed_at);
CREATE INDEX CONCURRENTLY IF NOT EXISTS notices_by_recipient ON notices (recipient, created_at);

GRANT SELECT, INSERT, UPDATE ON chat_addresses TO freezeguard_runtime;
GRANT SELECT, INSERT, UPDATE, DELETE ON quiet_hours TO freezeguard_runtime;
