-- migrate:up transaction:false
-- What several SKUs are sold as. Few catalogues have such objects, so few rows are in it.

CREATE INDEX CONCURRENTLY IF NOT EXISTS catalogue_objects_sold_as_one
    ON catalogue_objects (catalogue, remote_id) WHERE takes_along <> '{}';
