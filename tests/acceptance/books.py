"""Catalogues with order books, as another package would bring them: the sample shop, and a ledger.

The ledger is a server of its own, so that it can be away or slow while the shop is well.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from freezeguard.catalogues import registry
from freezeguard.catalogues.http import HttpCatalogue
from freezeguard.catalogues.http_settings import HttpSettings
from freezeguard.catalogues.tables import read_table
from freezeguard.ports.catalogues import CatalogueError, OrdersFound, OrderUnderWay


@dataclass
class Ledger:
    """What was ordered, by SKU; `status` is what it answers with, `held` keeps it back."""

    url: str = ""
    orders: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    status: int = 200
    held: asyncio.Event | None = None
    asked: list[Mapping[str, str]] = field(default_factory=list)

    def note(self, sku: str, code: str, **more: Any) -> None:
        """Write down an order."""
        placed = {
            "id": f"id-{code}", "code": code, "placed_at": datetime.now(UTC).isoformat(),
            "quantity": 1, "state": "paid", "is_paid": True, "customer": f"{code}@buyers.example",
        }
        self.orders.setdefault(sku, []).append(placed | more)

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(dict(request.query))
        if self.held is not None:
            await self.held.wait()
        since = datetime.fromisoformat(request.query["since"])
        known = self.orders.get(request.query["sku"], [])
        found = [one for one in known if datetime.fromisoformat(one["placed_at"]) >= since]
        return web.json_response({"orders": found}, status=self.status)


@asynccontextmanager
async def keeping() -> AsyncIterator[Ledger]:
    """Run a ledger on a free port of loopback."""
    ledger, app = Ledger(), web.Application()
    app.router.add_get("/orders", ledger.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    ledger.url = f"http://127.0.0.1:{runner.addresses[0][1]}/orders"
    try:
        yield ledger
    finally:
        await runner.cleanup()


class Bookkeeping(HttpCatalogue):
    """The kind `http`, with an order book beside it."""

    def __init__(self, name: str, table: dict[str, Any]) -> None:
        self._book = str(table.pop("book"))
        settings = read_table(name, HttpSettings, {**table, "kind": "http"})
        super().__init__(name, settings, environment=os.environ)

    async def orders_with(
        self, sku: str, remote_id: str, since: datetime, *, deadline: float
    ) -> OrdersFound:
        """Ask the ledger; an order for `crash` is one that this connector can't read."""
        query = {"sku": sku, "since": since.isoformat()}
        try:
            async with (
                asyncio.timeout(deadline), aiohttp.ClientSession() as session,
                session.get(self._book, params=query) as answer,
            ):
                told = await answer.json()
        except (TimeoutError, aiohttp.ClientError) as error:
            raise CatalogueError(type(error).__name__, recoverable=True) from None
        if answer.status >= 400:
            raise CatalogueError(f"{answer.status}: {told}", recoverable=answer.status >= 500)
        return OrdersFound(tuple(_read(one) for one in told["orders"]))


def _read(told: Mapping[str, Any]) -> OrderUnderWay:
    if told["code"] == "crash":
        raise ZeroDivisionError(f"no connector reads {told}")
    return OrderUnderWay(**{**told, "placed_at": datetime.fromisoformat(told["placed_at"])})


def open_bookkeeping(name: str, table: Mapping[str, Any]) -> Bookkeeping:
    """Open a catalogue of the kind `bookkeeping`."""
    return Bookkeeping(name, dict(table))


@contextmanager
def installed() -> Iterator[None]:
    """Have the kind `bookkeeping` installed as another package would."""
    ours = [EntryPoint("bookkeeping", f"{__name__}:open_bookkeeping", registry.GROUP)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry.importlib.metadata, "entry_points", lambda **_: ours)
        yield
