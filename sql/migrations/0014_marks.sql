-- migrate:up
-- What a signal has in common with others beside its subject: keyed hashes of its text, of a device
-- and of an address (freezeguard/domain/likeness.py). The version before this one leaves it empty:
-- such signals are like no other. `pattern` is a crossing that one voice alone brought about.

ALTER TABLE signals ADD COLUMN marks bytea;

ALTER TABLE crossings DROP CONSTRAINT crossings_outcome_check;
ALTER TABLE crossings ADD CONSTRAINT crossings_outcome_check CHECK (outcome IN (
    'freeze', 'suspect', 'budget', 'shadow', 'historical', 'suppressed', 'covered', 'pattern'))
    NOT VALID;  -- rows are looked through by 0018, which stops nobody

-- What of the marks stays when a person is erased: that a text was like another says nothing of them.
CREATE FUNCTION impersonal(marks bytea) RETURNS bytea
    LANGUAGE sql IMMUTABLE STRICT SET search_path = public, pg_temp AS $$
    SELECT string_agg(substr(marks, 1 + 8 * n, 8), ''::bytea ORDER BY n)
      FROM generate_series(0, octet_length(marks) / 8 - 1) AS n
     WHERE chr(get_byte(marks, 8 * n)) NOT IN ('d', 'a')
$$;
REVOKE ALL ON FUNCTION impersonal(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION impersonal(bytea) TO freezeguard_runtime;
