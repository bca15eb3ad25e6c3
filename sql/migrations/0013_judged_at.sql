-- migrate:up
-- A rule that learns what is usual must be able to say later what it knew: which signals had been
-- judged by then, and which of them as nothing unusual: those teach, and are evidence no more. The
-- version before this one leaves both empty: judged, nobody knows when, nothing is learned of it.

ALTER TABLE signals ADD COLUMN judged_at timestamptz, ADD COLUMN judged_usual boolean;
