-- migrate:up
-- Who a person is at the shop's OpenID provider. A replica of the version before this one asks nobody.

CREATE TABLE identities (
    issuer     text COLLATE "C" NOT NULL,
    subject    text COLLATE "C" NOT NULL,       -- as the provider names them; never an address
    person     text COLLATE "C" NOT NULL REFERENCES people (id),
    linked_at  timestamptz NOT NULL,
    PRIMARY KEY (issuer, subject)
);
GRANT SELECT, INSERT ON identities TO freezeguard_runtime;
