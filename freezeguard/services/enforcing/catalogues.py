"""How each catalogue does: what of it obeys, when it was reached, whether it is known to work."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from freezeguard.ports.canaries import Canary
from freezeguard.ports.clock import Now
from freezeguard.ports.overview import Check, Drifts, Obeying, OpenTask, Unconfirmed
from freezeguard.ports.storage import Database, Transaction
from freezeguard.services.directory import Directory, Outlet
from freezeguard.services.enforcing.enforcement import Enforcement

LATELY = timedelta(days=7)
"""So far back drift is told."""
TASKS = 200
"""So many open tasks are named."""


@dataclass(frozen=True, slots=True)
class Wellbeing:
    """How a catalogue does.

    `outlet` is None where it is configured no longer and something of it is still to be stopped or
    put back. The breaker is this replica's. Pauses are in seconds.
    """

    name: str
    outlet: Outlet | None
    obeying: Obeying
    oldest: Unconfirmed | None
    drifts: Drifts | None
    canary: Canary | None
    check: Check | None
    is_off: str
    is_open: bool
    failures: int
    pause: float
    verify_every: float

    @property
    def reached_at(self) -> datetime | None:
        """Return when it was last known to answer: by a read-back, or by its canary."""
        flown = None if self.canary is None else self.canary.succeeded_at
        return max((one for one in (self.obeying.seen_at, flown) if one is not None), default=None)


class Catalogues:
    """Reads how every catalogue does."""

    def __init__(
        self, database: Database, directory: Directory, enforcement: Enforcement, now: Now
    ) -> None:
        self._database, self._directory = database, directory
        self._enforcement, self._now = enforcement, now

    @property
    def pace(self) -> tuple[float, float]:
        """Return how often stops are read back, and how long a call may take, in seconds."""
        return self._enforcement.pace.verify_every, self._enforcement.pace.call_deadline

    async def look(self) -> tuple[list[Wellbeing], list[OpenTask]]:
        """Return every catalogue by name, and the tasks for people's hands."""
        since = self._now() - LATELY

        async def work(tx: Transaction) -> tuple[list[Wellbeing], list[OpenTask]]:
            await tx.one_moment()
            obeying = {one.catalogue: one for one in await tx.overview.obeying()}
            oldest = {one.catalogue: one for one in await tx.overview.oldest_unconfirmed()}
            drifts = {one.catalogue: one for one in await tx.overview.drifts(since)}
            canaries = {one.catalogue: one for one in await tx.canaries.listed()}
            checks = {one.catalogue: one for one in await tx.overview.checks()}
            found = [
                self._wellbeing(
                    name, obeying.get(name, Obeying(name)), oldest.get(name), drifts.get(name),
                    canaries.get(name), checks.get(name),
                )
                for name in sorted({*self._directory.outlets, *obeying})
            ]
            return found, await tx.overview.open_tasks(TASKS)

        return await self._database.run(work)

    def _wellbeing(
        self, name: str, obeying: Obeying, oldest: Unconfirmed | None, drifts: Drifts | None,
        canary: Canary | None, check: Check | None,
    ) -> Wellbeing:
        breaker = self._enforcement.breakers.get(name)
        now = asyncio.get_running_loop().time()
        return Wellbeing(
            name, self._directory.get(name), obeying, oldest, drifts, canary, check,
            self._enforcement.proofs.missing(name),
            is_open=breaker is not None and breaker.is_open,
            failures=0 if breaker is None else breaker.failures,
            pause=0.0 if breaker is None else breaker.pause_left(now),
            verify_every=self._enforcement.verify_every(name),
        )
