-- migrate:up
-- What a signal has in common with others beside its subject: keyed hashes of its text, of a device
-- and of an address (freezeguard/domain/likeness.py). The version before this one leaves it empty:
-- such signals are like no other. `pattern` is a crossing that one voice alone brought about.

ALTER TABLE signals ADD COLUMN marks bytea;

ALTER TABLE crossings DROP CONSTRAINT crossings_outcome_check;
ALTER TABLE crossings ADD CONSTRAINT crossings_outcome_check CHECK (outcome IN (
    'freeze', 'suspect', 'budget', 'shadow', 'historical', 'suppressed', 'covered', 'pattern'))
    NOT VALID;
ALTER TABLE crossings VALIDATE CONSTRAINT crossings_outcome_check;
