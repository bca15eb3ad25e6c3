-- migrate:up
-- What a shop's own past says is usual, so that rules which learn need not begin with what is built
-- in. Every change stays: a reason names the prior that it rests on. The version before this one
-- does not read it, and goes on with what is built in.

CREATE TABLE learned_priors (
    category     text COLLATE "C" NOT NULL,
    unit         text NOT NULL CHECK (unit IN ('units', 'days')),
    revision     bigint NOT NULL,
    shape        double precision CHECK (shape > 0),
    exposure     double precision CHECK (exposure > 0),
    items        integer NOT NULL,
    learned_at   timestamptz NOT NULL,
    CHECK ((shape IS NULL) = (exposure IS NULL)),
    PRIMARY KEY (category, unit, revision)
);

CREATE TABLE prior_learning (
    singleton    boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    begun_at     timestamptz,
    finished_at  timestamptz,
    holder       uuid,
    lease_until  timestamptz
);
INSERT INTO prior_learning DEFAULT VALUES;

GRANT SELECT, INSERT ON learned_priors TO freezeguard_runtime;
GRANT SELECT, UPDATE ON prior_learning TO freezeguard_runtime;
