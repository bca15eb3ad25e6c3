-- migrate:up transaction:false
-- Digests: what would flood a reader goes as one mail. And mails that people send us, each once.
-- The version before this one knows nothing of digests and sends their notices one by one.

CREATE TABLE IF NOT EXISTS notice_digests (
    id           uuid PRIMARY KEY,
    recipient    text COLLATE "C" NOT NULL,
    channel      text NOT NULL,
    address      text NOT NULL,
    opened_at    timestamptz NOT NULL,
    due_at       timestamptz NOT NULL,
    closed_at    timestamptz,
    ended_at     timestamptz,
    outcome      text CHECK (outcome IN ('sent', 'dissolved')),
    attempts     integer NOT NULL DEFAULT 0,
    last_error   text,
    tried        text[] NOT NULL DEFAULT '{}',
    lease_until  timestamptz,
    lease_token  uuid,
    CHECK ((ended_at IS NULL) = (outcome IS NULL))
);
CREATE UNIQUE INDEX IF NOT EXISTS notice_digests_open ON notice_digests
    (recipient, channel, address) WHERE closed_at IS NULL;
CREATE INDEX IF NOT EXISTS notice_digests_due ON notice_digests (due_at) WHERE ended_at IS NULL;

CREATE TABLE IF NOT EXISTS mails_received (
    message_id   text COLLATE "C" PRIMARY KEY,
    received_at  timestamptz NOT NULL,
    case_id      uuid REFERENCES cases (id),
    outcome      text NOT NULL
);

ALTER TABLE notices ADD COLUMN IF NOT EXISTS sorted_at timestamptz;
ALTER TABLE notices ADD COLUMN IF NOT EXISTS digest uuid REFERENCES notice_digests (id);
ALTER TABLE notices ADD COLUMN IF NOT EXISTS tried text[] NOT NULL DEFAULT '{}';
CREATE INDEX CONCURRENTLY IF NOT EXISTS notices_unsorted ON notices (created_at)
    WHERE state = 'queued' AND sorted_at IS NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS notices_by_reader ON notices (recipient, sorted_at)
    WHERE sorted_at IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS notices_by_digest ON notices (digest)
    WHERE digest IS NOT NULL;

GRANT SELECT, INSERT, UPDATE ON notice_digests TO freezeguard_runtime;
GRANT SELECT, INSERT ON mails_received TO freezeguard_runtime;
