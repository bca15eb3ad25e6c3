-- migrate:up
-- When feeds speak, how often they were right, and who has been told that a suppression ends. The
-- version before this one notes nothing of it: what it takes in meanwhile is not counted as heard,
-- so a feed is alarmed as silent only after this version has heard it, and for long enough.

ALTER TABLE sources
    ADD COLUMN max_silence interval,            -- longer is an alarm; null: what chance allows
    ADD COLUMN first_heard_at timestamptz,
    ADD COLUMN last_heard_at timestamptz,
    ADD COLUMN silent_since timestamptz;        -- last heard then, and alarmed; null: not silent

-- How many new signals each feed sent in each hour, by the time of receipt.
CREATE TABLE source_hours (
    source       text COLLATE "C" NOT NULL,
    hour         timestamptz NOT NULL,
    signals      bigint NOT NULL,
    PRIMARY KEY (source, hour)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON source_hours TO freezeguard_runtime;

-- Since when some replica has been there to hear, without a gap: one row.
CREATE TABLE listening (
    only_row     boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    since        timestamptz NOT NULL,
    seen_at      timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE ON listening TO freezeguard_runtime;

-- What became of the cases that a source's signals opened: by that, it is trusted more or less.
CREATE TABLE source_verdicts (
    source       text COLLATE "C" NOT NULL,
    case_id      uuid NOT NULL,
    at           timestamptz NOT NULL,
    was_right    boolean NOT NULL,
    PRIMARY KEY (source, case_id)
);
GRANT SELECT, INSERT, UPDATE ON source_verdicts TO freezeguard_runtime;

ALTER TABLE suppressions
    ADD COLUMN warned_at timestamptz,           -- its author was told that it ends soon
    ADD COLUMN end_told_at timestamptz;         -- and that it has ended
UPDATE suppressions SET end_told_at = least(expires_at, ended_at)
 WHERE least(expires_at, ended_at) <= now();
