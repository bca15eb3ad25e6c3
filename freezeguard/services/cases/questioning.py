"""Questions on a case, each asked and answered in one transaction with its clock and notice."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from freezeguard.domain import questions
from freezeguard.domain.effects import Notify
from freezeguard.domain.errors import NotFound
from freezeguard.domain.people import Actor, Person, actor_name
from freezeguard.domain.policy import Policy
from freezeguard.domain.questions import Asking, Of, Question
from freezeguard.domain.record import Case
from freezeguard.ports.clock import NewId, Now
from freezeguard.ports.storage import Transaction
from freezeguard.services.cases.casefile import locked_case
from freezeguard.services.cases.casework import IN_HISTORY
from freezeguard.services.cases.places import Places
from freezeguard.services.masterdata.access import as_of_now
from freezeguard.services.telling.telling import Telling
from freezeguard.services.topics import TOPIC_NOTICES


class Questioning:
    """What people ask each other on cases."""

    def __init__(
        self, telling: Telling, places: Places, policy: Policy, now: Now, new_id: NewId
    ) -> None:
        self._telling, self._places, self._policy = telling, places, policy
        self._now, self._new_id = now, new_id

    async def ask(
        self, tx: Transaction, case_id: UUID, of: Of, person: str | None, text: str, actor: Actor
    ) -> tuple[Case, Question]:
        """Ask; return the case and the question. Raises NotFound and what the domain refuses."""
        actor = await as_of_now(tx, actor)
        case = await locked_case(tx, case_id, actor)
        now, named = self._now(), await _active(tx, person) if of == "person" else None
        asking = Asking(
            of, text, named, await self._places.answering(tx, case, of, named, now),
            await tx.questions.of_case(case.id),
        )
        question, clock, news = questions.ask(
            case, asking, actor, now, self._policy, self._new_id()
        )
        await tx.questions.add(question)
        await tx.cases.start_clock(
            self._new_id(), case, clock.kind, now, clock.due_at, next_at=clock.next_at,
            details=clock.details,
        )
        details = {"of": question.of, "person": question.person, "comment": question.text}
        await self._note(tx, case, "ask_question", question, actor, details)
        await self._tell(tx, case, news)
        return case, question

    async def answer(
        self, tx: Transaction, case_id: UUID, question_id: UUID, text: str, actor: Actor
    ) -> tuple[Case, Question]:
        """Answer; return the case and the question as it is then. Raises what `ask` raises."""
        actor = await as_of_now(tx, actor)
        case = await locked_case(tx, case_id, actor)
        found = await _one(tx, case, question_id, actor)
        closed, news = questions.answer(case, found, text, actor, self._now())
        await self._close(tx, case, closed, actor, "answer_question", {"comment": closed.answer})
        if news is not None:
            await self._tell(tx, case, news)
        return case, closed

    async def withdraw(
        self, tx: Transaction, case_id: UUID, question_id: UUID, why: str, actor: Actor
    ) -> tuple[Case, Question]:
        """Take a question back. Raises what `ask` raises."""
        actor = await as_of_now(tx, actor)
        case = await locked_case(tx, case_id, actor)
        found = await _one(tx, case, question_id, actor)
        closed = questions.withdraw(case, found, why, actor, self._now())
        await self._close(tx, case, closed, actor, "withdraw_question", {"reason": closed.answer})
        return case, closed

    async def _close(
        self, tx: Transaction, case: Case, closed: Question, actor: Actor, command: str,
        details: Mapping[str, Any],
    ) -> None:
        await tx.questions.close(closed)
        await tx.cases.stop_clocks(case.id, [closed.clock], self._now())
        await self._note(tx, case, command, closed, actor, details)

    async def _note(
        self, tx: Transaction, case: Case, command: str, question: Question, actor: Actor,
        details: Mapping[str, Any],
    ) -> None:
        """Write a line of the history, with the words, and one of the record, without them."""
        now, by = self._now(), actor_name(actor)
        told = {name: value for name, value in details.items() if value is not None}
        told |= {"question": str(question.id), "vendor": question.vendor}
        await tx.cases.add_event(case, now, by, command, case.state.value, told)
        await tx.record.write(
            now, by, command, f"case:{case.id}", why=IN_HISTORY,
            details={"question": str(question.id), "of": question.of},
        )

    async def _tell(self, tx: Transaction, case: Case, news: Notify) -> None:
        await self._telling.tell(tx, case, news, self._now())
        await tx.notify(TOPIC_NOTICES)


async def _one(tx: Transaction, case: Case, question_id: UUID, actor: Actor) -> Question:
    for one in await tx.questions.of_case(case.id):
        if one.id == question_id and questions.may_see(one, actor):
            return one
    raise NotFound(f"There is no question {question_id} on this case, or it is not yours.")


async def _active(tx: Transaction, person_id: str | None) -> Person | None:
    found = None if person_id is None else await tx.people.person(person_id)
    return found[0] if found is not None and found[1] else None
