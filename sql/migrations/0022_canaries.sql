-- migrate:up
-- The canary of each catalogue: a SKU made for it is stopped and released all the time, and timed.
-- The version before this one knows nothing of it; what it finds stopped in the middle of a round
-- stays so until a replica of this version looks again.

CREATE TABLE canaries (
    catalogue       text COLLATE "C" PRIMARY KEY,
    sku             text COLLATE "C" NOT NULL,
    begun_at        timestamptz NOT NULL,       -- the last round
    finished_at     timestamptz,                -- the last round that came to an end
    succeeded_at    timestamptz,                -- the last one in which all was in time
    result          text CHECK (result IN ('well', 'late', 'failed', 'skipped')),
    detail          text NOT NULL DEFAULT '',   -- what was amiss
    stop_seconds    double precision,           -- from order to read-back, when it was last seen
    release_seconds double precision,           -- from the release until it was seen sold again
    images          jsonb,                      -- what it has stopped, as it was before; null: nothing
    alarmed_at      timestamptz,                -- people know since then that it is not well
    holder          uuid,                       -- null: nobody is at it
    lease_until     timestamptz                 -- by the database's clock; then somebody else may
);
GRANT SELECT, INSERT, UPDATE ON canaries TO freezeguard_runtime;
