-- migrate:up transaction:false
-- A case may have several holds: one that is being narrowed, or those of cases merged into it.

CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS holds_one_per_case_and_scope ON holds
    (case_id, coalesce(seller, ''), coalesce(channel, ''), coalesce(country, ''), coalesce(lot, ''))
    WHERE state IN ('active', 'releasing');
DROP INDEX CONCURRENTLY IF EXISTS holds_one_per_case;
CREATE INDEX CONCURRENTLY IF NOT EXISTS clocks_next ON clocks (next_at)
    WHERE stopped_at IS NULL AND paused_at IS NULL AND next_at IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS cases_narrowing ON cases (opened_at, id)
    WHERE narrowing IS NOT NULL;
