"""The diagnosis of a case: causes suggested, judged and argued, and what is like or beside it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from freezeguard.domain import causes
from freezeguard.domain.causes import Cause, Change, Standing, Statement
from freezeguard.domain.effects import Notify
from freezeguard.domain.errors import GuardFailed, NotAllowed, NotFound
from freezeguard.domain.people import Actor, Person, actor_name, is_vendor
from freezeguard.domain.record import Case
from freezeguard.ports.causes import Alike, Beside
from freezeguard.ports.clock import NewId, Now
from freezeguard.ports.storage import Transaction
from freezeguard.services.cases.casefile import files_for, locked_case
from freezeguard.services.cases.casework import IN_HISTORY
from freezeguard.services.masterdata.access import as_of_now
from freezeguard.services.telling.telling import Telling
from freezeguard.services.topics import TOPIC_NOTICES

MOST_ALIKE, MOST_BESIDE = 8, 20
LATELY = timedelta(days=90)
"""For so long complaints about related items are counted."""


async def causes_for(tx: Transaction, case_id: UUID, actor: Actor) -> list[Cause]:
    """Return the causes of a case that somebody may see who may see the case."""
    seen = [causes.seen_by(one, actor) for one in await tx.causes.of_case(case_id)]
    return [one for one in seen if one is not None]


async def alike_for(tx: Transaction, case: Case, actor: Actor) -> list[Alike]:
    """Return the cases most like one, of those that somebody may see."""
    vendor = getattr(actor, "vendor", None) if is_vendor(actor) else None
    if is_vendor(actor) and vendor is None:
        return []
    return await tx.causes.alike(case, vendor, MOST_ALIKE)


async def beside(tx: Transaction, case: Case, now: Now) -> list[Beside]:
    """Return SKUs related to that of a case, with what was complained of lately."""
    lots = {*(case.remedy or {}).get("affected_lots", ()), *case.known_evidence.get("lots", ())}
    return await tx.causes.beside(case, sorted(lots), now() - LATELY, MOST_BESIDE)


class Diagnosing:
    """Changes of the diagnosis, each in one transaction with history and record."""

    def __init__(self, telling: Telling, now: Now, new_id: NewId) -> None:
        self._telling, self._now, self._new_id = telling, now, new_id

    async def suggest(
        self, tx: Transaction, case_id: UUID, branch: str, text: str, whys: Sequence[str],
        actor: Actor,
    ) -> tuple[Case, Cause]:
        """Suggest a cause. Raises NotFound and what the domain refuses."""
        actor = await as_of_now(tx, actor)
        case = await locked_case(tx, case_id, actor)
        cause = causes.suggest(
            case, await tx.causes.of_case(case.id), branch, text, whys, actor, self._now(),
            self._new_id(),
        )
        said = {"comment": cause.text, "branch": branch}
        await self._put(tx, case, cause, actor, "suggest_cause", said)
        return case, cause

    async def change(
        self, tx: Transaction, case_id: UUID, cause_id: UUID, wanted: Change, actor: Actor
    ) -> tuple[Case, Cause]:
        """Change words, whys or standing of a cause. Raises what `suggest` raises."""
        actor = await as_of_now(tx, actor)
        case = await locked_case(tx, case_id, actor)
        known = await tx.causes.of_case(case.id)
        before = _one(known, cause_id, actor)
        others = [one for one in known if one.id != before.id]
        after = causes.change(case, before, others, wanted, actor, self._now())
        said = {"comment": after.text, "standing": after.standing.value}
        await self._put(tx, case, after, actor, "judge_cause", said)
        return case, after

    async def argue(
        self, tx: Transaction, case_id: UUID, cause_id: UUID, *, speaks_for: bool, text: str,
        file: UUID | None, actor: Actor,
    ) -> tuple[Case, Cause]:
        """Say what speaks for or against a cause. Raises what `suggest` raises."""
        actor = await as_of_now(tx, actor)
        case = await locked_case(tx, case_id, actor)
        before = _one(await tx.causes.of_case(case.id), cause_id, actor)
        if file is not None:
            await _check_file(tx, case, file, actor)
        now = self._now()
        statement = Statement(
            str(self._new_id()), speaks_for, text.strip(), actor_name(actor), now.isoformat(),
            case.vendor if is_vendor(actor) else None, None if file is None else str(file),
        )
        after = causes.add_statement(case, before, statement, actor, now)
        said = {"comment": statement.text, "speaks_for": speaks_for}
        await self._put(tx, case, after, actor, "argue_cause", said)
        return case, after

    async def share(
        self, tx: Transaction, case_id: UUID, actor: Actor
    ) -> tuple[Case, list[Beside]]:
        """Send the confirmed cause to the owners of related items, to each once; return the items.

        For the owner of the case and managers of its category. Raises NotFound, NotAllowed, and
        GuardFailed where none is confirmed, it was sent already, or nobody else would read it.
        """
        actor = await as_of_now(tx, actor)
        case = await locked_case(tx, case_id, actor)
        if not isinstance(actor, Person) or not (
            (actor.id == case.owner and actor.may_own) or actor.manages(case.category)
        ):
            raise NotAllowed("The owner of the case, or a manager of its category, passes it on.")
        confirmed = causes.confirmed_of(await tx.causes.of_case(case.id))
        if confirmed is None:
            raise GuardFailed(("a confirmed cause: until then nothing is known for sure",))
        if await _is_shared(tx, case, confirmed):
            raise GuardFailed(("this cause was passed on already",))
        found = [one for one in await beside(tx, case, self._now) if one.owner is not None]
        owners = sorted({one.owner for one in found if one.owner and one.owner != actor.id})
        if not owners:
            raise GuardFailed(("related items that somebody else owns: there are none",))
        now = self._now()
        for owner in owners:
            told = {
                "person": owner, "cause": confirmed.text, "by": actor.id,
                "items": [_in_short(one) for one in found if one.owner == owner],
            }
            await self._telling.tell(tx, case, Notify("finding", "person", told), now)
        await tx.notify(TOPIC_NOTICES)
        shared = {"cause": str(confirmed.id), "owners": owners, "items": [one.sku for one in found]}
        by = actor_name(actor)
        await tx.cases.add_event(case, now, by, "share_finding", case.state.value, shared)
        await tx.record.write(now, by, "share_finding", f"case:{case.id}", details=shared)
        return case, found

    async def _put(
        self, tx: Transaction, case: Case, cause: Cause, actor: Actor, command: str,
        said: Mapping[str, Any],
    ) -> None:
        """Store a cause, with a line of the history, with the words, and one of the record."""
        await tx.causes.put(cause)
        now, by = self._now(), actor_name(actor)
        is_shared = cause.standing is Standing.CONFIRMED and command == "judge_cause"
        told = {**said, "cause": str(cause.id)}
        if is_vendor(actor) or is_shared:
            told["vendor"] = case.vendor
        await tx.cases.add_event(case, now, by, command, case.state.value, told)
        await tx.record.write(
            now, by, command, f"case:{case.id}", why=IN_HISTORY,
            details={"cause": str(cause.id), "standing": cause.standing.value},
        )


async def _is_shared(tx: Transaction, case: Case, cause: Cause) -> bool:
    return any(
        one.command == "share_finding" and one.arguments.get("cause") == str(cause.id)
        for one in await tx.cases.events(case.id)
    )


def _in_short(one: Beside) -> str:
    """Return an item with what is complained of it, as a line of a notice."""
    return f"{one.sku}: {one.complaints}"


def _one(known: Sequence[Cause], cause_id: UUID, actor: Actor) -> Cause:
    """Return a cause whole, where it is any business of the actor's."""
    for one in known:
        if one.id == cause_id and causes.seen_by(one, actor) is not None:
            return one
    raise NotFound(f"There is no cause {cause_id} on this case, or it is not yours.")


async def _check_file(tx: Transaction, case: Case, file: UUID, actor: Actor) -> None:
    if all(one.id != file or one.erased_at for one in await files_for(tx, case.id, actor)):
        raise GuardFailed(("`file`: the id of a file of this case",))
