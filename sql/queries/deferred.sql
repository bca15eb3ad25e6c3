-- Rows of a command that nobody reads in its own transaction, written in one round trip.

-- name: write_deferred
-- Write rows of up to twelve tables and wake listeners; numbers within a case follow what is there.
WITH opened AS (
    INSERT INTO cases (
        id, number, sku, seller, channel, country, lot, state, lane, version, evidence_revision,
        recurrence, degraded, vendor, vendor_status, category, owner, outcome, opened_by,
        opened_at, frozen_at, reinstated_at, closed_at, reason, rule_id, rule_version, diagnosis,
        remedy, remedy_author, remedy_rounds, verification, approval_requested_at,
        approval_requested_by, approval_evidence, release_tries, probation, known_evidence,
        contact_cost, further_scopes, narrowing, authority_order, commitment, contest, appeal,
        hand_off, defect_found, decided_by, merged_into)
    OVERRIDING SYSTEM VALUE
    SELECT id, number, sku, seller, channel, country, lot, state, lane, version,
           evidence_revision, recurrence, degraded, vendor, vendor_status, category, owner,
           outcome, opened_by, opened_at, frozen_at, reinstated_at, closed_at, reason, rule_id,
           rule_version, diagnosis, remedy, remedy_author, remedy_rounds, verification,
           approval_requested_at, approval_requested_by, approval_evidence, release_tries,
           probation, known_evidence, contact_cost, further_scopes, narrowing, authority_order,
           commitment, contest, appeal, hand_off, defect_found, decided_by, merged_into
      FROM jsonb_populate_recordset(NULL::cases, $2::jsonb)
), ordered AS (  -- with a lease the caller works on the object at once
    INSERT INTO catalogue_objects AS known (sku, catalogue, remote_id, wanted, wanted_revision,
                                            status, next_at, lease_until, lease_token)
    SELECT sku, catalogue, remote_id, wanted, wanted_revision,
           CASE WHEN wanted = 'sellable' THEN 'idle' ELSE 'pending' END,
           at + coalesce(lease, '0'), at + lease, lease_token
      FROM jsonb_to_recordset($3::jsonb) AS one (
           sku text, catalogue text, remote_id text, wanted text, wanted_revision bigint,
           lease interval, lease_token uuid),
           (SELECT clock_timestamp() AS at) AS clock
    ON CONFLICT (sku, catalogue, remote_id) DO UPDATE SET
        wanted = excluded.wanted,
        wanted_revision = greatest(known.wanted_revision, excluded.wanted_revision),
        status = CASE WHEN known.wanted = excluded.wanted THEN known.status ELSE 'pending' END,
        attempts = CASE WHEN known.wanted = excluded.wanted THEN known.attempts ELSE 0 END,
        failing_since = CASE WHEN known.wanted = excluded.wanted THEN known.failing_since END,
        -- the version before this one keeps its waivers here
        waived_until = CASE WHEN known.wanted = excluded.wanted THEN known.waived_until END,
        sent_at = CASE  -- a lease that was never given back: its worker may have sent something
            WHEN known.lease_until IS NOT NULL THEN coalesce(known.sent_at, clock_timestamp())
            ELSE known.sent_at END,
        next_at = CASE
            WHEN known.wanted = 'sellable' AND known.status IN ('idle', 'not_listed')
                 AND excluded.wanted = 'sellable' THEN known.next_at
            -- the other worker's command may still land: look again when it can't any more
            WHEN excluded.lease_until IS NOT NULL AND known.lease_until > clock_timestamp()
                THEN known.lease_until + interval '1 second'
            ELSE excluded.next_at END,
        lease_until = coalesce(excluded.lease_until, known.lease_until),
        lease_token = coalesce(excluded.lease_token, known.lease_token)
), new_holds AS (
    INSERT INTO holds (id, case_id, sku, seller, channel, country, lot, lane, level, soft, state,
                       reason, since, revision)
    SELECT id, case_id, sku, seller, channel, country, lot, lane, level, soft, state, reason,
           since, revision
      FROM jsonb_to_recordset($4::jsonb) AS one (
           id uuid, case_id uuid, sku text, seller text, channel text, country text, lot text,
           lane text, level text, soft boolean, state text, reason text, since timestamptz,
           revision bigint)
), changes AS (
    INSERT INTO hold_changes (revision, at, change, hold_id, sku, hold)
    SELECT revision, at, change, hold_id, sku, hold
      FROM jsonb_to_recordset($5::jsonb) AS one (
           revision bigint, at timestamptz, change text, hold_id uuid, sku text, hold jsonb)
), events AS (
    INSERT INTO case_events (case_id, sku, n, at, actor, command, from_state, to_state, version,
                             evidence_revision, arguments)
    SELECT case_id, sku,
           (SELECT coalesce(max(n), 0) FROM case_events AS known
             WHERE known.case_id = one.case_id)
             + row_number() OVER (PARTITION BY case_id ORDER BY place),
           at, actor, command, from_state, to_state, version, evidence_revision, arguments
      FROM jsonb_to_recordset($6::jsonb) AS one (
           case_id uuid, sku text, at timestamptz, actor text, command text, from_state text,
           to_state text, version integer, evidence_revision integer, arguments jsonb,
           place integer)
), attached AS (
    INSERT INTO case_signals (case_id, sku, source, id, occurred_at, attached_at, counted)
    SELECT case_id, sku, source, id, occurred_at, attached_at, counted
      FROM jsonb_to_recordset($7::jsonb) AS one (
           case_id uuid, sku text, source text, id text, occurred_at timestamptz,
           attached_at timestamptz, counted boolean)
     ORDER BY case_id, source COLLATE "C", id COLLATE "C"
    ON CONFLICT (case_id, source, id) DO NOTHING
), started AS (
    INSERT INTO clocks (id, case_id, sku, kind, started_at, due_at, next_at, details, fired_at)
    SELECT DISTINCT ON (case_id, kind) id, case_id, sku, kind, started_at, due_at, next_at,
           details, started_at
      FROM jsonb_to_recordset($8::jsonb) AS one (
           id uuid, case_id uuid, sku text, kind text, started_at timestamptz,
           due_at timestamptz, next_at timestamptz, details jsonb, place integer)
     ORDER BY case_id, kind, place DESC
    ON CONFLICT (case_id, kind) WHERE stopped_at IS NULL DO UPDATE SET
        started_at = excluded.started_at,
        due_at = excluded.due_at,
        next_at = excluded.next_at,
        details = excluded.details,
        fired_at = excluded.fired_at,
        level = 0,
        warned_at = NULL,
        breached_at = NULL,
        paused_at = NULL,
        lease_until = NULL
), found AS (
    INSERT INTO crossings (id, sku, scope, rule_id, rule_version, crossed_at, source, signal_id,
                           known_at, outcome, case_id, reason)
    SELECT id, sku, scope, rule_id, rule_version, crossed_at, source, signal_id, known_at,
           outcome, case_id, reason
      FROM jsonb_to_recordset($9::jsonb) AS one (
           id uuid, sku text, scope jsonb, rule_id text, rule_version integer,
           crossed_at timestamptz, source text, signal_id text, known_at timestamptz,
           outcome text, case_id uuid, reason jsonb)
    ON CONFLICT (sku, jsonb_hash_extended(scope, 0), rule_id, rule_version, source, signal_id,
                 outcome) DO NOTHING
), spending AS (
    INSERT INTO automatic_freezes (case_id, sku, at, lane, source, category, vendor, credential)
    SELECT case_id, sku, at, lane, source, category, vendor, credential
      FROM jsonb_to_recordset($10::jsonb) AS one (
           case_id uuid, sku text, at timestamptz, lane text, source text, category text,
           vendor text, credential uuid)
), arrived AS MATERIALIZED (
    SELECT id, case_id, sku,
           (SELECT coalesce(max(n), 0) FROM notices AS known WHERE known.case_id = one.case_id)
             + row_number() OVER (PARTITION BY case_id ORDER BY place) AS n,
           recipient, channel, address, kind, facts, language, time_zone, state, created_at, team
      FROM jsonb_to_recordset($11::jsonb) AS one (
           id uuid, case_id uuid, sku text, recipient text, channel text, address text, kind text,
           facts jsonb, language text, time_zone text, state text, created_at timestamptz,
           team text, place integer)
), told AS (
    INSERT INTO notices (id, case_id, sku, n, recipient, channel, address, kind, facts, language,
                         time_zone, state, created_at, next_at)
    SELECT id, case_id, sku, n, recipient, channel, address, kind, facts, language, time_zone, state,
           created_at, CASE state WHEN 'queued' THEN clock_timestamp() END
      FROM arrived
), told_in_chats AS (  -- what staff reads by mail, in their chat too, and in those of their teams
    INSERT INTO notices (id, case_id, sku, n, recipient, channel, address, kind, facts, language,
                         time_zone, state, created_at, next_at)
    SELECT gen_random_uuid(), case_id, sku, n, chat.recipient, chat.kind, chat.id::text,
           arrived.kind,
           CASE WHEN theirs THEN facts ELSE facts || jsonb_build_object('recipient', chat.name) END,
           CASE WHEN theirs THEN arrived.language ELSE chat.language END,
           CASE WHEN theirs THEN arrived.time_zone ELSE chat.time_zone END,
           'queued', arrived.created_at, clock_timestamp()
      FROM arrived
      JOIN chat_addresses AS chat
        ON chat.recipient = arrived.recipient
           OR (chat.recipient LIKE 'team:%' AND arrived.team IS NOT NULL
               AND (chat.areas = '{}' OR arrived.team = ANY (chat.areas)))
     CROSS JOIN LATERAL (SELECT chat.recipient = arrived.recipient AS theirs) AS whose
     WHERE chat.state = 'active' AND chat.removed_at IS NULL AND arrived.channel = 'mail'
       AND arrived.kind <> 'test_message' AND arrived.facts ->> 'audience' = 'staff'
), written AS (
    INSERT INTO audit (at, actor, action, subject, why, details)
    SELECT at, actor, action, subject, why, details
      FROM jsonb_to_recordset($12::jsonb) AS one (
           at timestamptz, actor text, action text, subject text, why text, details jsonb,
           place integer)
     ORDER BY place
), posted AS (
    INSERT INTO webhook_messages (id, vendor, thread, case_id, sku, type, at, data)
    SELECT id, vendor, thread, case_id, sku, type, at, data
      FROM jsonb_to_recordset($13::jsonb) AS one (
           id uuid, vendor text, thread text, case_id uuid, sku text, type text, at timestamptz,
           data jsonb, place integer)
     WHERE EXISTS (
               SELECT FROM webhook_endpoints AS known
                WHERE known.vendor IS NOT DISTINCT FROM one.vendor AND known.removed_at IS NULL
                  AND (known.types = '{}' OR one.type = ANY (known.types)))
     ORDER BY place
    RETURNING id, seq, vendor, thread, type, at
), dispatched AS (
    INSERT INTO webhook_deliveries (message_id, endpoint_id, seq, thread, state, next_at,
                                    settled_at)
    SELECT posted.id, known.id, seq, thread,
           CASE known.state WHEN 'disabled' THEN 'cancelled' ELSE 'queued' END,
           CASE known.state WHEN 'disabled' THEN NULL ELSE clock_timestamp() END,
           CASE known.state WHEN 'disabled' THEN posted.at END
      FROM posted
      JOIN webhook_endpoints AS known
        ON known.vendor IS NOT DISTINCT FROM posted.vendor AND known.removed_at IS NULL
           AND (known.types = '{}' OR posted.type = ANY (known.types))
    RETURNING state
)
SELECT pg_notify('freezeguard', topic)
  FROM (SELECT unnest($1::text[])
         UNION ALL
        (SELECT 'webhooks' FROM dispatched LIMIT 1)) AS woken (topic);
