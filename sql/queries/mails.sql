-- Mails that reach us.

-- name: receive
-- Note that a mail was taken; nothing where it was taken before.
INSERT INTO mails_received (message_id, received_at, case_id, outcome)
VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
RETURNING message_id;

-- name: case_numbered
-- Return the case of a number.
SELECT id FROM cases WHERE number = $1;
