-- migrate:up
-- A waiver belongs to a case: what one case may overlook, another one may not. The version before
-- this one goes on writing its columns of catalogue_objects, which nobody else reads any more: what
-- it waives meanwhile counts as not stopped here, and what is waived here counts as not stopped
-- there. They go in a later version.

CREATE TABLE waivers (
    case_id    uuid NOT NULL REFERENCES cases (id),
    sku        text COLLATE "C" NOT NULL,
    catalogue  text COLLATE "C" NOT NULL,
    remote_id  text COLLATE "C" NOT NULL,
    waived_by  text NOT NULL,
    waived_at  timestamptz NOT NULL,
    until      timestamptz NOT NULL,
    why        text NOT NULL,
    PRIMARY KEY (case_id, catalogue, remote_id)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON waivers TO freezeguard_runtime;

-- Whose a waiver was, its clock tells. Where people get hurt or an authority forbids, none counts.
INSERT INTO waivers (case_id, sku, catalogue, remote_id, waived_by, waived_at, until, why)
SELECT clocks.case_id, clocks.sku, object.catalogue, object.remote_id, object.waived_by, clocks.started_at,
       object.waived_until, object.waived_why
  FROM catalogue_objects AS object
  JOIN cases ON cases.sku = object.sku AND cases.lane = 'quality'
  JOIN clocks ON clocks.case_id = cases.id AND clocks.stopped_at IS NULL
       AND clocks.kind = 'waiver:' || concat_ws('/', object.catalogue, nullif(object.remote_id, ''))
 WHERE object.waived_by IS NOT NULL AND object.waived_until IS NOT NULL
   AND object.waived_why IS NOT NULL;
