"""The kind `http`: a catalogue that is driven by four request templates with JSON paths."""

import asyncio
import json
import os
import secrets
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NoReturn

from freezeguard.catalogues.http_requests import HttpRequests
from freezeguard.catalogues.http_settings import HttpSettings, WriteTable, http_settings
from freezeguard.catalogues.templates import UnsendableError, Values, joined_id
from freezeguard.catalogues.wire import MOST_BYTES, Answer, Wire
from freezeguard.domain.jsonpath import DoesNotFitError, JsonPath, kind
from freezeguard.ports.catalogues import Catalogue, Found, Level, Observation, Traits

_GONE = frozenset({404, 410})
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})

MOST_OBJECTS = 100
"""A look-up that finds more for one SKU is taken to be a search gone wrong, not an answer."""


def open_http_catalogue(name: str, table: Mapping[str, Any]) -> "HttpCatalogue":
    """Build a catalogue of `[catalogues.<name>]`; no connection is opened yet.

    Secrets come from the environment and from files at this moment. Raises
    `CatalogueConfigurationError`.
    """
    return HttpCatalogue(name, http_settings(name, table), environment=os.environ)


def _new_key() -> str:
    return secrets.token_hex(16)


class HttpCatalogue(Catalogue):
    """See `freezeguard.ports.catalogues.Catalogue`; `new_key` makes idempotency keys.

    A key is new for each call and shared only by the repetition over a dead connection. A key per
    freeze would be wrong: when somebody has re-enabled the SKU, the far side would answer the
    next stop from its memory and not stop anything.
    """

    def __init__(
        self,
        name: str,
        settings: HttpSettings,
        *,
        environment: Mapping[str, str],
        new_key: Callable[[], str] = _new_key,
    ) -> None:
        self.name = name
        self.traits = Traits(
            levels=tuple(settings.stop.levels()),
            narrowest=settings.narrowest,
            fallbacks=tuple(settings.fallbacks),
            proven=settings.proven,
            level=settings.level,
            scope=dict(settings.scope.items()),
            finest="product" if settings.lookup.takes_along else "variant",
        )
        self._new_key = new_key
        self._levels = settings.stop.levels()
        self._known_fields = frozenset(settings.lookup.fields)
        self._fallbacks = settings.fallbacks
        self._lookup = settings.lookup
        self._read_back = settings.read_back
        requests = HttpRequests(name, settings, environment)
        self._requests = requests.made
        self._warm = requests.warm
        self._wire = Wire(
            name,
            connections=settings.connections,
            secrets=requests.secrets,
            tls=requests.trust,
        )

    async def lookup(self, sku: str, *, deadline: float) -> tuple[Found, ...]:
        table = self._lookup
        answer = await self._send("lookup", Values(sku), deadline, table.absent)
        if answer.status in table.absent:
            return ()
        try:
            return self._found(sku, table.objects.all(_document(answer)))
        except DoesNotFitError as error:
            self._misfit("lookup", str(error))

    async def stop(
        self, sku: str, remote_id: str, level: Level, *, revision: int, deadline: float
    ) -> Mapping[str, Any]:
        fields = self._levels.get(level)
        if fields is None:
            self._misfit("stop", f"the level {level} is not configured")
        loop = asyncio.get_running_loop()
        until = loop.time() + deadline
        values = Values(sku, remote_id, revision, fields)
        if await self._write("stop", values, deadline, absent=_GONE):
            return dict(fields)
        # A wrong path is answered in the same way: what is listed there is not gone.
        found = await self.lookup(sku, deadline=until - loop.time())
        if any(one.remote_id == remote_id for one in found):
            self._misfit("stop", "answered that there is no such object, which a look-up lists")
        return {}

    async def read_back(self, sku: str, remote_id: str, *, deadline: float) -> Observation:
        table = self._read_back
        answer = await self._send("read_back", Values(sku, remote_id), deadline, table.absent)
        if answer.status in table.absent:
            return Observation(
                sellable=False, side=table.side, detail=f"not offered ({answer.status})",
                is_gone=answer.status in _GONE and table.asks_by_id,
            )
        try:
            return self._observed(remote_id, table.objects.all(_document(answer)))
        except DoesNotFitError as error:
            self._misfit("read_back", str(error))

    async def restore(
        self,
        sku: str,
        remote_id: str,
        fields: Mapping[str, Any],
        *,
        revision: int,
        deadline: float,
    ) -> None:
        await self._write_back("restore", Values(sku, remote_id, revision, fields), deadline)

    async def fall_back(
        self, means: str, sku: str, remote_id: str, *, revision: int, deadline: float
    ) -> Mapping[str, Any]:
        fallback = self._fallbacks.get(means)
        if fallback is None:
            self._misfit("fall_back", f"there is no fallback {means}")
        values = Values(sku, remote_id, revision, fallback.fields)
        await self._write(f"fallbacks.{means}.stop", values, deadline)
        return dict(fallback.fields)

    async def lift_fall_back(
        self,
        means: str,
        sku: str,
        remote_id: str,
        fields: Mapping[str, Any],
        *,
        revision: int,
        deadline: float,
    ) -> None:
        if means not in self._fallbacks:
            self._misfit("lift_fall_back", f"there is no fallback {means}")
        values = Values(sku, remote_id, revision, fields)
        await self._write_back(f"fallbacks.{means}.lift", values, deadline)

    async def warm(self, *, deadline: float = 2.0) -> None:
        """Have an open connection at hand; cheap where one was used within the last 3 s.

        Sends `HEAD` to `warm_path`; any answer will do. Raises `CatalogueError`.
        """
        await self._wire.warm(self._warm, deadline=deadline)

    async def close(self) -> None:
        await self._wire.close()

    async def _write_back(self, operation: str, values: Values, deadline: float) -> None:
        unknown = sorted(values.fields.keys() - self._known_fields)
        if unknown:
            self._misfit(operation, f"not among lookup.fields: {', '.join(unknown)}")
        if not values.fields and self._requests[operation].table.carries_fields:
            return
        await self._write(operation, values, deadline)

    async def _write(
        self, operation: str, values: Values, deadline: float, absent: frozenset[int] = frozenset()
    ) -> bool:
        """Send a write; say whether there was such an object, as far as `absent` tells."""
        request = self._requests[operation]
        # What a DELETE should take away is away where the far side does not find it.
        deletes = request.table.method == "DELETE"
        headers = {
            "Freezeguard-Revision": str(values.revision),
            "Idempotency-Key": self._new_key(),
        }
        answer = await self._send(
            operation, values, deadline, _GONE if deletes else absent, headers
        )
        if answer.status in absent and not deletes:
            return False
        if isinstance(request.table, WriteTable) and request.table.success is not None:
            self._check_success(operation, request.table, answer)
        return True

    def _check_success(self, operation: str, table: WriteTable, answer: Answer) -> None:
        try:
            if table.success is None or table.success.are_met(_document(answer)):
                return
        except DoesNotFitError as error:
            self._misfit(operation, str(error))
        self._misfit(operation, f"answered {answer.status}, but not with success")

    async def _send(
        self,
        operation: str,
        values: Values,
        deadline: float,
        absent: frozenset[int],
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> Answer:
        try:
            call = self._requests[operation].call(values, headers)
        except UnsendableError as error:
            self._misfit(operation, str(error))
        return await self._wire.send(call, deadline=deadline, absent=absent)

    def _found(self, sku: str, objects: list[Any]) -> tuple[Found, ...]:
        table = self._lookup
        found: dict[str, Found] = {}
        for one in objects:
            if one is None or (table.sku is not None and table.sku.one(one) != sku):
                continue
            remote_id = _remote_id(table.id, one)
            fields = {name: path.one(one) for name, path in table.fields.items()}
            siblings = table.takes_along.all(one) if table.takes_along else ()
            takes_along = tuple(_text(sibling) for sibling in siblings if sibling != sku)
            found[remote_id] = Found(remote_id, fields, takes_along)
        if len(found) > MOST_OBJECTS:
            raise DoesNotFitError(f"{len(found)} objects for one SKU; does it filter by SKU?")
        return tuple(found.values())

    def _observed(self, remote_id: str, objects: list[Any]) -> Observation:
        table = self._read_back
        ours = [one for one in objects if one and _remote_id(table.id, one) == remote_id]
        if not ours:
            return Observation(sellable=False, side=table.side, detail="not offered")
        carts = table.open_carts
        detail = None if table.detail is None else table.detail.one(ours[0])
        # An object may come once per channel: one place where it is sold is enough.
        return Observation(
            sellable=any(table.sellable.are_met(one) for one in ours),
            side=table.side,
            fields={name: path.one(ours[0]) for name, path in table.fields.items()},
            detail="" if detail is None else str(detail)[:200],
            open_carts=None if carts is None else any(carts.are_met(one) for one in ours),
        )

    def _misfit(self, operation: str, reason: str) -> NoReturn:
        raise self._wire.misfit(operation, reason)


def _document(answer: Answer) -> Any:
    if answer.encoding:
        raise DoesNotFitError(f"the answer is encoded as {answer.encoding}, which nobody asked for")
    if not answer.whole:
        raise DoesNotFitError(f"the answer is longer than {MOST_BYTES >> 20} MiB")
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise DoesNotFitError(f"the answer is no JSON ({type(error).__name__})") from None


def _remote_id(paths: list[JsonPath], one: Any) -> str:
    parts = []
    for path in paths:
        part = path.one(one)
        if kind(part) not in {"text", "a number"} or isinstance(part, float):
            raise DoesNotFitError(f"{path.text} is {kind(part)}, not an id")
        parts.append(_text(str(part)))
    return joined_id(parts)


def _text(value: Any) -> str:
    """Let text through that can be stored and sent again as it is."""
    if not isinstance(value, str) or not 0 < len(value) <= 500 or not value.isprintable():
        raise DoesNotFitError("an id or SKU is empty, too long or has control characters")
    return value
