-- migrate:up
-- The number of an audit row is the database's to give, and nobody's to choose: whoever had the
-- service's role could put a row where nobody looks, or so far ahead that looking took for ever.
-- The version before this one names no number when it writes.

REVOKE INSERT ON audit FROM freezeguard_runtime;
GRANT INSERT (at, actor, action, subject, why, details, request_id) ON audit
    TO freezeguard_runtime;

-- NOT VALID: a row that is there already can't be changed; `audit verify` tells of it.
ALTER TABLE audit ADD CONSTRAINT audit_numbers_rise_from_one CHECK (seq > 0) NOT VALID;
