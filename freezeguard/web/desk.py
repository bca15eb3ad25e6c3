"""Asks the API in the name of whoever reads a page, without a socket in between.

Every page stands on the same routes as any other reader of the API: what is refused there is
refused here, what a vendor may not see there is not in a page either, and whatever can be done on a
page can be done by a program. Decision 46.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from pydantic import BaseModel, TypeAdapter

from freezeguard.api import json_text
from freezeguard.api.parameters import QueryReader
from freezeguard.api.routing import AnyRoute, Call, Reply
from freezeguard.domain.errors import NotAllowed
from freezeguard.domain.people import Person


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and within which request."""

    request: web.Request
    request_id: str
    person: Person


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
        route = self._routes[name]
        if not route.who.admits(asker.person):
            raise NotAllowed(f"{route.name} is for {route.who.words()}.")
        given = {key: one for key, one in (query or {}).items() if one is not None}
        call: Call[Any, Any] = Call(
            asker.request, asker.request_id, asker.person, dict(path or {}),
            self._queries[name].read(urlencode(given, doseq=True)) if route.query else None,
            None if body is None else self._read(name, body),
        )
        reply = await route.handler(call)
        if not isinstance(reply, Reply):
            raise TypeError(f"{name}: answers with no model")
        return reply.body

    def _read(self, name: str, body: Mapping[str, Any]) -> Any:
        return json_text.validate(self._bodies[name], json.dumps(body).encode())
