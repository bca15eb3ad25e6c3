-- migrate:up transaction:false
-- What several SKUs are sold as: what a released one leaves to those that are still held, and when one
-- was put back. A replica of the version before this one neither leaves nor takes anything.

ALTER TABLE catalogue_objects ADD COLUMN IF NOT EXISTS inherited jsonb;
ALTER TABLE catalogue_objects ADD COLUMN IF NOT EXISTS restored_at timestamptz;

CREATE INDEX CONCURRENTLY IF NOT EXISTS catalogue_objects_in_force
    ON catalogue_objects (catalogue, remote_id)
    WHERE wanted <> 'sellable' OR sent_at IS NOT NULL OR restored_at IS NOT NULL;
