-- migrate:up transaction:false
-- Questions on cases, each with a clock. A replica of the version before this one knows none: it lets
-- the clock of a question rest, and whoever is newer fires it.

CREATE TABLE IF NOT EXISTS case_questions (
    id           uuid PRIMARY KEY,
    case_id      uuid NOT NULL REFERENCES cases (id),
    sku          text COLLATE "C" NOT NULL,
    asked_of     text NOT NULL CHECK (asked_of IN ('vendor', 'owner', 'person')),
    person       text COLLATE "C" REFERENCES people (id),
    vendor       text COLLATE "C",
    question     text NOT NULL,
    asked_by     text NOT NULL,
    asked_at     timestamptz NOT NULL,
    due_at       timestamptz NOT NULL,
    answer       text,
    closed_by    text,
    closed_at    timestamptz,
    outcome      text CHECK (outcome IN ('answered', 'withdrawn', 'case_over')),
    CHECK ((closed_at IS NULL) = (outcome IS NULL)),
    CHECK ((asked_of = 'person') = (person IS NOT NULL)),
    CHECK (asked_of <> 'vendor' OR vendor IS NOT NULL)
);
CREATE INDEX CONCURRENTLY IF NOT EXISTS case_questions_by_case ON case_questions (case_id);
CREATE INDEX CONCURRENTLY IF NOT EXISTS case_questions_of_person ON case_questions (person)
    WHERE outcome IS NULL;

GRANT SELECT, INSERT, UPDATE ON case_questions TO freezeguard_runtime;

-- Where the cause may lie. The version before this one shows none, and merges cases without them.

CREATE TABLE IF NOT EXISTS case_causes (
    id           uuid PRIMARY KEY,
    case_id      uuid NOT NULL REFERENCES cases (id),
    sku          text COLLATE "C" NOT NULL,
    branch       text NOT NULL CHECK (branch IN (
        'people', 'method', 'machine', 'material', 'measurement', 'environment')),
    description  text NOT NULL,
    state        text NOT NULL CHECK (state IN ('open', 'supported', 'ruled_out', 'confirmed')),
    whys         jsonb NOT NULL DEFAULT '[]',
    evidence     jsonb NOT NULL DEFAULT '[]',
    vendor       text COLLATE "C",
    made_by      text NOT NULL,
    made_at      timestamptz NOT NULL,
    changed_by   text NOT NULL,
    changed_at   timestamptz NOT NULL,
    version      integer NOT NULL CHECK (version >= 1)
);
CREATE INDEX CONCURRENTLY IF NOT EXISTS case_causes_by_case ON case_causes (case_id);
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS case_causes_confirmed ON case_causes (case_id) WHERE state = 'confirmed';
CREATE INDEX CONCURRENTLY IF NOT EXISTS cases_by_category ON cases (category, opened_at DESC);

GRANT SELECT, INSERT, UPDATE ON case_causes TO freezeguard_runtime;
