"""Signals on real PostgreSQL: each is stored once, counted once and found in order."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from freezeguard.detection.windows import Observed, Shipment
from freezeguard.domain.rules import Family, Rule, RuleScope
from freezeguard.domain.scope import Scope
from freezeguard.domain.signals import Kind, Severity, Signal
from freezeguard.ports.rows import Pending, RejectedSignal, Sku, StoredBatch, UnitsShipped
from freezeguard.ports.storage import Transaction
from freezeguard.storage.database import PostgresDatabase
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.storage.makers import NOW, ago, open_case, signal, store

FULL = Signal(
    source="shop/de", id="ü-1", kind=Kind.INSPECTION, sku="Größe 5/€", occurred_at=ago(days=40),
    severity=Severity.SAFETY, intent="leak", observed_at=ago(days=41), result="fail",
    customer=b"\x01" * 16, order="o-7", lot="L1", seller="s", channel="web", country="DE",
    text="It leaks.", contact_cost=Decimal("4.2500"), extra={"a": [1, None]},
    may_assert_safety=True, acts_on_history=True,
)  # fmt: skip


async def rows(database: PostgresDatabase, text: str) -> list[tuple[object, ...]]:
    found = await database.run(lambda tx: tx.connection.fetch(text))
    return [tuple(row) for row in found]


async def test_one_signal_is_stored_whole(database: PostgresDatabase) -> None:
    """Every field of a single signal comes back as it was sent."""
    await store(database, FULL)

    [seen] = await database.run(lambda tx: tx.signals.observed(FULL.sku, None))

    assert Observed(
        FULL.scope, FULL.occurred_at, "shop/de", "ü-1", seen.seq, Kind.INSPECTION, "leak",
        Severity.SAFETY, "fail", b"\x01" * 16, may_assert_safety=True, acts_on_history=True,
    ) == seen  # fmt: skip
    assert [("shop/de", "ü-1", FULL.sku, "It leaks.", "o-7", {"a": [1, None]})] == await rows(
        database, "SELECT * FROM signal_texts"
    )
    assert [(NOW, ago(days=41), Decimal("4.2500"))] == await rows(
        database, "SELECT received_at, observed_at, contact_cost FROM signals"
    )


@pytest.mark.parametrize("size", [2, 16, 17, 40])
async def test_a_batch_is_stored_as_single_signals_are(
    size: int, database: PostgresDatabase
) -> None:
    """However a batch travels (one by one, INSERT, COPY), the same rows arrive."""
    batch = [
        signal(f"sku-{n % 3}", f"{n:02}", occurred_at=ago(hours=n), text=f"text {n}" if n % 2 else
               None, extra={"n": n} if n % 5 == 0 else {}, customer=bytes([n]), lot=f"L{n}",
               contact_cost=Decimal(n))
        for n in range(size)
    ]  # fmt: skip
    together = await store(database, *batch)
    table = (
        "SELECT signals.sku, occurred_at, source, replace(id, 'x', ''), customer, lot,"
        " contact_cost, text, extra FROM signals LEFT JOIN signal_texts USING (source, id)"
        " WHERE {} ORDER BY 1, 2"
    )
    as_batch = await rows(database, table.format("id NOT LIKE 'x%'"))
    for one in batch:
        await store(database, signal(one.sku, f"x{one.id}", occurred_at=one.occurred_at,
                    text=one.text, extra=one.extra, customer=one.customer, lot=one.lot,
                    contact_cost=one.contact_cost))  # fmt: skip

    assert tuple(range(size)) == together.accepted
    assert as_batch == await rows(database, table.format("id LIKE 'x%'"))


async def test_repeats_and_conflicts_are_told_apart(database: PostgresDatabase) -> None:
    """The same body is a duplicate, another body a conflict; neither is counted."""
    await store(database, signal(one_id="a", text="one"))

    again = await store(database, signal(one_id="a", text="one"))
    other = await store(database, signal(one_id="a", text="two"))
    mixed = await store(
        database,
        signal(one_id="b", text="first"), signal(one_id="a", text="one"),
        signal(one_id="a", text="two"), signal(one_id="b", text="first"),
        signal(one_id="b", text="second"), signal(one_id="c", text="third"),
    )  # fmt: skip

    assert StoredBatch((), (0,), (), {}, 0) == again
    assert StoredBatch((), (), (0,), {}, 0) == other
    assert ((0, 5), (1, 3), (2, 4)) == (mixed.accepted, mixed.duplicates, mixed.conflicts)
    assert {"kettle": 3} == mixed.totals
    assert [("first",), ("one",), ("third",)] == await rows(
        database, "SELECT text FROM signal_texts ORDER BY text"
    )


async def test_repeats_in_a_big_batch_are_told_apart(database: PostgresDatabase) -> None:
    """A batch that goes by COPY keeps its good rows too, whatever repeats or contradicts."""
    batch = [signal(f"sku-{n % 7}", f"{n:02}", text="one") for n in range(40)]
    await store(database, *batch[5:9])
    changed = batch[30]._replace(text="two")

    mixed = await store(database, *batch, changed, batch[5])
    again = await store(database, *batch)

    assert (tuple(n for n in range(40) if n not in range(5, 9)), (5, 6, 7, 8, 41), (40,)) == (
        mixed.accepted, mixed.duplicates, mixed.conflicts
    )  # fmt: skip
    assert ((), tuple(range(40)), ()) == (again.accepted, again.duplicates, again.conflicts)
    assert [(40, 40)] == await rows(
        database, "SELECT sum(signals)::int, (SELECT count(*)::int FROM signals) FROM sku_tallies"
    )


async def test_totals_count_what_is_stored(database: PostgresDatabase) -> None:
    """A batch returns the count of each of its SKUs afterwards, and a bound below its numbers."""
    await store(database, signal("a"), signal("b"))
    single = await store(database, signal("a"))
    batch = await store(database, signal("a"), signal("b"), signal("a"), signal("c"))
    seen = await database.run(lambda tx: tx.signals.observed("a", None))
    numbers = sorted(one.seq for one in seen)

    assert {"a": 2} == single.totals
    assert {"a": 4, "b": 2, "c": 1} == batch.totals
    assert single.first_seq == numbers[1]
    assert numbers[1] < batch.first_seq < numbers[2]


async def test_nothing_is_stored_where_the_transaction_fails(database: PostgresDatabase) -> None:
    """A batch is stored whole or not at all: identity, tally, row and text go together."""

    async def work(tx: Transaction) -> None:
        await tx.signals.store([FULL, signal()], [b"1", b"2"], NOW)
        await tx.signals.store([signal()], [b"3"], NOW)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.run(work)

    for table in ("signal_identities", "signals", "signal_texts", "sku_tallies"):
        assert [(0,)] == await rows(database, f"SELECT count(*) FROM {table}")


async def test_far_past_and_late_signals_are_taken(database: PostgresDatabase) -> None:
    """Any age is accepted, and order of arrival does not change the order of the window."""
    times = [ago(days=1), datetime(1, 1, 1, tzinfo=UTC), NOW, ago(days=400)]
    await store(database, *(signal(occurred_at=one) for one in times))

    seen = await database.run(lambda tx: tx.signals.observed("kettle", None))

    assert sorted(times)[1:] == [one.occurred_at for one in seen][1:]
    assert times[1] + timedelta(microseconds=1) == seen[0].occurred_at


async def test_a_window_is_exclusive_and_ordered(database: PostgresDatabase) -> None:
    """`after` leaves out its own moment; equal moments are ordered by source and id, as text."""
    await store(
        database,
        signal(one_id="b", source="Z"), signal(one_id="é", source="a"),
        signal(one_id="a", source="a"), signal(one_id="old", occurred_at=ago(days=1)),
    )  # fmt: skip

    seen = await database.run(lambda tx: tx.signals.observed("kettle", ago(days=1)))

    assert [("Z", "b"), ("a", "a"), ("a", "é")] == [(one.source, one.id) for one in seen]


async def test_judged_signals_do_not_count_again(database: PostgresDatabase) -> None:
    """What a case has judged is left out, but for that case itself."""
    opened = await open_case(database)
    await store(database, signal(one_id="judged"), signal(one_id="fresh"))
    [judged] = [
        one
        for one in await database.run(lambda tx: tx.signals.observed("kettle", None))
        if one.id == "judged"
    ]
    await database.run(lambda tx: tx.cases.attach(opened, [judged], frozenset(), NOW))

    count = await database.run(lambda tx: tx.cases.judge_attached(opened.id, NOW, usual=False))
    again = await database.run(lambda tx: tx.cases.judge_attached(opened.id, NOW, usual=False))

    async def seen(also: object) -> list[str]:
        found = await database.run(
            lambda tx: tx.signals.observed("kettle", None, also_judged_by=also)
        )
        return [one.id for one in found]

    assert (1, 0) == (count, again)
    assert ["fresh"] == await seen(None)
    assert ["fresh"] == await seen(uuid4())
    assert ["fresh", "judged"] == await seen(opened.id)


async def test_no_crossing_is_missed_when_two_signals_arrive_together(
    migrated_dsns: OwnerAndRuntimeDsns,
) -> None:
    """Two signals that race through two pools never both see one short of the threshold."""
    trials, threshold = 300, 3
    pools = [
        await PostgresDatabase.connect(migrated_dsns.runtime, min_size=2, max_size=2)
        for _ in range(2)
    ]
    for first in range(0, trials, 100):
        skus = [f"sku-{n}" for n in range(first, first + 100)]
        await store(pools[0], *(signal(sku) for sku in skus))

    async def complain(pool: PostgresDatabase, sku: str, barrier: asyncio.Barrier) -> int:
        async def work(tx: Transaction) -> int:
            await tx.signals.count_pending()  # the connection is open, the transaction begun
            await barrier.wait()
            await tx.signals.store([signal(sku)], [b""], NOW)
            return len(await tx.signals.observed(sku, None))

        return await pool.run(work, deadline=20)

    outcomes = []
    for n in range(trials):
        barrier = asyncio.Barrier(2)
        outcomes.append(
            await asyncio.gather(*(complain(pool, f"sku-{n}", barrier) for pool in pools))
        )
    for pool in pools:
        await pool.close()

    assert [] == [seen for seen in outcomes if max(seen) < threshold]
    assert {(2, 3)} == {tuple(sorted(seen)) for seen in outcomes}


async def test_twenty_copies_of_one_signal_count_once(database: PostgresDatabase) -> None:
    """Copies that arrive together, alone or in batches, leave one signal and a tally of one."""
    copy, other = signal("a", "same"), signal("b", "other")

    results = await asyncio.gather(
        *(store(database, copy) for _ in range(10)),
        *(store(database, other, copy) for _ in range(5)),
        *(store(database, copy, other) for _ in range(5)),
    )

    assert 2 == sum(len(one.accepted) for one in results)
    assert 28 == sum(len(one.duplicates) for one in results)
    assert [("a", 1), ("b", 1)] == await rows(
        database, "SELECT sku, signals FROM sku_tallies ORDER BY sku"
    )


async def test_the_lock_of_a_sku_excludes_others(database: PostgresDatabase) -> None:
    """While one transaction holds a SKU's lock, storing waits, for a new SKU as for a known one."""
    for sku in ("new", "known"):
        if sku == "known":
            await store(database, signal(sku))
        held, go_on = asyncio.Event(), asyncio.Event()

        async def holder(tx: Transaction, sku: str = sku, held: asyncio.Event = held,
                         go_on: asyncio.Event = go_on) -> int:  # fmt: skip
            count = await tx.signals.lock_sku(sku)
            held.set()
            await go_on.wait()
            return count

        first = asyncio.create_task(database.run(holder))
        await held.wait()
        second = asyncio.create_task(store(database, signal(sku)))
        blocked = await rows_until_blocked(database)
        go_on.set()

        assert blocked
        assert (0 if sku == "new" else 1) == await first
        assert {sku: (await first) + 1} == (await second).totals


async def rows_until_blocked(database: PostgresDatabase) -> bool:
    """Poll until some backend of this database waits for a lock."""
    text = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND datname = current_database()"
    )
    async with asyncio.timeout(2):
        while (await rows(database, text)) == [(0,)]:
            await asyncio.sleep(0.005)
    return True


async def test_requests_for_an_evaluation_keep_the_earliest_news(
    database: PostgresDatabase,
) -> None:
    """Of several requests the lowest number and the earliest moment are kept; one takes them."""
    await database.run(
        lambda tx: tx.signals.mark_pending(
            [Pending("a", 7, NOW), Pending("a", 9, ago(days=2)), Pending("b", 1, NOW)], NOW
        )
    )
    await database.run(lambda tx: tx.signals.mark_pending([Pending("a", 8, ago(days=1))], NOW))

    waiting = await database.run(lambda tx: tx.signals.count_pending())
    taken = await database.run(lambda tx: tx.signals.take_pending("a"))

    assert 2 == waiting
    assert Pending("a", 7, ago(days=2)) == taken
    assert await database.run(lambda tx: tx.signals.take_pending("a")) is None
    assert 1 == await database.run(lambda tx: tx.signals.count_pending())
    assert ["b"] == await database.run(lambda tx: tx.signals.pending_skus(timedelta(0), 9))


async def test_left_requests_are_found_oldest_first(database: PostgresDatabase) -> None:
    """The sweep finds what nobody dealt with, oldest first; what was found lets others go first."""
    now = datetime.now(UTC)
    for age, sku in ((30, "mid"), (60, "old"), (10, "new")):
        marked = now - timedelta(seconds=age)
        await database.run(
            lambda tx, sku=sku, at=marked: tx.signals.mark_pending([Pending(sku, 1, NOW)], at)
        )

    limited = await database.run(lambda tx: tx.signals.pending_skus(timedelta(seconds=20), 1))
    found = await database.run(lambda tx: tx.signals.pending_skus(timedelta(seconds=20), 9))
    await database.run(lambda tx: tx.signals.note_failure("old", "x" * 2000))
    after = await database.run(lambda tx: tx.signals.pending_skus(timedelta(0), 9))

    assert (["old"], ["mid"]) == (limited, found)
    assert ["new", "mid", "old"] == after
    assert 3 == await database.run(lambda tx: tx.signals.count_pending())
    assert [(1, 1000)] == await rows(
        database,
        "SELECT attempts, length(last_error) FROM pending_evaluations WHERE sku = 'old'",
    )


async def test_requests_that_are_passed_over_starve_no_other(database: PostgresDatabase) -> None:
    """However many requests nobody can deal with: each look at the oldest finds further ones."""
    skus = {f"sku-{n}" for n in range(9)}
    await database.run(
        lambda tx: tx.signals.mark_pending([Pending(one, 1, NOW) for one in skus], NOW)
    )

    looks = [
        await database.run(lambda tx: tx.signals.pending_skus(timedelta(0), 3)) for _ in range(3)
    ]

    assert skus == {sku for look in looks for sku in look}


async def test_only_skus_without_signals_are_locked(database: PostgresDatabase) -> None:
    """SKUs that never had a signal are locked and named, met before or not; no other is."""
    await store(database, signal("heard"))
    await database.run(lambda tx: tx.signals.lock_sku("met"))

    async def both(tx: Transaction) -> tuple[set[str], int]:
        quiet = await tx.signals.lock_without_signals(["new", "heard", "met"])
        return quiet, await database.run(lambda other: other.signals.lock_sku("heard"))

    assert ({"new", "met"}, 1) == await database.run(both)


@pytest.mark.parametrize("known", [False, True])
async def test_a_first_signal_waits_for_who_found_none(
    known: bool, database: PostgresDatabase
) -> None:
    """Units stored before a first complaint are seen by it: it gets its lock after their commit."""
    if known:
        await database.run(lambda tx: tx.signals.lock_sku("kettle"))
    units = UnitsShipped("wms", "1", b"a", "kettle", 10, ago(days=2))

    async def complain(tx: Transaction) -> list[Shipment]:
        await tx.signals.store([signal("kettle")], [b""], NOW)
        return await tx.signals.shipments("kettle", None)

    async def ship(tx: Transaction) -> "asyncio.Task[list[Shipment]]":
        await tx.signals.store_shipments([units], NOW)
        await tx.signals.lock_without_signals({"kettle"})
        first = asyncio.create_task(database.run(complain))
        await rows_until_blocked(database)
        return first

    first = await database.run(ship)

    assert [Shipment(Scope("kettle"), ago(days=2), 10)] == await first


@pytest.mark.parametrize("known", [False, True])
async def test_who_ships_waits_for_a_first_signal(known: bool, database: PostgresDatabase) -> None:
    """A complaint that is being stored is not overlooked: its SKU is none without signals."""
    if known:
        await database.run(lambda tx: tx.signals.lock_sku("kettle"))

    async def complain(tx: Transaction) -> "asyncio.Task[set[str]]":
        await tx.signals.store([signal("kettle")], [b""], NOW)
        quiet = asyncio.create_task(
            database.run(lambda other: other.signals.lock_without_signals({"kettle"}))
        )
        await rows_until_blocked(database)
        return quiet

    quiet = await database.run(complain)

    assert set() == await quiet


async def test_a_mark_from_a_clock_that_runs_ahead_is_not_lost(database: PostgresDatabase) -> None:
    """A replica whose clock runs ahead can't hide its request from the sweep."""
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    await database.run(lambda tx: tx.signals.mark_pending([Pending("a", 1, NOW)], tomorrow))

    assert ["a"] == await database.run(lambda tx: tx.signals.pending_skus(timedelta(0), 9))


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (RuleScope(), ["far", "near", "unknown"]),
        (RuleScope(sku="near"), ["near"]),
        (RuleScope(vendor="acme"), ["far", "near"]),
        (RuleScope(category="toys"), ["near"]),
        (RuleScope(vendor="other", category="toys"), []),
    ],
)
@pytest.mark.parametrize("size", [1, 4, 500])
async def test_a_new_rule_asks_for_the_skus_it_concerns(
    size: int, scope: RuleScope, expected: list[str], database: PostgresDatabase
) -> None:
    """Only SKUs in the rule's scope with a signal in its window are evaluated anew, page by page.

    The news begin with the earliest of these signals.
    """
    await database.run(
        lambda tx: tx.master.put_skus(
            [Sku("near", vendor="acme", category="toys"), Sku("far", vendor="acme"),
             Sku("stale", vendor="acme", category="toys")], NOW)
    )  # fmt: skip
    await store(database, signal("near"), signal("near", occurred_at=ago(days=1)),
                signal("far", occurred_at=ago(days=29)), signal("unknown"),
                signal("stale", occurred_at=ago(days=31)))  # fmt: skip
    rule = Rule("r", 1, Family.COUNT, timedelta(days=30), 5, scope=scope)

    place: str | None = ""
    while place is not None:
        place = await database.run(
            lambda tx, after=place: tx.signals.mark_scope_pending(
                rule.scope, rule.window, NOW, after=after, limit=size
            )
        )
    marked = await rows(
        database, "SELECT sku, since_seq, since_time FROM pending_evaluations ORDER BY sku"
    )

    earliest = {"far": ago(days=29), "near": ago(days=1), "unknown": NOW}
    assert [(sku, 0, earliest[sku]) for sku in expected] == marked


async def test_units_shipped_are_stored_once(database: PostgresDatabase) -> None:
    """Units have identities too: repeats are no-ops, other bodies are conflicts."""
    first = UnitsShipped("wms", "1", b"a", "kettle", 10, ago(days=2), lot="L1", country="DE")
    second = UnitsShipped("wms", "2", b"b", "kettle", 5, ago(days=1))
    clash = UnitsShipped("wms", "1", b"z", "kettle", 99, ago(days=2))

    stored = await database.run(
        lambda tx: tx.signals.store_shipments([first, clash, second, first], NOW)
    )
    again = await database.run(lambda tx: tx.signals.store_shipments([second, clash], NOW))
    after = await database.run(lambda tx: tx.signals.shipments("kettle", ago(days=2)))
    whole = await database.run(lambda tx: tx.signals.shipments("kettle", None))

    assert ((0, 2), (3,), (1,)) == stored
    assert ((), (0,), (1,)) == again
    assert [Shipment(Scope("kettle"), ago(days=1), 5)] == after
    assert Shipment(Scope("kettle", country="DE", lot="L1"), ago(days=2), 10) == whole[0]


async def test_rejected_items_are_kept_and_listed(database: PostgresDatabase) -> None:
    """What was not accepted can be read again, newest first, page by page, by source."""
    key = str(uuid4())
    items = [RejectedSignal(uuid4(), "shop", key, n, "bad", f"item {n}", "{}") for n in range(3)]
    await database.run(lambda tx: tx.signals.keep_rejected(items, NOW))
    late = RejectedSignal(uuid4(), None, None, 0, "bad", "late", "?")
    await database.run(lambda tx: tx.signals.keep_rejected([late], NOW + timedelta(seconds=1)))
    await database.run(lambda tx: tx.signals.keep_rejected([], NOW))

    listed = await database.run(lambda tx: tx.signals.rejected(None, None, 2))
    place = datetime.fromisoformat(listed[-1]["received_at"]), UUID(listed[-1]["id"])
    rest = await database.run(lambda tx: tx.signals.rejected(None, place, 9))
    mine = await database.run(lambda tx: tx.signals.rejected("shop", None, 9))

    assert "late" == listed[0]["detail"]
    assert 4 == len({one["id"] for one in [*listed, *rest]})
    assert [key] * 3 == [one["credential"] for one in mine]


async def test_months_are_made_ahead(database: PostgresDatabase) -> None:
    """Partitions are made ahead of time, once, and nothing then lies in the unplanned one."""
    june = datetime(2027, 6, 15, tzinfo=UTC)
    await store(database, signal(occurred_at=june))
    unplanned = await database.run(lambda tx: tx.signals.unplanned())

    made = await database.run(lambda tx: tx.signals.ensure_partitions(NOW))
    again = await database.run(lambda tx: tx.signals.ensure_partitions(NOW))
    await store(database, signal(occurred_at=NOW))

    assert (1, 4, 0) == (unplanned, made, again)
    assert 1 == await database.run(lambda tx: tx.signals.unplanned())
