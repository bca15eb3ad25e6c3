"""Delisting for good, and how it is appealed: by new facts, before another reviewer."""

from dataclasses import replace

import pytest

from freezeguard.domain import effects as fx
from freezeguard.domain.enforcement import Status
from freezeguard.domain.errors import GuardFailed, IllegalTransition, NotAllowed
from freezeguard.domain.record import Facts
from freezeguard.domain.transitions import FROZEN_PHASE, Command, State
from tests.domain.casebook import (
    DAY,
    HOUR,
    NOW,
    STOPPED,
    beside_clocks,
    case_in,
    give,
    kinds,
    vote,
)
from tests.domain.cast import ANA, ANN, BEN, COL, MAX, MIA, OWEN, TOM, VERA, VIC

WHY = {"reason": "it burns"}
NEW = {"new_facts": "a new seal was tested"}
DELISTED = case_in("delisted", outcome="delisted", decided_by=("mia", "ana"))
CLEARED = case_in("closed_false_alarm", outcome="false_alarm", decided_by=("owen",))
APPEALED = replace(DELISTED, state=State.APPEALED, closed_at=None)


def _refused(case, command, actor, arguments, facts=None, **options):
    with pytest.raises(GuardFailed) as refused:
        give(case, command, actor, arguments, facts, **options)
    return refused.value.missing


def _voted(person, *, manages):
    return Facts(votes=(vote(person, Command.DELIST, is_approver=manages),))


@pytest.mark.parametrize("state", sorted(FROZEN_PHASE))
def test_two_delist_for_good(state):
    """The first vote asks for the second; with it the hold stays and no sale is released."""
    first = give(case_in(state), Command.DELIST, MIA, WHY)
    second = give(case_in(state), Command.DELIST, ANA, WHY, _voted("mia", manages=True))

    assert (state, None) == (first.case.state, first.case.outcome)
    assert [("delist_requested", "approvers")] == kinds(first)
    after, until = second.case, (NOW + 30 * DAY).isoformat()
    assert (State.DELISTED, "delisted", ("mia", "ana"), NOW) == (
        after.state, after.outcome, after.decided_by, after.closed_at
    )
    assert {"until": until, "decided_at": NOW.isoformat()} == after.appeal
    assert [
        fx.VoidVotes("used"), fx.JudgeSignals(), fx.JudgeSources(were_right=True),
        fx.SettlePromise("withdrawn"),
    ] == beside_clocks(second)
    told = {"why": "it burns", "appeal_until": until}
    assert [
        fx.Notify("delisted", "vendor", told), fx.Notify("delisted", "owner", told),
        fx.Notify("outcome", "pullers", {"outcome": "delisted"}),
    ] == [one for one in second.effects if isinstance(one, fx.Notify)]


def test_who_delists():
    """Two people, a manager of the category among them, and each says why."""
    case = case_in("frozen")

    assert ("`reason`: say why",) == _refused(case, Command.DELIST, MIA, {"reason": " "})
    assert ("you have agreed already; another person must agree too",) == _refused(
        case, Command.DELIST, MIA, WHY, _voted("mia", manages=True)
    )
    assert ("one of the approvers must be a manager of the category",) == _refused(
        case, Command.DELIST, COL, WHY, _voted("ana", manages=False)
    )
    for actor in (OWEN, TOM, ANN, VERA):
        with pytest.raises(NotAllowed):
            give(case, Command.DELIST, actor, WHY)
    with pytest.raises(IllegalTransition):
        give(case_in("frozen", lane="authority"), Command.DELIST, MIA, WHY)


def test_what_is_delisted_is_waived_nowhere():
    """The clock that would end a waiver ends with the case, so the waiver ends at once."""
    facts = replace(
        _voted("mia", manages=True), objects=(STOPPED, replace(STOPPED, remote_id="p-2",
                                                               status=Status.WAIVED)),
    )

    delisted = give(case_in("frozen"), Command.DELIST, ANA, WHY, facts)

    assert [fx.UnwaiveObject("shop", "p-2"), fx.LookAgain()] == beside_clocks(delisted)[-2:]


@pytest.mark.parametrize(("case", "actor"), [(DELISTED, VERA), (CLEARED, ANN), (CLEARED, OWEN)])
def test_new_facts_open_an_appeal(case, actor):
    """The case is open again, with the day of its answer; reviewers and owner hear of it."""
    appealed = give(case, Command.APPEAL, actor, NEW)

    after = appealed.case
    assert (State.APPEALED, None, case.outcome) == (after.state, after.closed_at, after.outcome)
    assert (actor.id, NEW["new_facts"]) == (after.appeal["by"], after.appeal["new_facts"])
    assert [("appealed", "reviewers"), ("appealed", "owner")] == kinds(appealed)
    assert [] == beside_clocks(appealed)


@pytest.mark.parametrize(("case", "actors"), [
    (DELISTED, (VIC, OWEN, MIA)), (CLEARED, (VERA, VIC)),
])
def test_who_appeals(case, actors):
    """The vendor a delisting, staff a false alarm; neither the other's."""
    for actor in actors:
        with pytest.raises(NotAllowed):
            give(case, Command.APPEAL, actor, NEW)


def test_what_is_no_appeal():
    """Nothing new, too late, twice, or where a case is open already: each has its sentence."""
    late = NOW - HOUR + 30 * DAY

    assert ("`new_facts`: what was not known when it was decided",) == _refused(
        DELISTED, Command.APPEAL, VERA, {"new_facts": " "}
    )
    assert State.APPEALED is give(DELISTED, Command.APPEAL, VERA, NEW, now=late).case.state
    assert ("the time to appeal ended on 2026-12-20",) == _refused(
        DELISTED, Command.APPEAL, VERA, NEW, now=late + HOUR
    )
    assert ("this decision has been appealed, and the appeal was answered",) == _refused(
        replace(DELISTED, appeal={"answered_at": "then"}), Command.APPEAL, VERA, NEW
    )
    assert ("a case is open for K-1; take the new facts there",) == _refused(
        DELISTED, Command.APPEAL, VERA, NEW, Facts(open_scopes=(DELISTED.scope,))
    )


def test_a_later_decision_can_be_appealed_again():
    """An appeal was of one decision: what was reopened and declared false is another one."""
    reopened = give(
        replace(APPEALED, appeal={"at": "then"}), Command.REOPEN, MAX, {"reason": "new facts"}
    ).case
    declared = give(
        reopened, Command.DECLARE_FALSE_ALARM, OWEN, {"reason_code": "rule_error"}
    ).case
    closed = replace(declared, state=State.CLOSED_FALSE_ALARM, closed_at=NOW)

    assert reopened.appeal["answered_at"]
    assert State.APPEALED is give(closed, Command.APPEAL, ANN, NEW).case.state


@pytest.mark.parametrize("command", [Command.REOPEN, Command.UPHOLD])
def test_who_decided_does_not_judge(command):
    """Another manager, analyst or compliance does, and says why."""
    for actor in (MIA, ANA):
        assert ("who decided does not judge the appeal; another reviewer does",) == _refused(
            APPEALED, command, actor, WHY
        )
    assert ("`reason`: say why",) == _refused(APPEALED, command, MAX, {})
    for actor in (OWEN, BEN, VERA):
        with pytest.raises(NotAllowed, match=f"{command} is for: reviewer"):
            give(APPEALED, command, actor, WHY)
    for actor in (MAX, TOM, COL):
        assert give(APPEALED, command, actor, WHY).case.appeal["answered_by"] == actor.id


def test_a_reopened_case_begins_anew_and_is_no_recurrence():
    """The sale stays stopped; the vendor hears that its appeal was heard."""
    reopened = give(APPEALED, Command.REOPEN, MAX, WHY)

    after = reopened.case
    assert (State.FREEZING, 0, 4, None, ()) == (
        after.state, after.recurrence, after.evidence_revision, after.outcome, after.decided_by
    )
    assert "reopened" == after.appeal["answer"]
    assert fx.SetHold("hard") in reopened.effects
    assert {("appeal_reopened", "vendor"), ("appeal_reopened", "owner")} <= set(kinds(reopened))


@pytest.mark.parametrize(("outcome", "state"), [
    ("delisted", State.DELISTED), ("false_alarm", State.CLOSED_FALSE_ALARM),
])
def test_what_is_upheld_goes_back_to_where_it_came_from(outcome, state):
    """No hold is touched: what was stopped stays stopped, what was sold is sold."""
    upheld = give(replace(APPEALED, outcome=outcome), Command.UPHOLD, MAX, WHY)

    assert (state, NOW, "upheld") == (
        upheld.case.state, upheld.case.closed_at, upheld.case.appeal["answer"]
    )
    assert [] == beside_clocks(upheld)
    assert [("appeal_upheld", "vendor"), ("appeal_upheld", "owner")] == kinds(upheld)


def test_a_vendor_never_hears_of_a_suspicion_that_was_appealed():
    """It was dismissed before the vendor was told anything."""
    case = replace(APPEALED, outcome="false_alarm", frozen_at=None)

    assert [("appeal_upheld", "owner")] == kinds(give(case, Command.UPHOLD, MAX, WHY))


def test_an_unknown_decision_is_not_upheld():
    """Where the outcome is lost nobody guesses where the case came from."""
    assert ("the decision that was appealed is not known",) == _refused(
        replace(APPEALED, outcome=None), Command.UPHOLD, MAX, WHY
    )


@pytest.mark.parametrize("actor", [ANN, ANA, MIA, COL])
def test_a_pull_does_not_answer_the_appeal_of_what_is_delisted(actor):
    """Two stopped it for good: one who pulls again must not put their decision aside."""
    assert ("it is delisted; the appeal is answered by `reopen` or `uphold`",) == _refused(
        APPEALED, Command.FREEZE, actor, {"reason_code": "safety_injury"}
    )


def test_what_was_cleared_and_is_sold_is_stopped_by_a_pull_while_it_is_appealed():
    """There the sale goes on: when unsure, pause."""
    appealed = replace(CLEARED, state=State.APPEALED, closed_at=None)

    assert State.FREEZING is give(
        appealed, Command.FREEZE, ANN, {"reason_code": "defective"}
    ).case.state
