"""The edge of the HTTP API: finds the route of a request and answers it in its envelope."""

import asyncio
from collections.abc import Callable, Sequence
from urllib.parse import unquote

from aiohttp import hdrs, web

from freezeguard.api import envelope
from freezeguard.api.bodies import PACE, Pace
from freezeguard.api.idempotency import Idempotency
from freezeguard.api.parameters import is_named
from freezeguard.api.routing import AnyRoute, Authenticate, Entrance
from freezeguard.api.slowclients import Handle

Observe = Callable[[AnyRoute, int, float | None], None]
"""Told of every answer: its route, its status, and the seconds that it took; None where a route
is too quick to be timed."""


class _Node:
    """One segment of an address: what may follow, and who answers if nothing does."""

    __slots__ = ("any", "entrances", "literal")

    def __init__(self) -> None:
        self.literal: dict[str, _Node] = {}
        self.any: _Node | None = None
        self.entrances: dict[str, Entrance] = {}


class Edge:
    """Serves routes. Slashes inside a part of an address (%2F) stay inside it.

    With `attach` alone everything works, under aiohttp's own test server too. `short_cut`, given
    to `GuardedRunner`, saves declared routes the way through aiohttp's router and middlewares.
    """

    def __init__(
        self,
        routes: Sequence[AnyRoute],
        authenticate: Authenticate,
        new_request_id: envelope.NewRequestId,
        idempotency: Idempotency | None = None,
        observe: Observe | None = None,
        pace: Pace = PACE,
    ) -> None:
        self._root = _Node()
        self._new_request_id = new_request_id
        self._observe = observe
        for route in routes:
            self._add(route, Entrance(route, authenticate, idempotency, pace))

    def attach(self, app: web.Application) -> None:
        """Answer all addresses of an application that no route of its own answers."""
        app.middlewares.insert(0, envelope.middleware(self._new_request_id))
        app.on_response_prepare.append(envelope.on_response_prepare)
        app.router.add_route("*", r"/{address:[\s\S]*}", self._dispatch)

    def short_cut(self, handle: Handle) -> Handle:
        """Return a handler that answers declared routes at once and leaves the rest to `handle`."""

        async def answer(request: web.Request) -> web.StreamResponse:
            segments = request.rel_url.raw_path.split("/")
            node = self._find(segments)
            entrance = None if node is None else node.entrances.get(request.method)
            if entrance is None or hdrs.EXPECT in request.headers:
                return await self._guarded(handle, request)
            request_id = envelope.name_request(request, self._new_request_id)
            return await self._serve(entrance, request, request_id, segments)

        return answer

    async def _serve(
        self, entrance: Entrance, request: web.Request, request_id: str, segments: list[str]
    ) -> web.StreamResponse:
        route = entrance.route
        begun: float | None = None
        if self._observe and not route.is_quick:
            begun = asyncio.get_running_loop().time()
        try:
            response = await entrance.enter(request, request_id, segments)
        except Exception as error:  # noqa: BLE001 - the outermost frame; none is swallowed
            response = envelope.answer_to(request, request_id, error)
        if self._observe:
            took = None if begun is None else asyncio.get_running_loop().time() - begun
            self._observe(route, response.status, took)
        return response

    async def _guarded(self, handle: Handle, request: web.Request) -> web.StreamResponse:
        try:
            return await handle(request)
        except web.HTTPException as error:  # raised before any middleware runs, such as 417
            request_id = envelope.name_request(request, self._new_request_id)
            return envelope.answer_to(request, request_id, error)

    async def _dispatch(self, request: web.Request) -> web.StreamResponse:
        segments = request.rel_url.raw_path.split("/")
        node = self._find(segments)
        if node is None or not node.entrances:
            raise web.HTTPNotFound
        entrance = node.entrances.get(request.method)
        if entrance is None:
            raise web.HTTPMethodNotAllowed(request.method, node.entrances)
        return await self._serve(entrance, request, request[envelope.REQUEST_ID], segments)

    def _find(self, segments: list[str]) -> _Node | None:
        node: _Node | None = self._root
        for segment in segments:
            if node is None:
                return None
            following = node.literal.get(segment)
            if following is None and "%" in segment:
                following = node.literal.get(unquote(segment))
            if following is None and segment:
                following = node.any
            node = following
        return node

    def _add(self, route: AnyRoute, entrance: Entrance) -> None:
        node = self._root
        for segment in route.path.split("/"):
            if is_named(segment):
                node.any = node = node.any or _Node()
            else:
                node = node.literal.setdefault(segment, _Node())
        methods = [route.method]
        if route.method == hdrs.METH_GET and not route.is_stream:
            methods.append(hdrs.METH_HEAD)
        for method in methods:
            if method in node.entrances:
                raise ValueError(f"{method} {route.path} is declared twice")
            node.entrances[method] = entrance
