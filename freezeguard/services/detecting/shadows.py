"""Shadow rules beside armed ones: the comparison, and the weekly mail about it."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from freezeguard.detection.families import effective_bound
from freezeguard.domain.errors import NotFound
from freezeguard.domain.people import Role
from freezeguard.domain.rules import Rule
from freezeguard.domain.shadowing import Comparison, Sighting, compare
from freezeguard.ports.clock import Now
from freezeguard.ports.storage import Database, Transaction
from freezeguard.services.telling.readers import those_with_role
from freezeguard.services.telling.telling import Telling

WEEK = timedelta(days=7)
DIGEST_DAYS = 30
DEADLINE = 30.0


@dataclass(frozen=True, slots=True)
class Shadow:
    """A shadow rule since a moment: the period, or its present version if that is younger."""

    rule: Rule
    since: datetime
    until: datetime
    comparison: Comparison
    sightings: tuple[Sighting, ...]


class Shadows:
    """Compares shadow rules with what armed ones and people did."""

    def __init__(self, database: Database, telling: Telling, now: Now) -> None:
        self._database, self._telling, self._now = database, telling, now

    async def all(self, days: int) -> list[Shadow]:
        """Return every shadow rule over the last days."""
        return await self._database.run(lambda tx: self._all(tx, days), deadline=DEADLINE)

    async def one(self, rule_id: str, days: int) -> Shadow:
        """Return one shadow rule over the last days. Raises NotFound for what is none."""

        async def work(tx: Transaction) -> Shadow:
            _, rules = await tx.detection.rules()
            found = [one for one in rules if one.id == rule_id and one.mode == "shadow"]
            if not found:
                raise NotFound(f"There is no shadow rule {rule_id!r}.")
            return await self._look(tx, found[0], days)

        return await self._database.run(work, deadline=DEADLINE)

    async def _all(self, tx: Transaction, days: int) -> list[Shadow]:
        _, rules = await tx.detection.rules()
        return [await self._look(tx, one, days) for one in rules if one.mode == "shadow"]

    async def _look(self, tx: Transaction, rule: Rule, days: int) -> Shadow:
        until = self._now()
        stored = (await tx.detection.rule_bodies(rule.id))[0]
        since = max(until - timedelta(days=days), datetime.fromisoformat(stored["created_at"]))
        bound = effective_bound(rule, rule.bound, 1.0)
        sightings = await tx.detection.sightings(rule, bound, since)
        return Shadow(rule, since, until, compare(sightings, rule.lane), tuple(sightings))

    async def tell_weekly(self) -> bool:
        """Tell the analysts once a week how shadow rules compare; say whether it was time.

        Not where there is none, and not before one is a week old: there would be little to say.
        """

        async def work(tx: Transaction) -> bool:
            now = self._now()
            stored = [
                datetime.fromisoformat(one["created_at"])
                for one in await tx.detection.rule_bodies() if one["mode"] == "shadow"
            ]
            if min(stored, default=now) > now - WEEK:
                return False
            if not await tx.detection.alert_once("shadow_digest", now, WEEK):
                return False
            found = await self._all(tx, DIGEST_DAYS)
            facts = {"days": DIGEST_DAYS, "rules": [_figures(one) for one in found]}
            readers = await those_with_role(tx, Role.ANALYST)
            await self._telling.tell_staff(
                tx, "shadow_digest", facts, readers, now, page="/v1/rules/shadow"
            )
            return True

        return await self._database.run(work, deadline=DEADLINE)


def _figures(one: Shadow) -> dict[str, object]:
    figures = {**asdict(one.comparison), "since": one.since.isoformat()}
    return {"rule": one.rule.id, "version": one.rule.version, **figures}
