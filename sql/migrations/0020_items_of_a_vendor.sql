-- migrate:up
-- How many items a vendor has matters only up to where one in 200 of them is more than a wave has:
-- counted under the lock of the held set, a catalogue of a hundred thousand is not counted whole. A limit
-- that is not known when it is planned would make the planner read the table from its beginning.

CREATE OR REPLACE FUNCTION take_slot(
    since_ timestamptz, lane_ text, source_ text, category_ text, vendor_ text, sku_ text,
    wave_since_ timestamptz, OUT revision bigint, OUT by_source bigint, OUT by_category bigint,
    OUT by_vendor bigint, OUT by_shop bigint, OUT wave text[], OUT of_vendor bigint)
    LANGUAGE plpgsql SET search_path = public, pg_temp SET enable_seqscan = off AS $$
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
        SELECT count(*) INTO of_vendor
          FROM (SELECT FROM skus WHERE skus.vendor = vendor_
                 LIMIT 200 * cardinality(wave) + 1) AS item;
    END IF;
END
$$;
