"""Endpoints on loopback that behave as a test wants, and messages to send them."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiohttp import web

from freezeguard.ports.webhooks import Endpoint, Message
from freezeguard.webhooks.addresses import AddressPolicy
from freezeguard.webhooks.post import HttpPost

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CERTIFICATE = Path(__file__).parents[1] / "notices" / "loopback.pem"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Receiver:
    """A receiver of webhooks: keeps what it gets, answers as it is told."""

    port: int = 0
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    then: Handler | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.requests]

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.requests]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append((headers, await request.read()))
        if self.then is not None:
            return await self.then(request)
        return web.Response(status=self.status, headers=self.headers)


@asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """Run a receiver on a free port of loopback."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", receiver.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    receiver.port = runner.addresses[0][1]
    try:
        yield receiver
    finally:
        await runner.cleanup()


@asynccontextmanager
async def speaking(
    speak: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """Run a server that speaks by itself, below HTTP; return its port."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await reader.readuntil(b"\r\n\r\n")
            await speak(reader, writer)
        writer.transport.abort()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def posting_to(*ports: int, **more: Any) -> AsyncIterator[HttpPost]:
    """Return a way out that may go to ports of this machine: the policy says so."""
    post = HttpPost(AddressPolicy(frozenset(ports), allow_private=True), **more)
    try:
        yield post
    finally:
        await post.close()


def endpoint_at(url: str, **more: Any) -> Endpoint:
    given: dict[str, Any] = {"scheme": "v1", "secret": b"s" * 32, "types": ()}
    return Endpoint(uuid4(), "acme", url, **(given | more))


def a_message(**more: Any) -> Message:
    given: dict[str, Any] = {
        "id": uuid4(), "vendor": "acme", "thread": "case:1", "type": "case.released", "at": NOW,
        "data": {"case": "1"},
    }
    return Message(**(given | more))
