-- Files that are evidence on a case, and their bytes where the database keeps them.

-- name: add_file
-- Store what is known of a file.
INSERT INTO evidence_files (id, case_id, sku, name, media_type, size, sha256, note, uploaded_by,
                            uploaded_at, visible_to_vendor, stored_in)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12);

-- name: files_of_case
-- Return the files of a case, and of the cases of its vendor that were merged into it, in the order
-- in which they were attached.
WITH RECURSIVE family AS (
    SELECT id, sku, vendor FROM cases WHERE id = $1
     UNION
    SELECT one.id, one.sku, one.vendor
      FROM family
      JOIN cases AS one ON one.sku = family.sku AND one.merged_into = family.id
                       AND one.vendor IS NOT DISTINCT FROM family.vendor
)
SELECT id, case_id, sku, name, media_type, size, sha256, note, uploaded_by, uploaded_at,
       visible_to_vendor, stored_in, erased_at, erased_why
  FROM evidence_files
 WHERE case_id IN (SELECT id FROM family)
 ORDER BY uploaded_at, id;

-- name: file
-- Return one file.
SELECT id, case_id, sku, name, media_type, size, sha256, note, uploaded_by, uploaded_at,
       visible_to_vendor, stored_in, erased_at, erased_why
  FROM evidence_files
 WHERE id = $1;

-- name: add_part
-- Store one part of a file's bytes.
INSERT INTO evidence_contents (file_id, n, part) VALUES ($1, $2, $3);

-- name: part
-- Return one part of a file's bytes.
SELECT part FROM evidence_contents WHERE file_id = $1 AND n = $2;

-- name: drop_parts
-- Forget the bytes of a file.
DELETE FROM evidence_contents WHERE file_id = $1;

-- name: in_directory
-- Return which of these files must lie in the directory.
SELECT id FROM evidence_files
 WHERE id = ANY ($1::uuid[]) AND stored_in = 'directory' AND erased_at IS NULL;
