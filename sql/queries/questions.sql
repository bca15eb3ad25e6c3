-- Questions on cases.

-- name: add
-- Store a question.
INSERT INTO case_questions (id, case_id, sku, asked_of, person, vendor, question, asked_by, asked_at,
                            due_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: close
-- Store how a question ended.
UPDATE case_questions SET answer = $2, closed_by = $3, closed_at = $4, outcome = $5 WHERE id = $1;

-- name: of_case
-- Return the questions of a case: open ones first, by when they are due, then the latest first.
SELECT id, case_id, sku, asked_of, person, vendor, question, asked_by, asked_at, due_at, answer,
       closed_by, closed_at, outcome
  FROM case_questions
 WHERE case_id = $1
 ORDER BY closed_at DESC NULLS FIRST, due_at, id;

-- name: end_with_case
-- End the open questions of a case.
UPDATE case_questions SET closed_at = $2, outcome = 'case_over'
 WHERE case_id = $1 AND outcome IS NULL;

-- name: move
-- Give the questions of a case to another one.
UPDATE case_questions SET case_id = $2 WHERE case_id = $1;
