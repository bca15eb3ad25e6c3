"""Connections that are too slow are closed: headers, bodies, silence, and answers not read.

aiohttp leaves them open for minutes. One look per second at all connections does it; a request
in good time pays one comparison.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog
from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from freezeguard.api import problems, refusals
from freezeguard.api.envelope import REQUEST_ID_HEADER, NewRequestId, complete

log = structlog.get_logger()

Handle = Callable[[Any], Awaitable[web.StreamResponse]]
"""Answers a request."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds. `rate` is in bytes per second.

    `head` for request line and headers, counted from their first byte; `idle` for a connection
    without a request; `unread` for an answer of which less than `rate` is taken; `lingering` for
    the rest of a body that nobody wants; `look` is how often all this is checked.
    """

    head: float = 10.0
    idle: float = 15.0
    unread: float = 30.0
    rate: float = 1024.0
    lingering: float = 5.0
    look: float = 1.0
    line_bytes: int = 8190
    header_bytes: int = 8190
    headers: int = 128


class Connection(web.RequestHandler):
    """One client connection that knows since when its request's head is under way."""

    __slots__ = (
        "_new_request_id", "_unread_mark", "_unread_since", "head_since", "is_stream",
    )

    def __init__(self, *args: Any, new_request_id: NewRequestId, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._new_request_id = new_request_id
        self.head_since: float | None = None
        self.is_stream = False
        self._unread_since: float | None = None
        self._unread_mark = 0

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        waiter = self._waiter
        if waiter is None:
            return
        if waiter.done():
            self.head_since = None
            self.is_stream = False
        elif self.head_since is None and not data.isspace():
            self.head_since = self._loop.time()

    def is_slow_head(self, now: float, allowed: float) -> bool:
        """Say whether a head has been under way for longer than `allowed` seconds."""
        return self.head_since is not None and now - self.head_since > allowed

    def is_unread(self, now: float, waiting: int, patience: Patience) -> bool:
        """Say whether the client takes the answer too slowly; `waiting` bytes are not yet sent."""
        if waiting == 0 or self.is_stream:
            self._unread_since = None
            return False
        if self._unread_since is None:
            self._unread_since, self._unread_mark = now, waiting
        elapsed = now - self._unread_since
        if elapsed < patience.unread:
            return False
        if self._unread_mark - waiting < elapsed * patience.rate:
            return True
        self._unread_since, self._unread_mark = now, waiting
        return False

    def refuse(self, occurrence: refusals.Occurrence) -> None:
        """Answer outside of any request, and close."""
        transport = self.transport
        if transport is not None and not transport.is_closing():
            transport.write(_raw(occurrence, self._new_request_id()))
        self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - aiohttp's signature
    ) -> web.StreamResponse:
        """Answer what no handler has seen: a request that the parser refused, a fault of ours."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has already begun")
        occurrence, request_id = _unparsed(status, exc), self._new_request_id()
        if occurrence.problem.status >= 500:
            log.error("request_failed", request_id=request_id, exc_info=exc)
        response = occurrence.response(request_id)
        complete(response, request_id)
        response.force_close()
        return response


class GuardedServer(web.Server):
    """Makes connections and looks at all of them once in a while."""

    def __init__(
        self, *args: Any, patience: Patience, new_request_id: NewRequestId, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._patience, self._new_request_id = patience, new_request_id
        self._open: dict[web.RequestHandler, asyncio.Transport] = {}
        self._next_look: asyncio.TimerHandle | None = None

    def __call__(self) -> web.RequestHandler:
        return Connection(
            self, loop=self._loop, new_request_id=self._new_request_id, **self._kwargs
        )

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        self._open[handler] = transport
        if self._next_look is None:
            self._look_later()

    def connection_lost(
        self, handler: web.RequestHandler, exc: BaseException | None = None
    ) -> None:
        super().connection_lost(handler, exc)
        self._open.pop(handler, None)

    async def shutdown(self, timeout: float | None = None) -> None:
        if self._next_look is not None:
            self._next_look.cancel()
            self._next_look = None
        await super().shutdown(timeout)

    def look(self, now: float) -> None:
        """Close every connection that has used up its patience at the loop's time `now`."""
        for handler, transport in list(self._open.items()):
            if isinstance(handler, Connection):
                self._look_at(handler, transport, now)

    def _look_at(self, connection: Connection, transport: asyncio.Transport, now: float) -> None:
        patience = self._patience
        if connection.is_slow_head(now, patience.head):
            log.info("slow_client_closed", phase="head")
            connection.refuse(refusals.of_code("too_slow"))
        elif connection.is_unread(now, transport.get_write_buffer_size(), patience):
            log.info("slow_client_closed", phase="answer")
            transport.abort()

    def _look_later(self) -> None:
        self._next_look = self._loop.call_later(self._patience.look, self._look_now)

    def _look_now(self) -> None:
        self.look(self._loop.time())
        if self._open:
            self._look_later()
        else:
            self._next_look = None


class GuardedRunner(web.AppRunner):
    """An `AppRunner` whose connections are guarded. Bodies are not decompressed by it.

    `short_cut` wraps the application's own handler; see `Edge.short_cut`.
    """

    def __init__(
        self,
        app: web.Application,
        *,
        new_request_id: NewRequestId,
        patience: Patience | None = None,
        short_cut: Callable[[Handle], Handle] = lambda handle: handle,
        **kwargs: Any,
    ) -> None:
        self._patience = patience or Patience()
        self._new_request_id = new_request_id
        self._short_cut = short_cut
        super().__init__(app, access_log=None, **_limits(self._patience), **kwargs)

    async def _make_server(self) -> web.Server:
        plain = await super()._make_server()
        return GuardedServer(
            self._short_cut(plain.request_handler),
            request_factory=plain.request_factory,
            patience=self._patience,
            new_request_id=self._new_request_id,
            **self._kwargs,
        )


def let_read_slowly(request: web.BaseRequest) -> None:
    """Exempt the answer to this request from the reading limit: a stream of events."""
    connection = request.protocol
    if isinstance(connection, Connection):
        connection.is_stream = True


def _limits(patience: Patience) -> dict[str, Any]:
    return {
        "auto_decompress": False,
        "keepalive_timeout": patience.idle,
        "lingering_time": patience.lingering,
        "max_line_size": patience.line_bytes,
        "max_field_size": patience.header_bytes,
        "max_headers": patience.headers,
    }


def _unparsed(status: int, error: BaseException | None) -> refusals.Occurrence:
    if isinstance(error, LineTooLong):
        return refusals.of_code("head_too_large")
    if status < 500:
        return refusals.of_code("bad_request")
    return refusals.of_code("internal")


def _raw(occurrence: refusals.Occurrence, request_id: str) -> bytes:
    body = occurrence.body(request_id)
    head = (
        f"HTTP/1.1 {occurrence.problem.status} {occurrence.problem.title}\r\n"
        f"Content-Type: {problems.MEDIA_TYPE}\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"{REQUEST_ID_HEADER}: {request_id}\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        "Cache-Control: no-store\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body
