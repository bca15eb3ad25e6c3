-- migrate:up
-- A freeze takes its slot in one round trip: the lock that orders the held set and all spending,
-- and then what is spent. In a function each statement looks when it starts, so the count misses
-- nobody who had the lock before. The version before this one does the same in two round trips.

CREATE FUNCTION take_slot(since_ timestamptz, lane_ text, source_ text, category_ text,
                           vendor_ text, OUT revision bigint, OUT by_source bigint,
                           OUT by_category bigint, OUT by_vendor bigint, OUT by_shop bigint)
    LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE held_set SET revision = held_set.revision + 1
 RETURNING held_set.revision INTO take_slot.revision;
    SELECT count(*) FILTER (WHERE source = source_), count(*) FILTER (WHERE category = category_),
           count(*) FILTER (WHERE vendor = vendor_), count(*)
      INTO by_source, by_category, by_vendor, by_shop
      FROM automatic_freezes
     WHERE at > since_ AND lane = lane_;
END
$$;
REVOKE ALL ON FUNCTION take_slot(timestamptz, text, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_slot(timestamptz, text, text, text, text) TO freezeguard_runtime;

-- The beginnings of the masked texts of some signals, in their order. OFFSET 0 keeps each look-up by
-- itself: a join that was planned while there were few texts would read all of them.
CREATE FUNCTION beginnings(sources text[], ids text[], most integer) RETURNS text[]
    LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT ARRAY(
        SELECT left(text, 300)
          FROM unnest(sources, ids) WITH ORDINALITY AS asked (source, id, place)
         CROSS JOIN LATERAL (
               SELECT text FROM signal_texts AS known
                WHERE known.source = asked.source AND known.id = asked.id
               OFFSET 0) AS own
         WHERE text IS NOT NULL
         ORDER BY place
         LIMIT most)
$$;
REVOKE ALL ON FUNCTION beginnings(text[], text[], integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION beginnings(text[], text[], integer) TO freezeguard_runtime;

-- The number of a case is drawn before its row is written, with everything else, at the end.
GRANT USAGE ON SEQUENCE cases_number_seq TO freezeguard_runtime;
