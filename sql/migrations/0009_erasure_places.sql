-- migrate:up transaction:false
-- Erasing reaches what webhooks, digests and files hold; what was sent long ago is removed.

CREATE INDEX CONCURRENTLY IF NOT EXISTS webhook_deliveries_by_message ON webhook_deliveries
    (message_id);

GRANT UPDATE (data) ON webhook_messages TO freezeguard_runtime;
GRANT DELETE ON webhook_attempts, webhook_deliveries, webhook_messages, notice_digests,
    mails_received TO freezeguard_runtime;
