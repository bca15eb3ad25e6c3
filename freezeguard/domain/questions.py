"""Questions on a case: who may ask whom, who may answer, and when the answer is due.

A question is no command. It moves the case along no row of the table, raises neither version nor
evidence revision, and voids no approval: what somebody *learns* by it becomes evidence only where
they attach it. What it has is a clock of its own, so it never lies unanswered and unseen.

With a vendor stand those that it was asked or has asked; all others stay inside the shop.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from freezeguard.domain.calendars import Calendar, share
from freezeguard.domain.clocks import QUESTION, VENDOR_QUESTION, WARNING
from freezeguard.domain.effects import Notify, StartClock
from freezeguard.domain.errors import GuardFailed, IllegalTransition, NotAllowed
from freezeguard.domain.people import Actor, Person, actor_name, is_vendor
from freezeguard.domain.policy import Policy
from freezeguard.domain.record import Case

MOST_OPEN = 20
"""Open questions of a case at a time: who has more to ask takes the telephone."""
MOST = 200
"""Questions of a case, ever."""

Of = Literal["vendor", "owner", "person"]
"""Of whom something is asked: whoever is the owner at the time, or one named person."""


class Outcome(StrEnum):
    """How a question ended."""

    ANSWERED = "answered"
    WITHDRAWN = "withdrawn"
    CASE_OVER = "case_over"


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `vendor` is the vendor with whom it stands; None: it stays inside the shop.

    `answer` is the answer, or why the question was withdrawn. `person` is set where one is named.
    """

    id: UUID
    case_id: UUID
    sku: str
    of: Of
    person: str | None
    vendor: str | None
    text: str
    asked_by: str
    asked_at: datetime
    due_at: datetime
    answer: str | None = None
    closed_by: str | None = None
    closed_at: datetime | None = None
    outcome: Outcome | None = None

    @property
    def is_open(self) -> bool:
        """Say whether somebody still waits for the answer."""
        return self.outcome is None

    @property
    def by_vendor(self) -> bool:
        """Say whether the vendor asked: what stands with it, and was not asked of it."""
        return self.vendor is not None and self.of != "vendor"

    @property
    def clock(self) -> str:
        """Return the name of the clock that waits for the answer."""
        return f"{VENDOR_QUESTION if self.of == 'vendor' else QUESTION}{self.id}"


@dataclass(frozen=True, slots=True)
class Asking:
    """What somebody wants to know, and what is known around it.

    `named` is the person who is named, where such a one is active. `calendar` counts the working
    time of whoever is to answer. `earlier` are the questions of the case.
    """

    of: Of
    text: str
    named: Person | None
    calendar: Calendar
    earlier: Sequence[Question]


def may_see(question: Question, actor: Actor) -> bool:
    """Say whether a question is any business of somebody who may see its case."""
    if not is_vendor(actor):
        return True
    return question.vendor is not None and question.vendor == getattr(actor, "vendor", None)


def ask(
    case: Case, asking: Asking, actor: Actor, now: datetime, policy: Policy, new_id: UUID
) -> tuple[Question, StartClock, Notify]:
    """Ask. Returns the question, its clock, and the notice to whoever is to answer.

    Raises NotAllowed for who is nobody of the case, IllegalTransition where it is over, and
    GuardFailed with what is missing, or with what is known already: nobody is asked twice.
    """
    person = _somebody(case, actor)
    if not case.is_open:
        raise IllegalTransition(f"Nobody is asked anything once a case is {case.state}.")
    if missing := _missing(case, asking, person):
        raise GuardFailed(missing)
    due = _due(case, asking, now, policy)
    question = Question(
        id=new_id, case_id=case.id, sku=case.scope.sku, of=asking.of,
        person=asking.named.id if asking.of == "person" and asking.named else None,
        vendor=case.vendor if asking.of == "vendor" or not person.is_staff else None,
        text=asking.text.strip(), asked_by=actor_name(actor), asked_at=now, due_at=due,
    )
    calendar = None if case.lane == "safety" else asking.calendar
    warned = share(calendar, now, due, WARNING)
    clock = StartClock(question.clock, due, warned, _details(question))
    told = {**_addressed(question), "text": question.text, "due": due.isoformat(),
            "by": question.asked_by, "clock": question.clock}
    return question, clock, Notify("question_asked", asking.of, told)


def may_answer(case: Case, question: Question, actor: Actor) -> bool:
    """Say whether somebody may answer: who was asked, and in the shop whoever judges cases."""
    if not isinstance(actor, Person) or not question.is_open or not case.is_open:
        return False
    if question.of == "vendor":
        return not actor.is_staff and actor.vendor == question.vendor
    if not actor.is_staff or actor_name(actor) == question.asked_by:
        return False
    asked = {question.person, case.owner}
    return actor.id in asked or actor.judges_alone


def may_withdraw(case: Case, question: Question, actor: Actor) -> bool:
    """Say whether somebody may take a question back: who asked it, and the owner what staff asked.

    So an answer that came by telephone ends it too.
    """
    if not isinstance(actor, Person) or not question.is_open or not case.is_open:
        return False
    own = actor_name(actor) == question.asked_by
    if not actor.is_staff:
        return own or (question.by_vendor and actor.vendor == question.vendor)
    return own or (actor.id == case.owner and not question.by_vendor)


def answer(
    case: Case, question: Question, text: str, actor: Actor, now: datetime
) -> tuple[Question, Notify | None]:
    """Answer. Returns the question as it is then, and the notice to whoever asked.

    Raises NotAllowed, IllegalTransition where it is not open, GuardFailed without any words.
    """
    _check_open(case, question)
    if not may_answer(case, question, actor):
        raise NotAllowed("Whoever was asked answers; in the shop also those who judge cases.")
    closed = _closed(question, text, actor, now, Outcome.ANSWERED, "`text`: the answer")
    told = {"text": question.text, "answer": closed.answer, "by": closed.closed_by}
    if question.by_vendor:
        return closed, Notify("question_answered", "vendor", told)
    asker = question.asked_by.removeprefix("person:")
    return closed, Notify("question_answered", "person", {**told, "person": asker})


def withdraw(
    case: Case, question: Question, why: str, actor: Actor, now: datetime
) -> Question:
    """Take a question back. Raises what `answer` raises."""
    _check_open(case, question)
    if not may_withdraw(case, question, actor):
        raise NotAllowed("Whoever asked takes a question back, or the owner of the case.")
    return _closed(
        question, why, actor, now, Outcome.WITHDRAWN, "`reason`: say why, or what is known"
    )


# ---------------------------------------------------------------------------------- how it is


def _somebody(case: Case, actor: Actor) -> Person:
    """Return the person who asks: one of the shop, or of the case's vendor; no machine."""
    if not isinstance(actor, Person):
        raise NotAllowed("People ask, and people answer.")
    if not actor.is_staff and actor.vendor != case.vendor:
        raise NotAllowed("This case is another vendor's.")
    return actor


def _missing(case: Case, asking: Asking, person: Person) -> tuple[str, ...]:
    missing = []
    if not asking.text.strip():
        missing.append("`text`: what you want to know")
    missing += _cannot_be_asked(case, asking, person)
    if not missing and (known := _known(asking, person)):
        missing.append(known)
    if len([one for one in asking.earlier if one.is_open]) >= MOST_OPEN or (
        len(asking.earlier) >= MOST
    ):
        missing.append("so many questions are asked on this case that nobody reads another one")
    return tuple(missing)


def _cannot_be_asked(case: Case, asking: Asking, person: Person) -> list[str]:
    """Return why nobody would hear the question, or nobody but who asks."""
    if not person.is_staff:
        return [] if asking.of == "owner" else ["`of`: a vendor asks the shop (owner)"]
    match asking.of:
        case "vendor" if case.vendor is None:
            return ["`of`: no vendor is known for this item; ask a colleague"]
        case "vendor" if not case.frozen_vendor_knows:
            return ["`of`: the vendor has not been told of this case; ask a colleague"]
        case "owner" if case.owner == person.id:
            return ["`of`: you own the case; ask a colleague or the vendor"]
        case "owner" if case.owner is None:
            return ["`of`: nobody owns the case; ask a person by name"]
        case "person" if asking.named is None or not asking.named.is_staff:
            return ["`person`: an active person of the shop"]
        case "person" if asking.named is not None and asking.named.id == person.id:
            return ["`person`: somebody else than you"]
        case _:
            return []


def _known(asking: Asking, person: Person) -> str | None:
    """Return what is known of a question that was asked before, by whoever asked it."""
    wanted = _likeness(asking.text)
    for one in asking.earlier:
        if not may_see(one, person) or _likeness(one.text) != wanted:
            continue
        if one.is_open:
            return f"this was asked already; the answer is due {one.due_at:%Y-%m-%d %H:%M} UTC"
        if one.outcome is Outcome.ANSWERED:
            return f"this was answered on {one.closed_at:%Y-%m-%d}: {one.answer}"
    return None


def _likeness(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip("?!. ")


def _due(case: Case, asking: Asking, now: datetime, policy: Policy) -> datetime:
    """Working time of whoever is to answer; where people get hurt nobody waits for it."""
    amount = policy.vendor_answer_within if asking.of == "vendor" else policy.answer_within
    return now + amount if case.lane == "safety" else asking.calendar.after_hours(now, amount)


def _details(question: Question) -> dict[str, Any]:
    return {**_addressed(question), "reader": question.of, "by_vendor": question.by_vendor}


def _addressed(question: Question) -> dict[str, Any]:
    return {"person": question.person} if question.person else {}


def _check_open(case: Case, question: Question) -> None:
    if not case.is_open:
        raise IllegalTransition(f"No question waits once a case is {case.state}.")
    if not question.is_open:
        raise IllegalTransition(f"This question is {question.outcome}.")


def _closed(
    question: Question, text: str, actor: Actor, now: datetime, outcome: Outcome, wanted: str
) -> Question:
    if not text.strip():
        raise GuardFailed((wanted,))
    return replace(
        question, answer=text.strip(), closed_by=actor_name(actor), closed_at=now, outcome=outcome
    )
