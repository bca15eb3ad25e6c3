"""What takes long to work out of a case, and what many look at while it matters most."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar
from uuid import UUID

from freezeguard.domain.record import Case
from freezeguard.ports.clock import Now

AT_ONCE = 2
"""So many are worked out at once: each may hold all complaints of its item."""
MANY, KEPT, MOST_KEPT = 2_000, timedelta(seconds=60), 100
"""What was made of so many complaints is kept so long; so many are, at most."""

T = TypeVar("T")


class Shared(Generic[T]):
    """Works something out of cases, a few at a time, and once for all who ask meanwhile.

    What was made of very many complaints takes tenths of a second and is told again for a
    minute, as long as nobody has done anything about the case. `work` returns it with the number
    of complaints that it was made of. Who may see the case is for the caller to know.
    """

    def __init__(self, now: Now, work: Callable[[Case], Awaitable[tuple[T, int]]]) -> None:
        self._now, self._work = now, work
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._under_way: dict[tuple[UUID, int], asyncio.Task[T]] = {}
        self._kept: dict[tuple[UUID, int], tuple[datetime, T]] = {}

    async def of(self, case: Case) -> T:
        """Return what was worked out; nobody's going away stops it for the others."""
        key = (case.id, case.version)
        until, kept = self._kept.get(key, (None, None))
        if until is not None and kept is not None and self._now() < until:
            return kept
        running = self._under_way.get(key)
        if running is None:
            running = asyncio.create_task(self._work_out(case))
            self._under_way[key] = running
            running.add_done_callback(lambda _: self._under_way.pop(key, None))
        return await asyncio.shield(running)

    async def _work_out(self, case: Case) -> T:
        async with self._turns:
            found, complaints = await self._work(case)
        if complaints >= MANY:
            now = self._now()
            self._kept = {one: kept for one, kept in self._kept.items() if now < kept[0]}
            if len(self._kept) < MOST_KEPT:
                self._kept[case.id, case.version] = now + KEPT, found
        return found
