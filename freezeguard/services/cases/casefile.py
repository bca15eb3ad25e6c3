"""One case with everything around it, for whoever may see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from freezeguard.domain import questions
from freezeguard.domain.authority import may_see
from freezeguard.domain.case import possible_commands, unmet_guards, votes_cast
from freezeguard.domain.enforcement import ObjectState
from freezeguard.domain.errors import NotFound
from freezeguard.domain.people import Actor, is_vendor
from freezeguard.domain.questions import Question
from freezeguard.domain.record import Case
from freezeguard.domain.transitions import Command
from freezeguard.ports.clock import Now
from freezeguard.ports.evidence import EvidenceFile
from freezeguard.ports.rows import (
    AttachedSignals,
    CatalogueRow,
    Clock,
    Hold,
    Json,
    ManualTask,
    Notice,
)
from freezeguard.ports.storage import Transaction
from freezeguard.services.cases.casework import Casework
from freezeguard.services.vendorsview import is_shown_to_vendor

EXCERPTS = 5


@dataclass(frozen=True, slots=True)
class Offer:
    """A command that the reader may give now, and what it would still lack."""

    command: Command
    unmet: tuple[str, ...]
    votes: int


@dataclass(frozen=True, slots=True)
class Casefile:
    """Everything about a case, as it was at `read_at`."""

    case: Case
    read_at: datetime
    holds: Sequence[Hold]
    evidence: AttachedSignals
    objects: Sequence[tuple[CatalogueRow, ObjectState]]
    notices: Sequence[Notice]
    clocks: Sequence[Clock]
    tasks: Sequence[ManualTask]
    offers: Sequence[Offer]
    reviews: Sequence[Json] = ()
    files: Sequence[EvidenceFile] = ()
    questions: Sequence[Question] = ()


def clocks_for(clocks: Sequence[Clock], actor: Actor) -> list[Clock]:
    """Return the clocks that are any business of somebody who may see their case."""
    return [one for one in clocks if not is_vendor(actor) or is_shown_to_vendor(one)]


async def visible_case(tx: Transaction, case_id: UUID, actor: Actor, *, lock: bool = False) -> Case:
    """Return a case that the actor may see. Raises NotFound, also for one that is not theirs."""
    case = await tx.cases.get(case_id, lock=lock)
    if case is None or not may_see(case, actor):
        raise NotFound(f"There is no case {case_id}, or it is not yours.")
    return case


async def locked_case(tx: Transaction, case_id: UUID, actor: Actor) -> Case:
    """Return a case that the actor may see, locked as commands lock it: first its SKU."""
    seen = await visible_case(tx, case_id, actor)
    await tx.signals.lock_sku(seen.scope.sku)
    return await visible_case(tx, case_id, actor, lock=True)


class Casefiles:
    """Puts casefiles together."""

    def __init__(self, casework: Casework, now: Now) -> None:
        self._casework, self._now = casework, now

    async def open(self, tx: Transaction, case: Case, actor: Actor) -> Casefile:
        """Return everything about a case as this actor may see it."""
        is_staff = not is_vendor(actor)
        facts = await self._casework.facts(tx, case)
        notices = await tx.notices.of_case(case.id)
        now = self._now()
        offers = [
            Offer(
                command,
                unmet_guards(case, command, actor, now, facts),
                votes_cast(case, command, actor, now, facts),
            )
            for command in possible_commands(case, actor, facts)
        ]
        return Casefile(
            case=case,
            read_at=now,
            holds=await tx.holds.of_case(case.id),
            evidence=await tx.cases.attached(case.id, excerpts=EXCERPTS if is_staff else 0),
            objects=await self._casework.objects(tx, case),
            notices=notices if is_staff else [one for one in notices if _to_vendor(one)],
            clocks=clocks_for(await tx.cases.clocks(case.id), actor),
            tasks=await tx.cases.tasks(case.id) if is_staff else (),
            offers=offers,
            reviews=await tx.cases.reviews(case.id) if is_staff else (),
            files=await files_for(tx, case.id, actor),
            questions=await questions_for(tx, case.id, actor),
        )


def may_see_file(file: EvidenceFile, actor: Actor) -> bool:
    """Say whether a file is any business of somebody who may see its case."""
    return file.visible_to_vendor or not is_vendor(actor)


async def files_for(tx: Transaction, case_id: UUID, actor: Actor) -> list[EvidenceFile]:
    """Return the files of a case that the actor may see, the oldest first.

    Those of cases that were merged into it are among them.
    """
    return [one for one in await tx.evidence.of_case(case_id) if may_see_file(one, actor)]


async def questions_for(tx: Transaction, case_id: UUID, actor: Actor) -> list[Question]:
    """Return the questions of a case that the actor may see, open ones first."""
    return [one for one in await tx.questions.of_case(case_id) if questions.may_see(one, actor)]


def _to_vendor(notice: Notice) -> bool:
    return notice.recipient.startswith("vendor:")
