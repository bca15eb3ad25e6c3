-- migrate:up transaction:false
-- Retention and the rights of data subjects. What is erased leaves its row behind: signals are
-- counted as before. Rights are given by column: the rest of history stays append-only.

CREATE TABLE IF NOT EXISTS retention_runs (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started_at   timestamptz NOT NULL,
    measured_at  timestamptz NOT NULL,
    class        text NOT NULL,
    after        jsonb,
    counts       jsonb NOT NULL DEFAULT '{}',
    finished_at  timestamptz
);
CREATE UNIQUE INDEX IF NOT EXISTS retention_runs_one ON retention_runs ((true))
    WHERE finished_at IS NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS rejected_signals_with_body ON rejected_signals (received_at)
    WHERE body <> '';

GRANT SELECT, INSERT, UPDATE ON retention_runs TO freezeguard_runtime;
GRANT UPDATE (fingerprint) ON signal_identities TO freezeguard_runtime;
GRANT UPDATE (detail, body) ON rejected_signals TO freezeguard_runtime;
GRANT UPDATE (arguments) ON case_events TO freezeguard_runtime;
GRANT UPDATE (comment) ON reviews TO freezeguard_runtime;
