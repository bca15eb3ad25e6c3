"""Hot queries keep using their indexes, also as plans that are made once for all arguments."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from freezeguard.storage.embedded import EmbeddedServer, OwnerAndRuntimeDsns, prepare_database
from freezeguard.storage.migrations import migrate
from freezeguard.storage.queries import queries
from tests.storage.makers import NOW

FILL = """
    SELECT ensure_signal_partitions($1, 3);
    INSERT INTO signals (sku, occurred_at, source, id, received_at, kind, intent, severity,
                         may_assert_safety, acts_on_history)
    SELECT 'sku-' || n % 600, $1 - n * interval '5 minutes', 'shop', n::text, $1, 'complaint',
           'defect', 2, false, false
      FROM generate_series(1, 12000) AS n;
    INSERT INTO signal_identities (source, id, fingerprint, sku, occurred_at)
    SELECT source, id, '', sku, occurred_at FROM signals;
    INSERT INTO sku_tallies (sku, signals) SELECT sku, count(*) FROM signals GROUP BY sku;
    INSERT INTO sku_tallies (sku) SELECT 'quiet-' || n FROM generate_series(1, 20000) AS n;
    INSERT INTO skus (sku, vendor, category, read_ahead_at, updated_at)
    SELECT sku, 'v' || signals % 7, 'c', $1, $1 FROM sku_tallies;
    INSERT INTO pending_evaluations (sku, since_seq, since_time, marked_at)
    SELECT 'sku-' || n, n, $1, $1 + n * interval '1 second' FROM generate_series(1, 3000) AS n;
    INSERT INTO catalogue_objects (sku, catalogue, remote_id, wanted, status, next_at)
    SELECT 'sku-' || n, 'cat-' || n % 4, 'r', 'hard', 'confirmed', $1 + n * interval '1 second'
      FROM generate_series(1, 6000) AS n;
    INSERT INTO cases (id, sku, state, lane, version, evidence_revision, opened_by, opened_at,
                       frozen_at, closed_at, reason)
    SELECT gen_random_uuid(), 'sku-' || n, CASE WHEN n % 50 = 0 THEN 'frozen' ELSE 'expired' END,
           'quality', 1, 1, 'detector', $1 - n * interval '1 minute', $1,
           CASE WHEN n % 50 = 0 THEN NULL ELSE $1 END, '{}'
      FROM generate_series(1, 6000) AS n;
    INSERT INTO case_harm (case_id, version, signals, customers, severity, contact_cost, units)
    SELECT id, 1, 0, 0, 0, 0, 0 FROM cases;
    INSERT INTO holds (id, case_id, sku, lane, level, soft, state, reason, since, revision,
                       ended_at)
    SELECT gen_random_uuid(), id, sku, 'quality', 'hard', false,
           CASE WHEN state = 'frozen' THEN 'active' ELSE 'released' END, '', $1, 1,
           CASE WHEN state = 'frozen' THEN NULL ELSE $1 END
      FROM cases;
    INSERT INTO case_events (case_id, sku, n, at, actor, command, to_state, version,
                             evidence_revision)
    SELECT id, sku, 1, $1, 'detector', 'freeze', 'frozen', 1, 1 FROM cases;
    INSERT INTO people (id, name, roles, created_at, updated_at)
    VALUES ('ann', 'Ann', '{}', $1, $1);
    INSERT INTO approvals (id, case_id, sku, command, person, arguments, evidence_revision,
                           cast_at, expires_at)
    SELECT gen_random_uuid(), id, sku, 'approve', 'ann', '{}', 1, $1, $1 FROM cases;
    INSERT INTO clocks (id, case_id, sku, kind, started_at, due_at, stopped_at)
    SELECT gen_random_uuid(), id, sku, 'confirm', $1, $1 + interval '1 day',
           CASE WHEN state = 'frozen' THEN NULL ELSE $1 END FROM cases;
    INSERT INTO case_questions (id, case_id, sku, asked_of, person, question, asked_by, asked_at,
                                due_at, closed_at, outcome)
    SELECT gen_random_uuid(), id, sku, 'person', 'ann', 'x', 'x', $1, $1,
           CASE WHEN number % 50 = 0 THEN NULL ELSE $1 END,
           CASE WHEN number % 50 = 0 THEN NULL ELSE 'answered' END FROM cases;
    INSERT INTO case_causes (id, case_id, sku, branch, description, state, made_by, made_at,
                             changed_by, changed_at, version)
    SELECT gen_random_uuid(), id, sku, 'people', 'x', 'confirmed', 'x', $1, 'x', $1, 1 FROM cases;
    INSERT INTO manual_tasks (id, case_id, sku, catalogue, remote_id, task, instruction, opened_at,
                              resolved_at)
    SELECT gen_random_uuid(), id, sku, 'shop', 'r', 'stop', '', $1, $1 FROM cases;
    INSERT INTO waivers (case_id, sku, catalogue, remote_id, waived_by, waived_at, until, why)
    SELECT id, sku, 'shop', 'r', 'mia', $1, $1, 'r' FROM cases;
    INSERT INTO notices (id, case_id, sku, n, recipient, channel, kind, facts, language, time_zone,
                         state, created_at, next_at, sorted_at)
    SELECT gen_random_uuid(), id, sku, 1, 'vendor:' || (number % 500), 'mail', 'frozen_confirmed',
           '{}', 'en', 'UTC', CASE WHEN state = 'frozen' THEN 'queued' ELSE 'sent' END, $1, $1,
           CASE WHEN number % 800 <> 0 THEN $1 END FROM cases;
    INSERT INTO notice_digests (id, recipient, channel, address, opened_at, due_at, closed_at,
                                ended_at, outcome)
    SELECT gen_random_uuid(), 'person:' || n, 'mail', 'a', $1, $1, $1,
           CASE WHEN n % 100 <> 0 THEN $1 END, CASE WHEN n % 100 <> 0 THEN 'sent' END
      FROM generate_series(1, 3000) AS n;
    UPDATE notices SET digest = (SELECT id FROM notice_digests WHERE recipient = 'person:7')
     WHERE n = 1 AND sku = 'sku-7';
    INSERT INTO webhook_endpoints (id, vendor, url, scheme, secret, state, created_at, created_by,
                                   updated_at)
    SELECT gen_random_uuid(), 'v' || n % 7, 'https://x.example', 'v1', 'x', 'active', $1, 'x', $1
      FROM generate_series(1, 20) AS n;
    INSERT INTO webhook_messages (id, vendor, thread, type, at, data)
    SELECT id, 'acme', 'case:' || id, 'case.released', $1, '{}' FROM cases;
    INSERT INTO webhook_deliveries (message_id, endpoint_id, seq, thread, state, next_at,
                                    settled_at)
    SELECT one.id, known.id, seq, thread, CASE WHEN seq % 50 = 0 THEN 'queued' ELSE 'sent' END,
           CASE WHEN seq % 50 = 0 THEN $1 END, CASE WHEN seq % 50 = 0 THEN NULL ELSE $1 END
      FROM webhook_messages AS one, webhook_endpoints AS known;
    INSERT INTO webhook_attempts (message_id, endpoint_id, at, error, seconds)
    SELECT message_id, endpoint_id, $1, '', 0 FROM webhook_deliveries;
    INSERT INTO case_signals (case_id, sku, source, id, occurred_at, attached_at, counted)
    SELECT cases.id, sku, source, signals.id, occurred_at, $1, true
      FROM cases JOIN signals USING (sku);
    INSERT INTO signal_texts (source, id, sku, text) SELECT source, id, sku, 'x' FROM signals;
    INSERT INTO automatic_freezes (case_id, sku, at, lane, vendor)
    SELECT id, sku, opened_at, 'quality', 'v' || number % 2500 FROM cases;
    INSERT INTO crossings (id, sku, scope, rule_id, rule_version, crossed_at, source, signal_id,
                           known_at, outcome, reason)
    SELECT gen_random_uuid(), sku, '{}', 'r', 1, $1, 'shop', sku, $1, 'freeze', '{}' FROM cases;
    INSERT INTO evidence_files (id, case_id, sku, name, media_type, size, sha256, uploaded_by,
                                uploaded_at, visible_to_vendor, stored_in)
    SELECT id, id, sku, 'a.txt', 'text/plain', 1, repeat('0', 64), 'person:vera', $1, true,
           'database'
      FROM cases;
    INSERT INTO evidence_contents (file_id, n, part) SELECT id, 0, 'x' FROM evidence_files;
    INSERT INTO audit (at, actor, action, subject)
    SELECT $1, 'detector', 'freeze', 'case:' || id FROM cases;
    INSERT INTO audit_chain (position, audit_seq, chained_at, salt, digest, hash)
    SELECT seq, seq, $1, decode(repeat('00', 16), 'hex'), decode(repeat('00', 32), 'hex'),
           decode(repeat('00', 32), 'hex') FROM audit;
    INSERT INTO shipments (source, id, fingerprint, sku, units, shipped_at, received_at)
    SELECT 'wms', id, '', sku, 1, occurred_at, $1 FROM signals;
    ANALYZE
"""


@pytest.fixture(scope="module")
def big(postgres: EmbeddedServer) -> Iterator[OwnerAndRuntimeDsns]:
    """A database with enough rows that reading a whole table would be a mistake."""
    import asyncio

    name = f"big_{uuid4().hex[:12]}"
    yield asyncio.run(_filled(postgres, name))
    asyncio.run(_dropped(postgres, name))


async def _filled(postgres: EmbeddedServer, name: str) -> OwnerAndRuntimeDsns:
    dsns = await prepare_database(postgres.endpoint, name)
    await migrate(dsns.owner)
    owner = await asyncpg.connect(dsns.owner)
    for statement in FILL.replace("$1", f"'{NOW.isoformat()}'::timestamptz").split(";\n"):
        await owner.execute(statement)
    await owner.close()
    return dsns


async def _dropped(postgres: EmbeddedServer, name: str) -> None:
    connection = await asyncpg.connect(postgres.endpoint.dsn("postgres"))
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


@pytest.fixture
async def planner(big: OwnerAndRuntimeDsns) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(big.runtime)
    await connection.execute("SET plan_cache_mode = force_generic_plan")
    yield connection
    await connection.close()


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


async def plan_of(
    planner: "asyncpg.Connection[asyncpg.Record]", noun: str, name: str, count: int
) -> list[dict[str, Any]]:
    """Return the nodes of the plan that serves all arguments alike."""
    statement = f"plan_{name}"
    await planner.execute(f"PREPARE {statement} AS {queries(noun)[name]}")
    nulls = ", ".join(["NULL"] * count)
    call = f"EXPLAIN (FORMAT JSON) EXECUTE {statement}" + (f" ({nulls})" if count else "")
    found = await planner.fetchval(call)
    return list(nodes(json.loads(found)[0]["Plan"]))


# query -> how many parameters, the indexes that must serve it
HOT: Sequence[tuple[str, str, int, set[str]]] = [
    ("signals", "observed", 4, {"signals_history_pkey", "signals_2026_11_pkey"}),
    ("signals", "judged_usual", 2, {"signals_history_pkey", "signals_2026_11_pkey"}),
    ("signals", "shipped_by_day", 2, {"shipments_by_sku"}),
    ("signals", "shipments", 3, {"shipments_by_sku"}),
    ("signals", "lock_sku", 1, {"sku_tallies_pkey"}),
    ("signals", "lock_pending", 1, {"sku_tallies_pkey", "pending_evaluations_pkey"}),
    ("signals", "try_lock_pending", 1, {"sku_tallies_pkey", "pending_evaluations_pkey"}),
    ("signals", "take_pending", 1, {"pending_evaluations_pkey"}),
    ("signals", "pending_skus", 2, {"pending_evaluations_by_age", "pending_evaluations_pkey"}),
    ("signals", "lock_without_signals", 1, {"sku_tallies_pkey"}),
    ("signals", "tallied_skus", 2, {"sku_tallies_pkey"}),
    ("signals", "mark_scope_pending", 5, {"skus_pkey"}),
    ("signals", "fingerprints", 2, {"signal_identities_pkey"}),
    ("cases", "lock_case", 1, {"cases_pkey"}),
    ("cases", "open_of_sku", 1, {"cases_open_by_sku"}),
    ("cases", "lock_open_of_sku", 1, {"cases_open_by_sku"}),
    ("cases", "told_of_sku", 1, {"cases_by_sku"}),
    ("cases", "cases_of_sku", 1, {"cases_by_sku"}),
    ("cases", "list_cases", 18, {"cases_by_time"}),
    ("cases", "queue", 18, {"case_harm_pkey", "skus_pkey", "cases_pkey"}),
    ("cases", "get_cases", 1, {"cases_pkey"}),
    ("cases", "count_harm", 1, {"cases_pkey", "case_signals_pkey", "signals_history_pkey",
                                "shipments_by_sku"}),
    ("cases", "events", 1, {"case_events_pkey"}),
    ("cases", "found_beside", 6, {"cases_by_vendor"}),
    ("cases", "pullers", 2, {"case_events_pkey"}),
    ("attachments", "attached", 3, {"case_signals_pkey", "signals_history_pkey",
                                    "signal_texts_pkey"}),
    ("attachments", "pareto", 1, {"case_signals_pkey", "signals_history_pkey"}),
    ("signals", "remembered", 2, {"signals_history_pkey", "case_signals_pkey"}),
    ("attachments", "judge_attached", 3, {"case_signals_pkey", "signals_history_pkey"}),
    ("duties", "claim_due_clocks", 3, {"clocks_due"}),
    ("duties", "clocks", 1, {"clocks_by_case"}),
    ("questions", "of_case", 1, {"case_questions_by_case"}),
    ("causes", "of_case", 1, {"case_causes_by_case"}),
    ("causes", "alike", 8, {"cases_by_sku", "cases_by_vendor", "cases_by_category"}),
    ("causes", "beside", 6, {"skus_by_vendor", "cases_open_by_sku"}),
    ("duties", "tasks", 1, {"manual_tasks_by_case"}),
    ("holds", "holds_of_sku", 1, {"holds_in_force"}),
    ("holds", "holds_of_case", 1, {"holds_one_per_case_and_scope"}),
    ("objects", "objects_of_sku", 1, {"catalogue_objects_pkey"}),
    ("objects", "claim_due", 5, {"catalogue_objects_due"}),
    ("objects", "claim_unseen", 6, {"catalogue_objects_due"}),
    ("objects", "seconds_until_due", 1, {"catalogue_objects_due"}),
    ("objects", "settle", 19, {"catalogue_objects_pkey"}),
    ("objects", "see_again", 13, {"catalogue_objects_pkey", "holds_in_force", "cases_pkey"}),
    ("objects", "troubled", 0, {"catalogue_objects_troubled"}),
    ("objects", "skus_to_read_ahead", 2, {"skus_to_read_ahead"}),
    ("notices", "claim_due", 5, {"notices_due"}),
    ("notices", "notice", 1, {"notices_pkey"}),
    ("digests", "has_arrivals", 0, {"notices_unsorted"}),
    ("digests", "arrivals", 4, {"notices_unsorted", "notices_by_reader", "notice_digests_open"}),
    ("digests", "claim_digest", 4, {"notice_digests_due", "notices_by_digest"}),
    ("digests", "members", 2, {"notices_by_digest"}),
    ("digests", "digest_sent", 2, {"notice_digests_pkey", "notices_by_digest"}),
    ("digests", "take_along", 1, {"notices_pkey"}),
    ("notices", "of_case", 1, {"notices_once"}),
    ("evidence", "files_of_case", 1, {"evidence_files_by_case", "cases_by_sku"}),
    ("evidence", "part", 2, {"evidence_contents_pkey"}),
    ("evidence", "in_directory", 1, {"evidence_files_pkey"}),
    ("webhooks", "claim_endpoint", 4, {"webhook_deliveries_due", "webhook_deliveries_in_order"}),
    ("webhooks", "next_message", 2, {"webhook_deliveries_due", "webhook_deliveries_in_order"}),
    ("webhooks", "deliveries", 3, {"webhook_deliveries_by_endpoint",
                                   "webhook_attempts_by_delivery"}),
    ("webhooks", "sent", 3, {"webhook_deliveries_pkey"}),
    # of its signals this plan shows nothing: where no time is given, no month is looked at
    ("learning", "heard", 6, {"sku_tallies_pkey", "shipments_by_sku", "skus_pkey",
                              "cases_open_by_sku"}),
    ("detection", "crossings", 1, {"crossings_once"}),
    ("audit_chain", "head", 0, {"audit_chain_pkey"}),
    ("audit_chain", "highest_seq", 0, {"audit_chain_audit_seq_key"}),
    ("audit_chain", "frontier", 0, {"audit_chain_pkey"}),
    ("audit_chain", "end_of_next", 2, {"audit_pkey"}),
    ("audit_chain", "unchained", 3, {"audit_pkey", "audit_chain_audit_seq_key"}),
    ("audit_chain", "backlog", 1, {"audit_pkey", "audit_chain_audit_seq_key"}),
    ("audit_chain", "links", 2, {"audit_chain_pkey"}),
    ("audit_chain", "rows", 1, {"audit_pkey"}),
    ("audit_chain", "stretch", 2, {"audit_chain_pkey"}),
    ("audit_chain", "of_subject", 1, {"audit_by_subject", "audit_chain_audit_seq_key"}),
    ("masterdata", "prelude", 4, {"skus_pkey", "pending_evaluations_pkey", "holds_in_force",
                                  "signals_history_pkey", "signals_2026_11_pkey"}),
    ("masterdata", "surroundings", 4, {"catalogue_objects_pkey", "holds_in_force",
                                       "manual_tasks_once", "clocks_once", "waivers_pkey",
                                       "case_events_pkey", "approvals_once"}),
    ("masterdata", "skus_after", 3, {"skus_by_change"}),
    ("masterdata", "skus_of_gtin", 2, {"skus_by_gtin"}),
    ("record", "highest", 0, {"audit_pkey"}),
    ("record", "changes_of_cases", 3, {"audit_pkey", "cases_pkey"}),
    ("past", "tried_skus", 6, {"sku_tallies_pkey"}),
    ("past", "past_stops", 6, {"cases_by_sku", "case_events_pkey"}),
    ("overview", "drifts", 1, {"case_events_pkey"}),
    ("overview", "open_tasks", 1, {"manual_tasks_once", "cases_pkey"}),
    ("overview", "spent", 1, {"automatic_freezes_by_time"}),
    ("overview", "vendors_cases", 1, {"cases_by_vendor"}),
    ("overview", "vendors_answers", 2, {"cases_by_vendor", "clocks_by_case"}),
]
SMALL = {
    "instance", "people", "vendors", "held_set", "signals_unplanned", "webhook_endpoints",
    "quiet_hours", "chat_addresses",
}


@pytest.mark.parametrize(("noun", "name", "count", "indexes"), HOT)
async def test_a_hot_query_uses_its_indexes(
    noun: str,
    name: str,
    count: int,
    indexes: set[str],
    planner: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    """The one plan for all arguments reads no big table whole and uses the index meant for it."""
    found = await plan_of(planner, noun, name, count)

    whole = {
        node["Relation Name"]
        for node in found
        if node["Node Type"] == "Seq Scan" and not node["Relation Name"].startswith("signals_20")
    } - SMALL
    used = {node["Index Name"] for node in found if "Index Name" in node}
    assert set() == whole
    assert indexes <= used


@pytest.mark.parametrize(("table", "call"), [
    ("automatic_freezes", "take_slot(now(), 'quality', 'shop', 'c', 'v1')"),
    ("automatic_freezes", "take_slot(now(), 'quality', 'shop', 'c', 'v1', 's', '-infinity')"),
    ("signal_texts", "beginnings('{shop,shop,shop}', '{7,700,7000}', 3)"),
])  # fmt: skip
async def test_a_function_reads_no_big_table_whole(
    table: str, call: str, planner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """What stands in a function shows in no plan; it touches a fraction of the table's pages."""
    pages = await planner.fetchval("SELECT relpages FROM pg_class WHERE relname = $1", table)
    async with planner.transaction():
        for _ in range(2):  # the first call also plans
            found = await planner.fetchval(
                f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM {call}")
    [plan] = json.loads(found)
    assert pages > 50
    assert plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"] < pages / 2


async def test_two_years_of_history_are_read_by_the_sku(
    planner: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    """What is usual for an item is learned from its own signals, by index, month for month."""
    await planner.execute(f"PREPARE history_ AS {queries('signals')['history']}")
    since, until = NOW - timedelta(days=800), NOW - timedelta(days=65)

    found = await planner.fetchval(
        f"EXPLAIN (FORMAT JSON) EXECUTE history_ ('sku-7', '{since}', '{until}')"
    )
    plan = list(nodes(json.loads(found)[0]["Plan"]))

    assert "signals_history_pkey" in {node.get("Index Name") for node in plan}
    assert "signals_history" not in {
        node.get("Relation Name") for node in plan if node["Node Type"] == "Seq Scan"
    }


async def test_a_window_reads_only_its_months(
    big: OwnerAndRuntimeDsns, planner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """A window of days leaves the partitions of other months alone, years of history included."""
    await planner.execute(f"PREPARE window_ AS {queries('signals')['observed']}")
    since = (NOW - timedelta(days=3)).isoformat()

    found = await planner.fetchval(
        f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE window_ ('sku-7', '{since}', NULL, NULL)"
    )
    touched = {
        node["Relation Name"]
        for node in nodes(json.loads(found)[0]["Plan"])
        if "Relation Name" in node and node["Actual Loops"]
    }

    assert "signals_2026_11" in touched
    assert "signals_history" not in touched


async def test_a_changed_rule_looks_signals_up_by_sku(
    planner: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    """Asking for the evaluation of a page of SKUs costs what these have, not what all have."""
    await planner.execute(f"PREPARE mark_ AS {queries('signals')['mark_scope_pending']}")

    found = await planner.fetchval(
        f"EXPLAIN (FORMAT JSON) EXECUTE mark_ ('{NOW.isoformat()}', '10 days', "
        "'{sku-7,sku-8}', 'v1', NULL)"
    )
    reading = [one for one in nodes(json.loads(found)[0]["Plan"]) if "Scan" in one["Node Type"]]
    used = {one["Index Name"] for one in reading if "Index Name" in one}
    whole = {one["Relation Name"] for one in reading if one["Node Type"] == "Seq Scan"}

    assert {"signals_2026_11_pkey", "skus_pkey"} <= used
    assert not whole & {"signals_2026_11", "signals_history", "skus"}
    assert "signals_history_pkey" not in used
