"""A release after stops that nobody answered: what somebody else wrote meanwhile stays."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from freezeguard.bootstrap.metrics import PrometheusMetrics
from freezeguard.domain.enforcement import Status
from freezeguard.domain.errors import Unavailable
from freezeguard.ports.catalogues import CatalogueError, Found, Observation, Traits
from freezeguard.ports.rows import CatalogueRow
from freezeguard.ports.storage import Transaction
from freezeguard.services.cases.holding import LEASE
from freezeguard.services.directory import Outlet
from freezeguard.services.enforcing.breaker import Breaker
from freezeguard.services.enforcing.claims import Calls, Claim
from freezeguard.services.enforcing.pace import Pace
from freezeguard.services.enforcing.releasing import Releasing
from freezeguard.storage.database import PostgresDatabase

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SKU, SHOP = "sku", "shop"
BEFORE = {"offer": "open", "stock": 100, "title": "Kettle"}
STOPPED = {**BEFORE, "offer": "closed"}


class Shelf:
    """A shop of one product, with a further means that sets its stock to 0."""

    name = SHOP
    traits = Traits(("hide", "hard"), fallbacks=("stock_zero",))

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = dict(fields)
        self.written: list[Mapping[str, Any]] = []
        self.fails_to_restore = 0

    async def lookup(self, sku: str, **_: Any) -> tuple[Found, ...]:
        return (Found("r", dict(self.fields)),)

    async def stop(self, *_: Any, **__: Any) -> Mapping[str, Any]:
        return self._write({"offer": "closed"})

    async def fall_back(self, *_: Any, **__: Any) -> Mapping[str, Any]:
        return self._write({"stock": 0})

    async def restore(self, sku: str, remote_id: str, fields: Mapping[str, Any], **_: Any) -> None:
        if self.fails_to_restore > 0:
            self.fails_to_restore -= 1
            raise CatalogueError("no answer", recoverable=True)
        self._write(fields)

    async def lift_fall_back(
        self, means: str, sku: str, remote_id: str, fields: Mapping[str, Any], **_: Any
    ) -> None:
        self._write({"stock": fields["stock"]})

    async def read_back(self, *_: Any, **__: Any) -> Observation:
        sells = self.fields["offer"] != "closed" and self.fields["stock"] > 0
        return Observation(sellable=sells, side="buyer")

    def _write(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        self.fields |= fields
        self.written.append(dict(fields))
        return dict(fields)


class NoCases:
    """Nobody to tell."""

    async def release_seen(self, *_: Any, **__: Any) -> None:
        """Hear of a release."""


async def unanswered(database: PostgresDatabase, *means: str) -> None:
    """Have an object whose stops were sent and never answered, and whose release is due."""

    async def work(tx: Transaction) -> None:
        row = await tx.objects.want(SKU, SHOP, "r", "hard", 1, lease=LEASE, token=uuid4())
        tried = replace(row, status=Status.UNREACHABLE, before_image=BEFORE, sent_at=NOW,
                        fallbacks=means, attempts=3)
        assert await tx.objects.settle(tried, next_in=0, now=NOW)
        await tx.objects.want(SKU, SHOP, "r", "sellable", 2, lease=None, token=None)

    await database.run(work)


class Waiting:
    """A journal in which these lines wait."""

    def __init__(self, *lines: Any) -> None:
        self._lines = list(lines)

    async def lines(self) -> list[Any]:
        return self._lines


NOTHING_WAITS = Waiting()


async def released(
    database: PostgresDatabase, shelf: Shelf, journal: Waiting = NOTHING_WAITS
) -> CatalogueRow:
    """Take one turn of the release; return how the object stands afterwards."""
    calls = Calls(
        database, NoCases(), {SHOP: Breaker()}, lambda: NOW, Pace(), PrometheusMetrics(),
    )
    await database.run(lambda tx: tx.objects.wake(SHOP, SKU))
    [row] = await database.run(lambda tx: tx.objects.claim_due(SHOP, LEASE, uuid4(), 1))
    until = asyncio.get_running_loop().time() + LEASE.total_seconds()
    await Releasing(calls, journal).work(Claim(Outlet(shelf), row, row, until))
    [after] = await database.run(lambda tx: tx.objects.of_sku(SKU))
    return after


@pytest.mark.parametrize("found", [
    STOPPED,
    {**BEFORE, "stock": 99},
    {**STOPPED, "title": "Best kettle"},
])
async def test_a_stop_that_landed_unheard_is_taken_back(database: PostgresDatabase, found: Any):
    """As the stop wrote it or as before is no conflict; no other field is touched."""
    shelf = Shelf(found)
    await unanswered(database)
    row = await released(database, shelf)
    assert (Status.IDLE, {**found, "offer": "open"}) == (row.status, shelf.fields)


async def test_an_emergency_that_is_no_hold_yet_is_not_undone(database: PostgresDatabase):
    """While an order for the SKU waits nothing is restored; one for another may wait."""
    shelf = Shelf(STOPPED)
    await unanswered(database)
    with pytest.raises(Unavailable, match="not reconciled"):
        await released(database, shelf, Waiting({"what": "emergency", "sku": SKU}))
    assert STOPPED.items() <= shelf.fields.items()

    await database.run(
        lambda tx: tx.connection.execute("UPDATE catalogue_objects SET lease_until = now()")
    )
    row = await released(database, shelf, Waiting({"what": "emergency", "sku": "OTHER"}))
    assert Status.IDLE is row.status


async def test_what_somebody_else_wrote_outlives_every_try(database: PostgresDatabase):
    """The merchant's value is there after the first try as after the third; a person is asked."""
    shelf = Shelf({**BEFORE, "offer": "members only"})
    await unanswered(database)
    for attempt in (1, 2, 3):
        row = await released(database, shelf)
        assert (Status.REFUSED, attempt) == (row.status, row.attempts)
        assert "offer is 'members only', the stop wrote 'closed'" == row.detail
        assert {**BEFORE, "offer": "members only"} == shelf.fields
    assert {"offer": "open"} not in shelf.written


async def test_a_recount_outlives_a_means_that_nobody_answered(database: PostgresDatabase):
    """Stock 0 never landed, and the stock was counted anew: 7 stays, and the means is not left."""
    shelf = Shelf({**BEFORE, "stock": 7})
    await unanswered(database, "stock_zero?")
    row = await released(database, shelf)
    assert (Status.REFUSED, ()) == (row.status, row.fallbacks)
    assert "stock is 7, the stop wrote 0" == row.detail
    assert {**BEFORE, "stock": 7} == shelf.fields
    assert Status.REFUSED is (await released(database, shelf)).status


async def test_a_value_is_not_lost_where_it_can_not_be_put_back_at_once(
    database: PostgresDatabase,
):
    """Our repetition went over it and could not be taken back: the next try restores that value."""
    shelf = Shelf({**BEFORE, "offer": "members only"})
    shelf.fails_to_restore = 1
    await unanswered(database)
    assert Status.REFUSED is (await released(database, shelf)).status
    assert "closed" == shelf.fields["offer"]
    assert Status.IDLE is (await released(database, shelf)).status
    assert "members only" == shelf.fields["offer"]
