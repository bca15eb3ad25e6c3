-- migrate:up
-- Files that people attach to a case. The version before this one knows nothing of them.

CREATE TABLE evidence_files (
    id                uuid PRIMARY KEY,
    case_id           uuid NOT NULL REFERENCES cases (id),
    sku               text COLLATE "C" NOT NULL,
    name              text NOT NULL,
    media_type        text NOT NULL,
    size              integer NOT NULL CHECK (size > 0),
    sha256            text COLLATE "C" NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    note              text NOT NULL DEFAULT '',
    uploaded_by       text NOT NULL,
    uploaded_at       timestamptz NOT NULL,
    visible_to_vendor boolean NOT NULL,
    stored_in         text NOT NULL CHECK (stored_in IN ('database', 'directory')),
    erased_at         timestamptz,
    erased_why        text,
    CHECK ((erased_at IS NULL) = (erased_why IS NULL))
);
CREATE INDEX evidence_files_by_case ON evidence_files (case_id, uploaded_at);
CREATE UNIQUE INDEX evidence_files_once ON evidence_files (case_id, sha256, visible_to_vendor)
    WHERE erased_at IS NULL;

CREATE TABLE evidence_contents (
    file_id      uuid NOT NULL REFERENCES evidence_files (id) DEFERRABLE INITIALLY DEFERRED,
    n            integer NOT NULL,
    part         bytea NOT NULL,
    PRIMARY KEY (file_id, n)
);
ALTER TABLE evidence_contents ALTER COLUMN part SET STORAGE EXTERNAL;

GRANT SELECT, INSERT, UPDATE ON evidence_files TO freezeguard_runtime;
GRANT SELECT, INSERT, DELETE ON evidence_contents TO freezeguard_runtime;
