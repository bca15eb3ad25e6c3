-- What time it is.

-- name: moment
-- Return the present moment of the database, which moves on inside a transaction.
SELECT clock_timestamp();
