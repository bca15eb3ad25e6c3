"""A replica that dies before its n-th call to the outside: a statement, a commit, HTTP or SMTP.

What a killed process has done is what it had sent by then. So it is enough to kill it before each
of its calls: *before* the next one is *after* the last one, a commit included, and what happens in
memory in between leaves no trace. A dead replica does nothing any more: whatever it still tries
raises, without having left.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest.mock import patch

import asyncpg

from freezeguard.bootstrap.building import build, open_service
from freezeguard.bootstrap.service import Service
from freezeguard.bootstrap.settings import Settings

FOR_EVER = 10**9
CATALOGUE_CALLS = ("lookup", "stop", "read_back", "restore", "fall_back", "lift_fall_back")
KEY = b"k" * 32


class Killed(BaseException):
    """The process has ended here. Nobody who handles errors may catch it."""


@dataclass
class Fate:
    """How many calls a replica makes before it dies, and how many it has made."""

    lasts_for: int = FOR_EVER
    made: int = 0
    last: str = ""
    is_dead: bool = False

    def call(self, what: str) -> None:
        """Count a call that is about to leave. Raises Killed for the one that never does."""
        if self.is_dead or self.made >= self.lasts_for:
            self.is_dead = True
            raise Killed(what)
        self.made += 1
        self.last = what


FATE = Fate()
"""Of the one replica under test: a connection of a pool can't be told whose it is."""


class MortalConnection(asyncpg.Connection):  # type: ignore[type-arg]
    """Counts every statement; BEGIN, COMMIT and ROLLBACK go through `execute` as well."""

    async def execute(self, query: str, *args: Any, **more: Any) -> str:
        FATE.call(query)
        return str(await super().execute(query, *args, **more))

    async def fetch(self, query: str, *args: Any, **more: Any) -> Any:
        FATE.call(query)
        return await super().fetch(query, *args, **more)

    async def fetchrow(self, query: str, *args: Any, **more: Any) -> Any:
        FATE.call(query)
        return await super().fetchrow(query, *args, **more)

    async def fetchval(self, query: str, *args: Any, **more: Any) -> Any:
        FATE.call(query)
        return await super().fetchval(query, *args, **more)


class Mortal:
    """Whoever calls over the network; calls of some names are counted."""

    def __init__(self, inner: Any, *names: str) -> None:
        self._inner, self._names = inner, names

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return partial(_counted, name, found) if name in self._names else found


async def _counted(
    name: str, call: Callable[..., Awaitable[Any]], *arguments: Any, **more: Any
) -> Any:
    FATE.call(name)
    return await call(*arguments, **more)


def transport_of(service: Service) -> Any:
    """Return what takes a service's mails out of the house."""
    return service.delivery._carrier._transport  # type: ignore[attr-defined]


@dataclass
class Ward:
    """Replicas on one database: one after the other that dies, and those that come after.

    None of them serves or works by itself.
    """

    living: Service
    mortal: Service

    def newborn(self) -> Service:
        """Return a replica that has just been started and may die: it remembers nothing."""
        one = self.mortal
        return build(
            one.settings, one.database, "",
            {name: Mortal(known, *CATALOGUE_CALLS) for name, known in one.catalogues.items()},
            Mortal(transport_of(one), "send"), Mortal(one.posting._post, "send"), KEY,
            one.clock,
        )

    def heir(self) -> Service:
        """Return a replica that has just been started and does not die."""
        one = self.living
        return build(
            one.settings, one.database, "", one.catalogues, transport_of(one),
            one.posting._post, KEY, one.clock,
        )


@asynccontextmanager
async def a_ward(settings: Settings) -> AsyncIterator[Ward]:
    """Open both sorts of replicas on one database."""
    mortal_pool = partial(asyncpg.create_pool, connection_class=MortalConnection)
    async with open_service(settings) as living:
        with patch("freezeguard.storage.database.asyncpg.create_pool", mortal_pool):
            mortal = open_service(settings)
            async with mortal as opened:
                yield Ward(living, opened)


async def survives(work: Awaitable[Any], calls: int) -> bool:
    """Let a replica work until it dies, after so many calls, or is done; say whether it is done."""
    bystanders = asyncio.all_tasks()
    FATE.lasts_for, FATE.made, FATE.is_dead = calls, 0, False
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)  # tasks of the dead, whom nobody asks
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait([task])
        if not FATE.is_dead:
            task.result()
        left = asyncio.all_tasks() - bystanders
        if FATE.is_dead:
            for one in left:
                one.cancel()
        if left:
            await asyncio.wait(left)
        return not FATE.is_dead
    finally:
        if task.done() and not task.cancelled():
            task.exception()
        FATE.lasts_for, FATE.is_dead = FOR_EVER, False
        loop.set_exception_handler(None)
