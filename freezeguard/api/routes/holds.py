"""May I sell this? Answered from memory; and the held set as a snapshot and a stream."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from json.encoder import encode_basestring_ascii
from typing import Any

import structlog
from aiohttp import web

from freezeguard.api.access import Access
from freezeguard.api.context import Context
from freezeguard.api.models.answers.holds import HeldSetOut, SaleStatus, SaleStatuses
from freezeguard.api.models.requests import CartIn, HoldsQuery, ScopeQuery, SkuQuery
from freezeguard.api.routing import AnyRoute, Call, Media, Reply, Route
from freezeguard.domain.errors import InvalidInput
from freezeguard.domain.scope import NARROWING
from freezeguard.ports.rows import HoldChange
from freezeguard.services.enforcing.heldset import HeldSet

log = structlog.get_logger()

READERS = Access.catalogue() | Access.staff()

_ANY: Mapping[str, str] = {}
"""A question about no seller, channel, country or lot in particular."""

_EVENT: Mapping[str, Any] = {
    "type": "object",
    "required": ["event", "id", "data"],
    "properties": {
        "event": {"enum": ["snapshot", "hold", "release"]},
        "id": {"type": "string", "pattern": "^[0-9]+$", "description": "The revision."},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "description": "A HeldSet in a snapshot, else a Hold and when it changed: `at`.",
        },
    },
}


class Holds:
    """Handlers of the held set."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def by_path(self, call: Call[ScopeQuery]) -> Reply:
        """Answer for one SKU in the address."""
        asked = call.query
        fields = {
            name: value for name in NARROWING if (value := getattr(asked, name)) is not None
        } if asked.model_fields_set else {}
        return self._status(call.path["sku"], fields)

    async def by_query(self, call: Call[SkuQuery]) -> Reply:
        """Answer for one SKU in the query."""
        fields = {
            name: value for name in NARROWING if (value := getattr(call.query, name)) is not None
        }
        return self._status(call.query.sku, fields)

    def _status(self, sku: str, asked: Mapping[str, str]) -> Reply:
        known = self._context.known_skus(sku)
        body = self._answer(sku, asked, known)
        return Reply(body, etag=f'"{self._context.held.version}-{"known" if known else "new"}"')

    def _answer(self, sku: str, asked: Mapping[str, str], is_known: bool) -> bytes:
        holds = self._context.held.of_sku(sku, asked)
        return _answer(sku, self._about(is_known, holds)).encode()

    def _about(self, is_known: bool, holds: Sequence[Mapping[str, Any]]) -> str:
        """Return all of an answer that does not name its SKU."""
        held = self._context.held
        known = "true" if is_known else "false"
        status = "frozen" if holds else "sellable"
        listed = json.dumps(list(holds)) if holds else "[]"
        return (
            f'"known":{known},"status":"{status}","revision":{held.revision},'
            f'"as_of":"{held.as_of_text}","holds":{listed}'
        )

    async def cart(self, call: Call[None, CartIn]) -> Reply:
        """Answer for a cart or a page."""
        holds_of, known = self._context.held.of_sku, self._context.known_skus
        sellable = {is_known: self._about(is_known, ()) for is_known in (True, False)}
        answers = []
        for sku in call.body.skus:
            holds, is_known = holds_of(sku, _ANY), known(sku)
            about = self._about(is_known, holds) if holds else sellable[is_known]
            answers.append(_answer(sku, about))
        return Reply(f'{{"items":[{",".join(answers)}]}}'.encode())

    async def snapshot(self, call: Call[HoldsQuery]) -> Reply:
        """Return the whole held set, now or at a moment."""
        held = self._context.held
        if call.query.at is not None:
            moment = min(call.query.at, self._context.now())
            revision, holds = await held.at(moment)
            return Reply(_set(revision, moment, holds), compress=True)
        holds = held.all_holds()
        body = _set(held.revision, held.as_of, holds)
        # heard again with a 304 too: how old is the version that the reader has?
        as_of = {"Freezeguard-As-Of": held.as_of_text}
        return Reply(body, headers=as_of, etag=f'"{held.version}"', compress=True)

    async def stream(self, call: Call[None]) -> web.StreamResponse:
        """Follow the held set by server-sent events."""
        # before the answer begins: what can't be had now is still a 503 with its Retry-After
        last, missed = await self._first_events(_last_event_id(call.request))
        response = await call.open_stream("text/event-stream")
        try:
            for event in missed:
                await response.write(event)
            async for event in self._events(last):
                await response.write(event)
        except ConnectionError:
            log.info("stream_left", request_id=call.request_id)
        return response

    async def _first_events(self, last: int | None) -> tuple[int, list[bytes]]:
        """Return what a reader lacks who has seen a revision, and the revision that it leads to."""
        held = self._context.held
        missed = None if last is None else await held.changes_since(last)
        if last is None or missed is None:
            now = held.revision
            return now, [_event("snapshot", now, _set(now, held.as_of, held.all_holds()))]
        return missed[-1].revision if missed else last, [_change(one) for one in missed]

    async def _events(self, last: int) -> AsyncIterator[bytes]:
        held = self._context.held
        async for fresh in held.stream(last, self._context.keep_alive):
            yield _still_here(held) if fresh is None else _change(fresh)


def _answer(sku: str, about: str) -> str:
    return f'{{"sku":{encode_basestring_ascii(sku)},{about}}}'


def _set(revision: int, as_of: datetime | None, holds: list[Mapping[str, Any]]) -> bytes:
    body = {"revision": revision, "as_of": as_of.isoformat() if as_of else None, "items": holds}
    return json.dumps(body).encode()


def _change(change: HoldChange) -> bytes:
    body = {**change.hold, "at": change.at.isoformat()}
    return _event(change.change, change.revision, json.dumps(body).encode())


def _still_here(held: HeldSet) -> bytes:
    """A comment: the reader has all up to a revision, and can tell whether it has it right."""
    body = {"revision": held.revision, "holds": held.number_of_holds, "checksum": held.checksum,
            "age": round(held.age, 3)}
    return b": still here %s\n\n" % json.dumps(body).encode()


def _event(name: str, revision: int, data: bytes) -> bytes:
    return b"event: %s\nid: %d\ndata: %s\n\n" % (name.encode(), revision, data)


def _last_event_id(request: web.Request) -> int | None:
    sent = request.headers.get("Last-Event-ID")
    if not sent:
        return None
    if not sent.isascii() or not sent.isdigit() or len(sent) > 18:
        raise InvalidInput("Last-Event-ID is a revision: a whole number.",
                           code="invalid_parameter")
    return int(sent)


def routes(context: Context) -> list[AnyRoute]:
    """Return the routes of sale status and held set."""
    holds = Holds(context)
    absent = "An absent field means any: frozen if any hold overlaps the question."
    return [
        Route(
            method="GET", path="/v1/sale-status/{sku}", handler=holds.by_path, tag="Sale status",
            summary="May this SKU be sold?", description=absent, who=READERS, query=ScopeQuery,
            result=SaleStatus, errors=("unavailable",), is_quick=True,
        ),
        Route(
            method="GET", path="/v1/sale-status", handler=holds.by_query, tag="Sale status",
            summary="The same with the SKU as a parameter", description=absent, who=READERS,
            query=SkuQuery, result=SaleStatus, errors=("unavailable",), is_quick=True,
        ),
        Route(
            method="POST", path="/v1/sale-status", handler=holds.cart, tag="Sale status",
            summary="May these SKUs be sold?", description="A cart or a page, up to 1,000.",
            who=READERS, body=CartIn, result=SaleStatuses, errors=("unavailable",),
        ),
        Route(
            method="GET", path="/v1/holds", handler=holds.snapshot, tag="Sale status",
            summary="The whole held set", description="With `at`: as it was at that moment.",
            who=READERS, query=HoldsQuery, result=HeldSetOut, errors=("unavailable",),
        ),
        Route(
            method="GET", path="/v1/holds/stream", handler=holds.stream, tag="Sale status",
            summary="Follow the held set",
            description="Server-sent events snapshot, hold and release; `id` is the revision, "
            "`Last-Event-ID` resumes. A comment follows whatever has changed, and comes every 15 s "
            "where nothing has: `: still here` with a JSON object. The reader then has everything "
            "up to `revision`, which are so many `holds`; `checksum` is the exclusive or, over all "
            "of them, of the first 64 bits of SHA-256 over id, SKU, seller, channel, country and "
            "lot, joined by line feeds, absent ones empty; `age` is for how many seconds the "
            "replica has not heard of its database.",
            who=READERS,
            result=Media("text/event-stream", "snapshot, hold and release events", _EVENT),
            errors=("unavailable",),
        ),
    ]
