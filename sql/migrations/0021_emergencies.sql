-- migrate:up
-- Orders to stop a SKU that were given without the database, once they have become cases: whoever
-- reads the journal again finds them dealt with. The version before this one reads over such lines
-- of the journal and drops them: give no emergency order on a machine where it runs.

CREATE TABLE emergency_orders (
    id            uuid PRIMARY KEY,
    sku           text COLLATE "C" NOT NULL,
    ordered_at    timestamptz NOT NULL,         -- by the clock of the machine that stopped the sale
    ordered_by    text NOT NULL,                -- who was at its command line
    person        text,                         -- for whom, on their word
    case_id       uuid NOT NULL REFERENCES cases (id),
    reconciled_at timestamptz NOT NULL
);
CREATE INDEX emergency_orders_by_sku ON emergency_orders (sku, ordered_at);
GRANT SELECT, INSERT ON emergency_orders TO freezeguard_runtime;
