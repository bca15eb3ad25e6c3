"""Asks the API in the name of whoever reads a page, without a socket in between.

Every page stands on the same routes as any other reader of the API: what is refused there is
refused here, what a vendor may not see there is not in a page either, and whatever can be done on a
page can be done by a program. Decision 46.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from pydantic import BaseModel, TypeAdapter

from freezeguard.api import json_text
from freezeguard.api.parameters import QueryReader
from freezeguard.api.routing import AnyRoute, Call, Reply
from freezeguard.api.uploads import FileBody
from freezeguard.domain.errors import NotAllowed
from freezeguard.domain.people import Person

Renewed = Callable[[], Awaitable[Person | None]]
"""Returns who asks as they are known now; None where they may not ask any more."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and within which request."""

    request: web.Request
    request_id: str
    person: Person
    renewed: Renewed


class Desk:
    """The routes of the API, to be asked by name: `GET /v1/cases/{id}`."""

    def __init__(self, routes: Sequence[AnyRoute]) -> None:
        self._routes = {route.name: route for route in routes}
        self._queries = {
            route.name: QueryReader(route.query) for route in routes if route.query is not None
        }
        self._bodies = {
            route.name: TypeAdapter[Any](route.body)
            for route in routes
            if isinstance(route.body, type) and issubclass(route.body, BaseModel)
        }

    def admits(self, name: str, person: Person) -> bool:
        """Say whether a person may ask at all; of which object is another question."""
        return self._routes[name].who.admits(person)

    async def ask(
        self,
        asker: Asker,
        name: str,
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the model that a route answers with.

        Raises NotAllowed, and whatever the route refuses with. Raises KeyError for a route that
        there is not, and for a body of one that takes none.
        """
        call = self._call(asker, name, path, query)
        call.body = None if body is None else self._read(name, body)
        return await self._model(name, call)

    async def send_file(
        self,
        asker: Asker,
        name: str,
        *,
        path: Mapping[str, str],
        query: Mapping[str, Any],
        read: Callable[[], Awaitable[bytes]],
        media_type: str,
    ) -> Any:
        """Return the model that a route answers with that takes a file; `read` gives its bytes.

        Raises what `ask` raises, and what refuses a file.
        """
        call = self._call(asker, name, path, query)
        wanted = self.file_of(name)
        await wanted.admit(call.path, asker.person)
        async with wanted.taken(read, media_type) as upload:
            call.body = upload
            return await self._model(name, call)

    def file_of(self, name: str) -> FileBody:
        """Return what a route says of its file. Raises TypeError where it takes none."""
        wanted = self._routes[name].body
        if not isinstance(wanted, FileBody):
            raise TypeError(f"{name}: takes no file")
        return wanted

    async def fetch(
        self, asker: Asker, name: str, *, path: Mapping[str, str],
        query: Mapping[str, Any] | None = None,
    ) -> web.StreamResponse:
        """Return the answer of a route that is a file. Raises what `ask` raises."""
        answer = await self._routes[name].handler(self._call(asker, name, path, query))
        if isinstance(answer, Reply):
            raise TypeError(f"{name}: answers with no file")
        return answer

    def _call(
        self, asker: Asker, name: str, path: Mapping[str, str] | None,
        query: Mapping[str, Any] | None,
    ) -> Call[Any, Any]:
        route = self._routes[name]
        if not route.who.admits(asker.person):
            raise NotAllowed(f"{route.name} is for {route.who.words()}.")
        given = {key: one for key, one in (query or {}).items() if one is not None}
        read = self._queries[name].read(urlencode(given, doseq=True)) if route.query else None
        return Call(
            asker.request, asker.request_id, asker.person, dict(path or {}), read, None,
            partial(_is_admitted, route, asker),
        )

    async def _model(self, name: str, call: Call[Any, Any]) -> Any:
        reply = await self._routes[name].handler(call)
        if not isinstance(reply, Reply):
            raise TypeError(f"{name}: answers with no model")
        return reply.body

    def _read(self, name: str, body: Mapping[str, Any]) -> Any:
        return json_text.validate(self._bodies[name], json.dumps(body).encode())


async def _is_admitted(route: AnyRoute, asker: Asker) -> bool:
    person = await asker.renewed()
    return person is not None and route.who.admits(person)
