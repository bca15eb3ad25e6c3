-- migrate:up
-- Which catalogues their owners have proved to be stoppable, and with which configuration.

CREATE TABLE IF NOT EXISTS catalogue_checks (
    catalogue   text COLLATE "C" PRIMARY KEY,
    fingerprint text NOT NULL,                  -- of the table that was proved, without secrets
    passed_at   timestamptz NOT NULL,
    passed_by   text NOT NULL,
    sku         text COLLATE "C" NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON catalogue_checks TO freezeguard_runtime;
