-- migrate:up
-- Stands in for the migration that comes before; it goes when the branches meet.
SELECT 1;
