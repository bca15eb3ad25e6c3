"""SKUs, vendors and sources."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import asyncpg

from freezeguard.domain.record import Case
from freezeguard.ports.rows import Feed, Pending, Prelude, Sku, Surroundings, Vendor
from freezeguard.storage.cases import case_of
from freezeguard.storage.connection import Connection, Statements
from freezeguard.storage.deferred import DeferredWrites
from freezeguard.storage.duties import clock_of, task_of
from freezeguard.storage.holds import hold_of
from freezeguard.storage.objects import object_of, waiver_of
from freezeguard.storage.people import PostgresPeople
from freezeguard.storage.queries import queries
from freezeguard.storage.rows import money
from freezeguard.storage.signals import observed_of

SQL = queries("masterdata")

_FEW = 200
"""So many signals of a window come along with a prelude; a longer one is read by itself."""


async def learn_types(connection: Connection) -> None:
    """Have the driver look up the types of whole rows, which it otherwise does at their first use.

    It takes 20 ms, once for every connection.
    """
    for name in ("prelude", "surroundings"):
        await connection.prepare(SQL[name])


class PostgresMasterData:
    """Implements `freezeguard.ports.masterdata.MasterData`."""

    def __init__(
        self, connection: Statements, writes: DeferredWrites, people: PostgresPeople
    ) -> None:
        self._connection, self._writes, self._people = connection, writes, people
        # Master data does not change under a transaction that only reads it.
        self._skus: dict[str, Sku | None] = {}
        self._vendors: dict[str, Vendor | None] = {}

    async def prelude(
        self, sku: str, *, since: datetime | None = None, reach: timedelta | None = None
    ) -> Prelude:
        row = await self._connection.fetchrow(SQL["prelude"], sku, since, reach, _FEW + 1)
        assert row is not None  # noqa: S101 - the query starts from one row
        price = None if row["price"] is None else money(row["price"])
        known = Sku(
            sku, row["title"], row["vendor"], row["category"], row["gtin"], price, row["own"]
        )
        self._remember(row)
        self._skus[sku] = known
        asked_since = row["since_time"]
        comes_along = row["window_after"] is not None and len(row["window"]) <= _FEW
        return Prelude(
            known,
            row["owner"],
            None if asked_since is None else Pending(sku, row["since_seq"], asked_since),
            tuple(map(case_of, row["cases"])),
            tuple(map(hold_of, row["holds"])),
            tuple(map(object_of, row["objects"])),
            tuple(map(observed_of, row["window"])) if comes_along else None,
            row["window_after"],
        )

    def _remember(self, row: asyncpg.Record) -> None:
        """Take over the vendor and the owner that came along with something else."""
        if row["vendor_record"] is not None:
            self._vendors[row["vendor_record"]["vendor"]] = _vendor(row["vendor_record"])
        if row["owner_record"] is not None:
            self._people.remember(row["owner_record"])

    async def surroundings(self, case: Case) -> Surroundings:
        await self._writes.before_reading("holds", "clocks", "case_events")
        row = await self._connection.fetchrow(
            SQL["surroundings"], case.id, case.scope.sku, case.owner, case.vendor
        )
        assert row is not None  # noqa: S101 - the query starts from one row
        self._remember(row)
        if (known := row["sku_record"]) is not None:
            self._skus[case.scope.sku] = _sku(known)
        return Surroundings(
            tuple(map(object_of, row["objects"])),
            tuple(map(waiver_of, row["waivers"])),
            tuple(map(hold_of, row["holds"])),
            tuple(map(clock_of, row["clocks"])),
            tuple(map(task_of, row["tasks"])),
            tuple(row["pullers"]),
            row["has_votes"],
            row["has_news"],
        )

    async def put_skus(self, skus: Sequence[Sku], now: datetime) -> None:
        self._skus.clear()
        last = list({one.sku: one for one in skus}.values())
        await self._connection.execute(
            SQL["put_skus"], [one.sku for one in last], [one.title for one in last],
            [one.vendor for one in last], [one.category for one in last],
            [one.gtin for one in last],
            [None if one.price is None else Decimal(one.price) for one in last],
            [one.owner for one in last], now,
        )  # fmt: skip

    async def sku(self, sku: str) -> Sku | None:
        if sku not in self._skus:
            row = await self._connection.fetchrow(SQL["sku"], sku)
            self._skus[sku] = None if row is None else _sku(row)
        return self._skus[sku]

    async def skus(self, skus: Sequence[str]) -> list[Sku]:
        return [_sku(row) for row in await self._connection.fetch(SQL["skus"], list(skus))]

    async def skus_of_gtin(self, gtin: str, limit: int) -> list[Sku]:
        rows = await self._connection.fetch(SQL["skus_of_gtin"], gtin, limit)
        return [_sku(row) for row in rows]

    async def skus_from(self, start: str, limit: int) -> list[str]:
        rows = await self._connection.fetch(SQL["skus_from"], start, limit)
        return [row["sku"] for row in rows]

    async def skus_after(
        self, after: tuple[datetime, str] | None, limit: int
    ) -> list[tuple[datetime, str]]:
        rows = await self._connection.fetch(SQL["skus_after"], *(after or (None, None)), limit)
        return [(row["updated_at"], row["sku"]) for row in rows]

    async def put_vendor(self, vendor: Vendor, now: datetime) -> None:
        self._vendors.clear()
        await self._connection.execute(
            SQL["put_vendor"], vendor.vendor, vendor.name, vendor.contacts, vendor.language,
            vendor.time_zone, now, vendor.calendar,
        )  # fmt: skip

    async def vendor(self, vendor: str) -> Vendor | None:
        if vendor not in self._vendors:
            row = await self._connection.fetchrow(SQL["vendor"], vendor)
            self._vendors[vendor] = None if row is None else _vendor(row)
        return self._vendors[vendor]

    async def vendor_for_change(self, vendor: str) -> Vendor | None:
        row = await self._connection.fetchrow(SQL["vendor_for_change"], vendor)
        return None if row is None else _vendor(row)

    async def categories_without_skus(self, categories: Iterable[str]) -> list[str]:
        rows = await self._connection.fetch(SQL["categories_without_skus"], sorted(categories))
        return [row["asked"] for row in rows]

    async def put_source(self, feed: Feed, now: datetime) -> None:
        await self._connection.execute(
            SQL["put_source"], feed.source, feed.name, feed.trust, feed.max_silence, now
        )


def _sku(row: asyncpg.Record) -> Sku:
    price = None if row["price"] is None else money(row["price"])
    return Sku(
        row["sku"], row["title"], row["vendor"], row["category"], row["gtin"], price, row["owner"]
    )


def _vendor(row: asyncpg.Record) -> Vendor:
    return Vendor(
        row["vendor"], row["name"], tuple(row["contacts"]), row["language"], row["time_zone"],
        row["calendar"],
    )
