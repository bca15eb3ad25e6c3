"""People are told before a suppression ends, and when it has, with what it held back."""

from datetime import datetime, timedelta

from freezeguard.domain.people import Person, Role
from freezeguard.ports.clock import Now
from freezeguard.ports.rows import Suppression
from freezeguard.ports.storage import Database, Transaction
from freezeguard.services.telling.readers import Reader, reader_of
from freezeguard.services.telling.telling import Telling
from freezeguard.services.topics import TOPIC_NOTICES

BEFORE = timedelta(hours=24)
"""So long before its end people are warned; of a shorter one when four fifths are over."""


class SuppressionNews:
    """Tells of suppressions that end soon, or are over: of each once, whoever is first."""

    def __init__(self, database: Database, telling: Telling, now: Now) -> None:
        self._database, self._telling, self._now = database, telling, now

    async def tell(self) -> int:
        """Tell of what is due; return of how many suppressions."""
        return await self._database.run(self._tell)

    async def _tell(self, tx: Transaction) -> int:
        now = self._now()
        over = await tx.detection.suppressions_over(now)
        ending = await tx.detection.ending_suppressions(now, BEFORE)
        for one in over:
            await self._tell_of(tx, "suppression_ended", one, now)
        for one in ending:
            await self._tell_of(tx, "suppression_ending", one, now)
        if over or ending:
            await tx.notify(TOPIC_NOTICES)
        return len(over) + len(ending)

    async def _tell_of(
        self, tx: Transaction, kind: str, one: Suppression, now: datetime
    ) -> None:
        until = min(one.expires_at, one.ended_at or one.expires_at)
        [held_back] = await tx.detection.held_back([one], min(until, now))
        author = await tx.people.person(one.author.removeprefix("person:"))
        by = one.author if author is None else author[0].name
        facts = {
            "id": str(one.id), "sku": one.sku, "vendor": one.vendor, "category": one.category,
            "rule": one.rule_id, "cause": one.cause, "author": by,
            "until": until.isoformat(), "crossings": held_back.crossings,
            "skus": held_back.skus, "named": list(held_back.named),
        }
        also = await _concerned(tx, one)
        await self._telling.tell_shop(tx, kind, {"suppression": facts}, now, also=also)


async def _concerned(tx: Transaction, one: Suppression) -> list[Reader]:
    """Return who hears of it: its author, analysts, and who answers for the SKUs."""
    sku = None if one.sku is None else await tx.master.sku(one.sku)
    category = one.category or (None if sku is None else sku.category)
    owner = None if sku is None else sku.owner

    def is_concerned(person: Person) -> bool:
        by_name = f"person:{person.id}" == one.author or person.id == owner
        return by_name or Role.ANALYST in person.roles or person.manages(category)

    people = await tx.people.people()
    return [reader_of(person) for person, active in people if active and is_concerned(person)]
