"""A real server on loopback with a few routes, and ways to talk to it."""

import asyncio
import contextlib
import gzip
import io
import itertools
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import ClientResponse, ClientSession, web

from freezeguard.api.access import Access
from freezeguard.api.batches import SIGNAL_TYPES, Parsed, parse_signals
from freezeguard.api.bodies import PACE, Pace
from freezeguard.api.edge import Edge
from freezeguard.api.idempotency import Idempotency
from freezeguard.api.models.fields import Country, Input, Name, Sku
from freezeguard.api.models.signals import SignalIn
from freezeguard.api.parameters import Query
from freezeguard.api.routing import AnyRoute, Call, CustomBody, Reply, Route
from freezeguard.api.slowclients import GuardedRunner, Patience
from freezeguard.domain.people import Actor, MachineKey, Person, Right, Role

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SOURCE = MachineKey("k-source", "Help desk", frozenset({Right.SOURCE}), source="helpdesk")
SHOP = MachineKey("k-shop", "Shop", frozenset({Right.CATALOGUE}))
ANN = Person("ann", "Ann", frozenset({Role.MANAGER}))
VENDOR = Person("vera", "Vera", frozenset({Role.VENDOR}), vendor="acme")
ACTORS: Mapping[str, Actor] = {
    "source-token": SOURCE,
    "shop-token": SHOP,
    "ann-token": ANN,
    "vera-token": VENDOR,
}
ANNS_TOKEN = "ann-token"
GOOD: dict[str, Any] = {
    "id": "s-1",
    "source": "helpdesk",
    "kind": "complaint",
    "sku": "KETTLE-17/blue",
    "occurred_at": "2026-11-21T09:30:00Z",
    "severity": "major",
}


class Note(Input):
    """A small body."""

    text: Name
    amount: int = 1


class Narrowed(Query):
    """A query with optional fields."""

    seller: Name | None = None
    country: Country | None = None
    limit: int = 10


class WhichSku(Query):
    """A query with a required field."""

    sku: Sku


@dataclass
class Echo:
    """Handlers that say what they were given."""

    calls: list[Any] = field(default_factory=list)

    async def note(self, call: Call[None, Note]) -> Reply:
        """Echo a note."""
        self.calls.append(call.body)
        return Reply(call.body, headers={"Location": "/v1/notes/1"})

    async def sku(self, call: Call[Narrowed]) -> Reply:
        """Echo the address."""
        seen = {**call.path, **call.query.model_dump(exclude_none=True)}
        return Reply(json.dumps(seen).encode(), etag='"17"')

    async def which(self, call: Call[WhichSku]) -> Reply:
        """Echo the query."""
        return Reply(call.query.model_dump_json().encode())

    async def who(self, call: Call) -> Reply:
        """Name the actor."""
        return Reply(json.dumps({"who": getattr(call.actor, "id", None)}).encode())

    async def fail(self, call: Call) -> Reply:
        """Break."""
        raise RuntimeError("secret detail")

    async def signals(self, call: Call[None, Parsed[SignalIn]]) -> Reply:
        """Say what was read."""
        parsed = call.body
        return Reply(
            json.dumps(
                {
                    "accepted": [index for index, _ in parsed.items],
                    "rejected": [
                        {"index": each.index, "code": each.code} for each in parsed.rejected
                    ],
                }
            ).encode(),
        )

    async def raw(self, call: Call[None, bytes]) -> Reply:
        """Say how much was read."""
        self.calls.append(call.body)
        return Reply(json.dumps({"bytes": len(call.body)}).encode())


async def read_signals(body: bytes, media_type: str, request: web.Request) -> Parsed[SignalIn]:
    """Parse signals at a fixed time."""
    return parse_signals(body, media_type, request.headers, NOW)


async def read_raw(body: bytes, media_type: str, request: web.Request) -> bytes:
    """Take the bytes as they are."""
    return body


def routes(echo: Echo) -> list[AnyRoute]:
    """Return one route per thing to try."""
    anyone = Access.anyone_signed_in()
    return [
        Route(method="POST", path="/v1/notes", handler=echo.note, summary="Note.", who=anyone,
              tag="Notes", body=Note, result=Note, status=201),
        Route(method="GET", path="/v1/skus/{sku}", handler=echo.sku, summary="Sku.", who=anyone,
              tag="Skus", query=Narrowed),
        Route(method="DELETE", path="/v1/skus/{sku}", handler=echo.who, summary="Gone.",
              who=Access.staff(Role.ADMIN), tag="Skus"),
        Route(method="GET", path="/v1/skus/{sku}/notes/{id}", handler=echo.who, summary="Deep.",
              who=anyone, tag="Skus"),
        Route(method="GET", path="/v1/which", handler=echo.which, summary="Which.", who=anyone,
              tag="Skus", query=WhichSku),
        Route(method="GET", path="/v1/managers", handler=echo.who, summary="Managers.",
              who=Access.staff(Role.MANAGER, Role.ANALYST), tag="People"),
        Route(method="GET", path="/v1/open", handler=echo.who, summary="Open.",
              who=Access.public(), tag="People"),
        Route(method="GET", path="/v1/fail", handler=echo.fail, summary="Fails.",
              who=Access.public(), tag="People"),
        Route(method="POST", path="/v1/signals", handler=echo.signals, summary="Signals.",
              who=Access.source(), tag="Signals", status=202,
              body=CustomBody(read_signals, dict.fromkeys(sorted(SIGNAL_TYPES), SignalIn))),
        Route(method="POST", path="/v1/raw", handler=echo.raw, summary="Raw.",
              who=Access.public(), tag="Signals",
              body=CustomBody(read_raw, {"application/json": {"type": "object"}})),
    ]  # fmt: skip


@dataclass
class Service:
    """A running server and a client of it."""

    session: ClientSession
    host: str
    port: int
    echo: Echo

    async def call(
        self, method: str, path: str, *, token: str | None = ANNS_TOKEN, **options: Any
    ) -> ClientResponse:
        """Send a request and read the whole answer."""
        headers = {**options.pop("headers", {})}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        response = await self.session.request(method, path, headers=headers, **options)
        await response.read()
        return response

    async def post(self, path: str, body: bytes, **options: Any) -> ClientResponse:
        """Send a JSON body as bytes."""
        headers = {"Content-Type": "application/json", **options.pop("headers", {})}
        return await self.call("POST", path, data=io.BytesIO(body), headers=headers, **options)

    async def raw(self, sent: bytes, *, until_close: bool = True) -> bytes:
        """Send bytes on a connection of their own and return what comes until it closes."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            async with asyncio.timeout(10):
                writer.write(sent)
                return await (reader.read() if until_close else reader.read(65536))
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


@contextlib.asynccontextmanager
async def serving(
    chosen: Sequence[AnyRoute] | None = None,
    *,
    patience: Patience | None = None,
    idempotency: Idempotency | None = None,
    authenticate: Callable[[str], Any] = ACTORS.get,
    short_cut: bool = True,
    observe: Callable[..., None] | None = None,
    pace: Pace = PACE,
) -> AsyncIterator[Service]:
    """Serve some routes on a free port of loopback."""
    echo = Echo()
    counter = itertools.count(1)

    def new_request_id() -> str:
        return f"made-{next(counter)}"

    edge = Edge(
        routes(echo) if chosen is None else chosen,
        authenticate,
        new_request_id,
        idempotency,
        observe,
        pace,
    )
    app = web.Application()
    edge.attach(app)
    options = {"short_cut": edge.short_cut} if short_cut else {}
    runner = GuardedRunner(
        app, new_request_id=new_request_id, patience=patience, shutdown_timeout=1, **options
    )
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        async with ClientSession(f"http://{host}:{port}", auto_decompress=True) as session:
            yield Service(session, host, port, echo)
    finally:
        await runner.cleanup()


def zipped(body: bytes) -> bytes:
    """Return the body in gzip, the same bytes each time."""
    return gzip.compress(body, mtime=0)
