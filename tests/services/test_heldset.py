"""The held set in memory: what a change costs does not grow with what is held."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from freezeguard.domain.errors import Unavailable
from freezeguard.domain.scope import Scope
from freezeguard.ports.rows import Hold, HoldChange
from freezeguard.services.enforcing.heldset import HeldSet

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MANY = 500


class Sku(str):
    """A SKU that counts how often one is compared with another."""

    __slots__ = ()
    compared = 0

    def __eq__(self, other: object) -> bool:
        Sku.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


class Revision(int):
    """A revision that counts how often one is compared with another."""

    compared = 0

    def __gt__(self, other: int) -> bool:
        Revision.compared += 1
        return int.__gt__(self, other)


class Ledger:
    """A database with nothing but holds. `is_away`: it can't be asked."""

    def __init__(self, holds: list[Hold], revision: int = 0) -> None:
        self.holds, self.in_force = self, holds
        self.revision, self.changes = revision, list[HoldChange]()
        self.is_away = False

    async def run(self, work: Any, **how: Any) -> Any:
        if self.is_away:
            raise Unavailable("The database is away.")
        return await work(self)

    async def all_in_force(self) -> tuple[int, list[Hold]]:
        return self.revision, self.in_force

    async def changes_after(self, revision: int, limit: int) -> list[HoldChange]:
        return [one for one in self.changes if one.revision > revision][:limit]

    async def current_revision(self) -> int:
        return self.revision

    def add(self, sku: str, *, hold_id: UUID | None = None, change: str = "hold") -> UUID:
        """Log one more change; return the id of its hold."""
        self.revision += 1
        made = hold(sku, self.revision, hold_id or uuid4())
        self.changes.append(
            HoldChange(Revision(self.revision), NOW, change, made.id, sku, made.as_dict())
        )
        return made.id


def hold(sku: str, revision: int, hold_id: UUID) -> Hold:
    return Hold(hold_id, uuid4(), Scope(sku), "quality", "hard", False, "active", "5 complained.",
                NOW, revision)


def loaded(ledger: Ledger) -> HeldSet:
    return HeldSet(ledger, lambda: NOW)  # type: ignore[arg-type]  # it has what is asked for


async def test_the_first_snapshot_costs_each_hold_once() -> None:
    """SKUs are grouped in one go: none is compared with all the others."""
    ledger = Ledger([hold(Sku(f"sku-{n % 250}"), n, uuid4()) for n in range(MANY)], MANY)
    held = loaded(ledger)
    Sku.compared = 0
    await held.load()

    assert Sku.compared <= 4 * MANY
    assert (250, MANY) == (held.number_of_skus, len(held.all_holds()))
    assert [2] * 250 == [len(held.of_sku(f"sku-{n}", {})) for n in range(250)]


async def test_a_change_costs_what_its_own_sku_holds() -> None:
    """Nor does a change look at the holds of other SKUs, or a stream at the whole ring."""
    ledger = Ledger([])
    held = loaded(ledger)
    await held.load()
    ids = {Sku(f"sku-{n}"): n for n in range(MANY)}
    Sku.compared = 0
    made = {sku: ledger.add(sku) for sku in ids}
    await held.follow()
    compared = Sku.compared
    Revision.compared = 0
    fresh = held._fresh(MANY - 3)
    looked_at = Revision.compared
    for sku in list(ids)[1:]:
        ledger.add(sku, hold_id=made[sku], change="release")
    await held.follow()

    assert compared <= 6 * MANY
    assert ([MANY - 2, MANY - 1, MANY], True) == ([one.revision for one in fresh], looked_at <= 4)
    assert ["sku-0"] == [one["scope"]["sku"] for one in held.all_holds()]
    assert 1 == held.number_of_skus


async def test_several_holds_of_a_sku_stay_apart() -> None:
    """One of them released: the others hold; a release that is heard twice does no harm."""
    ledger = Ledger([])
    held = loaded(ledger)
    await held.load()
    first, second = ledger.add("kettle"), ledger.add("kettle")
    ledger.add("kettle", hold_id=first, change="release")
    ledger.add("kettle", hold_id=first, change="release")
    ledger.add("unknown", change="release")
    await held.follow()

    assert [str(second)] == [one["id"] for one in held.of_sku("kettle", {})]
    assert 1 == held.number_of_skus


async def test_a_reader_who_is_ahead_is_caught_up_with() -> None:
    """Its revision is known to the database: it gets what came after, and no older snapshot."""
    ledger = Ledger([])
    held = loaded(ledger)
    await held.load()
    ledger.add("kettle")

    assert [] == await held.changes_since(1)
    assert 1 == held.revision


async def test_a_revision_that_changed_no_hold_is_known_too() -> None:
    """A number that was drawn without a change of a hold is no reason for a snapshot."""
    ledger = Ledger([])
    held = loaded(ledger)
    await held.load()
    ledger.add("kettle")
    ledger.revision = 5

    assert [] == await held.changes_since(5)


async def test_only_a_database_that_knows_less_means_a_snapshot() -> None:
    """A revision that the database never had, or has no more, is a reader's from elsewhere."""
    ledger = Ledger([], revision=7)
    held = loaded(ledger)
    await held.load()

    assert None is await held.changes_since(8)


async def test_nobody_is_set_back_while_the_database_is_away() -> None:
    """Who is ahead is told to come again; whoever is not is served from memory."""
    ledger = Ledger([])
    held = loaded(ledger)
    await held.load()
    ledger.add("kettle")
    await held.follow()
    ledger.is_away = True

    with pytest.raises(Unavailable):
        await held.changes_since(2)
    assert [1] == [one.revision for one in await held.changes_since(0) or ()]


async def test_a_reader_hears_at_once_that_it_has_everything() -> None:
    """None follows whatever there is, also from before a number that changed no hold."""
    ledger = Ledger([])
    ledger.add("kettle")
    ledger.revision = 5
    held = loaded(ledger)
    await held.load()
    stream = held.stream(1, 60)
    async with asyncio.timeout(5):
        first = await anext(stream)
        ledger.add("toaster")
        await held.follow()
        then = [await anext(stream), await anext(stream)]

    assert None is first
    assert ("toaster", None) == (then[0].sku if then[0] else None, then[1])


async def test_all_replicas_say_one_number() -> None:
    """One that ran when a number was drawn that changed no hold, and one that started later."""
    ledger = Ledger([])
    early, late = loaded(ledger), loaded(ledger)
    await early.load()
    stream = early.stream(0, 60)
    assert None is await anext(stream)
    ledger.revision = 5
    await early.follow()
    await late.load()

    async with asyncio.timeout(5):
        assert None is await anext(stream)
    assert (5, 5) == (early.revision, late.revision)
    assert early.version == late.version


async def test_a_database_that_was_restored_is_read_anew() -> None:
    """What it no longer knows is not held, what it knew before is, and every reader must resume."""
    ledger = Ledger([])
    held = loaded(ledger)
    await held.load()
    ledger.add("kettle")
    ledger.add("toaster")
    await held.follow()
    stream = held.stream(2, 60)
    assert None is await anext(stream)
    ledger.changes.clear()
    ledger.revision, ledger.in_force = 1, [hold("iron", 1, uuid4())]
    await held.follow()

    with pytest.raises(StopAsyncIteration):
        await anext(stream)
    assert ["iron"] == [one["scope"]["sku"] for one in held.all_holds()]
    assert (1, None) == (held.revision, await held.changes_since(2))


async def test_the_checksum_is_of_holds_and_scopes() -> None:
    """Any order gives the same; a wider scope, another hold or one more another; none is 0."""
    ids = [uuid4(), uuid4()]
    sums = []
    for order in (ids, ids[::-1], ids[:1], []):
        held = loaded(Ledger([hold(f"sku-{one}", 1, one) for one in order]))
        await held.load()
        sums.append(held.checksum)
    ledger = Ledger([])
    held = loaded(ledger)
    await held.load()
    for sku in ("kettle", "kettle in all colours"):
        ledger.add(sku, hold_id=ids[0])
        await held.follow()
        sums.append(held.checksum)

    assert sums[0] == sums[1]
    assert 5 == len(set(sums))
    assert "0" * 16 == sums[3]
