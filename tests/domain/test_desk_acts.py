"""Around the case: owners, deadlines, waivers, later reviews, evidence."""

from dataclasses import replace
from datetime import timedelta

import pytest

from freezeguard.domain import effects as fx
from freezeguard.domain.enforcement import ObjectState, Status
from freezeguard.domain.errors import GuardFailed, NotAllowed
from freezeguard.domain.people import Correspondent
from freezeguard.domain.record import Facts
from freezeguard.domain.transitions import FROZEN_PHASE, OPEN, Command, State
from tests.domain.casebook import (
    DAY,
    GOOD_RECORD,
    HOUR,
    NOW,
    REFUSED,
    STOPPED,
    beside_clocks,
    case_in,
    give,
    kinds,
    running,
    started,
    stopped,
    vote,
    without_clocks,
)
from tests.domain.cast import ADA, ANA, ANN, COL, FAY, MAX, MIA, OWEN, TIMER, TOM, VERA

OFFER = {"to": "ana", "by": "owen", "at": NOW.isoformat(), "reason": "on leave"}
UNTIL = NOW + 9 * DAY
WAIVE = {
    "catalogue": "till", "remote_id": "t-9", "until": UNTIL.isoformat(), "reason": "sold out",
}
WAIVED = replace(REFUSED, status=Status.WAIVED)
CLOCK = "waiver:till/t-9"


def _refused(case, command, actor, arguments, facts=None):
    with pytest.raises(GuardFailed) as refused:
        give(case, command, actor, arguments, facts)
    return refused.value.missing


def _extend(clock, moment, **changes):
    return {"clock": clock, "until": moment.isoformat(), "reason": "the lab is late", **changes}


# ------------------------------------------------------------------------------------ owners


@pytest.mark.parametrize("state", sorted(OPEN))
@pytest.mark.parametrize("actor", [OWEN, MIA])
def test_a_case_is_offered_and_stays_whose_it_is(state, actor):
    """By its owner or a manager of its category; the person named is told."""
    offered = give(
        case_in(state), Command.HAND_OFF, actor, {"to": "ana", "reason": "on leave"},
        Facts(named=ANA),
    )

    assert ("owen", {**OFFER, "by": actor.id}) == (offered.case.owner, offered.case.hand_off)
    assert [fx.Notify("hand_off_offered", "person", {
        "person": "ana", "from_person": actor.name, "note": "on leave",
    })] == without_clocks(offered)
    assert {"hand_off"} == set(started(offered))


@pytest.mark.parametrize("named", [None, ANN, FAY, ADA, VERA])
def test_whom_a_case_is_not_offered(named):
    """Unknown, of another trade, or a vendor's: none of them can own a case."""
    assert ("`to`: an active manager, analyst or compliance person",) == _refused(
        case_in("frozen"), Command.HAND_OFF, OWEN, {"to": "x"}, Facts(named=named)
    )


def test_a_case_is_not_offered_to_its_owner():
    """It is that person's already."""
    assert ("`to`: the case is that person's already",) == _refused(
        case_in("frozen", owner="ana"), Command.HAND_OFF, MIA, {"to": "ana"}, Facts(named=ANA)
    )


def test_who_hands_off():
    """Not a manager of another category, nor whoever would like to have it."""
    for actor in (TOM, ANA, COL):
        with pytest.raises(NotAllowed, match="hand_off is for: approver, owner"):
            give(case_in("frozen"), Command.HAND_OFF, actor, {"to": "ana"}, Facts(named=ANA))


def test_whoever_was_asked_takes_the_case():
    """Nobody else may; the offer and its clock end, and the owner before hears of it."""
    case, facts = case_in("frozen", hand_off=OFFER), Facts(clocks=running("hand_off"))

    taken = give(case, Command.ACCEPT_HAND_OFF, ANA, {}, facts)

    assert ("ana", None, {"hand_off"}) == (
        taken.case.owner, taken.case.hand_off, stopped(taken)
    )
    assert [fx.Notify(
        "hand_off_accepted", "person", {"person": "owen", "to_person": "Ana"}
    )] == without_clocks(taken)
    assert ("the case is offered to ana",) == _refused(case, Command.ACCEPT_HAND_OFF, COL, {})
    assert ("nobody has offered this case",) == _refused(
        case_in("frozen"), Command.ACCEPT_HAND_OFF, ANA, {}
    )


def test_an_offer_is_void_where_its_taker_may_not_own_a_case_any_more():
    """Between the offer and the answer a person's roles may change."""
    case = case_in("frozen", hand_off={**OFFER, "to": "ann"})

    assert ("a manager, an analyst or a compliance person takes a case over",) == _refused(
        case, Command.ACCEPT_HAND_OFF, ANN, {}
    )


def test_whoever_agreed_before_and_takes_the_case_has_agreed_to_nothing():
    """One person is not both who answers for a case and the second pair of eyes on it."""
    case = case_in("awaiting_approval", hand_off=OFFER)

    with_vote = give(case, Command.ACCEPT_HAND_OFF, ANA, {}, Facts(votes=(vote("ana"),)))
    without = give(case, Command.ACCEPT_HAND_OFF, ANA, {}, Facts(votes=(vote("mia"),)))

    void = fx.VoidVotes("one of those who agreed owns the case now")
    assert (True, False) == (void in with_vote.effects, void in without.effects)


def test_whoever_comes_after_an_owner_has_agreed_to_nothing():
    """A deputy who has approved answers for the case now, and is no second pair of eyes on it."""
    case, to = case_in("awaiting_approval"), {"to": "ana"}

    with_vote, without = (
        give(
            case, Command.REPLACE_OWNER, TIMER, to, Facts(named=ANA, votes=(vote(one),)),
            version=None,
        )
        for one in ("ana", "mia")
    )

    void = fx.VoidVotes("one of those who agreed owns the case now")
    assert (True, False) == (void in with_vote.effects, void in without.effects)


def test_an_approver_does_not_take_a_case_from_its_owner():
    """Else one person would both answer for a case and decide it: nor by way of somebody else."""
    case = case_in("frozen")
    mine, theirs = Facts(named=MIA, owner=OWEN), Facts(named=ANA, owner=OWEN)

    assert (
        "`to`: another person; who moves another one's case does not take it",
    ) == _refused(case, Command.HAND_OFF, MIA, {"to": "mia"}, mine)
    assert ("owen owns the case, and answers for it; ask them to hand it off",) == _refused(
        case, Command.HAND_OFF, MIA, {"to": "ana"}, theirs
    )


@pytest.mark.parametrize("facts", [
    Facts(named=ANA), Facts(named=ANA, owner=ANN),
    Facts(named=ANA, owner=OWEN, clocks=running("ownership", due_at=NOW)),
], ids=["who has left", "of another trade now", "who lets it lie"])
def test_an_approver_moves_the_case_of_an_owner_who_does_not_answer(facts):
    """No case waits for somebody who is not there; it goes to another one, not to the approver."""
    offered = give(case_in("frozen"), Command.HAND_OFF, MIA, {"to": "ana"}, facts)

    assert "ana" == offered.case.hand_off["to"]


def test_an_offer_that_nobody_accepts_lapses():
    """The case stays its owner's, who hears of it."""
    case = case_in("frozen", hand_off=OFFER)

    lapsed = give(
        case, Command.LAPSE_HAND_OFF, TIMER, {}, Facts(clocks=running("hand_off")), version=None
    )

    assert ("owen", None, 4) == (lapsed.case.owner, lapsed.case.hand_off, lapsed.case.version)
    assert [fx.Notify(
        "hand_off_lapsed", "person", {"person": "owen", "to_person": "ana"}
    )] == without_clocks(lapsed)
    assert ("nobody has offered this case",) == _refused(
        lapsed.case, Command.LAPSE_HAND_OFF, TIMER, {}
    )


def test_who_is_gone_owns_nothing():
    """Whoever comes after them has the case at once and hears of it; an associate can't have it."""
    case = case_in("diagnosing")

    given = give(
        case, Command.REPLACE_OWNER, TIMER, {"to": "ana"}, Facts(named=ANA), version=None
    )

    assert ("ana", State.DIAGNOSING, 4) == (given.case.owner, given.case.state, given.case.version)
    assert [fx.Notify(
        "owner_replaced", "owner", {"from_person": "owen", "state": "diagnosing"}
    )] == without_clocks(given)
    assert ("`to`: an active person who may own cases",) == _refused(
        case, Command.REPLACE_OWNER, TIMER, {"to": "ann"}, Facts(named=ANN)
    )


# ----------------------------------------------------------------------------------- deadlines


@pytest.mark.parametrize(("kind", "readers"), [
    ("diagnosis", ["owner"]), ("vendor_plan", ["owner", "vendor"]),
    ("vendor_ack", ["owner", "vendor"]), ("hold_review", ["owner"]),
])
def test_a_manager_moves_a_deadline(kind, readers):
    """The clock runs to the new date; whoever waits for it is told both dates and why."""
    moved = give(
        case_in("diagnosing"), Command.EXTEND_DEADLINE, TOM, _extend(kind, UNTIL),
        Facts(clocks=running(kind)),
    )

    assert {kind: UNTIL} == started(moved)
    told = {
        "clock": kind, "due": UNTIL.isoformat(), "was_due": (NOW + HOUR).isoformat(),
        "why": "the lab is late",
    }
    assert [fx.Notify("deadline_extended", reader, told) for reader in readers] == (
        without_clocks(moved)
    )


def test_the_vendor_s_date_moves_with_its_clock():
    """Also while it stands still: then it goes on standing still."""
    commitment = {"date": (NOW + HOUR).isoformat(), "round": 0, "moved": True}
    clocks = running("vendor_date", is_paused=True)

    moved = give(
        case_in("remedy_proposed", commitment=commitment), Command.EXTEND_DEADLINE, MIA,
        _extend("vendor_date", UNTIL), Facts(clocks=clocks),
    )

    assert UNTIL.isoformat() == moved.case.commitment["date"]
    assert fx.PauseClocks(("vendor_date",)) in moved.effects
    assert fx.ResumeClocks(("vendor_date",)) not in moved.effects


def test_the_owner_extends_the_probation_only():
    """At its cap it is the owner who chooses; the cap moves along."""
    case, facts = case_in("probation"), Facts(clocks=running("probation", "later_review"))
    far = NOW + HOUR + 30 * DAY

    longer = give(case, Command.EXTEND_DEADLINE, OWEN, _extend("probation", far), facts)

    assert far.isoformat() == longer.case.probation["until"]
    assert case.probation["cap"] == longer.case.probation["cap"]
    late = give(
        case, Command.EXTEND_DEADLINE, OWEN, _extend("probation", NOW + 119 * DAY), facts,
        now=NOW + 89 * DAY,
    )
    assert (NOW + 120 * DAY).isoformat() == late.case.probation["cap"]
    assert State.CLOSED_REINSTATED is give(
        late.case, Command.COMPLETE_PROBATION, TIMER, {}, Facts(probation=GOOD_RECORD),
        now=NOW + 119 * DAY,
    ).case.state
    with pytest.raises(GuardFailed, match="probation is at its cap"):
        give(
            late.case, Command.COMPLETE_PROBATION, TIMER, {}, Facts(probation=GOOD_RECORD),
            now=NOW + 120 * DAY,
        )
    assert (
        "only a manager extends this deadline; the owner extends the probation",
    ) == _refused(case, Command.EXTEND_DEADLINE, OWEN, _extend("later_review", UNTIL), facts)


@pytest.mark.parametrize(("arguments", "sentence"), [
    (_extend("judge", UNTIL), "`clock`: one that runs and can be extended (diagnosis)"),
    (_extend("update", UNTIL), "`clock`: one that runs and can be extended (diagnosis)"),
    (_extend("report", UNTIL), "`clock`: one that runs and can be extended (diagnosis)"),
    (_extend("diagnosis", UNTIL, until="soon"),
     "`until`: a moment with its zone, as in 2027-01-15T12:00:00Z"),
    (_extend("diagnosis", NOW), f"`until`: later than {(NOW + HOUR).isoformat()}"),
    (_extend("diagnosis", NOW + 31 * DAY),
     f"`until`: at the latest {(NOW + HOUR + 30 * DAY).isoformat()}; it can be extended again"),
    (_extend("diagnosis", UNTIL, reason=" "), "`reason`: say why"),
])
def test_what_is_not_extended(arguments, sentence):
    """A clock that doesn't run, a machine's, the law's; into the past, too far, or without why."""
    facts = Facts(clocks=running("diagnosis", "update", "report"))

    assert (sentence,) == _refused(
        case_in("diagnosing"), Command.EXTEND_DEADLINE, MIA, arguments, facts
    )


def test_a_deadline_in_another_zone_is_the_same_moment():
    """What is stored is UTC: texts of moments are compared with each other."""
    moved = give(
        case_in("probation"), Command.EXTEND_DEADLINE, MIA,
        {"clock": "probation", "until": "2026-12-01T09:00:00-05:00", "reason": "x"},
        Facts(clocks=running("probation")),
    )

    assert "2026-12-01T14:00:00+00:00" == moved.case.probation["until"]


# ------------------------------------------------------------------------------------ waivers


@pytest.mark.parametrize("state", sorted(FROZEN_PHASE))
def test_a_manager_answers_for_an_object_that_still_sells(state):
    """Until a date, which has its clock; owner and approvers see it, and enforcement looks."""
    waived = give(
        case_in(state, degraded=True), Command.WAIVE, TOM, WAIVE,
        Facts(objects=(STOPPED, REFUSED)),
    )

    assert (state, False) == (waived.case.state, waived.case.degraded)
    assert {CLOCK: UNTIL} == started(waived)
    told = {
        "catalogue": "till", "remote_id": "t-9", "until": UNTIL.isoformat(), "why": "sold out",
        "by": "Tom",
    }
    assert [
        fx.VoidVotes("an object was waived"),
        fx.WaiveObject("till", "t-9", UNTIL, "tom", "sold out"),
        fx.Notify("waiver_set", "owner", told), fx.Notify("waiver_set", "approvers", told),
        fx.LookAgain(),
    ] == without_clocks(waived)


def test_a_waiver_hides_no_other_trouble():
    """Another object that refuses keeps the case degraded."""
    other = replace(REFUSED, remote_id="t-10")

    assert give(
        case_in("frozen", degraded=True), Command.WAIVE, MIA, WAIVE,
        Facts(objects=(REFUSED, other)),
    ).case.degraded


@pytest.mark.parametrize(("changes", "objects", "sentence"), [
    ({"remote_id": "t-8"}, (REFUSED,),
     "`catalogue`, `remote_id`: an object of this case (till/t-9)"),
    ({}, (), "`catalogue`, `remote_id`: an object of this case (none)"),
    ({}, (replace(STOPPED, catalogue="till", remote_id="t-9"),),
     "till/t-9 is confirmed: there is nothing to waive"),
    ({}, (WAIVED,), "till/t-9 is waived: there is nothing to waive"),
    ({"until": None}, (REFUSED,), "`until`: a moment with its zone, as in 2027-01-15T12:00:00Z"),
    ({"until": NOW.isoformat()}, (REFUSED,),
     f"`until`: it must lie ahead, at the latest {(NOW + 30 * DAY).isoformat()}"),
    ({"until": (NOW + 30 * DAY + timedelta(seconds=1)).isoformat()}, (REFUSED,),
     f"`until`: it must lie ahead, at the latest {(NOW + 30 * DAY).isoformat()}"),
    ({"reason": ""}, (REFUSED,), "`reason`: say why"),
])
def test_what_is_not_waived(changes, objects, sentence):
    """Only what is in trouble, for a time, with a reason."""
    assert (sentence,) == _refused(
        case_in("frozen"), Command.WAIVE, MIA, {**WAIVE, **changes}, Facts(objects=objects)
    )


def test_who_waives():
    """A manager, and no owner, analyst or compliance."""
    for actor in (OWEN, ANA, COL):
        with pytest.raises(NotAllowed, match=r"^waive is for: manager"):
            give(case_in("frozen"), Command.WAIVE, actor, WAIVE, Facts(objects=(REFUSED,)))


@pytest.mark.parametrize(("actor", "reason"), [(MAX, "it is back"), (TIMER, None)])
def test_after_its_waiver_an_object_must_obey_again(actor, reason):
    """Ended by a manager who says why, or by its time: the case is degraded until it obeys."""
    ended = give(
        case_in("frozen"), Command.UNWAIVE, actor, {**WAIVE, "reason": reason},
        Facts(objects=(STOPPED, WAIVED), clocks=running(CLOCK)),
    )

    assert ended.case.degraded
    assert {CLOCK} == stopped(ended)
    assert [
        fx.VoidVotes("a waiver ended"), fx.UnwaiveObject("till", "t-9"), fx.LookAgain()
    ] == beside_clocks(ended)
    assert [("waiver_ended", "owner")] == kinds(ended)


@pytest.mark.parametrize("objects", [
    (STOPPED, replace(STOPPED, catalogue="till", remote_id="t-9")), (STOPPED,),
], ids=["obeys", "gone"])
def test_a_waiver_ends_also_where_nothing_is_left_of_its_trouble(objects):
    """Its clock must not fire in vain for ever: the object obeys by now, or is no longer listed."""
    ended = give(
        case_in("frozen"), Command.UNWAIVE, TIMER, WAIVE,
        Facts(objects=objects, clocks=running(CLOCK)),
    )

    assert (False, {CLOCK}) == (ended.case.degraded, stopped(ended))


def test_what_is_not_waived_is_not_unwaived():
    """And a manager says why."""
    facts = Facts(objects=(REFUSED, ObjectState("web", "w", "hard", Status.WAIVED)))

    assert ("`catalogue`, `remote_id`: an object of this case that is waived",) == _refused(
        case_in("frozen"), Command.UNWAIVE, MIA, WAIVE, facts
    )
    assert ("`reason`: say why",) == _refused(
        case_in("frozen"), Command.UNWAIVE, MIA,
        {"catalogue": "web", "remote_id": "w", "reason": " "}, facts,
    )


# ------------------------------------------------------------------- reviews and new evidence


@pytest.mark.parametrize("state", sorted(set(State) - {State.SUSPECTED}))
@pytest.mark.parametrize("verdict", ["right", "wrong", "undecided"])
def test_a_stop_is_looked_at_later(state, verdict):
    """Also when it is over; the verdict counts for who pulled, and they hear of it."""
    reviewed = give(
        case_in(state), Command.REVIEW, TOM, {"verdict": verdict, "comment": "rightly so"},
        Facts(pullers=("ann", "ben"), clocks=running("later_review")),
    )

    assert state is reviewed.case.state
    told = {"verdict": verdict, "comment": "rightly so", "outcome": state.value}
    assert [
        fx.RecordReview(verdict, "rightly so", "tom", ("ann", "ben")),
        fx.Notify("reviewed", "pullers", told),
    ] == without_clocks(reviewed)
    assert {"later_review"} == stopped(reviewed)


def test_what_is_no_review():
    """Without a verdict, by who pulled, or of what was never stopped."""
    facts = Facts(pullers=("mia",))
    right = {"verdict": "right"}

    assert ("`verdict`: one of right, wrong, undecided",) == _refused(
        case_in("frozen"), Command.REVIEW, MAX, {"verdict": "fine"}, facts
    )
    assert ("who pulled the cord does not judge the pull",) == _refused(
        case_in("frozen"), Command.REVIEW, MIA, right, facts
    )
    assert ("nothing has been stopped yet that could be reviewed",) == _refused(
        case_in("suspected"), Command.REVIEW, MAX, right, facts
    )
    for actor in (OWEN, ANA, COL):
        with pytest.raises(NotAllowed, match="review is for: manager"):
            give(case_in("frozen"), Command.REVIEW, actor, right)


@pytest.mark.parametrize("state", sorted(OPEN))
@pytest.mark.parametrize("actor", [FAY, VERA])
def test_new_evidence_voids_what_was_agreed_without_it(state, actor):
    """Staff and the vendor attach it; the revision rises, and votes count no more."""
    file = {"file": "f-1", "media_type": "image/png", "size": 7}
    attached = give(case_in(state), Command.ATTACH_EVIDENCE, actor, file)

    assert (state, 4, 5) == (
        attached.case.state, attached.case.evidence_revision, attached.case.version
    )
    heard = [fx.MarkVendorNotices("answered")] if state in FROZEN_PHASE else []
    told = [*heard, fx.Notify("evidence_attached", "owner", file)] if actor is VERA else []
    assert [fx.VoidVotes("the evidence has changed"), *told] == without_clocks(attached)


@pytest.mark.parametrize("lane", ["safety", "authority"])
def test_nothing_is_waived_in_the_stricter_lanes(lane):
    """Nobody overlooks what hurts people, or what an authority forbids; a waiver may still end."""
    assert (f"in the lane {lane} nothing is waived: it is tried on, and shown as it is",) == (
        _refused(
            case_in("frozen", lane=lane), Command.WAIVE, MIA, WAIVE, Facts(objects=(REFUSED,))
        )
    )
    ended = give(
        case_in("frozen", lane=lane), Command.UNWAIVE, TIMER, WAIVE,
        Facts(objects=(WAIVED,), clocks=running(CLOCK)),
    )
    assert [fx.Notify("waiver_ended", "owner", {
        "catalogue": "till", "remote_id": "t-9", "over": "lane",
    })] == [one for one in ended.effects if isinstance(one, fx.Notify)]


@pytest.mark.parametrize("actor", [VERA, Correspondent("acme")])
def test_a_vendor_that_writes_is_heard(actor):
    """By a person of its own or a mere mail: no reminder any more, and the owner reads it."""
    silent = case_in("frozen", vendor_status="silent")
    words = {"comment": "We have it, and look for the cause."}
    clocks = running("vendor_ack", "vendor_plan")
    written = give(silent, Command.COMMENT, actor, words, Facts(clocks=clocks))

    assert ("acknowledged", silent.version) == (
        written.case.vendor_status, written.case.version
    )
    assert {"vendor_ack"} == stopped(written)
    [marked, told] = without_clocks(written)
    assert (fx.MarkVendorNotices("answered"), "vendor_commented", "owner") == (
        marked, told.kind, told.reader
    )
    assert (words["comment"], "acme") == (told.facts["text"], told.facts["vendor"])


def test_words_of_a_vendor_never_lower_what_it_has_done():
    """A vendor that has named its date stays committed, whatever it writes afterwards."""
    committed = case_in("diagnosing", vendor_status="committed")
    written = give(committed, Command.COMMENT, VERA, {"comment": "Still on it."})

    assert "committed" == written.case.vendor_status


def test_words_of_staff_answer_nothing_for_the_vendor():
    """What staff writes leaves the vendor's clock running."""
    written = give(
        case_in("frozen"), Command.COMMENT, OWEN, {"comment": "Call them."},
        Facts(clocks=running("vendor_ack")),
    )

    assert (set(), []) == (stopped(written), without_clocks(written))
