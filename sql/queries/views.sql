-- Views of the queue that people named.

-- name: lock_views
-- Let the same person save views one after another, until this transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended('saved_views:' || $1, 0));

-- name: views
-- Return the views of a person, in the order in which they were saved.
SELECT id, name, filters, saved_at FROM saved_views WHERE person = $1 ORDER BY saved_at, id;

-- name: add_view
-- Store a view.
INSERT INTO saved_views (id, person, name, filters, saved_at) VALUES ($1, $2, $3, $4, $5);

-- name: delete_view
-- Delete a view of a person.
DELETE FROM saved_views WHERE id = $1 AND person = $2;
