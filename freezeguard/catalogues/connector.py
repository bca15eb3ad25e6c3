"""What connectors that are made for one system have in common: one wire, JSON, a pace."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, NoReturn

from freezeguard.catalogues.tables import ConnectorTable, Secrets
from freezeguard.catalogues.throttle import Throttle
from freezeguard.catalogues.wire import MOST_BYTES, Answer, Call, Wire
from freezeguard.ports.catalogues import (
    Catalogue,
    NoTurnError,
    Traits,
    is_in_haste,
    rank_of_work,
)

MOST_OBJECTS = 100
"""A look-up that finds more for one SKU is taken to be a search gone wrong, not an answer."""

_NOTHING: Mapping[str, str] = MappingProxyType({})


class Connector(Catalogue):
    """A catalogue whose requests are written in code, not in templates.

    Where the pace is limited, what serves a stop that is not confirmed yet (`is_in_haste`) goes
    first, and so does an `urgent` login, for which such a call may be waiting. A document that
    does not have what is read from it becomes a `CatalogueError` by `reading`.
    """

    def __init__(
        self, name: str, table: ConnectorTable, secrets: Secrets, traits: Traits
    ) -> None:
        self.name, self.traits = name, traits
        self._base_url = table.base_url
        self._throttle = Throttle(table.requests_per_second, table.burst)
        trust = secrets.trust(table.ca_file)
        secrets.check()
        self._wire = Wire(
            name, connections=table.connections, secrets=secrets.texts, tls=trust
        )

    async def fall_back(
        self, means: str, sku: str, remote_id: str, *, revision: int, deadline: float
    ) -> Mapping[str, Any]:
        self.refuse("fall_back", f"there is no fallback {means}")

    async def lift_fall_back(
        self, means: str, sku: str, remote_id: str, fields: Mapping[str, Any], *,
        revision: int, deadline: float,
    ) -> None:
        self.refuse("lift_fall_back", f"there is no fallback {means}")

    async def close(self) -> None:
        self._throttle.close()
        await self._wire.close()

    # ------------------------------------------------------------------------------- calling

    async def call(
        self, operation: str, method: str, path: str, *, deadline: float, body: Any = None,
        headers: Mapping[str, str] = _NOTHING, absent: frozenset[int] = frozenset(),
        urgent: bool = False, cost: float = 1.0,
    ) -> Answer:
        """Send one request within the deadline, waiting for our turn included.

        `cost` is in what the far side counts: requests, unless it says otherwise. Half of the time
        is the far side's: where many wait, each would else have its turn when it is too late.
        Raises `NoTurnError` where it was not asked, and `CatalogueError`.
        """
        loop = asyncio.get_running_loop()
        until, patience = loop.time() + deadline, deadline / 2
        try:
            async with asyncio.timeout(patience):
                await self._throttle.turn(
                    urgent=urgent or is_in_haste(), cost=cost, rank=rank_of_work()
                )
        except TimeoutError:
            reason = f"no turn within {patience:.3g} s at the pace that is set for it"
            raise NoTurnError(f"catalogue {self.name}: {operation}: {reason}") from None
        data = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        sent = {**headers, **({"Content-Type": "application/json"} if data else {})}
        url = path if path.startswith("http") else self._base_url + path
        call = Call(operation, method, url, sent, data)
        return await self._wire.send(call, deadline=until - loop.time(), absent=absent)

    def document(self, operation: str, answer: Answer) -> Any:
        """Return the JSON of an answer. Raises `CatalogueError`."""
        if answer.encoding:
            self.refuse(operation, f"the answer is encoded as {answer.encoding}, unasked")
        if not answer.whole:
            self.refuse(operation, f"the answer is longer than {MOST_BYTES >> 20} MiB")
        try:
            return json.loads(answer.body)
        except (ValueError, RecursionError) as error:
            self.refuse(operation, f"the answer is no JSON ({type(error).__name__})")

    def hide(self, secret: str) -> None:
        """Keep a text that a session has brought out of all messages."""
        self._wire.hide(secret)

    def blot(self, text: str) -> str:
        """Return what the far side has said without our secrets in it."""
        return self._wire.blot(text)

    def told(self, operation: str, reason: str) -> str:
        """Return what an error says: the catalogue, what was asked of it, and the reason."""
        return self._wire.misfit(operation, reason).detail

    def refuse(self, operation: str, reason: str) -> NoReturn:
        """Raise the error for what repeating does not mend."""
        raise self._wire.misfit(operation, reason)

    @contextmanager
    def reading(self, operation: str) -> Iterator[None]:
        """Turn what goes wrong in reading a document into a `CatalogueError`."""
        try:
            yield
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            self.refuse(operation, f"the answer does not fit: {type(error).__name__} {error}"[:200])

    def known_only(self, fields: Mapping[str, Any], known: Sequence[str]) -> None:
        """Refuse to write a field that a look-up does not return."""
        unknown = sorted(fields.keys() - set(known))
        if unknown:
            self.refuse("restore", f"not among the fields of a look-up: {', '.join(unknown)}")


class SigningConnector(Connector):
    """A connector whose far side may want us to log in.

    `key` are the headers of a key that lets us in for good; where there is none, `_new_session`
    logs in, and the headers that it brings are used until a far side does not take them any more.
    """

    def __init__(
        self, name: str, table: ConnectorTable, secrets: Secrets, traits: Traits,
        key: Mapping[str, str],
    ) -> None:
        super().__init__(name, table, secrets, traits)
        self._pass = key
        self._logs_in = not key
        self._login = asyncio.Lock()

    async def enter(self, until: float) -> Mapping[str, str]:
        """Return what lets us in; of several that want to log in, one does."""
        if self._pass or not self._logs_in:
            return self._pass
        async with self._login:
            if not self._pass:
                self._pass = await self._new_session(until)
            return self._pass

    def forget(self, used: Mapping[str, str]) -> None:
        """Log in next time: what was `used` is not taken any more. A newer pass stays."""
        if self._pass == used:
            self._pass = {}

    async def _new_session(self, until: float) -> Mapping[str, str]:
        """Log in by a moment of the event loop; return the headers. Raises `CatalogueError`."""
        raise NotImplementedError
