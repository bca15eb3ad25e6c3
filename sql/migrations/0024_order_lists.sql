-- migrate:up
-- Cases whose orders under way are to be announced by themselves once the freeze is confirmed. A
-- replica of the version before this one writes none: such a freeze is announced by hand.

CREATE TABLE order_lists (
    case_id      uuid PRIMARY KEY REFERENCES cases (id),
    wanted_at    timestamptz NOT NULL,          -- the latest freeze that was confirmed
    catalogues   text[],                        -- still to be asked; null: all
    attempts     integer NOT NULL DEFAULT 0,    -- since `wanted_at`
    next_at      timestamptz                    -- null: done. By the database's clock
);
CREATE INDEX order_lists_due ON order_lists (next_at) WHERE next_at IS NOT NULL;
GRANT SELECT, INSERT, UPDATE ON order_lists TO freezeguard_runtime;
