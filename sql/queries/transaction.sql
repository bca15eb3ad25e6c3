-- What concerns a transaction or a connection as a whole.

-- name: allow_longer
-- Let the statements of this transaction take longer than others, in milliseconds.
SELECT set_config('statement_timeout', $1, true);

-- name: one_moment
-- Have all that follows read the same moment; nothing is written.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;

-- name: alive
-- Find out whether a connection still answers.
SELECT true;
