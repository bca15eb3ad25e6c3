"""Wider, narrower, merged: what is stopped never slips out on the way."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from freezeguard.domain import effects as fx
from freezeguard.domain.acts.scopes import OTHER_NAMED
from freezeguard.domain.case import take_news
from freezeguard.domain.enforcement import ObjectState, Status
from freezeguard.domain.errors import GuardFailed, IllegalTransition
from freezeguard.domain.record import Facts
from freezeguard.domain.scope import Scope
from freezeguard.domain.transitions import FROZEN_PHASE, Command, State
from tests.domain.casebook import (
    DAY,
    NOW,
    STOPPED,
    beside_clocks,
    case_in,
    give,
    kinds,
    running,
    stopped,
    vote,
    without_clocks,
)
from tests.domain.cast import COL, MAX, MIA, OWEN, RECONCILER, TOM

ALL, LOT, WEB = Scope("K-1"), Scope("K-1", lot="L1"), Scope("K-1", lot="L1", channel="web")
WIDER = {"scope": {}, "reason": "a second lot"}
LESS = {"scope": {"lot": "L1"}, "reason": "one lot only", "evidence_revision": 3}
NARROWING = {"scope": {"sku": "K-1", "lot": "L1"}, "since": NOW.isoformat(), "why": "one lot"}
OLDER = UUID(int=3)
DISPUTE = {"by": "vera", "reason": "not ours", "answer_by": (NOW + DAY).isoformat()}
ANSWERED = {**DISPUTE, "answered_at": NOW.isoformat(), "answer": "It is."}


def _refused(case, command, actor, arguments, facts=None):
    with pytest.raises(GuardFailed) as refused:
        give(case, command, actor, arguments, facts)
    return refused.value.missing


# ------------------------------------------------------------------------------------ wider


@pytest.mark.parametrize("state", sorted(FROZEN_PHASE))
def test_more_is_stopped_at_once(state):
    """Hold, evidence, votes and notices in one decision; a scope inside the wider one is gone."""
    case = case_in(state, scope=LOT, further_scopes=(WEB,), narrowing=NARROWING)

    widened = give(case, Command.WIDEN, OWEN, WIDER)

    after = widened.case
    assert (state, ALL, (), None, 4) == (
        after.state, after.scope, after.further_scopes, after.narrowing, after.evidence_revision
    )
    assert [fx.VoidVotes("the scope was widened"), fx.SetHold("hard")] == beside_clocks(widened)
    told = {"from_scope": LOT.as_dict(), "why": "a second lot"}
    assert [
        fx.Notify("widened", "vendor", told), fx.Notify("widened", "owner", told)
    ] == [one for one in widened.effects if isinstance(one, fx.Notify)]


@pytest.mark.parametrize(("state", "outcome", "holds"), [
    ("appealed", "delisted", True), ("appealed", "false_alarm", False),
    ("reinstating", None, False), ("probation", None, False),
])
def test_widening_stops_only_what_is_stopped(state, outcome, holds):
    """Where the sale was found sound, or starts again, a wider scope holds nothing by itself."""
    widened = give(
        case_in(state, scope=LOT, outcome=outcome), Command.WIDEN, OWEN, WIDER
    )

    assert holds == (fx.SetHold("hard") in widened.effects)


@pytest.mark.parametrize(("scope", "sentence"), [
    ({"sku": "K-2"}, "`scope`: a case is about one SKU; another one needs a case of its own"),
    ({"lot": "L1"}, "`scope`: it must cover K-1 (lot L1), and more"),
    ({"lot": "L2"}, "`scope`: it must cover K-1 (lot L1), and more"),
])
def test_wider_means_wider(scope, sentence):
    """The same, another or a narrower scope is none."""
    assert sentence in _refused(
        case_in("frozen", scope=LOT), Command.WIDEN, OWEN, {"scope": scope, "reason": "x"}
    )


def test_a_scope_that_has_its_case_is_merged_instead():
    """One open case per exact scope, whichever way one gets there."""
    facts = Facts(open_scopes=(ALL,))
    sentence = "another case is open for exactly {}; merge with it instead"

    assert (sentence.format(ALL),) == _refused(
        case_in("frozen", scope=LOT), Command.WIDEN, OWEN, WIDER, facts
    )
    assert (sentence.format(LOT),) == _refused(
        case_in("frozen"), Command.NARROW, MIA, LESS, Facts(open_scopes=(LOT,))
    )


@pytest.mark.parametrize(("command", "actor", "arguments"), [
    (Command.WIDEN, OWEN, WIDER), (Command.NARROW, MIA, LESS),
])
def test_another_scope_has_a_reason(command, actor, arguments):
    """Said, not left to be guessed."""
    scope = LOT if command is Command.WIDEN else ALL

    assert ("`reason`: say why",) == _refused(
        case_in("frozen", scope=scope), command, actor, {**arguments, "reason": " "}
    )


# ---------------------------------------------------------------------------------- narrower


def test_one_manager_narrows_an_ordinary_case_and_nothing_is_released_yet():
    """The narrow hold is set beside the wide one; the case's scope stays until it is read back."""
    narrowed = give(case_in("frozen"), Command.NARROW, MIA, LESS)

    assert (ALL, 4) == (narrowed.case.scope, narrowed.case.evidence_revision)
    assert {"scope": LOT.as_dict(), "since": NOW.isoformat(), "why": "one lot only"} == (
        narrowed.case.narrowing
    )
    assert [
        fx.VoidVotes("the scope is narrowed"), fx.SetNarrowHold(LOT), fx.LookAgain()
    ] == without_clocks(narrowed)


@pytest.mark.parametrize("changes", [{"lane": "safety"}, {"recurrence": 1}])
def test_two_narrow_where_two_approve(changes):
    """The first vote asks for a second; the same person twice is one."""
    case = case_in("frozen", **changes)

    first = give(case, Command.NARROW, MIA, LESS)
    cast = vote("mia", Command.NARROW, arguments=LESS)
    second = give(case, Command.NARROW, COL, LESS, Facts(votes=(cast,)))

    assert (None, 3) == (first.case.narrowing, first.case.evidence_revision)
    assert [("narrow_requested", "approvers")] == kinds(first)
    assert second.case.narrowing is not None
    assert "you have agreed already; another person must agree too" in _refused(
        case, Command.NARROW, MIA, LESS, Facts(votes=(cast,))
    )
    assert ("one of the approvers must be a manager of the category",) == _refused(
        case, Command.NARROW, TOM, LESS,
        Facts(votes=(vote("ana", Command.NARROW, is_approver=False, arguments=LESS),)),
    )


def test_two_who_name_different_scopes_have_not_agreed():
    """Whoever agreed to one lot has not agreed to another: that vote begins anew."""
    case = case_in("frozen", lane="safety")
    facts = Facts(votes=(vote("mia", Command.NARROW, arguments=LESS),))

    other = give(case, Command.NARROW, MAX, {**LESS, "scope": {"lot": "L2"}}, facts)
    same = give(case, Command.NARROW, MAX, {**LESS, "scope": {"sku": "K-1", "lot": "L1"}}, facts)

    assert other.case.narrowing is None
    assert ["max"] == [one.person for one in other.effects if isinstance(one, fx.CastVote)]
    assert same.case.narrowing is not None


@pytest.mark.parametrize(("changes", "arguments", "sentence"), [
    ({}, {"scope": {}}, "`scope`: it must lie inside K-1, and be less"),
    ({"scope": LOT}, {"scope": {"lot": "L2"}},
     "`scope`: it must lie inside K-1 (lot L1), and be less"),
    ({}, {"scope": {"sku": "K-2", "lot": "L1"}},
     "`scope`: a case is about one SKU; another one needs a case of its own"),
    ({"narrowing": NARROWING}, {}, "it is being narrowed already"),
    ({}, {"evidence_revision": 2}, "`evidence_revision`: the evidence is at revision 3"),
])
def test_what_is_not_narrowed(changes, arguments, sentence):
    """Nothing that is not less, and not on other evidence than the present."""
    assert (sentence,) == _refused(
        case_in("frozen", **changes), Command.NARROW, MIA, {**LESS, **arguments}
    )


def test_an_owner_does_not_narrow_alone():
    """Where one agrees it is another approver; where two must, the owner may be one of them."""
    mine = case_in("frozen", owner=MIA.id)
    safety = replace(mine, lane="safety")

    assert ("the owner does not narrow alone; another approver does",) == _refused(
        mine, Command.NARROW, MIA, LESS
    )
    assert give(mine, Command.NARROW, MAX, LESS).case.narrowing is not None
    first = vote("mia", Command.NARROW, arguments=LESS)
    assert give(safety, Command.NARROW, COL, LESS, Facts(votes=(first,))).case.narrowing is not None


def test_what_was_complained_of_stays_stopped():
    """Not even two may free it by leaving it out: the evidence must isolate what stays stopped."""
    first = vote("mia", Command.NARROW, arguments=LESS)
    complained = (WEB, Scope("K-1", lot="L2"), Scope("K-1", lot="L3"))

    for lane, facts in (("quality", Facts()), ("safety", Facts(votes=(first,)))):
        assert (
            "`scope`: complaints that counted lie outside it, in K-1 (lot L2); K-1 (lot L3)",
        ) == _refused(
            case_in("frozen", lane=lane), Command.NARROW, MAX, LESS,
            replace(facts, complained=complained),
        )


def test_two_narrow_where_no_complaint_says_where_it_belongs():
    """What is left out may be what is bad: one pair of eyes is not enough to free it."""
    case, facts = case_in("frozen", owner=MAX.id), Facts(complained=(ALL,))

    first = give(case, Command.NARROW, MIA, LESS, facts)
    cast = vote("mia", Command.NARROW, arguments=LESS)
    second = give(case, Command.NARROW, MAX, LESS, replace(facts, votes=(cast,)))

    assert None is first.case.narrowing
    assert [("narrow_requested", "approvers")] == kinds(first)
    assert second.case.narrowing is not None


@pytest.mark.parametrize("complained", [(), (LOT,), (WEB, ALL)], ids=["none", "lot", "unnamed"])
def test_one_lot_is_isolated_by_what_was_said_of_it(complained):
    """A complaint that names no lot speaks against none; without any, people have judged."""
    facts = Facts(complained=complained)

    assert give(case_in("frozen"), Command.NARROW, MIA, LESS, facts).case.narrowing is not None


def test_what_is_not_stopped_is_not_narrowed():
    """While degraded nobody knows what the narrow hold would leave."""
    facts = Facts(votes=(vote("mia", Command.NARROW, arguments=LESS),))

    assert ("the case is degraded: what is not stopped can't be narrowed",) == _refused(
        case_in("frozen", degraded=True), Command.NARROW, MAX, LESS, facts
    )


def test_an_order_is_not_narrowed():
    """Nor is what an order found being narrowed: the whole scope is held again."""
    with pytest.raises(IllegalTransition):
        give(case_in("frozen", lane="authority"), Command.NARROW, MIA, LESS)

    ordered = give(
        case_in("frozen", narrowing=NARROWING), Command.REGISTER_ORDER, COL,
        {"authority": "the office", "document": "o.pdf"},
    )

    assert ordered.case.narrowing is None
    assert fx.SetHold("hard") in ordered.effects
    assert ("nothing is being narrowed",) == _refused(
        ordered.case, Command.CONFIRM_NARROW, RECONCILER, {}
    )


def test_news_stops_a_narrowing():
    """Who agreed has not seen it: the wide hold stays, and the narrow one lies inside it."""
    decision = take_news(case_in("frozen", narrowing=NARROWING), {}, ["new lot L2"], "quality")

    assert decision.case.narrowing is None
    assert (fx.VoidVotes("the evidence has changed"), fx.SetHold("hard")) == decision.effects


@pytest.mark.parametrize(("state", "outcome", "holds"), [
    ("frozen", None, True), ("suspected", None, False), ("reinstating", None, False),
    ("probation", None, False), ("appealed", "delisted", True), ("appealed", "false_alarm", False),
])
def test_graver_news_stops_no_sale_that_goes_on(state, outcome, holds):
    """Readers see the stricter lane where a hold is in force; a freeze is a command of its own."""
    decision = take_news(case_in(state, outcome=outcome), {}, ["injury"], "safety")

    assert holds == (fx.SetHold("hard") in decision.effects)
    told = fx.Notify("statement_of_reasons", "compliance", fx.FOR_COMPLIANCE)
    assert (state == "frozen") == (told in decision.effects)


def test_a_narrow_hold_that_is_read_back_releases_the_wide_one():
    """Only then is the case's scope the narrower one; both sides are told."""
    seen = replace(STOPPED, seen_at=NOW)

    narrowed = give(
        case_in("frozen", narrowing=NARROWING, further_scopes=(WEB,)), Command.CONFIRM_NARROW,
        RECONCILER, {}, Facts(objects=(seen,)), version=None,
    )

    after = narrowed.case
    assert (LOT, (), None, 4) == (
        after.scope, after.further_scopes, after.narrowing, after.version
    )
    assert [fx.ReleaseWiderHolds()] == beside_clocks(narrowed)
    assert [("narrowed", "vendor"), ("narrowed", "owner")] == kinds(narrowed)


@pytest.mark.parametrize("one", [
    replace(STOPPED, seen_at=NOW - timedelta(seconds=1)),
    replace(STOPPED, seen_at=None),
    replace(STOPPED, seen_at=NOW, seen_sellable=True),
    ObjectState("shop", "p-1", "hard", Status.PENDING, False, NOW),
])
def test_nothing_is_released_before_the_narrow_hold_was_read_back(one):
    """A read-back from before it was set says nothing about it."""
    assert ("shop/p-1 has not been read back as stopped since",) == _refused(
        case_in("frozen", narrowing=NARROWING), Command.CONFIRM_NARROW, RECONCILER, {},
        Facts(objects=(one,)),
    )


# ----------------------------------------------------------------------------------- merging


def _older(**changes):
    return case_in(changes.pop("state", "diagnosing"), **{
        "id": OLDER, "number": 3, "opened_at": NOW - 9 * DAY, **changes,
    })


def test_a_merged_case_is_over_and_gives_all_away():
    """No hold is released; owner, pullers and the vendor that knows of it are told."""
    case = case_in("awaiting_approval", hand_off={"to": "ana"}, narrowing=NARROWING)

    merged = give(case, Command.MERGE, OWEN, {"reason": "one seal"}, Facts(other=_older()))

    after = merged.case
    assert (State.MERGED, OLDER, NOW, None, None, None) == (
        after.state, after.merged_into, after.closed_at, after.approval_evidence, after.hand_off,
        after.narrowing,
    )
    assert [
        fx.VoidVotes("the case was merged"), fx.SettlePromise("withdrawn"),
        fx.MergeInto(OLDER, ()), fx.CloseTasks("stop"), fx.CloseTasks("release"),
    ] == beside_clocks(merged)
    assert [("merged", "owner"), ("merged", "pullers"), ("merged", "vendor")] == kinds(merged)


def test_a_vendor_never_hears_of_a_suspicion_that_was_merged():
    """Suspicions stay inside the shop."""
    other = case_in("suspected", id=OLDER, number=3, opened_at=NOW - 9 * DAY)

    merged = give(
        case_in("suspected"), Command.MERGE, OWEN, {"reason": "one seal"}, Facts(other=other)
    )

    assert [("merged", "owner"), ("merged", "pullers")] == kinds(merged)


@pytest.mark.parametrize(("case", "other", "sentence"), [
    ({}, None, OTHER_NAMED),
    ({}, {"id": UUID(int=7)}, OTHER_NAMED),
    ({"scope": LOT}, {"scope": Scope("K-1", lot="L2")},
     "the scopes of the two cases do not overlap"),
    ({}, {"state": State.SUSPECTED},
     "both must be stopped, or both suspected; the other one is suspected"),
    ({}, {"lane": "authority"}, "an order of an authority is merged with nothing"),
    ({}, {"vendor": "rival"}, "case 3 is another vendor's, who would see what is not theirs"),
    ({"contest": DISPUTE}, {"contest": DISPUTE},
     "the vendor contests both: answer one of them first, with `answer_contest`"),
    ({}, {"opened_at": NOW}, "the older case survives: give the command to case 3"),
    ({}, {"owner": "ana"}, "case 3 is another owner's: have it handed off to you first"),
])
def test_what_is_not_merged(case, other, sentence):
    """Each condition has its sentence."""
    facts = Facts(other=None if other is None else replace(_older(), **other))

    assert (sentence,) == _refused(
        case_in("frozen", **case), Command.MERGE, OWEN, {"reason": "one seal"}, facts
    )


def test_a_merge_names_the_cause_and_a_manager_may_take_another_s_case_along():
    """The cause is said; an owner who manages the other case's category needs no hand-off."""
    facts = Facts(other=_older(owner="ana"))
    mine = case_in("frozen", owner=MIA.id)

    assert ("`reason`: the cause that both cases have",) == _refused(
        mine, Command.MERGE, MIA, {"reason": ""}, facts
    )
    assert State.MERGED is give(
        mine, Command.MERGE, MIA, {"reason": "one seal"}, facts
    ).case.state
    with pytest.raises(IllegalTransition):
        give(
            case_in("frozen", lane="authority"), Command.MERGE, OWEN, {"reason": "x"}, facts
        )


def test_the_older_case_takes_over_what_the_younger_had():
    """Scopes, stricter lane, higher recurrence; the diagnosis begins, approvals are void."""
    younger = case_in("frozen", scope=LOT, lane="safety", recurrence=2, further_scopes=(WEB,))
    older = _older(
        state=State.AWAITING_APPROVAL, scope=Scope("K-1", channel="web"), approval_evidence=3,
        diagnosis=None,
    )

    absorbed = give(
        older, Command.ABSORB, RECONCILER, {"case": "7"}, Facts(other=younger), version=None
    )

    after = absorbed.case
    assert (State.DIAGNOSING, "safety", 2, 4, None, 5) == (
        after.state, after.lane, after.recurrence, after.evidence_revision,
        after.approval_evidence, after.version,
    )
    assert (LOT,) == after.further_scopes
    assert "owen" == after.diagnosis["opened_by"]
    assert [
        fx.VoidVotes("another case was merged into this one"), fx.SetHold("hard")
    ] == without_clocks(absorbed)
    assert {"case": "7", "recurrence": 2} == absorbed.arguments


def test_what_comes_in_while_a_case_is_narrowed_stays_stopped():
    """Nobody has agreed to release it: the narrowing must be agreed anew."""
    older = _older(narrowing=NARROWING)
    younger = case_in("frozen", scope=Scope("K-1", lot="L2"))

    absorbed = give(older, Command.ABSORB, RECONCILER, {}, Facts(other=younger), version=None)

    assert absorbed.case.narrowing is None
    assert fx.SetHold("hard") in absorbed.effects


@pytest.mark.parametrize("mine", [None, ANSWERED])
def test_a_contest_that_waits_comes_along(mine):
    """The vendor is owed its answer by the case that survives, and is asked for nothing more."""
    facts = Facts(
        other=case_in("frozen", contest=DISPUTE),
        clocks=running("vendor_ack", "vendor_plan", "diagnosis"),
    )

    absorbed = give(_older(contest=mine), Command.ABSORB, RECONCILER, {}, facts, version=None)

    assert (DISPUTE, "answered") == (absorbed.case.contest, absorbed.case.vendor_status)
    assert {"vendor_ack", "vendor_plan"} <= stopped(absorbed)


def test_a_contest_that_was_answered_is_not_asked_again():
    """The one that still waits stays, and so does the one that was answered here."""
    for mine, theirs in ((DISPUTE, ANSWERED), (ANSWERED, None), (None, ANSWERED)):
        facts = Facts(other=case_in("frozen", contest=theirs))

        absorbed = give(_older(contest=mine), Command.ABSORB, RECONCILER, {}, facts, version=None)

        assert mine == absorbed.case.contest


def test_two_suspicions_make_one_and_stop_nothing_more():
    """The one that survives is still a suspicion, with no hard hold, however grave the other."""
    older = case_in("suspected", id=OLDER, opened_at=NOW - 9 * DAY)

    absorbed = give(
        older, Command.ABSORB, RECONCILER, {},
        Facts(other=case_in("suspected", lane="safety")), version=None,
    )

    assert (State.SUSPECTED, "safety", None) == (
        absorbed.case.state, absorbed.case.lane, absorbed.case.diagnosis
    )
    assert [fx.VoidVotes("another case was merged into this one")] == without_clocks(absorbed)
