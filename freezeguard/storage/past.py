"""The whole past, page by page, for backtests."""

from collections.abc import Sequence
from datetime import UTC, datetime

import asyncpg

from freezeguard.detection.windows import Shipment
from freezeguard.domain.rules import RuleScope
from freezeguard.domain.trying import PastStop
from freezeguard.ports.past import Page, PastSignal, Place
from freezeguard.ports.rows import Sku
from freezeguard.storage.connection import Statements
from freezeguard.storage.detection import stop_of
from freezeguard.storage.queries import queries
from freezeguard.storage.rows import scope_of
from freezeguard.storage.signals import observed_of

SQL = queries("past")

_START: Place = ("", datetime.min.replace(tzinfo=UTC), "", "")


class PostgresPast:
    """Implements `freezeguard.ports.past.Past`."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def signals(self, after: Place | None, limit: int) -> Page[PastSignal]:
        rows = await self._connection.fetch(SQL["past_signals"], *(after or _START), limit)
        found = [
            PastSignal(observed_of(row), row["judged_at"], row["judged_usual"]) for row in rows
        ]
        return Page(found, _next(rows, "occurred_at", limit))

    async def shipments(self, after: Place | None, limit: int) -> Page[Shipment]:
        rows = await self._connection.fetch(SQL["past_shipments"], *(after or _START), limit)
        found = [Shipment(scope_of(row), row["shipped_at"], row["units"]) for row in rows]
        return Page(found, _next(rows, "shipped_at", limit))

    async def skus(
        self, scope: RuleScope, since: datetime, *, after: str, limit: int
    ) -> list[Sku]:
        rows = await self._connection.fetch(
            SQL["tried_skus"], after, since, limit, scope.sku, scope.vendor, scope.category
        )
        return [Sku(row["sku"], vendor=row["vendor"], category=row["category"]) for row in rows]

    async def signals_of(self, sku: str, after: datetime) -> list[PastSignal]:
        rows = await self._connection.fetch(SQL["past_signals_of"], sku, after)
        return [
            PastSignal(observed_of(row), row["judged_at"], row["judged_usual"]) for row in rows
        ]

    async def stops(
        self, scope: RuleScope, since: datetime, *, after: str, upto: str | None
    ) -> dict[str, list[PastStop]]:
        rows = await self._connection.fetch(
            SQL["past_stops"], since, after, upto, scope.sku, scope.vendor, scope.category
        )
        found: dict[str, list[PastStop]] = {}
        for row in rows:
            stop = stop_of(row)
            if stop is not None:
                found.setdefault(row["sku"], []).append(PastStop(stop, row["closed_at"]))
        return found

    async def confirmed_defects(self) -> dict[str, datetime]:
        rows = await self._connection.fetch(SQL["confirmed_defects"])
        return {row["sku"]: row["opened_at"] for row in rows}


def _next(rows: Sequence[asyncpg.Record], moment: str, limit: int) -> Place | None:
    if len(rows) < limit:
        return None
    last = rows[-1]
    return last["sku"], last[moment], last["source"], last["id"]
