-- What people look at to see whether all is well: each page a few queries, however many rows.

-- name: obeying
-- Count per catalogue what is to be stopped or put back, by whether it obeys.
SELECT catalogue,
       count(*) FILTER (WHERE wanted <> 'sellable') AS stopped,
       count(*) FILTER (WHERE wanted <> 'sellable' AND status = 'pending') AS unconfirmed,
       count(*) FILTER (WHERE wanted = 'sellable' AND status NOT IN ('idle', 'not_listed'))
           AS releasing,
       count(*) FILTER (WHERE status IN ('refused', 'unreachable', 'drifted')) AS degraded,
       count(*) FILTER (WHERE status = 'drifted') AS drifted,
       max(seen_at) AS seen_at
  FROM catalogue_objects
 WHERE next_at IS NOT NULL
 GROUP BY catalogue;

-- name: oldest_unconfirmed
-- Return per catalogue the stop that is wanted for longest and not confirmed.
SELECT DISTINCT ON (catalogue)
       catalogue, objects.sku, remote_id, status, detail, attempts, since, case_id, number
  FROM catalogue_objects AS objects
  JOIN holds ON holds.sku = objects.sku AND holds.state = 'active'
  JOIN cases ON cases.id = case_id
 WHERE next_at IS NOT NULL AND wanted <> 'sellable'
   AND status IN ('pending', 'refused', 'unreachable', 'drifted')
 ORDER BY catalogue, since, objects.sku, remote_id;

-- name: drifts
-- Count per catalogue how often open cases were told since a moment that something was put back on
-- sale, and when last.
SELECT event.arguments ->> 'catalogue' AS catalogue, count(*) AS drifts, max(event.at) AS last_at
  FROM cases
  -- case by case: OFFSET keeps the planner from reading the history of all cases
 CROSS JOIN LATERAL (
       SELECT at, arguments FROM case_events
        WHERE case_id = cases.id AND command = 'drifted' AND at >= $1
       OFFSET 0) AS event
 WHERE cases.state IN ('suspected', 'freezing', 'frozen', 'diagnosing', 'remedy_proposed',
                       'awaiting_approval', 'reinstating', 'probation', 'appealed')
 GROUP BY event.arguments ->> 'catalogue';

-- name: open_tasks
-- Return the tasks that wait for a person to stop or release something by hand, oldest first.
SELECT catalogue, tasks.sku, remote_id, task, instruction, assigned_to, tasks.opened_at, case_id,
       number
  FROM manual_tasks AS tasks
  JOIN cases ON cases.id = case_id
 WHERE resolved_at IS NULL
 ORDER BY tasks.opened_at, tasks.id
 LIMIT $1;

-- name: checks
-- Return which catalogues were proved by their owners, when and by whom.
SELECT catalogue, fingerprint, passed_at, passed_by FROM catalogue_checks;

-- name: spent
-- Count the automatic freezes since a moment by lane and by whose budget they spent.
SELECT lane, source, category, vendor, count(*) AS freezes
  FROM automatic_freezes
 WHERE at > $1
 GROUP BY lane, source, category, vendor;

-- name: waves
-- Count per vendor the items that were stopped since a moment and in which no defect was found.
WITH stops AS (
    SELECT stopped.vendor, count(DISTINCT stopped.sku) AS skus
      FROM automatic_freezes AS stopped
     CROSS JOIN LATERAL (
           SELECT defect_found, merged_into FROM cases WHERE id = stopped.case_id OFFSET 0) AS own
      LEFT JOIN LATERAL (
           SELECT defect_found FROM cases WHERE id = own.merged_into OFFSET 0) AS survivor ON true
     WHERE stopped.at > $1 AND stopped.vendor IS NOT NULL AND stopped.lane = 'quality'
       AND stopped.credential IS NULL
       AND NOT (own.defect_found OR coalesce(survivor.defect_found, false))
     GROUP BY stopped.vendor
     ORDER BY skus DESC, stopped.vendor
     LIMIT $2
)
SELECT vendor, skus, (SELECT count(*) FROM skus WHERE skus.vendor = stops.vendor) AS of_vendor
  FROM stops
 ORDER BY skus DESC, vendor;

-- name: vendors
-- Return the next vendors in their order.
SELECT vendor, name, contacts, language, time_zone, calendar
  FROM vendors
 WHERE vendor > $1
 ORDER BY vendor
 LIMIT $2;

-- name: vendors_cases
-- Count the open cases of some vendors.
SELECT vendor, count(*) AS open_cases, min(opened_at) AS oldest_at
  FROM cases
 WHERE vendor = ANY ($1::text[])
   AND state IN ('suspected', 'freezing', 'frozen', 'diagnosing', 'remedy_proposed',
                 'awaiting_approval', 'reinstating', 'probation', 'appealed')
 GROUP BY vendor;

-- name: vendors_promises
-- Count what became of the dates that some vendors have named since a moment.
SELECT vendor,
       count(*) FILTER (WHERE outcome = 'kept') AS kept,
       count(*) FILTER (WHERE outcome = 'broken') AS broken,
       count(*) FILTER (WHERE outcome = 'moved') AS moved,
       count(*) FILTER (WHERE settled_at IS NULL) AS waiting
  FROM vendor_promises
 WHERE vendor = ANY ($1::text[]) AND made_at >= $2
 GROUP BY vendor;

-- name: vendors_answers
-- Return how long some vendors took to answer, and were late, in cases opened since a moment.
SELECT cases.vendor, clocks.kind, count(*) AS answered,
       count(*) FILTER (WHERE breached_at IS NOT NULL) AS late,
       percentile_cont(0.5) WITHIN GROUP (
           ORDER BY extract(epoch FROM stopped_at - started_at)) AS median_seconds
  FROM cases
  JOIN clocks ON clocks.case_id = cases.id
 WHERE cases.vendor = ANY ($1::text[]) AND cases.opened_at >= $2
   AND clocks.kind IN ('vendor_ack', 'vendor_plan') AND stopped_at IS NOT NULL
 GROUP BY cases.vendor, clocks.kind;

-- name: vendors_endpoints
-- Count the webhook endpoints of some vendors by how they are.
SELECT vendor, count(*) AS endpoints,
       count(*) FILTER (WHERE state = 'failing') AS failing,
       count(*) FILTER (WHERE state = 'disabled') AS disabled
  FROM webhook_endpoints
 WHERE vendor = ANY ($1::text[]) AND removed_at IS NULL
 GROUP BY vendor;

-- name: sign_ins
-- Return when people signed in last, as far back as sessions are kept.
SELECT person, max(opened_at) AS at FROM sessions GROUP BY person;
