"""What happens to cases, as it happens: server-sent events that say which case, and no more."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog
from aiohttp import web

from freezeguard.api.access import Access
from freezeguard.api.context import Context
from freezeguard.api.models.requests import LiveQuery
from freezeguard.api.refusals import Refused
from freezeguard.api.routes.cases import case_id_of
from freezeguard.api.routing import AnyRoute, Call, Media, Route
from freezeguard.domain.errors import Unavailable
from freezeguard.domain.people import actor_name
from freezeguard.ports.rows import CaseChange
from freezeguard.services.cases.casefile import visible_case
from freezeguard.services.cases.livechanges import Alive, Changed, TooManyStreams

log = structlog.get_logger()

WATCHERS = Access.staff()
AGAIN = 2000
"""Milliseconds after which a browser comes again whose stream has ended."""

_EVENT: Mapping[str, Any] = {
    "type": "object",
    "required": ["event", "id", "data"],
    "properties": {
        "event": {"enum": ["changed", "alive"]},
        "id": {"type": "string", "description": "The bookmark; read nothing in it."},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "description": "Of `changed`: `cases`, each with `id`, `number` and `version`; empty "
            "where any may have changed. Of `alive`: `as_of`, up to when all has been told.",
        },
    },
}

_ABOUT = (
    "Server-sent events `changed` and `alive`. Nothing is said but which case it was and its "
    "version: ask for what you may see. The first comes at once: `changed` where something has "
    "happened since the bookmark that you bring (`Last-Event-ID`, or `after`), or may have. "
    "`alive` comes every few seconds while the database is heard of: without one, what you have "
    "may be old. A stream ends after a quarter of an hour, and as soon as you may not read it any "
    "more: come again with your last bookmark. So many streams of one person are open at once on "
    "a replica: 8."
)


class Live:
    """Handlers of the streams."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def of_all(self, call: Call[LiveQuery]) -> web.StreamResponse:
        """Follow what happens to any case."""
        return await self._follow(call, None)

    async def of_one(self, call: Call[LiveQuery]) -> web.StreamResponse:
        """Follow what happens to one case."""
        actor, case_id = call.who, case_id_of(call.path["id"])
        await self._context.database.run(lambda tx: visible_case(tx, case_id, actor))
        return await self._follow(call, case_id)

    async def _follow(self, call: Call[LiveQuery], case_id: UUID | None) -> web.StreamResponse:
        live = self._context.live
        bookmark = call.request.headers.get("Last-Event-ID") or call.query.after
        try:
            with live.place(actor_name(call.who)):
                response = await call.open_stream("text/event-stream")
                await self._tell(call, response, bookmark, case_id)
        except TooManyStreams as error:
            retry = {"Retry-After": "30"}
            raise Refused("too_many_requests", str(error), headers=retry) from None
        return response

    async def _tell(
        self, call: Call[LiveQuery], response: web.StreamResponse, bookmark: str | None,
        case_id: UUID | None,
    ) -> None:
        """Tell until the reader has gone, is too slow, or may not be told any more."""
        live, transport = self._context.live, call.request.transport
        taking = Taking(live.terms.write)
        try:
            await response.write(b"retry: %d\n\n" % AGAIN)
            async for one in live.stream(bookmark, case_id):
                if not await call.is_still_admitted():
                    log.info("live_ended", request_id=call.request_id)
                    return
                unsent = 0 if transport is None else transport.get_write_buffer_size()
                taking.look(asyncio.get_running_loop().time(), unsent)
                async with asyncio.timeout(live.terms.write):
                    await response.write(_event(one))
        except Unavailable:
            log.info("live_ended", request_id=call.request_id, reason="unavailable")
        except TimeoutError:
            log.info("live_reader_dropped", request_id=call.request_id)
            if transport is not None:
                transport.abort()
        except ConnectionError:
            pass  # the reader has gone, as readers do


class Taking:
    """Knows since when a reader has not taken what it was sent. Seconds."""

    def __init__(self, allowed: float) -> None:
        self._allowed = allowed
        self._since: float | None = None

    def look(self, now: float, unsent: int) -> None:
        """Note how many bytes wait for the reader. Raises TimeoutError for one that is too slow."""
        if not unsent:
            self._since = None
        elif self._since is None:
            self._since = now
        elif now - self._since > self._allowed:
            raise TimeoutError


def _event(one: Changed | Alive) -> bytes:
    data: Mapping[str, Any]
    match one:
        case Alive():
            name, data = "alive", {"as_of": one.as_of.isoformat()}
        case Changed():
            name, data = "changed", {"cases": [_case(each) for each in one.cases]}
    return f"event: {name}\nid: {one.bookmark}\ndata: {json.dumps(data)}\n\n".encode()


def _case(one: CaseChange) -> dict[str, Any]:
    return {"id": str(one.case_id), "number": one.number, "version": one.version}


def routes(context: Context) -> list[AnyRoute]:
    """Return the routes of the streams."""
    live = Live(context)
    events = Media("text/event-stream", "changed and alive events", _EVENT)
    return [
        Route(
            method="GET", path="/v1/cases/stream", handler=live.of_all, tag="Cases",
            summary="Hear that something has happened to cases", description=_ABOUT, who=WATCHERS,
            query=LiveQuery, result=events, errors=("too_many_requests", "unavailable"),
        ),
        Route(
            method="GET", path="/v1/cases/{id}/stream", handler=live.of_one, tag="Cases",
            summary="Hear that something has happened to a case", description=_ABOUT, who=WATCHERS,
            query=LiveQuery, result=events,
            errors=("not_found", "too_many_requests", "unavailable"),
        ),
    ]
