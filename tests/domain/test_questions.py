"""Questions on a case: who may ask whom, who may answer, by when, and what is asked only once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from freezeguard.domain.calendars import Calendar
from freezeguard.domain.errors import FreezeguardError, GuardFailed, IllegalTransition, NotAllowed
from freezeguard.domain.people import Actor, Person, actor_name
from freezeguard.domain.policy import Policy
from freezeguard.domain.questions import (
    MOST_OPEN,
    Asking,
    Of,
    Outcome,
    Question,
    answer,
    ask,
    may_answer,
    may_see,
    may_withdraw,
    withdraw,
)
from freezeguard.domain.record import Case
from freezeguard.domain.scope import Scope
from freezeguard.domain.transitions import State
from tests.domain.cast import ANA, ANN, EVERYBODY, FAY, MIA, OWEN, STAFF, TILL, VERA, VIC

FRIDAY = datetime(2026, 11, 20, 16, tzinfo=UTC)
SHOP = Calendar("DE", "UTC")
ID = UUID(int=7)
CASE = Case(
    id=UUID(int=1), scope=Scope("KETTLE-17"), state=State.DIAGNOSING, lane="quality", version=4,
    vendor="acme", category="kettles", owner="owen", opened_by="detector", opened_at=FRIDAY,
    frozen_at=FRIDAY, reason={}, evidence_revision=2,
)


def asked(
    who: Actor, of: Of, *, case: Case = CASE, named: Person | None = None,
    text: str = "Since which lot?", earlier: tuple[Question, ...] = (),
) -> Question:
    """Ask on Friday at four in the afternoon; return the question."""
    return ask(case, Asking(of, text, named, SHOP, earlier), who, FRIDAY, Policy(), ID)[0]


@pytest.mark.parametrize("who", EVERYBODY, ids=actor_name)
def test_people_of_the_shop_and_the_cases_vendor_ask(who: Actor) -> None:
    """Nobody else does: no key, no part of the system, no other vendor."""
    of: Of = "owner" if isinstance(who, Person) and not who.is_staff else "vendor"
    if who in (*STAFF, VERA):
        assert asked(who, of).vendor == "acme"
    else:
        with pytest.raises(NotAllowed):
            asked(who, of)


@pytest.mark.parametrize(("who", "of", "change", "named"), [
    (VERA, "vendor", {}, None),
    (VERA, "person", {}, ANA),
    (OWEN, "owner", {}, None),
    (ANA, "person", {}, ANA),
    (ANA, "person", {}, VERA),
    (ANA, "person", {}, None),
    (ANA, "vendor", {"vendor": None}, None),
    (ANA, "vendor", {"frozen_at": None, "state": State.SUSPECTED}, None),
    (ANA, "owner", {"owner": None}, None),
], ids=range(9))
def test_nobody_is_asked_who_would_not_hear(
    who: Person, of: Of, change: dict[str, object], named: Person | None
) -> None:
    """Oneself, a vendor that has not been told, colleagues by name for a vendor: each says why."""
    with pytest.raises(GuardFailed) as refused:
        asked(who, of, case=replace(CASE, **change), named=named)

    assert 1 == len(refused.value.missing)


def test_the_answer_is_due_in_the_working_time_of_whoever_is_asked() -> None:
    """Eight hours from Friday at four end on Monday at four; where people get hurt at midnight."""
    safe = replace(CASE, lane="safety")

    assert datetime(2026, 11, 23, 16, tzinfo=UTC) == asked(ANN, "owner").due_at
    assert FRIDAY + timedelta(hours=8) == asked(ANN, "owner", case=safe).due_at
    assert FRIDAY + timedelta(hours=24) == asked(ANN, "vendor", case=safe).due_at
    _, clock, news = ask(CASE, Asking("person", "Is it?", ANA, SHOP, ()), ANN, FRIDAY, Policy(), ID)
    assert FRIDAY < clock.next_at < clock.due_at
    assert ("question_asked", "person", "ana") == (news.kind, news.reader, news.facts["person"])


def test_what_is_known_is_not_asked_again() -> None:
    """Who asks for the second time is told the answer, or when it is due; others' secrets stay."""
    first = asked(ANN, "vendor")
    said, _ = answer(CASE, first, "Since L-8.", VERA, FRIDAY)
    inside = replace(asked(ANN, "owner"), text="Who packed it?")

    with pytest.raises(GuardFailed, match="2026"):
        asked(MIA, "vendor", text=" since  WHICH lot", earlier=(first,))
    with pytest.raises(GuardFailed, match=r"Since L-8\."):
        asked(MIA, "owner", earlier=(said,))
    taken_back = withdraw(CASE, first, "It is known.", ANN, FRIDAY)
    assert asked(MIA, "vendor", earlier=(taken_back,)).is_open
    assert asked(VERA, "owner", text="Who packed it?", earlier=(inside,)).is_open
    with pytest.raises(GuardFailed, match="nobody reads"):
        asked(ANN, "owner", text="More?", earlier=(first,) * MOST_OPEN)


def test_questions_end_with_the_case() -> None:
    """Nothing is asked or answered once it is over, and no words are no answer."""
    over = replace(CASE, state=State.DELISTED, closed_at=FRIDAY)
    first = asked(ANN, "vendor")
    for act in (
        lambda: asked(ANN, "owner", case=over),
        lambda: answer(over, first, "Late.", VERA, FRIDAY),
        lambda: answer(CASE, replace(first, outcome=Outcome.WITHDRAWN), "Late.", VERA, FRIDAY),
        lambda: withdraw(over, first, "Over.", ANN, FRIDAY),
    ):
        with pytest.raises(IllegalTransition):
            act()
    with pytest.raises(GuardFailed):
        answer(CASE, first, "  ", VERA, FRIDAY)


def who_may(check: object, question: Question) -> set[str]:
    return {one.id for one in EVERYBODY if isinstance(one, Person) and check(CASE, question, one)}


def test_who_was_asked_answers_and_who_asked_takes_back() -> None:
    """In the shop whoever judges cases answers too; the owner takes back what colleagues asked."""
    of_vendor, of_ana = asked(ANN, "vendor"), asked(ANN, "person", named=FAY)
    by_vendor = asked(VERA, "owner")

    assert {"vera"} == who_may(may_answer, of_vendor)
    assert {"fay", "owen", "ana", "mia", "max", "tom", "col"} == who_may(may_answer, of_ana)
    assert {"owen", "ana", "mia", "max", "tom", "col"} == who_may(may_answer, by_vendor)
    assert {"ann", "owen"} == who_may(may_withdraw, of_vendor) == who_may(may_withdraw, of_ana)
    assert {"vera"} == who_may(may_withdraw, by_vendor)
    for refused, question in ((VIC, of_vendor), (ANN, of_vendor), (VERA, of_ana), (TILL, of_ana)):
        with pytest.raises(NotAllowed):
            answer(CASE, question, "Yes.", refused, FRIDAY)
    with pytest.raises(FreezeguardError):
        withdraw(CASE, of_vendor, "No.", VERA, FRIDAY)


def test_a_vendor_sees_what_stands_with_it() -> None:
    """What it was asked and has asked; of what colleagues ask each other nothing."""
    inside = asked(ANN, "owner")

    assert may_see(asked(ANN, "vendor"), VERA)
    assert may_see(asked(VERA, "owner"), VERA)
    assert not may_see(inside, VERA)
    assert not may_see(asked(ANN, "vendor"), VIC)
    assert may_see(inside, ANN)


def test_who_asked_hears_the_answer() -> None:
    """A person by name, the vendor by its contact; neither hears who of the other side wrote it."""
    _, to_ann = answer(CASE, asked(ANN, "vendor"), "Since L-8.", VERA, FRIDAY)
    _, to_vendor = answer(CASE, asked(VERA, "owner"), "No.", ANA, FRIDAY)

    assert to_ann is not None
    assert to_vendor is not None
    assert ("person", "ann", "Since L-8.") == (
        to_ann.reader, to_ann.facts["person"], to_ann.facts["answer"])
    assert ("vendor", "No.") == (to_vendor.reader, to_vendor.facts["answer"])
