"""What is old is erased by itself, in small batches; what is counted stays countable."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from freezeguard.domain.record import Case
from freezeguard.domain.transitions import State
from freezeguard.ports.evidence import EvidenceFile
from freezeguard.ports.privacy import Periods
from freezeguard.services.detecting.recomputing import recompute
from freezeguard.services.records.retention import Retention
from freezeguard.storage.database import PostgresDatabase
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.privacy.conftest import FROZEN, PULLED, TEXT, UNFROZEN, send, send_what_is_refused, sql
from tests.rig import Rig
from tests.storage.makers import NOW, ago, endpoint, notice, open_case, signal, store

DUE = "UPDATE retention_runs SET started_at = started_at - interval '1 day'"


async def run(
    database: PostgresDatabase, dsns: OwnerAndRuntimeDsns, now: datetime
) -> dict[str, Any]:
    """Make a run due by the database's clock, and work on it to its end; return what it says."""
    await sql(dsns, DUE)
    retention = Retention(database, Periods(), lambda: now)
    while await retention.step():
        pass
    lines = await sql(dsns, "SELECT details FROM audit WHERE action = 'retain' ORDER BY seq DESC")
    return dict(json.loads(lines[0]["details"]))


def counts(details: dict[str, Any]) -> tuple[int, int, int, int]:
    """Return the numbers of a line of the record, by class."""
    return (details["texts"], details["excerpts"], details["customers"], details["rejected"])


async def texts(dsns: OwnerAndRuntimeDsns, sku: str) -> list[str | None]:
    """Return the texts of a SKU's signals."""
    rows = await sql(dsns, "SELECT text FROM signal_texts WHERE sku = $1 ORDER BY id", sku)
    return [row["text"] for row in rows]


async def test_a_freeze_outlives_its_texts_and_its_customers(
    rig: Rig, dsns: OwnerAndRuntimeDsns
) -> None:
    """Ninety-one days after its close a case has no texts; after two years no customers.

    It is explained by its counts and recomputed as on the first day. What an open case needs stays,
    and each run has one line in the record, of numbers alone.
    """
    assert rig.service is not None
    database = rig.service.database
    await rig.complain(FROZEN)
    await rig.complain(PULLED)
    await send(rig, UNFROZEN, "alone", text=TEXT, order="ORD-1")
    await send_what_is_refused(rig)
    still_open = await rig.in_state(PULLED, "frozen")
    case = await rig.in_state(FROZEN, "frozen")
    await rig.done(case, "declare_false_alarm", "owen", reason_code="wrong_item")
    closed = await rig.in_state(FROZEN, "closed_false_alarm")
    now = rig.service.context.now()

    async def explained() -> list[Any]:
        found = await recompute(database, UUID(case["id"]), now)
        seen = await rig.case(case["id"])
        assert found.is_same
        sums = {name: one for name, one in seen["evidence"].items() if name != "excerpts"}
        return [found.freezes[0].recomputed, seen["reason"], sums]

    before = await explained()
    quoting = await sql(
        dsns, "SELECT FROM notices WHERE case_id = $1 "
        "AND facts #> '{evidence,excerpts,0}' IS NOT NULL", UUID(closed["id"]),
    )
    excerpts = len(quoting)
    lines = [
        counts(await run(database, dsns, now + timedelta(days=days))) for days in (29, 91, 92, 731)
    ]

    assert [(0, 0, 0, 0), (6, excerpts, 0, 4), (0, 0, 0, 0), (0, 0, 6, 0)] == lines
    assert excerpts > 0
    assert before == await explained()
    assert {None} == {*await texts(dsns, FROZEN), *await texts(dsns, UNFROZEN)}
    assert None not in await texts(dsns, PULLED)
    kept = await sql(
        dsns, "SELECT count(DISTINCT customer) FROM signals WHERE sku = $1 "
        "AND octet_length(customer) = 16", still_open["scope"]["sku"],
    )
    assert [5] == [row["count"] for row in kept]


async def test_a_run_goes_on_where_it_was_killed(
    database: PostgresDatabase, dsns: OwnerAndRuntimeDsns
) -> None:
    """Whoever steps next goes on; nothing is counted twice, and one line tells of the whole."""
    old = [signal(f"s-{n}", f"{n:04}", text=f"Complaint {n}", customer=f"{n:016}".encode(),
                  occurred_at=ago(days=800)) for n in range(1100)]
    await store(database, *old)
    for _ in range(5):  # each of them is killed after one step
        assert 1 == await Retention(database, Periods(), lambda: NOW).step()
    replicas = [Retention(database, Periods(), lambda: NOW) for _ in range(2)]
    while any(await asyncio.gather(*(one.step() for one in replicas))):
        pass
    lines = await sql(dsns, "SELECT details FROM audit WHERE action = 'retain'")

    assert [(1100, 0, 1100, 0)] == [counts(json.loads(row["details"])) for row in lines]
    assert 0 == await Retention(database, Periods(), lambda: NOW).step(), "the next is tomorrow's"


async def attach(database: PostgresDatabase, case: Case) -> None:
    """Attach all signals of its SKU to a case."""

    async def work(tx: Any) -> None:
        found = await tx.signals.observed(case.scope.sku, None)
        await tx.cases.attach(case, found, frozenset(), NOW)

    await database.run(work)


async def test_what_another_case_needs_stays(
    database: PostgresDatabase, dsns: OwnerAndRuntimeDsns
) -> None:
    """Texts go when the last of their cases has been closed for long.

    A case that was merged is as open as the one that it went into.
    """
    long_ago = {"state": State.CLOSED_REINSTATED, "closed_at": ago(days=91)}
    for sku in ("both", "merged", "closed"):
        await store(database, signal(sku, sku, text=sku, occurred_at=ago(days=100)))
        await attach(database, await open_case(database, sku, **long_ago))
        await attach(database, await open_case(database, sku, **long_ago))
    newest = "(SELECT id FROM cases WHERE sku = $1 ORDER BY number DESC LIMIT 1)"
    await sql(
        dsns, "UPDATE cases SET state = 'frozen', closed_at = NULL WHERE id = " + newest, "both"
    )
    target = await open_case(database, "elsewhere")
    await sql(
        dsns, "UPDATE cases SET state = 'merged', merged_into = $2 WHERE id = " + newest,
        "merged", target.id,
    )
    found = await run(database, dsns, NOW)

    assert [["both"], ["merged"], [None]] == [
        await texts(dsns, sku) for sku in ("both", "merged", "closed")
    ]
    assert (1, 0, 0, 0) == counts(found)


async def test_excerpts_of_open_cases_stay(
    database: PostgresDatabase, dsns: OwnerAndRuntimeDsns
) -> None:
    """A notice keeps its excerpts as long as its case is open, and ninety days longer."""
    quoted = {"evidence": {"complaints": 1, "excerpts": ["It broke."]}}
    ages = {"open": None, "young": ago(days=89), "old": ago(days=91)}
    for sku, closed_at in ages.items():
        state = State.FROZEN if closed_at is None else State.EXPIRED
        case = await open_case(database, sku, state=state, closed_at=closed_at)
        await database.run(lambda tx, case=case: tx.notices.add(  # type: ignore[misc]  # bound now
            notice(case, 0, facts=quoted), NOW))
    found = await run(database, dsns, NOW)
    rows = await sql(dsns, "SELECT sku, facts #>> '{evidence,excerpts}' AS left FROM notices")

    assert {"open": '["It broke."]', "young": '["It broke."]', "old": "[]"} == dict(rows)
    assert (0, 1, 0, 0) == counts(found)


async def test_what_was_sent_long_ago_is_removed(
    database: PostgresDatabase, dsns: OwnerAndRuntimeDsns
) -> None:
    """After ninety days messages, attempts, digests and taken mails are gone.

    What an endpoint has still to get stays, however old; a notice outlives its digest. Excerpts go
    from messages with those of notices.
    """
    case = await open_case(database, "old", state=State.EXPIRED, closed_at=ago(days=91))
    shop = endpoint()
    await database.run(lambda tx: tx.webhooks.add_endpoint(shop, NOW))
    for age, state in ((91, "sent"), (91, "queued"), (89, "sent")):
        await sql(
            dsns, "WITH message AS (INSERT INTO webhook_messages (id, thread, case_id, type, at,"
            " data) VALUES (gen_random_uuid(), 'x', $1, 'x', $2, "
            """ '{"evidence": {"excerpts": ["It broke."]}}') RETURNING id, seq),"""
            " delivery AS (INSERT INTO webhook_deliveries (message_id, endpoint_id, seq, thread,"
            " state, next_at, settled_at) SELECT id, $3, seq, 'x', $4, CASE WHEN $4 = 'queued'"
            " THEN now() END, CASE WHEN $4 <> 'queued' THEN now() END FROM message"
            " RETURNING message_id) INSERT INTO webhook_attempts (message_id, endpoint_id, at,"
            " error, seconds) SELECT message_id, $3, $2, '', 0 FROM delivery",
            case.id, ago(days=age), shop.id, state,
        )
    await database.run(lambda tx: tx.notices.add(notice(case, 0), NOW))
    for n, age in enumerate((91, 89)):
        await sql(
            dsns, "INSERT INTO notice_digests (id, recipient, channel, address, opened_at, due_at,"
            " closed_at, ended_at, outcome) VALUES (gen_random_uuid(), $1, 'mail', 'x', $2, $2,"
            " $2, $2, 'sent')", f"person:{n}", ago(days=age),
        )
        await sql(dsns, "INSERT INTO mails_received VALUES ($1, $2, NULL, 'taken')", f"m{n}",
                  ago(days=age))
    await sql(dsns, "UPDATE notices SET digest = (SELECT id FROM notice_digests LIMIT 1)")
    found = await run(database, dsns, NOW)
    left = await sql(
        dsns, "SELECT state, data #>> '{evidence,excerpts}' FROM webhook_messages AS message"
        " JOIN webhook_deliveries ON message_id = message.id ORDER BY 1"
    )
    rows = [
        (await sql(dsns, f"SELECT count(*) FROM {table}"))[0]["count"]
        for table in ("webhook_attempts", "notice_digests", "mails_received", "notices")
    ]

    assert [("queued", "[]"), ("sent", "[]")] == [tuple(one) for one in left]
    assert [2, 1, 1, 1] == rows
    assert (1, 1, 1) == (found["messages"], found["digests"], found["mails"])


async def test_files_go_six_years_after_their_case(
    database: PostgresDatabase, dsns: OwnerAndRuntimeDsns
) -> None:
    """Bytes, name and note of a file go; that it was there, its size and its hash stay."""
    for sku, closed_at in (("old", ago(days=2200)), ("young", ago(days=2000)), ("open", None)):
        state = State.FROZEN if closed_at is None else State.EXPIRED
        case = await open_case(database, sku, state=state, closed_at=closed_at)
        file = EvidenceFile(
            uuid4(), case.id, sku, "report.txt", "text/plain", 5, "0" * 64, "a note", "person:owen",
            ago(days=2200), visible_to_vendor=False, stored_in="database",
        )

        async def keep(tx: Any, file: EvidenceFile = file) -> None:
            await tx.evidence.put_content(file.id, b"bytes")
            await tx.evidence.add(file)

        await database.run(keep)
    found = await run(database, dsns, NOW)
    rows = await sql(
        dsns, "SELECT sku, name, note, sha256 <> '' AS hashed, erased_at, part"
        " FROM evidence_files LEFT JOIN evidence_contents ON file_id = id ORDER BY sku"
    )

    assert [
        ("old", "", "", True, NOW, None),
        ("open", "report.txt", "a note", True, None, b"bytes"),
        ("young", "report.txt", "a note", True, None, b"bytes"),
    ] == [tuple(row) for row in rows]
    assert 1 == found["files"]


async def test_a_customer_is_replaced_in_all_signals_of_a_sku_or_in_none(
    database: PostgresDatabase, dsns: OwnerAndRuntimeDsns
) -> None:
    """Whoever complained again within two years is still the same customer of that SKU.

    So no window ever counts one person twice. Of another SKU the link is gone; a second run
    replaces no pseudonym by another one.
    """
    ann, bob = b"a" * 16, b"b" * 16
    old, new = ago(days=800), ago(days=10)
    await store(
        database, signal("x", "1", customer=ann, occurred_at=old),
        signal("x", "2", customer=ann, occurred_at=new),
        signal("x", "3", customer=bob, occurred_at=old),
        signal("x", "4", customer=bob, occurred_at=old + timedelta(days=1)),
        signal("x", "5", occurred_at=old),
        signal("y", "6", customer=ann, occurred_at=old),
    )
    first, second = await run(database, dsns, NOW), await run(database, dsns, NOW)
    rows = await sql(dsns, "SELECT id, customer FROM signals ORDER BY id")
    left = {row["id"]: row["customer"] for row in rows}

    assert [3, 0] == [first["customers"], second["customers"]]
    assert [ann, ann, None] == [left["1"], left["2"], left["5"]]
    assert left["3"] == left["4"]
    assert 3 == len({left["3"], left["6"], ann, bob} - {bob})
    assert {17} == {len(left["3"]), len(left["6"])}
