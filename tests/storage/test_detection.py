"""Rules, suppressions, crossings and the governor's ledger on real PostgreSQL."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from freezeguard.detection.governor import Charge, Spent
from freezeguard.detection.waves import SHARE, is_wave
from freezeguard.domain.errors import InvalidInput
from freezeguard.domain.policy import Budget
from freezeguard.domain.reasons import Crossing, Reason, SignalKey
from freezeguard.domain.rules import Rule, read_rule
from freezeguard.domain.scope import Scope
from freezeguard.domain.transitions import State
from freezeguard.ports.rows import Sku, Suppression
from freezeguard.ports.storage import Transaction
from freezeguard.storage.database import PostgresDatabase
from tests.storage.makers import NOW, ago, case, open_case

BODY: dict[str, Any] = {"id": "five", "family": "count", "bound": 5, "window": "30d"}


async def put(database: PostgresDatabase, **more: Any) -> int:
    return await database.run(lambda tx: tx.detection.put_rule(BODY | more, "person:ann", NOW))


async def rules(database: PostgresDatabase) -> tuple[int, list[Rule]]:
    return await database.run(lambda tx: tx.detection.rules())


async def test_rules_are_versioned(database: PostgresDatabase) -> None:
    """Each change is a new version; the current ones count, the old ones can be read for ever."""
    none = await rules(database)
    versions = [await put(database), await put(database, bound=6, mode="armed")]
    await put(database, id="other")

    current = await rules(database)
    first = await database.run(lambda tx: tx.detection.rule_version("five", 1))
    missing = await database.run(lambda tx: tx.detection.rule_version("five", 9))
    bodies = await database.run(lambda tx: tx.detection.rule_bodies())
    history = await database.run(lambda tx: tx.detection.rule_bodies("five"))

    assert (0, []) == none
    assert [1, 2] == versions
    assert (3, [read_rule(BODY | {"bound": 6, "mode": "armed"}, 2),
                read_rule(BODY | {"id": "other"}, 1)]) == current  # fmt: skip
    assert read_rule(BODY, 1) == first
    assert missing is None
    assert [("five", 2, "armed"), ("other", 1, "shadow")] == [
        (one["id"], one["version"], one["mode"]) for one in bodies
    ]
    assert [(2, 6), (1, 5)] == [(one["version"], one["bound"]) for one in history]
    assert ("person:ann", NOW.isoformat()) == (history[0]["created_by"], history[0]["created_at"])


async def test_two_changes_of_a_rule_both_count(database: PostgresDatabase) -> None:
    """Changes that race get numbers of their own: none overwrites the other."""
    versions = await asyncio.gather(*(put(database, bound=n) for n in range(2, 12)))

    assert list(range(1, 11)) == sorted(versions)
    assert 10 == (await rules(database))[0]


async def test_suppressions_hold_until_they_end(database: PostgresDatabase) -> None:
    """A suppression holds from its making until it expires or is ended, and never again."""
    kept = Suppression(uuid4(), "relabelling", "ann", ago(hours=1), NOW + timedelta(hours=1),
                       sku="kettle", rule_id="five")  # fmt: skip
    expired = Suppression(uuid4(), "old", "ann", ago(hours=2), NOW, vendor="acme")
    for one in (kept, expired):
        await database.run(lambda tx, one=one: tx.detection.add_suppression(one))

    held = await database.run(lambda tx: tx.detection.suppressions(NOW))
    ends = [
        await database.run(lambda tx, one=one: tx.detection.end_suppression(one, NOW))
        for one in (kept.id, kept.id, expired.id, uuid4())
    ]
    after = await database.run(lambda tx: tx.detection.suppressions(NOW))

    assert [kept] == held
    assert [True, False, False, False] == ends
    assert [] == after
    assert 2 < (await rules(database))[0]


async def test_a_suppression_names_what_it_suppresses(database: PostgresDatabase) -> None:
    """A suppression of everything is refused in words."""
    everything = Suppression(uuid4(), "x", "ann", NOW, NOW + timedelta(hours=1))

    with pytest.raises(InvalidInput, match="names a SKU"):
        await database.run(lambda tx: tx.detection.add_suppression(everything))


async def test_the_same_crossing_is_recorded_once(database: PostgresDatabase) -> None:
    """Whoever finds a crossing again adds nothing; another outcome of it is another line."""
    key = SignalKey(NOW, "shop", "1")
    reason = Reason("count", "five", 2, timedelta(days=30), 5, 5, 5, None, (key,), "5 complained.")
    found = Crossing(Scope("kettle", lot="L"), "five", 2, "quality", "armed", "freeze", key, reason)
    case_id = uuid4()

    for outcome, at in (("freeze", ago(hours=1)), ("freeze", NOW), ("covered", NOW)):
        await database.run(
            lambda tx, o=outcome, at=at: tx.detection.add_crossing(uuid4(), found, at, o, case_id)
        )
    listed = await database.run(lambda tx: tx.detection.crossings("kettle"))

    assert [("covered", NOW), ("freeze", ago(hours=1))] == [
        (one["outcome"], NOW if one["known_at"] == NOW.isoformat() else ago(hours=1))
        for one in listed
    ]
    assert reason.as_dict() == listed[0]["reason"]
    assert ({"sku": "kettle", "lot": "L"}, str(case_id), "1") == (
        listed[0]["scope"], listed[0]["case_id"], listed[0]["signal_id"]
    )  # fmt: skip


async def test_the_longest_crossing_is_recorded(database: PostgresDatabase) -> None:
    """Names as long as the contract allows, which no compression shortens, fit into the indexes."""
    sku, seller, channel, lot, source, one_id = (
        "".join(chr(0x20000 + 211 * n + place) for place in range(size))
        for n, size in enumerate((50, 200, 200, 200, 200, 200))
    )
    key = SignalKey(NOW, source, one_id)
    reason = Reason("count", "r" * 64, 2, timedelta(days=30), 5, 5, 5, None, (key,), "5 spoke.")
    scope = Scope(sku, seller, channel, "DE", lot)
    found = [
        Crossing(one, "r" * 64, 2, "quality", "armed", "freeze", key, reason)
        for one in (scope, Scope(sku, seller, channel, "FR", lot), scope)
    ]

    for one in found:
        await database.run(
            lambda tx, one=one: tx.detection.add_crossing(uuid4(), one, NOW, "freeze", None)
        )
    listed = await database.run(lambda tx: tx.detection.crossings(sku))

    assert ["DE", "FR"] == sorted(one["scope"]["country"] for one in listed)


async def test_what_rules_led_to_is_noted_once(database: PostgresDatabase) -> None:
    """The note of what was asked for only rises, however late a slow replica writes its own."""
    noted = []
    for revision in (3, 2, 4):
        await database.run(lambda tx, n=revision: tx.detection.note_marked(n))
        noted.append(await database.run(lambda tx: tx.detection.marked_revision()))

    assert [3, 3, 4] == noted


async def test_the_ledger_counts_what_was_spent(database: PostgresDatabase) -> None:
    """Automatic freezes count by source, category, vendor and all, by lane, in the window."""
    toys = case(vendor="acme", category="toys")
    key = str(uuid4())

    async def spend(tx: Transaction) -> None:
        await tx.detection.spend(toys, ago(minutes=1), "shop", None)
        await tx.detection.spend(case(vendor="other", category="toys"), NOW, "mail", None)
        await tx.detection.spend(case(), NOW, None, key)
        await tx.detection.spend(case(lane="safety", vendor="acme"), NOW, "shop", None)
        await tx.detection.spend(toys, ago(minutes=11), "shop", None)

    await database.run(spend)
    since = ago(minutes=10)

    async def spent(
        lane: str, source: str, category: str | None, vendor: str | None
    ) -> Spent:
        charge, of = Charge(lane, source), Sku("mug", None, vendor, category)
        slot = await database.run(lambda tx: tx.holds.take_slot(of, charge, since, NOW, None, 0))
        assert slot.announced is None
        return slot.spent

    assert Spent(1, 2, 1, 3) == await spent("quality", "shop", "toys", "acme")
    assert Spent(0, 0, 0, 3) == await spent("quality", "nobody", None, None)
    assert Spent(1, 0, 1, 1) == await spent("safety", "shop", "toys", "acme")
    assert 1 == await database.run(lambda tx: tx.detection.spent_by_key(key, since))
    assert 0 == await database.run(lambda tx: tx.detection.spent_by_key(key, NOW))


async def test_the_ledger_knows_what_of_a_vendor_was_stopped(database: PostgresDatabase) -> None:
    """Other SKUs of the vendor, each once, by detectors alone, with no defect found, of late."""
    since = ago(days=30)

    async def stopped(
        sku: str, at: datetime = NOW, key: str | None = None, vendor: str = "acme",
        lot: str | None = None, **more: Any,
    ) -> None:
        made = await open_case(database, sku, vendor=vendor, scope=Scope(sku, lot=lot), **more)
        await database.run(lambda tx: tx.detection.spend(made, at, "shop", key))

    known = [Sku(f"sku-{n}", None, "acme") for n in range(7)]
    await database.run(lambda tx: tx.master.put_skus(known, NOW))
    await stopped("mug")
    await stopped("pot", state=State.CLOSED_FALSE_ALARM, closed_at=NOW)
    await stopped("pot", ago(days=29))
    await stopped("old", ago(days=31))
    await stopped("fixed", state=State.CLOSED_REINSTATED, closed_at=NOW, defect_found=True)
    await stopped("admitted", state=State.REMEDY_PROPOSED, defect_found=True)
    await stopped("hurt", lane="safety")
    await stopped("asked", key=str(uuid4()))
    await stopped("elsewhere", vendor="other")
    survivor = await open_case(database, "joined", state=State.DIAGNOSING, defect_found=True)
    await stopped(
        "joined", lot="L-7", state=State.MERGED, closed_at=NOW, merged_into=survivor.id
    )

    async def wave(sku: str, vendor: str | None, lane: str = "quality") -> tuple[Any, int]:
        of = Sku(sku, None, vendor)
        slot = await database.run(
            lambda tx: tx.holds.take_slot(of, Charge(lane, "shop"), NOW, since, None, 0))
        return slot.spent.wave, slot.spent.of_vendor

    assert (("mug", "pot"), 7) == await wave("new", "acme")
    assert (("pot",), 7) == await wave("mug", "acme")
    assert ((), 0) == await wave("new", "nobody") == await wave("new", None)
    assert ((), 0) == await wave("new", "acme", "safety")
    slot = await database.run(lambda tx: tx.holds.take_slot(
        Sku("new", None, "acme"), Charge("quality", "shop"), NOW, None, None, 0))  # fmt: skip
    assert ((), 0) == (slot.spent.wave, slot.spent.of_vendor)


async def test_items_of_a_vendor_are_counted_as_far_as_it_matters(
    database: PostgresDatabase,
) -> None:
    """One other item was stopped: whether the vendor has 201 or more makes no difference."""
    known = [Sku(f"sku-{n}", None, "acme") for n in range(3 * SHARE)]
    await database.run(lambda tx: tx.master.put_skus(known, NOW))
    made = await open_case(database, "mug", vendor="acme", scope=Scope("mug"))
    await database.run(lambda tx: tx.detection.spend(made, NOW, "shop", None))
    of = Sku("new", None, "acme")

    slot = await database.run(lambda tx: tx.holds.take_slot(
        of, Charge("quality", "shop"), NOW, ago(days=30), None, 0))  # fmt: skip
    assert (("mug",), SHARE + 1) == (slot.spent.wave, slot.spent.of_vendor)
    assert not is_wave(1, slot.spent.of_vendor, Budget(vendor_skus=1))


async def test_somebody_is_alerted_once_in_a_while(database: PostgresDatabase) -> None:
    """However many ask at once, one is told to alert; after the pause another one."""
    hour = timedelta(hours=1)

    async def ask(at: Any, name: str = "budget") -> bool:
        return await database.run(lambda tx: tx.detection.alert_once(name, at, hour))

    together = await asyncio.gather(*(ask(NOW) for _ in range(8)))

    assert 1 == sum(together)
    assert [False, True, True] == [
        await ask(NOW + timedelta(minutes=59)), await ask(NOW + hour), await ask(NOW, "other")
    ]  # fmt: skip
