-- Emergency orders that have become cases, and the objects that they stopped before.

-- name: is_known
-- Say whether an order has been dealt with.
SELECT EXISTS (SELECT FROM emergency_orders WHERE id = $1);

-- name: add
-- Note to which case an order belongs.
INSERT INTO emergency_orders (id, sku, ordered_at, ordered_by, person, case_id, reconciled_at)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: later_known
-- Say whether an order from before a moment became a case after it.
SELECT EXISTS (
           SELECT FROM emergency_orders
            WHERE sku = $1 AND ordered_at <= $2 AND reconciled_at >= $2);

-- name: holds_at
-- Return the holds of a SKU that were in force at a moment.
SELECT id, case_id, sku, seller, channel, country, lot, lane, level, soft, state, reason, since,
       revision
  FROM holds
 WHERE sku = $1 AND since <= $2 AND (ended_at IS NULL OR ended_at >= $2)
 ORDER BY since, id;

-- name: forget_unlisted
-- Forget that a catalogue does not list a SKU.
DELETE FROM catalogue_objects
 WHERE sku = $1 AND catalogue = $2 AND remote_id = '' AND wanted = 'sellable';

-- name: adopt
-- Take over objects that an emergency stopped. Of two images the one counts that was read before the
-- stop and nearest to it: the emergency's, unless a stop of ours was sent before. An image that was
-- read ahead afterwards shows the stop, and goes in any case.
INSERT INTO catalogue_objects AS known (sku, catalogue, remote_id, wanted, status, before_image,
                                        before_at, written, takes_along, sent_at)
SELECT $1, $2, remote_id, 'sellable', 'idle', image, CASE WHEN image IS NOT NULL THEN at END,
       written, takes_along, at
  FROM jsonb_to_recordset($3)
       AS found (remote_id text, image jsonb, written jsonb, takes_along text[], at timestamptz)
 ORDER BY remote_id COLLATE "C"
ON CONFLICT (sku, catalogue, remote_id) DO UPDATE SET
    before_image = CASE
        WHEN known.before_at > excluded.sent_at THEN excluded.before_image
        WHEN known.written IS NULL AND known.sent_at IS NULL
            THEN coalesce(excluded.before_image, known.before_image)
        ELSE coalesce(known.before_image, excluded.before_image) END,
    before_at = CASE
        WHEN known.before_at > excluded.sent_at THEN excluded.before_at
        WHEN known.written IS NULL AND known.sent_at IS NULL
            THEN coalesce(excluded.before_at, known.before_at)
        ELSE coalesce(known.before_at, excluded.before_at) END,
    written = CASE
        WHEN known.written IS NULL AND known.sent_at IS NULL THEN excluded.written
        ELSE known.written || coalesce(excluded.written, '{}') END,
    takes_along = excluded.takes_along,
    sent_at = greatest(known.sent_at, excluded.sent_at);
