"""Suggested causes: who works on which, what it takes to confirm one, and who sees it."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from freezeguard.domain.causes import (
    MOST_CAUSES,
    Cause,
    Change,
    Standing,
    Statement,
    add_statement,
    change,
    may_change,
    may_suggest,
    seen_by,
    suggest,
)
from freezeguard.domain.errors import (
    GuardFailed,
    IllegalTransition,
    NotAllowed,
    VersionConflict,
)
from freezeguard.domain.people import Person
from freezeguard.domain.record import Case
from freezeguard.domain.scope import Scope
from freezeguard.domain.transitions import State
from tests.domain.cast import ANA, ANN, COL, EVERYBODY, MIA, TILL, VERA, VIC

NOW = datetime(2026, 11, 20, 16, tzinfo=UTC)
CASE = Case(
    id=UUID(int=1), scope=Scope("KETTLE-17"), state=State.DIAGNOSING, lane="quality", version=4,
    vendor="acme", category="kettles", owner="owen", opened_by="detector", opened_at=NOW,
    frozen_at=NOW, reason={}, evidence_revision=2,
)
FOR = Statement("s-1", True, "6 of 20 broke.", "person:ana", NOW.isoformat())


def suggested(who: Person, text: str = "Brittle resin.", *, n: int = 7) -> Cause:
    """Suggest a material cause."""
    return suggest(CASE, (), "material", text, ["It tore.", " "], who, NOW, UUID(int=n))


def judged(cause: Cause, who: Person, standing: Standing, *others: Cause) -> Cause:
    """Judge a cause as it is."""
    return change(CASE, cause, others, Change(cause.version, standing=standing), who, NOW)


def test_owner_analysts_managers_of_the_category_and_the_vendor_work_on_it() -> None:
    """Nobody else suggests or argues; a vendor that was not told is none of them."""
    early = replace(CASE, state=State.SUSPECTED, frozen_at=None)
    who = {one.id for one in EVERYBODY if isinstance(one, Person) and may_suggest(CASE, one)}

    assert {"owen", "ana", "mia", "max", "vera"} == who
    assert not may_suggest(early, VERA)
    assert not may_suggest(CASE, TILL)
    for refused in (ANN, COL, VIC):
        with pytest.raises(NotAllowed):
            suggested(refused)
    with pytest.raises(IllegalTransition):
        suggest(replace(CASE, state=State.EXPIRED), (), "people", "x", (), ANA, NOW, UUID(int=1))


def test_a_vendor_changes_its_own_until_it_is_confirmed() -> None:
    """The shop judges everybody's; a vendor never confirms, not even what is its own."""
    own, shops = suggested(VERA), suggested(ANA, "Loose screw.")
    argued = add_statement(CASE, own, FOR, MIA, NOW)

    assert Standing.SUPPORTED is judged(own, VERA, Standing.SUPPORTED).standing
    with pytest.raises(GuardFailed, match="the shop confirms"):
        judged(argued, VERA, Standing.CONFIRMED)
    with pytest.raises(NotAllowed):
        judged(shops, VERA, Standing.RULED_OUT)
    confirmed = judged(argued, MIA, Standing.CONFIRMED)
    assert not may_change(CASE, confirmed, VERA)
    assert may_change(CASE, confirmed, ANA)


def test_a_cause_is_confirmed_on_something_and_alone() -> None:
    """Where nothing speaks for it, or another one is confirmed, it is not."""
    first, second = suggested(ANA), add_statement(CASE, suggested(ANA, "Screw."), FOR, ANA, NOW)
    with pytest.raises(GuardFailed, match="nothing speaks"):
        judged(first, ANA, Standing.CONFIRMED)
    confirmed = judged(add_statement(CASE, first, FOR, ANA, NOW), ANA, Standing.CONFIRMED)
    with pytest.raises(GuardFailed, match=r"Brittle resin\."):
        judged(second, ANA, Standing.CONFIRMED, confirmed)
    same = judged(confirmed, ANA, Standing.CONFIRMED, second)

    assert {
        "branch": "material", "description": "Brittle resin.", "proof": "6 of 20 broke.",
        "whys": ["It tore."],
    } == same.as_root_cause()


def test_two_people_do_not_overwrite_each_other() -> None:
    """A change is of the version that was seen; an argument adds, and needs none."""
    cause = suggested(ANA)
    after = change(CASE, cause, (), Change(1, text="Resin.", whys=("a", "b")), MIA, NOW)

    assert (2, "Resin.", ("a", "b")) == (after.version, after.text, after.whys)
    with pytest.raises(VersionConflict):
        change(CASE, after, (), Change(1, text="Other."), ANA, NOW)


def test_what_is_missing_or_there_already_is_said() -> None:
    """No words, no such branch, eleven whys, the same cause again, far too many."""
    known = suggested(ANA)
    for text, branch, whys, earlier in (
        (" ", "material", (), ()), ("x", "magic", (), ()), ("x", "people", ("y",) * 11, ()),
        ("brittle  RESIN", "people", (), (known,)), ("x", "people", (), (known,) * MOST_CAUSES),
    ):
        with pytest.raises(GuardFailed):
            suggest(CASE, earlier, branch, text, whys, MIA, NOW, UUID(int=9))
    assert suggest(CASE, (known,), "people", "Brittle resin.", (), VERA, NOW, UUID(int=9))
    with pytest.raises(GuardFailed):
        add_statement(CASE, known, replace(FOR, text=" "), ANA, NOW)


def test_a_vendor_sees_its_own_and_what_is_confirmed() -> None:
    """With its own arguments, never with the shop's, and nothing of another vendor's."""
    shops = add_statement(CASE, suggested(ANA), FOR, ANA, NOW)
    own = add_statement(CASE, suggested(VERA), FOR, ANA, NOW)
    confirmed = judged(shops, ANA, Standing.CONFIRMED)

    assert seen_by(shops, VERA) is None
    assert seen_by(shops, ANN) is shops
    for one in (seen_by(confirmed, VERA), seen_by(own, VERA)):
        assert one is not None
        assert () == one.statements
    assert seen_by(own, VIC) is None
