"""The queue of managers: whose turn it is, and the figures by which it is ordered.

The figures are counted behind the scenes (docs/decisions/0047): a complaint moves its case up
within seconds, not in the transaction that stores it.
"""

from datetime import datetime, timedelta

from freezeguard.domain.people import Person, Role
from freezeguard.ports.clock import Now
from freezeguard.ports.rows import Awaited
from freezeguard.ports.storage import Database

PULLERS = frozenset({Role.ASSOCIATE, Role.ANALYST, Role.MANAGER, Role.COMPLIANCE})
"""Who may second another one's pull."""
AT_ONCE = 200
LATE = timedelta(minutes=1)
"""What was attached longer ago has been committed, or never will be."""


def awaited(person: Person, at: datetime) -> Awaited:
    """Return what says whether a case waits for a person."""
    return Awaited(
        person.id, at, pulls=not person.roles.isdisjoint(PULLERS), judges=person.judges_alone,
        areas=tuple(sorted(person.areas)) if Role.MANAGER in person.roles else None,
    )


class HarmCounting:
    """Counts what cases did, for those to which something happened."""

    def __init__(self, database: Database, now: Now) -> None:
        self._database, self._now = database, now
        self._since: datetime | None = None

    async def run_once(self) -> int:
        """Count some cases anew; return how many. The first rounds look at every open case."""
        begun = self._now()
        ids = await self._database.run(lambda tx: tx.cases.uncounted(self._since, AT_ONCE))
        if ids:
            await self._database.run(lambda tx: tx.cases.count_harm(ids))
        if len(ids) < AT_ONCE:
            self._since = begun - LATE
        return len(ids)
