"""Diagnosis, remedy, approval: what each step writes, asks for and refuses."""

from dataclasses import replace
from datetime import timedelta

import pytest

from freezeguard.domain import effects as fx
from freezeguard.domain.errors import GuardFailed
from freezeguard.domain.record import Facts
from freezeguard.domain.transitions import FROZEN_PHASE, Command, State
from tests.domain.casebook import (
    NOW,
    REMEDY,
    STOPPED,
    VERIFICATION,
    approval,
    beside_clocks,
    case_in,
    give,
    kinds,
    without_clocks,
)
from tests.domain.cast import DETECTOR, MAX, MIA, OWEN, TOM, VERA

NO_APPROVAL = (None, None, None)


@pytest.mark.parametrize("state", [State.FREEZING, State.FROZEN])
def test_the_owner_opens_the_diagnosis(state):
    """Accepting ownership opens the sheet, with like cases linked, confirmed or not."""
    taken = give(case_in(state), Command.ACCEPT_OWNERSHIP, OWEN, {"similar_cases": ["c-1"]})

    assert State.DIAGNOSING is taken.case.state
    assert {
        "opened_at": NOW.isoformat(), "opened_by": "owen", "similar_cases": ["c-1"]
    } == taken.case.diagnosis
    assert [] == without_clocks(taken)


@pytest.mark.parametrize("author", [VERA, OWEN])
def test_vendor_and_owner_propose_a_remedy(author):
    """A complete remedy is kept with its author, whom a later approver may not be."""
    proposed = give(case_in(State.DIAGNOSING), Command.PROPOSE_REMEDY, author, {"remedy": REMEDY})

    assert (State.REMEDY_PROPOSED, REMEDY, author.id) == (
        proposed.case.state, proposed.case.remedy, proposed.case.remedy_author
    )


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ({"cause": {**REMEDY["cause"], "branch": "luck"}}, "the branch of the root cause"),
        ({"cause": {**REMEDY["cause"], "description": " "}}, "what the root cause is"),
        ({"cause": {**REMEDY["cause"], "proof": None}}, "the proof of the root cause"),
        ({"containment": {**REMEDY["containment"], "own_stock": ""}}, "the shop's own stock"),
        ({"containment": {**REMEDY["containment"], "vendor_stock": 1}}, "the vendor's stock"),
        ({"containment": {**REMEDY["containment"], "in_transit": ""}}, "goods in transit"),
        ({"corrective_action": ""}, "the corrective action"),
        ({"preventive_action": None}, "the preventive action"),
    ],
)
def test_an_incomplete_remedy_is_told_what_it_lacks(change, missing):
    """Cause with branch and proof, containment in three places, both actions: all or nothing."""
    with pytest.raises(GuardFailed) as refused:
        give(
            case_in(State.DIAGNOSING), Command.PROPOSE_REMEDY, VERA,
            {"remedy": {**REMEDY, **change}},
        )

    assert 1 == len(refused.value.missing)
    assert missing in refused.value.missing[0]


def test_a_returned_remedy_tells_the_vendor_only_what_is_missing():
    """The round is counted, and the vendor's notice holds the list and nothing else."""
    returned = give(
        case_in(State.REMEDY_PROPOSED), Command.RETURN_REMEDY, OWEN, {"missing": ["the proof"]}
    )

    assert (State.DIAGNOSING, 1) == (returned.case.state, returned.case.remedy_rounds)
    assert [
        fx.Notify("remedy_returned", "vendor", {"missing": ["the proof"]}),
    ] == without_clocks(returned)


@pytest.mark.parametrize("missing", [None, []])
def test_a_remedy_is_not_returned_without_a_list(missing):
    """Nobody sends a vendor back without saying what for."""
    with pytest.raises(GuardFailed, match="list exactly what is missing"):
        give(case_in(State.REMEDY_PROPOSED), Command.RETURN_REMEDY, OWEN, {"missing": missing})


@pytest.mark.parametrize("rounds", [0, 1])
def test_the_owner_judges_two_rounds(rounds):
    """Until twice returned, a remedy is the owner's to judge."""
    case = case_in(State.REMEDY_PROPOSED, remedy_rounds=rounds)

    assert rounds + 1 == give(
        case, Command.RETURN_REMEDY, OWEN, {"missing": ["x"]}
    ).case.remedy_rounds
    with pytest.raises(GuardFailed, match="the owner judges the first two rounds"):
        give(case, Command.RETURN_REMEDY, MIA, {"missing": ["x"]})


@pytest.mark.parametrize("rounds", [2, 3])
def test_the_third_round_is_judged_elsewhere(rounds):
    """From the third round on another manager judges, of whatever category; never the owner."""
    case = case_in(State.REMEDY_PROPOSED, remedy_rounds=rounds)

    with pytest.raises(GuardFailed, match="another manager than the owner"):
        give(case, Command.RETURN_REMEDY, OWEN, {"missing": ["x"]})
    for manager in (MIA, TOM):
        assert State.DIAGNOSING is give(
            case, Command.RETURN_REMEDY, manager, {"missing": ["x"]}
        ).case.state


def test_who_judged_the_first_two_rounds_does_not_judge_the_third():
    """Not even as a manager who has handed the case off since: the third round is for new eyes."""
    first = give(case_in(State.REMEDY_PROPOSED), Command.RETURN_REMEDY, OWEN, {"missing": ["x"]})
    again = replace(first.case, state=State.REMEDY_PROPOSED, owner=MIA.id)
    second = give(again, Command.RETURN_REMEDY, MIA, {"missing": ["x"]})
    third = replace(second.case, state=State.REMEDY_PROPOSED, owner=OWEN.id)

    with pytest.raises(GuardFailed, match="a manager who has not judged the first two"):
        give(third, Command.RETURN_REMEDY, MIA, {"missing": ["x"]})
    judged = give(third, Command.RETURN_REMEDY, TOM, {"missing": ["x"]})
    fourth = replace(judged.case, state=State.REMEDY_PROPOSED)
    assert State.DIAGNOSING is give(
        fourth, Command.RETURN_REMEDY, TOM, {"missing": ["x"]}
    ).case.state


def test_a_manager_who_owns_the_case_does_not_judge_its_third_round():
    """Owner and manager in one person is still the owner."""
    case = case_in(State.REMEDY_PROPOSED, remedy_rounds=2, owner=MIA.id)

    with pytest.raises(GuardFailed, match="another manager than the owner"):
        give(case, Command.RETURN_REMEDY, MIA, {"missing": ["x"]})


def test_a_request_for_approval_is_pinned_to_the_evidence():
    """What the approvers are shown is fixed, and customers who come later count as new."""
    case = case_in(State.REMEDY_PROPOSED, known_evidence={"new_customers": ["aa"], "severity": 2})

    asked = give(case, Command.REQUEST_APPROVAL, OWEN, {"verification": VERIFICATION})

    after = asked.case
    assert (State.AWAITING_APPROVAL, 3, NOW, "owen") == (
        after.state, after.approval_evidence, after.approval_requested_at,
        after.approval_requested_by,
    )
    assert VERIFICATION == after.verification
    assert {"new_customers": [], "severity": 2} == after.known_evidence
    assert [fx.Notify("approval_requested", "approvers")] == without_clocks(asked)


@pytest.mark.parametrize("verification", [None, {}, {"result": " "}])
def test_approval_is_not_asked_without_verification(verification):
    """Somebody has looked, and says with what result."""
    with pytest.raises(GuardFailed, match="`verification`"):
        give(
            case_in(State.REMEDY_PROPOSED), Command.REQUEST_APPROVAL, OWEN,
            {"verification": verification},
        )


def test_a_rejection_is_told_to_both_sides():
    """Votes are void, the request is gone, owner and vendor hear why."""
    rejected = give(
        case_in(State.AWAITING_APPROVAL), Command.REJECT_APPROVAL, MIA, {"reason": "no proof"}
    )

    assert State.DIAGNOSING is rejected.case.state
    assert NO_APPROVAL == (
        rejected.case.approval_requested_at, rejected.case.approval_requested_by,
        rejected.case.approval_evidence,
    )
    why = {"why": "no proof"}
    assert [
        fx.VoidVotes("the approval was rejected"),
        fx.Notify("approval_rejected", "owner", why),
        fx.Notify("approval_rejected", "vendor", why),
    ] == without_clocks(rejected)


def test_new_evidence_voids_an_approval():
    """The system takes the request back; approvers, owner and vendor hear of the news."""
    voided = give(
        case_in(State.AWAITING_APPROVAL), Command.VOID_APPROVAL, DETECTOR,
        {"reason": "new lot L2"}, version=None,
    )

    assert (State.DIAGNOSING, None) == (voided.case.state, voided.case.approval_evidence)
    assert [fx.VoidVotes("new lot L2")] == beside_clocks(voided)
    assert [
        ("approval_voided", "approvers"), ("approval_voided", "owner"),
        ("approval_voided", "vendor"),
    ] == kinds(voided)


def test_one_approver_reinstates_an_ordinary_case():
    """The hold is releasing (not released), complaints are judged, the votes are used."""
    approved = give(
        case_in(State.AWAITING_APPROVAL, release_tries=3), Command.APPROVE, MIA, approval(),
        Facts(objects=(STOPPED,)),
    )

    after = approved.case
    assert (State.REINSTATING, NOW, 0, None) == (
        after.state, after.reinstated_at, after.release_tries, after.approval_evidence
    )
    assert [
        fx.VoidVotes("used"), fx.JudgeSignals(), fx.SettlePromise("kept"), fx.ReleaseHold(),
        fx.CloseTasks("stop"), fx.JudgeSources(were_right=True),
    ] == without_clocks(approved)
    assert ("mia",) == after.decided_by


@pytest.mark.parametrize("author", ["remedy_author", "approval_requested_by"])
def test_an_author_does_not_approve(author):
    """Neither who wrote the remedy nor who asked for the approval may give it."""
    case = case_in(State.AWAITING_APPROVAL, **{author: MIA.id})

    with pytest.raises(GuardFailed, match="another person approves"):
        give(case, Command.APPROVE, MIA, approval())
    assert State.REINSTATING is give(case, Command.APPROVE, MAX, approval()).case.state


@pytest.mark.parametrize("seen", [None, 2, 4, "3"])
def test_an_approval_names_the_evidence_that_it_saw(seen):
    """An approval given on any other evidence than the present is none."""
    with pytest.raises(GuardFailed, match="the evidence is at revision 3"):
        give(case_in(State.AWAITING_APPROVAL), Command.APPROVE, MIA, {"evidence_revision": seen})


def test_an_approval_is_refused_when_the_request_saw_older_evidence():
    """Evidence that rose after the request is not approved, even by who has seen it."""
    case = case_in(State.AWAITING_APPROVAL, approval_evidence=2)

    with pytest.raises(GuardFailed, match="the evidence is at revision 3"):
        give(case, Command.APPROVE, MIA, approval())


def test_an_approval_waits_for_news_that_is_still_being_read():
    """Signals that are stored and not yet evaluated may be the news that voids the approval."""
    with pytest.raises(GuardFailed, match="new signals have just arrived"):
        give(
            case_in(State.AWAITING_APPROVAL), Command.APPROVE, MIA, approval(),
            Facts(news_pending=True),
        )


def test_an_order_is_not_lifted_by_an_approval():
    """In the lane authority an approval is refused until the revocation is registered."""
    with pytest.raises(GuardFailed, match="lifted by its revocation only"):
        give(case_in(State.AWAITING_APPROVAL, lane="authority"), Command.APPROVE, MIA, approval())


@pytest.mark.parametrize("state", sorted(FROZEN_PHASE))
def test_the_owner_declares_a_false_alarm_from_the_first_minute(state):
    """Release, no probation, judged complaints, a score for rule and source."""
    declared = give(
        case_in(state), Command.DECLARE_FALSE_ALARM, OWEN, {"reason_code": "rule_error"}
    )

    after = declared.case
    assert (State.REINSTATING, "false_alarm", NOW, {"false_alarm": "rule_error"}) == (
        after.state, after.outcome, after.reinstated_at, after.verification
    )
    assert NO_APPROVAL == (
        after.approval_requested_at, after.approval_requested_by, after.approval_evidence
    )
    assert [
        fx.VoidVotes("used"), fx.JudgeSignals(usual=True), fx.ScoreFalseAlarm(),
        fx.SettlePromise("withdrawn"), fx.ReleaseHold(), fx.CloseTasks("stop"),
    ] == without_clocks(declared)
    assert ("owen",) == after.decided_by


@pytest.mark.parametrize("code", ["wrong_item", "delivery_fault", "abuse", "duplicate_evidence"])
def test_complaints_that_were_not_about_the_item_teach_nothing(code):
    """Only where the rule alone was wrong do its complaints tell what is usual for the item."""
    declared = give(case_in("frozen"), Command.DECLARE_FALSE_ALARM, OWEN, {"reason_code": code})

    assert fx.JudgeSignals(usual=False) in declared.effects


@pytest.mark.parametrize(
    ("code", "against"),
    [("wrong_item", True), ("abuse", True), ("duplicate_evidence", True),
     ("delivery_fault", False), ("rule_error", False)],
)
def test_what_speaks_against_the_source(code, against):
    """Abuse, doubles and the wrong item are the source's; a carrier or a rule is not its fault."""
    declared = give(case_in("frozen"), Command.DECLARE_FALSE_ALARM, OWEN, {"reason_code": code})

    assert against is (fx.JudgeSources(were_right=False) in declared.effects)


@pytest.mark.parametrize(
    "code", ["wrong_item", "delivery_fault", "abuse", "duplicate_evidence", "rule_error"]
)
def test_the_five_reasons_of_a_false_alarm(code):
    """Each of the design's five codes is one; anything else is refused with the list."""
    case = case_in(State.FROZEN)

    assert "false_alarm" == give(
        case, Command.DECLARE_FALSE_ALARM, OWEN, {"reason_code": code}
    ).case.outcome
    with pytest.raises(GuardFailed, match=f"one of .*{code}"):
        give(case, Command.DECLARE_FALSE_ALARM, OWEN, {"reason_code": code.upper()})


def test_a_comment_of_staff_changes_nothing():
    """A comment needs no version and leaves the case as it is."""
    case = case_in(State.FROZEN)

    commented = give(case, Command.COMMENT, OWEN, {"comment": "on it"}, version=1)

    assert (case, ()) == (commented.case, commented.effects)


def test_approval_takes_the_clock_as_an_argument():
    """The moment of reinstatement is the one given: nothing here reads a clock."""
    later = NOW + timedelta(hours=5)

    approved = give(case_in(State.AWAITING_APPROVAL), Command.APPROVE, MIA, approval(), now=later)

    assert later == approved.case.reinstated_at
