"""How far each source is trusted, kept in memory: the freeze path asks no database for it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from freezeguard.domain.trust import REMEMBERED, Standing, Verdict, standing
from freezeguard.ports.clock import Now
from freezeguard.ports.storage import Database

UNKNOWN: tuple[float, Sequence[Verdict]] = (1.0, ())


class Trust:
    """The standing of every source, read again every few seconds.

    A replica that has not heard of the latest case yet does no lasting harm: it stops a sale that
    another one would only have suspected, or the other way round.
    """

    def __init__(self, database: Database, now: Now, limit: float) -> None:
        self._database, self._now, self._limit = database, now, limit
        self._known: Mapping[str, tuple[float, Sequence[Verdict]]] = {}

    async def refresh(self) -> None:
        """Read again what became of the sources' cases."""
        since = self._now() - REMEMBERED
        self._known = await self._database.run(lambda tx: tx.sources.verdicts(since))

    def of(self, source: str, now: datetime) -> Standing:
        """Return how a source stands."""
        given, verdicts = self._known.get(source, UNKNOWN)
        return standing(given, verdicts, now)

    def doubted(self, sources: Iterable[str], now: datetime) -> dict[str, Standing]:
        """Return these sources with their standing where not one of them is trusted enough."""
        found = {one: self.of(one, now) for one in sorted(set(sources))}
        if any(one.trust >= self._limit for one in found.values()):
            return {}
        return found
