-- migrate:up transaction:false
-- What a suppression has held back, of a whole vendor or category too; and what 0014 left to be
-- looked through. Neither keeps the version before this one from writing.

CREATE INDEX CONCURRENTLY IF NOT EXISTS crossings_suppressed ON crossings (known_at)
    WHERE outcome = 'suppressed';
ALTER TABLE crossings VALIDATE CONSTRAINT crossings_outcome_check;
