"""Reads a shop's past from the service's own database, for a backtest; nothing is changed there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from freezeguard.bootstrap.backtests import Past
from freezeguard.bootstrap.database import check_role, reach_database, require_database
from freezeguard.bootstrap.settings import Settings
from freezeguard.detection.daybook import Priors
from freezeguard.detection.learning import priors_for
from freezeguard.domain.rules import Rule
from freezeguard.ports.learning import LearnedPrior
from freezeguard.services.detecting.past import read_items
from freezeguard.storage.database import PostgresDatabase


@dataclass(frozen=True, slots=True)
class Stored:
    """A shop's past as it is stored, its rules that are not off, and its own confirmed defects.

    `priors` are those that are in force, by category, and under None that of all items.
    """

    past: Past
    rules: tuple[Rule, ...]
    defects: dict[str, datetime]
    priors: dict[str | None, Priors]


async def read_stored(
    settings: Settings, now: datetime, progress: Callable[[int], None]
) -> Stored:
    """Read all of it. Raises NoDatabase, DatabaseUnfit or Unavailable.

    It ends `now`, whenever it was last heard of anything. `progress` is told how many rows have
    been read.
    """
    require_database(settings)
    async with reach_database(settings) as dsns:
        await check_role(dsns.runtime, allow_owner=settings.allow_owner_role)
        database = await PostgresDatabase.connect(dsns.runtime, min_size=1, max_size=2, reserved=1)
        try:
            past = Past()
            for item in await read_items(database, progress):
                past.add(item)
                past.signals += len(item.signals)
                past.units += len(item.shipments)
            past.end = max(past.end, now)
            _, rules = await database.run(lambda tx: tx.detection.rules())
            defects = await database.run(lambda tx: tx.past.confirmed_defects())
            uses_learned = settings.detection.learn_priors
            learned = await database.run(lambda tx: tx.learning.priors()) if uses_learned else []
        finally:
            await database.close()
    in_force = tuple(one for one in rules if one.mode != "off")
    return Stored(past, in_force, defects, _by_category(past, learned))


def _by_category(past: Past, learned: Sequence[LearnedPrior]) -> dict[str | None, Priors]:
    """Return what counts for the items of each category, as an evaluation would take it."""
    known = {one.group: one.prior for one in learned if one.prior is not None}
    categories = {one.category for one in past.items.values()} | {None}
    return {category: priors_for(category, known) for category in categories}
