-- migrate:up
-- The audit record as a hash chain, in a table of its own: the version before this one writes audit
-- rows on as it did, and whoever runs this one chains them, those from before included.

-- One row: which chain this is. Anchors name it, so that none of another shop fits.
CREATE TABLE audit_origin (
    singleton    boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    instance     uuid NOT NULL,
    created_at   timestamptz NOT NULL
);
INSERT INTO audit_origin (instance, created_at) VALUES (gen_random_uuid(), now());

CREATE TABLE audit_chain (
    position     bigint PRIMARY KEY CHECK (position > 0),
    audit_seq    bigint NOT NULL UNIQUE,
    chained_at   timestamptz NOT NULL,
    salt         bytea NOT NULL CHECK (length(salt) = 16),
    digest       bytea NOT NULL CHECK (length(digest) = 32),
    hash         bytea NOT NULL CHECK (length(hash) = 32)
);

CREATE FUNCTION refuse_change_of_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The table % is append-only: % is refused, also for its owner.',
        TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege', HINT = 'docs/audit.md, "Duties to erase"';
END
$$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_record();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_record();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_chain
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_record();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON audit_chain
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_record();

GRANT SELECT, INSERT ON audit_chain TO freezeguard_runtime;
GRANT SELECT ON audit_origin TO freezeguard_runtime;
REVOKE ALL ON FUNCTION refuse_change_of_record() FROM PUBLIC;
