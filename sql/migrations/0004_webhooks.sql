-- migrate:up
-- Webhooks: where signed messages go, what was said, what became of it. New tables only: the
-- version before this one does not know of them.

CREATE TABLE webhook_endpoints (
    id              uuid PRIMARY KEY,
    vendor          text COLLATE "C",
    url             text NOT NULL,
    types           text[] NOT NULL DEFAULT '{}',
    scheme          text NOT NULL CHECK (scheme IN ('v1', 'v1a')),
    secret          bytea NOT NULL,
    previous_secret bytea,
    previous_until  timestamptz,
    description     text NOT NULL DEFAULT '',
    state           text NOT NULL CHECK (state IN ('active', 'failing', 'disabled')),
    why             text NOT NULL DEFAULT '',
    failing_since   timestamptz,
    warned_at       timestamptz,
    disabled_at     timestamptz,
    not_before      timestamptz,
    lease_until     timestamptz,
    lease_token     uuid,
    created_at      timestamptz NOT NULL,
    created_by      text NOT NULL,
    updated_at      timestamptz NOT NULL,
    removed_at      timestamptz,
    CHECK ((previous_secret IS NULL) = (previous_until IS NULL)),
    CHECK ((state = 'disabled') = (disabled_at IS NOT NULL)),
    CHECK (state <> 'failing' OR failing_since IS NOT NULL),
    CHECK (removed_at IS NULL OR secret = '')
);
CREATE INDEX webhook_endpoints_by_vendor ON webhook_endpoints (vendor) WHERE removed_at IS NULL;

CREATE TABLE webhook_messages (
    id           uuid PRIMARY KEY,
    seq          bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    vendor       text COLLATE "C",
    thread       text COLLATE "C" NOT NULL,
    case_id      uuid REFERENCES cases (id),
    sku          text COLLATE "C",
    type         text COLLATE "C" NOT NULL,
    at           timestamptz NOT NULL,
    data         jsonb NOT NULL
);
CREATE INDEX webhook_messages_by_vendor ON webhook_messages (vendor, at);

CREATE TABLE webhook_deliveries (
    message_id   uuid NOT NULL REFERENCES webhook_messages (id),
    endpoint_id  uuid NOT NULL REFERENCES webhook_endpoints (id),
    seq          bigint NOT NULL,
    thread       text COLLATE "C" NOT NULL,
    state        text NOT NULL CHECK (state IN ('queued', 'sent', 'failed', 'cancelled')),
    attempts     integer NOT NULL DEFAULT 0,
    next_at      timestamptz,
    settled_at   timestamptz,
    PRIMARY KEY (endpoint_id, message_id),
    CHECK ((state = 'queued') = (next_at IS NOT NULL)),
    CHECK ((state = 'queued') = (settled_at IS NULL))
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, next_at)
    WHERE state = 'queued';
CREATE INDEX webhook_deliveries_in_order ON webhook_deliveries (endpoint_id, thread, seq)
    WHERE state = 'queued';
CREATE INDEX webhook_deliveries_by_endpoint ON webhook_deliveries (endpoint_id, seq DESC);

CREATE TABLE webhook_attempts (
    n            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id   uuid NOT NULL,
    endpoint_id  uuid NOT NULL,
    at           timestamptz NOT NULL,
    status       integer,
    error        text NOT NULL,
    seconds      real NOT NULL,
    FOREIGN KEY (endpoint_id, message_id) REFERENCES webhook_deliveries (endpoint_id, message_id)
);
CREATE INDEX webhook_attempts_by_delivery ON webhook_attempts (endpoint_id, message_id, n);

GRANT SELECT, INSERT, UPDATE ON webhook_endpoints, webhook_deliveries TO freezeguard_runtime;
GRANT SELECT, INSERT ON webhook_messages, webhook_attempts TO freezeguard_runtime;
