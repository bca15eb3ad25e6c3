-- migrate:up transaction:false
-- Many SKUs of one vendor at once: what of a vendor was stopped lately, asked with the budgets. The
-- version before this one goes on asking the function of five arguments, and writes no case in which
-- a defect was found: to a wave, and for related items, those are cases like any other.

CREATE INDEX CONCURRENTLY IF NOT EXISTS automatic_freezes_by_vendor ON automatic_freezes (vendor, at)
    WHERE vendor IS NOT NULL;

ALTER TABLE cases ADD COLUMN IF NOT EXISTS defect_found boolean NOT NULL DEFAULT false;
UPDATE cases SET defect_found = true
 WHERE NOT defect_found AND (remedy IS NOT NULL OR outcome = 'delisted')
   AND outcome IS DISTINCT FROM 'false_alarm';

-- Stops that a machine key ordered, or in which somebody found a defect, are no part of a wave. How
-- many SKUs the vendor has is counted where that may matter only; nothing, where no wave is asked for.
CREATE OR REPLACE FUNCTION take_slot(
    since_ timestamptz, lane_ text, source_ text, category_ text, vendor_ text, sku_ text,
    wave_since_ timestamptz, OUT revision bigint, OUT by_source bigint, OUT by_category bigint,
    OUT by_vendor bigint, OUT by_shop bigint, OUT wave text[], OUT of_vendor bigint)
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    SELECT slot.revision, slot.by_source, slot.by_category, slot.by_vendor, slot.by_shop
      INTO revision, by_source, by_category, by_vendor, by_shop
      FROM take_slot(since_, lane_, source_, category_, vendor_) AS slot;
    of_vendor := 0;
    wave := '{}';
    IF wave_since_ IS NOT NULL AND vendor_ IS NOT NULL AND lane_ = 'quality' THEN
        SELECT coalesce(array_agg(DISTINCT stopped.sku ORDER BY stopped.sku), '{}') INTO wave
          FROM automatic_freezes AS stopped
          JOIN cases ON cases.id = stopped.case_id
          LEFT JOIN cases AS survivor ON survivor.id = cases.merged_into
         WHERE stopped.vendor = vendor_ AND stopped.at > wave_since_ AND stopped.lane = 'quality'
           AND stopped.credential IS NULL AND stopped.sku <> sku_
           AND NOT (cases.defect_found OR coalesce(survivor.defect_found, false));
    END IF;
    IF cardinality(wave) > 0 THEN
        SELECT count(*) INTO of_vendor FROM skus WHERE skus.vendor = vendor_;
    END IF;
END
$$;
REVOKE ALL ON FUNCTION take_slot(timestamptz, text, text, text, text, text, timestamptz)
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_slot(timestamptz, text, text, text, text, text, timestamptz)
   TO freezeguard_runtime;
