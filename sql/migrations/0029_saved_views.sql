-- migrate:up transaction:false
-- Views of the queue that people named, and SKUs by what is printed on the item. A replica of the
-- version before this one knows no views and looks up no code.

CREATE TABLE IF NOT EXISTS saved_views (
    id         uuid PRIMARY KEY,
    person     text COLLATE "C" NOT NULL REFERENCES people (id),
    name       text NOT NULL,
    filters    jsonb NOT NULL,                  -- as GET /v1/cases takes them
    saved_at   timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS saved_views_by_person ON saved_views (person, saved_at);
CREATE INDEX CONCURRENTLY IF NOT EXISTS skus_by_gtin ON skus (lpad(gtin, 14, '0'))
    WHERE gtin IS NOT NULL;
GRANT SELECT, INSERT, UPDATE, DELETE ON saved_views TO freezeguard_runtime;
