"""Deterministic fault points: a call of one replica is held at its door until the test lets it in.

Replicas of these tests run inside the test's own process, so that a seam of a service can be
wrapped from outside; the product itself has no switch for it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from tests.races.trials import owner_connection
from tests.rig import Rig, until


class Gate:
    """Holds the first call that comes to it; later ones pass."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self._opened = asyncio.Event()

    async def somebody_waits(self) -> None:
        """Return once a call stands at the gate."""
        async with asyncio.timeout(10):
            await self.reached.wait()

    def let_in(self) -> None:
        """Let whoever waits go on."""
        self._opened.set()

    async def pass_through(self) -> None:
        """Wait here if nobody has come before."""
        if not self.reached.is_set():
            self.reached.set()
            async with asyncio.timeout(30):
                await self._opened.wait()


@contextmanager
def gate_before(owner: Any, method: str, when: Callable[..., bool] = lambda *_, **__: True):
    """Hold the first call of a method before it begins, where `when` says so of its arguments."""
    yield from _wrapped(owner, method, when, before=True)


@contextmanager
def gate_after(owner: Any, method: str, when: Callable[..., bool] = lambda *_, **__: True):
    """Hold the first call of a method after it is done and before its caller goes on."""
    yield from _wrapped(owner, method, when, before=False)


def _wrapped(owner: Any, method: str, when: Callable[..., bool], *, before: bool):
    gate, original = Gate(), getattr(owner, method)

    async def held(*arguments: Any, **named: Any) -> Any:
        mine = when(*arguments, **named)
        if mine and before:
            await gate.pass_through()
        result = await original(*arguments, **named)
        if mine and not before:
            await gate.pass_through()
        return result

    setattr(owner, method, held)
    try:
        yield gate
    finally:
        gate.let_in()
        delattr(owner, method)


@asynccontextmanager
async def waiting_for_a_lock(rig: Rig) -> AsyncIterator[Callable[[], Any]]:
    """Give a function that returns once some transaction of the service waits for a lock."""
    query = (
        "SELECT count(*) FROM pg_locks JOIN pg_database AS db ON db.oid = pg_locks.database"
        " OR pg_locks.database IS NULL WHERE NOT granted AND db.datname = current_database()"
    )
    async with owner_connection(rig) as connection:

        async def somebody() -> bool:
            return bool(await connection.fetchval(query))

        yield lambda: until(somebody, "a transaction waits for a lock")
