-- migrate:up
-- What the whole life of a case needs: clocks in stages, people who stand in, orders of
-- authorities, promises of vendors, later reviews. Columns only gain; the version before this one
-- reads and writes on as if they were not there.

ALTER TABLE people ADD COLUMN deputy text COLLATE "C" REFERENCES people (id);
ALTER TABLE people ADD COLUMN calendar text;
ALTER TABLE vendors ADD COLUMN calendar text;

ALTER TABLE cases ADD COLUMN further_scopes jsonb NOT NULL DEFAULT '[]';
ALTER TABLE cases ADD COLUMN narrowing jsonb;
ALTER TABLE cases ADD COLUMN authority_order jsonb;
ALTER TABLE cases ADD COLUMN commitment jsonb;
ALTER TABLE cases ADD COLUMN contest jsonb;
ALTER TABLE cases ADD COLUMN appeal jsonb;
ALTER TABLE cases ADD COLUMN hand_off jsonb;
ALTER TABLE cases ADD COLUMN decided_by text[] NOT NULL DEFAULT '{}';
ALTER TABLE cases ADD COLUMN merged_into uuid REFERENCES cases (id);

-- Clocks that fire in stages have `next_at`, and `fired_at` from their start: the version before
-- this one fires what has none, once, and must leave these alone.
ALTER TABLE clocks ADD COLUMN next_at timestamptz;
ALTER TABLE clocks ADD COLUMN level integer NOT NULL DEFAULT 0;
ALTER TABLE clocks ADD COLUMN warned_at timestamptz;
ALTER TABLE clocks ADD COLUMN breached_at timestamptz;
ALTER TABLE clocks ADD COLUMN details jsonb NOT NULL DEFAULT '{}';

CREATE TABLE vendor_promises (
    id           uuid PRIMARY KEY,
    case_id      uuid NOT NULL REFERENCES cases (id),
    sku          text COLLATE "C" NOT NULL,
    vendor       text COLLATE "C" NOT NULL,
    made_at      timestamptz NOT NULL,
    made_by      text NOT NULL,
    due_at       timestamptz NOT NULL,
    settled_at   timestamptz,
    outcome      text CHECK (outcome IN ('kept', 'broken', 'moved', 'withdrawn')),
    CHECK ((settled_at IS NULL) = (outcome IS NULL))
);
CREATE INDEX vendor_promises_by_vendor ON vendor_promises (vendor, made_at);
CREATE UNIQUE INDEX vendor_promises_once ON vendor_promises (case_id) WHERE settled_at IS NULL;

CREATE TABLE reviews (
    id           uuid PRIMARY KEY,
    case_id      uuid NOT NULL REFERENCES cases (id),
    sku          text COLLATE "C" NOT NULL,
    verdict      text NOT NULL CHECK (verdict IN ('right', 'wrong', 'undecided')),
    comment      text NOT NULL DEFAULT '',
    reviewed_by  text NOT NULL,
    reviewed_at  timestamptz NOT NULL,
    pullers      text[] NOT NULL DEFAULT '{}',
    rule_id      text COLLATE "C"
);
CREATE INDEX reviews_by_case ON reviews (case_id);

GRANT SELECT, INSERT, UPDATE ON vendor_promises TO freezeguard_runtime;
GRANT SELECT, INSERT ON reviews TO freezeguard_runtime;
