-- migrate:up
-- Codes that a vendor's contact types in after opening the link of a mail. A replica of the version
-- before this one knows no codes and needs none.

CREATE TABLE sign_in_codes (
    browser_hash bytea PRIMARY KEY,             -- SHA-256 of 256 random bits, kept by the browser
    case_id      uuid NOT NULL,                 -- as it was asked: there need be no such case
    vendor       text COLLATE "C",              -- NULL: nobody may enter by it
    address      text,
    code_hash    bytea NOT NULL,                -- SHA-256, keyed by what the browser keeps
    asked_at     timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    tries        smallint NOT NULL DEFAULT 0,
    used_at      timestamptz
);
CREATE INDEX sign_in_codes_by_case ON sign_in_codes (case_id, asked_at);
CREATE INDEX sign_in_codes_by_address ON sign_in_codes (address, asked_at);
CREATE INDEX sign_in_codes_by_time ON sign_in_codes (asked_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in_codes TO freezeguard_runtime;
