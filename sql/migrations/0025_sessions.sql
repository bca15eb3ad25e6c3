-- migrate:up
-- People who signed in with a browser, and links that let somebody in once. A replica of the version
-- before this one knows neither and needs neither.

CREATE TABLE sessions (
    token_hash   bytea PRIMARY KEY,             -- SHA-256 of 256 random bits
    person       text COLLATE "C" NOT NULL REFERENCES people (id),
    how          text NOT NULL CHECK (how IN ('link', 'token', 'oidc', 'code')),
    opened_at    timestamptz NOT NULL,
    seen_at      timestamptz NOT NULL,          -- of the latest minute in which it was used
    proved_at    timestamptz NOT NULL,          -- when they last showed who they are
    ends_at      timestamptz NOT NULL,
    ended_at     timestamptz                    -- signed out, or replaced by a fresh one
);
CREATE INDEX sessions_by_person ON sessions (person) WHERE ended_at IS NULL;
CREATE INDEX sessions_by_end ON sessions (ends_at);

CREATE TABLE sign_in_links (
    secret_hash  bytea PRIMARY KEY,             -- SHA-256 of 256 random bits
    person       text COLLATE "C" NOT NULL REFERENCES people (id),
    issued_by    text NOT NULL,
    issued_at    timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    used_at      timestamptz
);
CREATE INDEX sign_in_links_by_end ON sign_in_links (expires_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON sessions, sign_in_links TO freezeguard_runtime;
