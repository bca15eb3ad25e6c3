-- migrate:up
-- A rule that learns from history must be able to say later what it knew: which signals had been
-- judged by then. The version before this one leaves it empty: judged, nobody knows when.

ALTER TABLE signals ADD COLUMN judged_at timestamptz;
