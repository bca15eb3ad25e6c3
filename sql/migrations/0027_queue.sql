-- migrate:up transaction:false
-- What the queue is ordered by, counted behind the scenes: counting it for every open case whenever
-- somebody looks takes a second where there are ten thousand. A replica of the version before this
-- one leaves it alone; the sweep of this one counts what is missing.

CREATE TABLE IF NOT EXISTS case_harm (
    case_id      uuid PRIMARY KEY REFERENCES cases (id),
    version      integer NOT NULL,              -- of the case when it was counted
    signals      bigint NOT NULL,               -- attached by then
    customers    bigint NOT NULL,               -- distinct, of complaints that still count
    severity     smallint NOT NULL,             -- of the worst of them; 0: there is none
    contact_cost numeric NOT NULL,
    units        bigint NOT NULL                -- shipped, from 90 days before the case on
);
CREATE INDEX CONCURRENTLY IF NOT EXISTS case_signals_by_attachment ON case_signals
    USING brin (attached_at) WITH (autosummarize = on);
GRANT SELECT, INSERT, UPDATE ON case_harm TO freezeguard_runtime;
