"""Several SKUs sold as one object: whatever order they are stopped and let go in, one truth holds.

A far side of one product whose answers get lost and whose stop may need a further means, real
PostgreSQL, and the workers themselves; what people and timers do is done by hand.
"""

import asyncio
import copy
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freezeguard.bootstrap.metrics import PrometheusMetrics
from freezeguard.domain.enforcement import Status
from freezeguard.ports.catalogues import CatalogueError, Found, Observation, Traits
from freezeguard.services.cases.holding import LEASE
from freezeguard.services.directory import Outlet
from freezeguard.services.enforcing import sharing
from freezeguard.services.enforcing.breaker import Breaker
from freezeguard.services.enforcing.claims import Calls, Claim
from freezeguard.services.enforcing.pace import Pace
from freezeguard.services.enforcing.releasing import Releasing
from freezeguard.services.enforcing.stopping import Stopping
from freezeguard.storage.database import PostgresDatabase
from tests.faults.test_conflicts import NOTHING_WAITS, SHOP, NoCases
from tests.storage.makers import hold, open_case

SKUS = ("S", "M", "L")
ON, OFF = {"web": "2024", "till": "2024"}, {"web": None, "till": None}


class Shirt:
    """A shop of one shirt, in sizes; a stop takes it off both places."""

    name = SHOP
    traits = Traits(("hide",), finest="product", fallbacks=("empty",), level="hide")

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {"on": dict(ON), "stock": 7}
        self.obeys = True
        self.loses_answers = 0

    @property
    def sells(self) -> bool:
        return any(self.fields["on"].values()) and self.fields["stock"] > 0

    async def lookup(self, sku: str, **_: Any) -> tuple[Found, ...]:
        along = tuple(one for one in SKUS if one != sku)
        return (Found("shirt", copy.deepcopy(self.fields), along),)

    async def stop(self, *_: Any, **__: Any) -> Mapping[str, Any]:
        written = {"on": dict.fromkeys(self.fields["on"])}
        if self.obeys:
            self.fields |= copy.deepcopy(written)
        if self.loses_answers > 0:
            self.loses_answers -= 1
            raise CatalogueError("the answer was lost", recoverable=True)
        return written

    async def fall_back(self, *_: Any, **__: Any) -> Mapping[str, Any]:
        self.fields["stock"] = 0
        return {"stock": 0}

    async def restore(self, sku: str, remote_id: str, fields: Mapping[str, Any], **_: Any) -> None:
        self.fields |= copy.deepcopy(dict(fields))

    async def lift_fall_back(
        self, means: str, sku: str, remote_id: str, fields: Mapping[str, Any], **_: Any
    ) -> None:
        self.fields["stock"] = fields["stock"]

    async def read_back(self, *_: Any, **__: Any) -> Observation:
        return Observation(self.sells, "buyer", copy.deepcopy(self.fields))


class Cases(NoCases):
    """Nobody to tell; a hold whose release is seen is over."""

    async def stop_seen(self, *_: Any, **__: Any) -> None:
        """Hear of a stop."""

    async def release_seen(self, tx: Any, row: Any, *, refused: bool) -> None:
        if not refused:
            await tx.connection.execute(
                "UPDATE holds SET state = 'released', ended_at = clock_timestamp() "
                "WHERE sku = $1 AND state = 'releasing'", row.sku)


class Floor:
    """The shirt, its rows, and the workers that bring them to what is wanted."""

    def __init__(self, database: PostgresDatabase, run: str) -> None:
        self.database, self.shirt, self.run = database, Shirt(), run
        self.is_off = False
        self.holds: dict[str, Any] = {}
        self._cases: dict[str, Any] = {}
        pace = Pace(first_retry=0, longest_retry=0, fall_back_after=2)
        calls = Calls(
            database, Cases(), {SHOP: Breaker()}, lambda: datetime.now(UTC), pace,
            PrometheusMetrics(),
        )
        self._stopping = Stopping(calls, NOTHING_WAITS)
        self._releasing = Releasing(calls, NOTHING_WAITS)

    def sku(self, size: str) -> str:
        """Return the SKU of a size, of this run alone."""
        return f"{self.run}-{size}"

    async def rows(self, size: str) -> list[Any]:
        return await self.database.run(lambda tx: tx.objects.of_sku(self.sku(size)))

    async def read(self, size: str) -> None:
        """Read a SKU ahead, as the sweep does: not while it is, or may be, stopped."""
        rows, at_rest = await self.rows(size), {Status.IDLE, Status.NOT_LISTED}
        if any(one.wanted != "sellable" or one.status not in at_rest for one in rows):
            return
        at, revision = datetime.now(UTC), max((one.wanted_revision for one in rows), default=0)
        found = [(one.remote_id, one.fields, one.takes_along)
                 for one in await self.shirt.lookup(size)]
        await self.database.run(lambda tx: tx.objects.refresh_image(
            self.sku(size), SHOP, found, at, revision=revision))

    async def freeze(self, size: str) -> None:
        """Hold a SKU from now on."""
        sku = self.sku(size)
        if size not in self._cases:
            self._cases[size] = await open_case(self.database, sku)
        case = self._cases[size]

        async def work(tx: Any) -> None:
            await tx.connection.execute(
                "UPDATE holds SET state = 'superseded', ended_at = clock_timestamp() "
                "WHERE sku = $1 AND state = 'releasing'", sku)
            revision = await tx.holds.next_revision()
            self.holds[size] = hold(case, revision, since=datetime.now(UTC))
            await tx.holds.insert(self.holds[size])
            known = await tx.objects.of_sku(sku)
            for one in [one.remote_id for one in known] or [""]:
                await tx.objects.want(sku, SHOP, one, "hide", revision, lease=None, token=None)

        await self.database.run(work)

    async def let_go(self, size: str) -> None:
        """End the hold."""
        ended, sku = replace(self.holds.pop(size), state="releasing"), self.sku(size)

        async def work(tx: Any) -> None:
            await tx.holds.update(ended, ended_at=None)
            for one in await tx.objects.of_sku(sku):
                await tx.objects.want(
                    sku, SHOP, one.remote_id, "sellable", await tx.holds.next_revision(),
                    lease=None, token=None,
                )

        await self.database.run(work)

    async def work(self, *, rounds: int = 6) -> None:
        """Let workers take up what is due, again and again; nothing is where the shop is off."""
        for _ in range(0 if self.is_off else rounds):
            for size in SKUS:
                await self.database.run(lambda tx, one=size: tx.objects.wake(SHOP, self.sku(one)))
            rows = await self.database.run(
                lambda tx: tx.objects.claim_due(SHOP, LEASE, uuid4(), 10)
            )
            for row in rows:
                await self._take_turn(row)

    async def _take_turn(self, row: Any) -> None:
        until = asyncio.get_running_loop().time() + LEASE.total_seconds()
        claims = [Claim(Outlet(self.shirt), row, row, until)]
        while claims:
            claim = claims.pop()
            if claim.row.wanted == "sellable":
                await self._releasing.work(claim)
            else:
                claims += await self._stopping.work(claim)

    async def settled(self) -> list[Status]:
        """Return how the rows stand once a late command can't come any more."""
        await self.work()
        past = datetime.now(UTC) - timedelta(days=1)
        await self.database.run(lambda tx: tx.connection.execute(
            "UPDATE catalogue_objects SET sent_at = $1 WHERE sent_at IS NOT NULL", past))
        await self.work()
        return [one.status for size in SKUS for one in await self.rows(size)]


@pytest.fixture(autouse=True)
def one_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replica and database share a clock here: what came first is known to the microsecond."""
    monkeypatch.setattr(sharing, "SKEW", timedelta(0))


@pytest.fixture
def floor(database: PostgresDatabase) -> Floor:
    return Floor(database, "one")


async def _all_let_go(floor: Floor, *order: str) -> None:
    for size in order:
        await floor.let_go(size)
        await floor.work()
    assert set(await floor.settled()) == {Status.IDLE}


@pytest.mark.parametrize("order", [("S", "M"), ("M", "S")])
async def test_read_while_the_other_was_stopped(floor: Floor, order: tuple[str, str]) -> None:
    """The second one's image showed the stop of the first; both let go, it is as before both."""
    await floor.read("S")
    await floor.freeze("S")
    await floor.work()
    await floor.read("M")
    await floor.freeze("M")
    await floor.work()
    await floor.let_go(order[0])
    await floor.work()
    assert not floor.shirt.sells
    await _all_let_go(floor, order[1])
    assert {"on": ON, "stock": 7} == floor.shirt.fields


async def test_an_heir_that_was_never_stopped(floor: Floor) -> None:
    """Held, and never sent anything: it puts back what was left to it all the same."""
    await floor.read("S")
    await floor.read("M")
    await floor.freeze("S")
    await floor.work()
    await floor.freeze("M")
    await floor.let_go("S")
    [row] = await floor.rows("S")
    until = asyncio.get_running_loop().time() + LEASE.total_seconds()
    [claimed] = [one for one in await floor.database.run(
        lambda tx: tx.objects.claim_due(SHOP, LEASE, uuid4(), 10)) if one.sku == row.sku]
    await floor._releasing.work(Claim(Outlet(floor.shirt), claimed, claimed, until))
    assert not floor.shirt.sells
    await floor.database.run(lambda tx: tx.connection.execute(
        "UPDATE catalogue_objects SET lease_until = NULL, lease_token = NULL"))
    await _all_let_go(floor, "M")
    assert {"on": ON, "stock": 7} == floor.shirt.fields


async def test_a_further_means_is_left_too(floor: Floor) -> None:
    """The first stop needed stock 0, the second did not: the stock comes back with the last."""
    await floor.read("S")
    await floor.read("M")
    floor.shirt.obeys = False
    await floor.freeze("S")
    await floor.work()
    assert 0 == floor.shirt.fields["stock"]
    floor.shirt.obeys = True
    await floor.freeze("M")
    await floor.work()
    await _all_let_go(floor, "S", "M")
    assert {"on": ON, "stock": 7} == floor.shirt.fields


async def test_what_was_never_answered_is_left_too(floor: Floor) -> None:
    """Nobody knows what the first stop wrote: it is learnt before it is left."""
    await floor.read("S")
    floor.shirt.loses_answers = 2
    await floor.freeze("S")
    await floor.work()
    [row] = await floor.rows("S")
    assert (None, Status.CONFIRMED) == (row.written, row.status)
    await floor.read("M")
    await floor.freeze("M")
    await floor.work()
    await _all_let_go(floor, "S", "M")
    assert {"on": ON, "stock": 7} == floor.shirt.fields


async def test_a_withdrawal_of_the_owner_stays(floor: Floor) -> None:
    """Withdrawn after the one was read and before the other was: nobody puts it on sale."""
    await floor.read("S")
    floor.shirt.fields["on"] = dict(OFF)
    await floor.read("M")
    await floor.freeze("M")
    await floor.work()
    await floor.freeze("S")
    await floor.work()
    await _all_let_go(floor, "S", "M")
    assert {"on": OFF, "stock": 7} == floor.shirt.fields


async def test_a_place_that_came_during_the_stop(floor: Floor) -> None:
    """Listed in a third place meanwhile, stopped there too: each place gets back what it had."""
    await floor.read("S")
    await floor.freeze("S")
    await floor.work()
    floor.shirt.fields["on"]["fair"] = "2026"
    await floor.read("M")
    await floor.freeze("M")
    await floor.work()
    assert not floor.shirt.sells
    await _all_let_go(floor, "S", "M")
    assert {**ON, "fair": "2026"} == floor.shirt.fields["on"]


async def test_looked_up_before_and_stored_after_the_restore(floor: Floor) -> None:
    """A look-up that saw the stop is stored when the stop is over: it is not believed."""
    await floor.read("S")
    await floor.freeze("S")
    await floor.work()
    seen_at, seen = datetime.now(UTC), await floor.shirt.lookup("M")
    await _all_let_go(floor, "S")
    found = [(one.remote_id, one.fields, one.takes_along) for one in seen]
    await floor.database.run(lambda tx: tx.objects.refresh_image(
        floor.sku("M"), SHOP, found, seen_at, revision=0))
    await floor.freeze("M")
    await floor.work()
    await _all_let_go(floor, "M")
    assert {"on": ON, "stock": 7} == floor.shirt.fields


WHAT = st.sampled_from(["read", "freeze", "let go", "work", "owner", "lose", "disobey"])
STEPS = st.lists(st.tuples(WHAT, st.sampled_from(SKUS)), min_size=4, max_size=18)


@given(steps=STEPS)
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
async def test_in_whatever_order(database: PostgresDatabase, steps: list[tuple[str, str]]) -> None:
    """While anybody is held nothing is sold once workers have been round; then it is as it was.

    "As it was" is what its owner last made of it while nobody was held.
    """
    await database.run(lambda tx: tx.connection.execute(
        "UPDATE catalogue_objects SET next_at = NULL, remote_id = remote_id || sku"))
    floor, year = Floor(database, uuid4().hex), 2024
    for what, size in steps:
        if what == "read":
            await floor.read(size)
        elif what == "freeze" and size not in floor.holds:
            await floor.freeze(size)
        elif what == "let go" and size in floor.holds:
            await floor.let_go(size)
        elif what == "work":
            await floor.work()
            assert not (floor.holds and floor.shirt.sells)
        elif what == "lose":
            floor.shirt.loses_answers = 1
        elif what == "disobey":  # the stop is accepted and does nothing: a further means must do
            floor.shirt.obeys = not floor.shirt.obeys
        elif what == "owner" and not floor.holds:
            await floor.settled()
            year += 1
            floor.shirt.fields = {"on": {"web": str(year), "till": None}, "stock": year}
            for one in SKUS:  # an image may be an hour old otherwise: a promise of its own
                await floor.read(one)
    truth = {"on": ON, "stock": 7} if year == 2024 else {
        "on": {"web": str(year), "till": None}, "stock": year}
    for size in tuple(floor.holds):
        await floor.let_go(size)
        await floor.work(rounds=1)
    assert {Status.IDLE} >= set(await floor.settled()) - {Status.NOT_LISTED}
    assert truth == floor.shirt.fields, steps
