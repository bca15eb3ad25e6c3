-- migrate:up transaction:false
-- Changes of rules that loosen them wait for a second person. The version before this one knows
-- nothing of proposals: it stores what its callers send at once, and what waits here becomes void.

CREATE TABLE IF NOT EXISTS rule_proposals (
    id           uuid PRIMARY KEY,
    rule_id      text COLLATE "C" NOT NULL,
    base_version integer NOT NULL,
    body         jsonb NOT NULL,
    loosens      text[] NOT NULL,
    proposed_by  text COLLATE "C" NOT NULL REFERENCES people (id),
    proposed_at  timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    decided_at   timestamptz,
    decided_by   text,
    outcome      text CHECK (outcome IN ('approved', 'rejected', 'withdrawn')),
    CHECK ((decided_at IS NULL) = (outcome IS NULL)),
    CHECK ((decided_at IS NULL) = (decided_by IS NULL))
);
CREATE INDEX CONCURRENTLY IF NOT EXISTS rule_proposals_open ON rule_proposals (expires_at)
    WHERE decided_at IS NULL;
-- Only what shadow rules say: the path of a freeze writes no further index.
CREATE INDEX CONCURRENTLY IF NOT EXISTS crossings_of_shadows ON crossings (rule_id, known_at)
    WHERE outcome = 'shadow';

GRANT SELECT, INSERT, UPDATE ON rule_proposals TO freezeguard_runtime;
