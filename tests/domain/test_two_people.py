"""Two-person commands compare people: who counts, for how long, on which evidence."""

from dataclasses import replace
from datetime import timedelta

import pytest

from freezeguard.domain import effects as fx
from freezeguard.domain.case import Decision, votes_cast
from freezeguard.domain.enforcement import Status
from freezeguard.domain.errors import GuardFailed, NotAllowed
from freezeguard.domain.record import Case, Facts, Vote
from freezeguard.domain.transitions import Command, State
from tests.domain.casebook import (
    HOUR,
    NOW,
    PENDING,
    REFUSED,
    STOPPED,
    approval,
    case_in,
    give,
    kinds,
    vote,
)
from tests.domain.cast import ADA, ANA, COL, MAX, MIA, OWEN, READER, TILL, TOM

SAFETY = case_in(State.AWAITING_APPROVAL, lane="safety")


def _approve(case: Case, person: object, *votes: Vote, **arguments: object) -> Decision:
    return give(case, Command.APPROVE, person, approval(**arguments), Facts(votes=votes))


@pytest.mark.parametrize(
    ("case", "objects"),
    [
        (SAFETY, (STOPPED,)),
        (case_in(State.AWAITING_APPROVAL, recurrence=1), (STOPPED,)),
        (case_in(State.AWAITING_APPROVAL, degraded=True), (STOPPED,)),
        (case_in(State.AWAITING_APPROVAL), (REFUSED,)),
        (case_in(State.AWAITING_APPROVAL), (replace(STOPPED, status=Status.WAIVED),)),
    ],
    ids=["safety", "recurrence", "degraded", "just read as refused", "waiver"],
)
def test_when_a_second_approver_is_needed(case, objects):
    """Safety, a recurrence, a waiver, or enforcement that falls short: one vote only waits."""
    named = {"unconfirmed": [REFUSED.name]}

    first = give(case, Command.APPROVE, MIA, approval(**named), Facts(objects=objects))

    assert State.AWAITING_APPROVAL is first.case.state
    assert first.case.reinstated_at is None
    second = give(
        case, Command.APPROVE, COL, approval(**named),
        Facts(objects=objects, votes=(vote("mia", unconfirmed=frozenset(named["unconfirmed"])),)),
    )
    assert State.REINSTATING is second.case.state


def test_a_vote_past_what_still_sells_does_not_count():
    """Given while everything was stopped: once an object refuses, that person must look again."""
    named = approval(unconfirmed=[REFUSED.name])
    facts = Facts(objects=(REFUSED,), votes=(vote("mia"),))

    second = give(SAFETY, Command.APPROVE, COL, named, facts)

    assert State.AWAITING_APPROVAL is second.case.state
    again = give(SAFETY, Command.APPROVE, MIA, named, facts)
    assert ["mia"] == [one.person for one in again.effects if isinstance(one, fx.CastVote)]


def test_the_vote_of_somebody_who_may_not_vote_any_more_does_not_count():
    """A role that was taken away meanwhile takes the first vote along."""
    left = vote("col", is_approver=False, may_vote=False)
    assert State.AWAITING_APPROVAL is _approve(SAFETY, MIA, left).case.state


def test_the_first_vote_is_a_row_of_its_own():
    """It holds command, person, arguments, evidence and a day of life; the state stays."""
    first = _approve(SAFETY, MIA)

    assert [
        fx.CastVote("approve", "mia", {"evidence_revision": 3}, 3, NOW + 24 * HOUR),
        fx.Notify("approval_requested", "approvers", {"second_needed": True}),
    ] == list(first.effects)
    assert (State.AWAITING_APPROVAL, 5, 3) == (
        first.case.state, first.case.version, first.case.evidence_revision
    )


@pytest.mark.parametrize("second", [MAX, TOM, ANA, COL])
def test_who_may_be_the_second_approver(second):
    """Another manager (of any category), an analyst or compliance."""
    assert State.REINSTATING is _approve(SAFETY, second, vote("mia")).case.state


def test_the_same_person_twice_is_one_person():
    """Whoever has agreed is told so, and nothing is stored twice."""
    with pytest.raises(GuardFailed, match="you have agreed already"):
        _approve(SAFETY, MIA, vote("mia"))


def test_agreeing_again_counts_once_the_first_time_no_longer_does():
    """After a vote has expired, or saw older evidence, the same person may vote once more."""
    for old in (vote("mia", expires_at=NOW), vote("mia", evidence_revision=2)):
        again = _approve(SAFETY, MIA, old)
        assert State.AWAITING_APPROVAL is again.case.state
        assert 1 == sum(isinstance(one, fx.CastVote) for one in again.effects)


@pytest.mark.parametrize(
    "lapsed",
    [
        vote("max", expires_at=NOW),
        vote("max", evidence_revision=2),
        vote("max", Command.DECLARE_FALSE_ALARM),
    ],
    ids=["expired", "older evidence", "another command"],
)
def test_votes_that_do_not_count(lapsed):
    """A vote that has expired, saw older evidence or was for something else adds nothing."""
    assert State.AWAITING_APPROVAL is _approve(SAFETY, MIA, lapsed).case.state


def test_a_vote_counts_to_its_last_moment():
    """A vote lives for the whole of its day, and not a moment longer."""
    living = vote("max", expires_at=NOW + timedelta(microseconds=1))

    assert State.REINSTATING is _approve(SAFETY, MIA, living).case.state


def test_without_a_manager_of_the_category_nobody_reinstates():
    """Analyst and compliance together, or with another category's manager, are not enough."""
    for one, other in ((ANA, COL), (COL, ANA), (TOM, ANA), (ANA, TOM)):
        with pytest.raises(GuardFailed, match="must be a manager of the category"):
            _approve(SAFETY, one, vote(other.id, is_approver=False))
    with pytest.raises(GuardFailed, match="must be a manager of the category"):
        _approve(case_in(State.AWAITING_APPROVAL), ANA)


def test_an_analyst_may_go_first():
    """The order of the two does not matter, as long as one of them manages the category."""
    first = _approve(SAFETY, ANA)
    second = _approve(SAFETY, MIA, vote("ana", is_approver=False))

    assert State.AWAITING_APPROVAL is first.case.state
    assert State.REINSTATING is second.case.state


@pytest.mark.parametrize("author", ["remedy_author", "approval_requested_by"])
def test_an_author_is_neither_the_first_nor_the_second(author):
    """A second pair of eyes is not the author's own."""
    case = case_in(State.AWAITING_APPROVAL, lane="safety", **{author: ANA.id})

    for votes in ((), (vote("mia"),)):
        with pytest.raises(GuardFailed, match="another person approves"):
            _approve(case, ANA, *votes)


@pytest.mark.parametrize("actor", [ADA, OWEN, TILL, READER])
@pytest.mark.parametrize("votes", [(), (vote("mia"),)])
def test_nobody_is_exempt(actor, votes):
    """An admin, an owner without a role, a machine key: none of them is an approver."""
    with pytest.raises(NotAllowed):
        _approve(SAFETY, actor, *votes)


def test_every_vote_names_what_is_not_confirmed():
    """While degraded, first and second approver each name every unconfirmed object."""
    case = case_in(State.AWAITING_APPROVAL, degraded=True)
    objects = (STOPPED, REFUSED, replace(PENDING, catalogue="web", remote_id="w"))

    for votes in ((), (vote("max"),)):
        facts = Facts(objects=objects, votes=votes)
        with pytest.raises(GuardFailed) as refused:
            give(case, Command.APPROVE, MIA, approval(), facts)
        assert (
            "`unconfirmed`: name till/t-9, which is refused",
            "`unconfirmed`: name web/w, which is pending",
        ) == refused.value.missing
        with pytest.raises(GuardFailed, match="name web/w"):
            give(case, Command.APPROVE, MIA, approval(unconfirmed=["till/t-9"]), facts)
        give(case, Command.APPROVE, MIA, approval(unconfirmed=["till/t-9", "web/w"]), facts)


def test_a_false_alarm_about_safety_takes_two():
    """The first vote leaves the state; the second, another person's, releases."""
    case, arguments = case_in(State.FROZEN, lane="safety"), {"reason_code": "abuse"}

    first = give(case, Command.DECLARE_FALSE_ALARM, OWEN, arguments)

    assert (State.FROZEN, None) == (first.case.state, first.case.outcome)
    assert (
        fx.CastVote("declare_false_alarm", "owen", arguments, 3, NOW + 24 * HOUR),
    ) == first.effects
    cast = vote("owen", Command.DECLARE_FALSE_ALARM, is_approver=False)
    second = give(case, Command.DECLARE_FALSE_ALARM, ANA, arguments, Facts(votes=(cast,)))
    assert (State.REINSTATING, "false_alarm") == (second.case.state, second.case.outcome)


def test_a_false_alarm_is_never_declared_without_the_owner():
    """Two others together can't; nor can one other in an ordinary case."""
    arguments = {"reason_code": "abuse"}
    cast = vote("mia", Command.DECLARE_FALSE_ALARM)

    with pytest.raises(GuardFailed, match="the owner must be one"):
        give(
            case_in(State.FROZEN, lane="safety"), Command.DECLARE_FALSE_ALARM, ANA, arguments,
            Facts(votes=(cast,)),
        )
    with pytest.raises(GuardFailed, match="the owner must be one"):
        give(case_in(State.FROZEN), Command.DECLARE_FALSE_ALARM, MIA, arguments)


def test_the_owner_alone_does_not_declare_a_safety_case_false():
    """The same owner twice is one person."""
    cast = vote("owen", Command.DECLARE_FALSE_ALARM)

    with pytest.raises(GuardFailed, match="you have agreed already"):
        give(
            case_in(State.FROZEN, lane="safety"), Command.DECLARE_FALSE_ALARM, OWEN,
            {"reason_code": "abuse"}, Facts(votes=(cast,)),
        )


def test_how_many_others_have_agreed_is_shown():
    """A caller sees how many live votes of others there are, his own left out."""
    facts = Facts(votes=(vote("mia"), vote("max"), vote("tom", expires_at=NOW)))

    assert 2 == votes_cast(SAFETY, Command.APPROVE, COL, NOW, facts)
    assert 1 == votes_cast(SAFETY, Command.APPROVE, MIA, NOW, facts)


def test_one_vote_is_enough_where_one_is_needed():
    """An ordinary case asks nobody twice: no vote row, no request for a second."""
    approved = _approve(case_in(State.AWAITING_APPROVAL), MIA)

    assert State.REINSTATING is approved.case.state
    assert [] == kinds(approved)
