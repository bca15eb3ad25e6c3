"""The lane of authority: an order, its revocation, and who lifts what it stopped."""

from dataclasses import replace

import pytest

from freezeguard.domain import effects as fx
from freezeguard.domain.errors import GuardFailed, IllegalTransition, NotAllowed
from freezeguard.domain.people import Person, Role
from freezeguard.domain.record import Facts, RunningClock
from freezeguard.domain.transitions import FROZEN_PHASE, Command, State
from tests.domain.casebook import (
    DAY,
    NOW,
    beside_clocks,
    case_in,
    give,
    kinds,
    started,
    vote,
)
from tests.domain.cast import ANA, COL, MIA, OWEN, TOM

ORDER = {"authority": "the office", "document": "order.pdf"}
STORED = {"authority": "the office", "document": "order.pdf", "lane_before": "safety"}
REVOKED = {**STORED, "revocation": {"document": "end.pdf"}}
SEEN = {"evidence_revision": 3}
BOTH = Person("bo", "Bo", frozenset({Role.COMPLIANCE, Role.MANAGER}))
COLLEAGUE = Person("cat", "Cat", frozenset({Role.COMPLIANCE}))


def _refused(case, command, actor, arguments, facts=None):
    with pytest.raises(GuardFailed) as refused:
        give(case, command, actor, arguments, facts)
    return refused.value.missing


def _cast(*people):
    return Facts(votes=tuple(vote(one.id, roles=one.roles) for one in people))


@pytest.mark.parametrize("state", sorted(FROZEN_PHASE))
def test_an_order_on_a_stopped_sale_takes_the_case_over(state):
    """The state stays, votes are void, and everybody hears whose order it is."""
    ordered = give(case_in(state, lane="safety"), Command.REGISTER_ORDER, COL, ORDER)

    assert (state, "authority", 0) == (
        ordered.case.state, ordered.case.lane, ordered.case.recurrence
    )
    assert {
        **ORDER, "jurisdiction": None, "registered_at": NOW.isoformat(), "registered_by": "col",
        "lane_before": "safety",
    } == ordered.case.authority_order
    assert [
        fx.VoidVotes("an order of an authority was registered"), fx.SetHold("hard")
    ] == beside_clocks(ordered)
    assert [
        ("order_registered", "owner"), ("order_registered", "compliance"),
        ("order_registered", "vendor"),
    ] == kinds(ordered)


@pytest.mark.parametrize(("state", "recurrence"), [
    ("suspected", 0), ("reinstating", 1), ("probation", 1), ("appealed", 1),
])
def test_an_order_stops_what_is_sold(state, recurrence):
    """From a suspicion for the first time; else it is a stop in the same case."""
    ordered = give(case_in(state, outcome=None), Command.REGISTER_ORDER, COL, ORDER)

    assert (State.FREEZING, recurrence, NOW, "authority") == (
        ordered.case.state, ordered.case.recurrence, ordered.case.frozen_at, ordered.case.lane
    )
    assert fx.SetHold("hard") in ordered.effects
    assert "authority_order" == ordered.case.reason["reason_code"]


@pytest.mark.parametrize(("given", "sentence"), [
    ({**ORDER, "authority": " "}, "`authority`: whose order it is"),
    ({**ORDER, "document": None}, "`document`: where the document itself is kept"),
])
def test_an_order_has_an_author_and_a_document(given, sentence):
    """Neither alone is an order."""
    assert (sentence,) == _refused(case_in("frozen"), Command.REGISTER_ORDER, COL, given)


@pytest.mark.parametrize("command", [Command.REGISTER_ORDER, Command.RECORD_ACTION])
def test_only_compliance_speaks_of_the_law(command):
    """Neither owner nor manager registers an order or an action."""
    for actor in (OWEN, MIA, ANA):
        with pytest.raises(NotAllowed, match=f"{command} is for: compliance"):
            give(case_in("frozen"), command, actor, ORDER)


def test_a_second_order_remembers_the_lane_before_the_first():
    """What was about safety before any order is about safety after all of them."""
    case = case_in("frozen", lane="authority", authority_order=STORED)

    again = give(case, Command.REGISTER_ORDER, COL, {**ORDER, "document": "two.pdf"})

    assert ("two.pdf", "safety") == (
        again.case.authority_order["document"], again.case.authority_order["lane_before"]
    )


def test_a_new_order_is_not_lifted_by_an_old_revocation():
    """A sale that an order stops again waits for the revocation of that order."""
    frozen = give(
        case_in("probation", authority_order=REVOKED), Command.FREEZE, COL,
        {**ORDER, "lane": "authority"},
    )

    assert not frozen.case.is_revoked
    sentence = "an order of an authority is lifted by its revocation only: `register_revocation`"
    assert sentence in _refused(
        frozen.case, Command.APPROVE, COL, {"evidence_revision": frozen.case.evidence_revision}
    )


def test_a_revocation_lifts_nothing_by_itself():
    """It is kept with its document, asks for the two who may approve, and leaves the hold."""
    case = case_in("diagnosing", lane="authority", authority_order=STORED)

    revoked = give(case, Command.REGISTER_REVOCATION, COL, {"document": "end.pdf"})

    assert (State.DIAGNOSING, True) == (revoked.case.state, revoked.case.is_revoked)
    assert {
        "document": "end.pdf", "authority": "", "registered_at": NOW.isoformat(),
        "registered_by": "col",
    } == revoked.case.authority_order["revocation"]
    assert [fx.VoidVotes("the order was revoked")] == beside_clocks(revoked)
    assert ["owner", "approvers", "compliance"] == [reader for _, reader in kinds(revoked)]
    assert ("`document`: where the document itself is kept",) == _refused(
        case, Command.REGISTER_REVOCATION, COL, {}
    )
    with pytest.raises(IllegalTransition):
        give(case_in("frozen"), Command.REGISTER_REVOCATION, COL, {"document": "end.pdf"})


@pytest.mark.parametrize("state", sorted(FROZEN_PHASE))
@pytest.mark.parametrize(("first", "second"), [
    (COL, MIA), (MIA, COL), (COL, TOM), (BOTH, COL), (COL, BOTH), (BOTH, MIA), (MIA, BOTH),
])
def test_compliance_and_a_manager_lift_a_revoked_order(state, first, second):
    """From any frozen phase, without a remedy; the lane is what it was before the order."""
    case = case_in(state, lane="authority", authority_order=REVOKED)

    waits = give(case, Command.APPROVE, first, SEEN)
    lifted = give(case, Command.APPROVE, second, SEEN, _cast(first))

    assert (state, "authority") == (waits.case.state, waits.case.lane)
    assert [("approval_requested", "approvers"), ("approval_requested", "compliance")] == (
        kinds(waits)
    )
    assert (State.REINSTATING, "safety", (first.id, second.id)) == (
        lifted.case.state, lifted.case.lane, lifted.case.decided_by
    )
    assert fx.ReleaseHold() in lifted.effects
    assert not [one for one in lifted.effects if isinstance(one, fx.JudgeSources)]


@pytest.mark.parametrize(("first", "second"), [(COL, COLLEAGUE), (MIA, TOM), (TOM, MIA)])
def test_two_of_one_kind_lift_nothing(first, second):
    """Two of compliance, or two managers, lack the other pair of eyes."""
    case = case_in("frozen", lane="authority", authority_order=REVOKED)

    assert ("one of compliance and a manager must agree",) == _refused(
        case, Command.APPROVE, second, SEEN, _cast(first)
    )


def test_one_person_with_both_roles_is_one_person():
    """Alone the vote waits, and the same person's second is none."""
    case = case_in("frozen", lane="authority", authority_order=REVOKED)

    assert State.FROZEN is give(case, Command.APPROVE, BOTH, SEEN).case.state
    assert ("you have agreed already; another person must agree too",) == _refused(
        case, Command.APPROVE, BOTH, SEEN, _cast(BOTH)
    )


@pytest.mark.parametrize("actor", [ANA, OWEN])
def test_nobody_else_lifts_an_order(actor):
    """An analyst approves in other lanes, and not in this one."""
    case = case_in("awaiting_approval", lane="authority", authority_order=REVOKED)

    with pytest.raises(NotAllowed, match="approve is for: compliance, manager"):
        give(case, Command.APPROVE, actor, SEEN, _cast(COL))


def _legal(kind):
    return RunningClock(kind, NOW - DAY, NOW + DAY, details={"law": "Article 1"})


@pytest.mark.parametrize("state", ["suspected", "frozen", "delisted", "closed_reinstated"])
def test_an_action_is_recorded_in_every_state(state):
    """Nothing of the case changes: what was done stands in the history."""
    case = case_in(state)

    recorded = give(
        case, Command.RECORD_ACTION, COL, {"clock": "report", "action": "told the office"},
        Facts(clocks=(_legal("report"),)), version=None,
    )

    assert (case, [fx.StopClocks(("report",))]) == (recorded.case, list(recorded.effects))


def test_only_a_clock_of_the_law_is_answered_by_an_action():
    """One that runs, whatever laws are configured by now; and the action is said."""
    clocks = (_legal("report"), RunningClock("diagnosis", NOW, NOW + DAY))
    facts = Facts(clocks=clocks)

    assert ("`clock`: a legal clock that runs on this case (report)",) == _refused(
        case_in("frozen"), Command.RECORD_ACTION, COL, {"clock": "diagnosis", "action": "x"}, facts
    )
    assert (
        "`clock`: a legal clock that runs on this case (none)",
        "`action`: what was done, and who was told",
    ) == _refused(case_in("frozen"), Command.RECORD_ACTION, COL, {"clock": "report"})


def test_each_authority_takes_back_its_own_order():
    """Of two orders the named one is revoked; the lane is lifted with the last of them."""
    case = case_in("frozen")
    for document in ("first.pdf", "second.pdf"):
        order = {"authority": f"office of {document}", "document": document}
        case = replace(give(case, Command.REGISTER_ORDER, COL, order).case, version=4)

    revoke = {"document": "revocation.pdf"}
    assert (
        "`order`: the document of the order that is revoked (second.pdf, first.pdf)",
    ) == _refused(case, Command.REGISTER_REVOCATION, COL, revoke)
    named = {**revoke, "order": "second.pdf"}
    one_left = give(case, Command.REGISTER_REVOCATION, COL, named).case
    assert ("first.pdf", False) == (one_left.authority_order["document"], one_left.is_revoked)
    assert "second.pdf" == one_left.authority_order["revoked"][0]["document"]
    one_left = replace(one_left, version=4)
    assert give(one_left, Command.REGISTER_REVOCATION, COL, revoke).case.is_revoked


def _ordered(case, *orders):
    """Return a case on which orders were registered one after the other."""
    for authority, document in orders:
        order = {"authority": authority, "document": document}
        case = replace(give(case, Command.REGISTER_ORDER, COL, order).case, version=4)
    return case


def test_two_authorities_may_number_their_orders_alike():
    """The revocation of one lifts one: whose it is, is asked where the document does not say."""
    case = _ordered(case_in("frozen"), ("Customs", "ORD-1"), ("Market watch", "ORD-1"))
    revoke = {"document": "end.pdf"}

    for unclear in (revoke, {**revoke, "order": "ORD-1"}):
        (sentence,) = _refused(case, Command.REGISTER_REVOCATION, COL, unclear)
        assert sentence.endswith("whose it is (ORD-1 of Market watch, ORD-1 of Customs)")
    left = give(
        case, Command.REGISTER_REVOCATION, COL, {**revoke, "order": "ORD-1", "authority": "customs"}
    ).case

    assert ["Market watch"] == [one["authority"] for one in left.orders_in_force]
    assert not left.is_revoked
    assert ["Customs"] == [one["authority"] for one in left.authority_order["revoked"]]
    last = give(replace(left, version=4), Command.REGISTER_REVOCATION, COL, revoke)
    assert last.case.is_revoked


def test_the_same_order_is_registered_once():
    """However its authority is written; another document, or another authority's, is another."""
    case = _ordered(case_in("frozen"), ("Market watch", "ORD-1"))

    assert ("`document`: the order ORD-1 of market  WATCH is in force already",) == _refused(
        case, Command.REGISTER_ORDER, COL, {"authority": "market  WATCH", "document": "ORD-1"}
    )
    for other in (("Customs", "ORD-1"), ("Market watch", "ORD-2")):
        assert 2 == len(_ordered(case, other).orders_in_force)
    revoked = give(case, Command.REGISTER_REVOCATION, COL, {"document": "end.pdf"}).case
    anew = _ordered(replace(revoked, version=4), ("Market watch", "ORD-1"))
    assert 1 == len(anew.orders_in_force)


def test_nobody_is_asked_to_approve_while_another_order_stands():
    """The clock of the approval starts with the last revocation: before it nobody can act."""
    case = _ordered(case_in("frozen"), ("Customs", "ORD-1"), ("Market watch", "ORD-2"))

    one = give(case, Command.REGISTER_REVOCATION, COL, {"document": "x", "order": "ORD-1"})
    both = give(replace(one.case, version=4), Command.REGISTER_REVOCATION, COL, {"document": "y"})

    assert "revocation" not in started(one)
    assert "revocation" in started(both)
