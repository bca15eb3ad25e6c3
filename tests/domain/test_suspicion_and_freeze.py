"""What happens around a suspicion and a freeze: holds, clocks, notices, lanes."""

from datetime import timedelta

import pytest

from freezeguard.domain import effects as fx
from freezeguard.domain.case import Decision, decide, open_case
from freezeguard.domain.errors import GuardFailed, NotAllowed
from freezeguard.domain.people import Actor
from freezeguard.domain.policy import Policy
from freezeguard.domain.record import Facts
from freezeguard.domain.transitions import Command, State
from tests.domain.casebook import (
    DAY,
    NOW,
    PENDING,
    POLICY,
    REMEDY,
    STOPPED,
    VERIFICATION,
    beside_clocks,
    case_in,
    give,
    kinds,
    running,
    started,
    stopped,
    terms,
    without_notices,
)
from tests.domain.cast import (
    ANA,
    ANN,
    BEN,
    COL,
    DETECTOR,
    MIA,
    OWEN,
    RECONCILER,
    TILL,
    TIMER,
    TOM,
)

SECOND_OPINION = timedelta(minutes=15)
CONFIRM = timedelta(seconds=30)
FROZEN_AT_ONCE = [fx.SetHold("hard"), fx.CloseTasks("release")]


def _open(command: Command, actor: Actor, policy: Policy = POLICY, **arguments: object) -> Decision:
    seed = case_in(State.SUSPECTED, version=1, evidence_revision=1, lane="quality")
    return open_case(
        seed, command, arguments=arguments, actor=actor, now=NOW, facts=Facts(policy)
    )


# ------------------------------------------------------------------------------- suspicion


def test_an_associate_s_pull_hides_the_sku_for_a_quarter_of_an_hour():
    """One pull pauses the sale softly, asks for a second opinion and tells the owner."""
    opened = _open(Command.SUSPECT, ANN)

    assert State.SUSPECTED is opened.case.state
    assert opened.case.frozen_at is None
    assert [
        fx.StartClock("second_opinion", NOW + SECOND_OPINION, NOW + SECOND_OPINION),
        fx.SetHold("hide", soft=True),
    ] == without_notices(opened)
    assert [("suspected", "owner")] == kinds(opened)


def test_the_soft_hold_is_a_switch():
    """A shop that wants no soft hold gets the second opinion without one."""
    opened = _open(Command.SUSPECT, ANN, Policy(soft_hold=False))

    assert {"second_opinion": NOW + SECOND_OPINION} == started(opened)
    assert [] == beside_clocks(opened)


def test_a_detector_s_suspicion_holds_nothing():
    """A look-bound asks people and waits as long as the rule says; the sale goes on."""
    quiet_after = NOW + 30 * DAY

    opened = _open(Command.SUSPECT, DETECTOR, quiet_after=quiet_after.isoformat())

    assert {"second_opinion": quiet_after} == started(opened)
    assert [] == beside_clocks(opened)
    assert [("suspected", "owner")] == kinds(opened)


def test_a_suspicion_that_nobody_shares_ends():
    """The timer ends it: the soft hold is released (and read back), who pulled hears of it."""
    facts = Facts(clocks=running("second_opinion"))

    ended = give(case_in(State.SUSPECTED), Command.EXPIRE, TIMER, {}, facts)

    assert State.EXPIRED is ended.case.state
    assert NOW == ended.case.closed_at
    assert [
        fx.StopClocks(("second_opinion",)), fx.ReleaseHold(), fx.CloseTasks("stop"),
    ] == without_notices(ended)
    assert [("expired", "pullers")] == kinds(ended)


@pytest.mark.parametrize("pullers", [("ben",), ()], ids=["their own pull", "the detector's"])
def test_one_associate_does_not_dismiss_alone(pullers):
    """Neither their own pull, nor what the detector raised: those complaints never count again."""
    with pytest.raises(GuardFailed):
        give(
            case_in(State.SUSPECTED), Command.DISMISS, BEN, {"reason": "wrong photo"},
            Facts(pullers=pullers),
        )


@pytest.mark.parametrize(("actor", "pullers"), [(OWEN, ("ann",)), (OWEN, ()), (BEN, ("ann",))])
def test_owner_or_second_associate_may_dismiss(actor, pullers):
    """A dismissal releases the soft hold, is told to who pulled, and judges the complaints."""
    ended = give(
        case_in(State.SUSPECTED), Command.DISMISS, actor, {"reason": "wrong photo"},
        Facts(pullers=pullers, clocks=running("second_opinion")),
    )

    assert State.CLOSED_FALSE_ALARM is ended.case.state
    assert (NOW, (actor.id,)) == (ended.case.closed_at, ended.case.decided_by)
    assert [
        fx.StopClocks(("second_opinion",)), fx.ReleaseHold(), fx.CloseTasks("stop"),
        fx.JudgeSignals(usual=True),
    ] == without_notices(ended)
    assert [fx.Notify("dismissed", "pullers", {"why": "wrong photo"})] == [
        one for one in ended.effects if isinstance(one, fx.Notify)
    ]


def test_who_pulled_does_not_dismiss_the_pull():
    """Nobody takes back his own pull in another's name; the owner may, whoever pulled."""
    case, facts = case_in(State.SUSPECTED), Facts(pullers=("ann", "owen"))

    with pytest.raises(GuardFailed, match="whoever pulled"):
        give(case, Command.DISMISS, ANN, {"reason": "never mind"}, facts)
    assert State.CLOSED_FALSE_ALARM is give(
        case, Command.DISMISS, OWEN, {"reason": "never mind"}, facts
    ).case.state


@pytest.mark.parametrize("reason", [None, "", "  "])
def test_a_dismissal_needs_a_reason(reason):
    """Without words there is nothing to tell who pulled."""
    with pytest.raises(GuardFailed, match="say why"):
        give(case_in(State.SUSPECTED), Command.DISMISS, OWEN, {"reason": reason})


# ---------------------------------------------------------------------------------- freeze


def test_a_crossing_freezes_in_one_decision():
    """Hold, confirm clock, evidence with its rule version, statement of reasons: all at once.

    Where people may be in danger compliance hears of it with the others.
    """
    known = {"intents": ["defect"], "severity": 2}
    frozen = _open(
        Command.FREEZE, DETECTOR, lane="safety", reason={"sentence": "5 of 5"}, rule_id="r-1",
        rule_version=3, known_evidence=known,
    )

    case = frozen.case
    assert (State.FREEZING, NOW, "safety") == (case.state, case.frozen_at, case.lane)
    assert ({"sentence": "5 of 5"}, "r-1", 3, known) == (
        case.reason, case.rule_id, case.rule_version, case.known_evidence
    )
    assert FROZEN_AT_ONCE == beside_clocks(frozen)
    assert NOW + CONFIRM == started(frozen)["confirm"]
    assert [
        ("statement_of_reasons", "vendor"), ("statement_of_reasons", "owner"),
        ("statement_of_reasons", "compliance"),
    ] == kinds(frozen)


def test_compliance_hears_of_nothing_that_is_only_broken():
    """A freeze for quality is for the vendor and the owner."""
    frozen = _open(Command.FREEZE, DETECTOR, lane="quality", reason={"sentence": "5 of 5"})

    assert [("statement_of_reasons", "vendor"), ("statement_of_reasons", "owner")] == kinds(frozen)


def test_a_suspicion_that_is_shared_becomes_a_freeze():
    """The second associate hardens the soft hold in the same case and stops its clock."""
    facts = Facts(pullers=("ann",), clocks=running("second_opinion"))

    frozen = give(case_in(State.SUSPECTED), Command.FREEZE, BEN, {}, facts)

    assert (State.FREEZING, 5, 0) == (
        frozen.case.state, frozen.case.version, frozen.case.recurrence
    )
    assert FROZEN_AT_ONCE == beside_clocks(frozen)
    assert {"second_opinion"} == stopped(frozen)


@pytest.mark.parametrize(
    ("actor", "arguments", "pullers"),
    [
        (ANN, {"reason_code": "safety_hazard"}, ()),
        (ANN, {"reason_code": "safety_injury"}, ("ann",)),
        (ANN, {"reason_code": "defective"}, ("ben",)),
        (ANA, {"reason_code": "other"}, ()),
        (MIA, {"reason_code": "other"}, ()),
        (TOM, {"reason_code": "other"}, ()),
        (COL, {"reason_code": "authority_order", "lane": "authority", "document": "o.pdf"}, ()),
        (TILL, {"lane": "quality"}, ()),
        (TILL, {}, ()),
        (DETECTOR, {"lane": "safety"}, ()),
    ],
)
def test_who_may_freeze(actor, arguments, pullers):
    """Those whom the design names freeze by themselves, each on his own terms."""
    frozen = give(
        case_in(State.SUSPECTED), Command.FREEZE, actor, arguments, Facts(pullers=pullers)
    )

    assert State.FREEZING is frozen.case.state


@pytest.mark.parametrize("code", ["defective", "wrong_item", "mislabelled", "other", None])
def test_one_associate_alone_does_not_freeze(code):
    """The same associate twice is one associate; without a safety reason that is not enough."""
    with pytest.raises(GuardFailed, match="second, different associate"):
        give(
            case_in(State.SUSPECTED), Command.FREEZE, ANN, {"reason_code": code},
            Facts(pullers=("ann",)),
        )


def test_one_associate_agrees_with_the_detector():
    """A suspicion that the detector raised has its first opinion: one associate is the second."""
    frozen = give(case_in(State.SUSPECTED), Command.FREEZE, ANN, {"reason_code": "defective"})

    assert State.FREEZING is frozen.case.state


def test_one_associate_alone_does_not_open_a_freeze():
    """With no case open a lone associate can only suspect."""
    with pytest.raises(GuardFailed, match="second, different associate"):
        _open(Command.FREEZE, ANN, reason_code="defective")


@pytest.mark.parametrize("lane", ["safety", "authority"])
def test_a_key_freezes_in_the_lane_quality_only(lane):
    """A machine asserts neither safety nor the will of an authority."""
    with pytest.raises(GuardFailed, match="lane quality only"):
        _open(Command.FREEZE, TILL, lane=lane, document="o.pdf")


@pytest.mark.parametrize("actor", [ANN, ANA, MIA, TILL, DETECTOR])
def test_an_order_is_registered_by_compliance_only(actor):
    """The lane authority is opened by nobody else, however safe the reason."""
    with pytest.raises(GuardFailed):
        _open(
            Command.FREEZE, actor, lane="authority", document="o.pdf", reason_code="safety_hazard"
        )


def test_an_order_needs_its_document():
    """Compliance without the document has no order."""
    with pytest.raises(GuardFailed, match="`document`"):
        _open(Command.FREEZE, COL, lane="authority")


@pytest.mark.parametrize(
    ("before", "asked", "after"),
    [
        ("quality", None, "quality"),
        ("quality", "safety", "safety"),
        ("safety", "quality", "safety"),
        ("authority", "safety", "authority"),
    ],
)
def test_a_lane_never_softens(before, asked, after):
    """A freeze takes the stricter of the case's lane and the one asked for."""
    frozen = give(case_in(State.SUSPECTED, lane=before), Command.FREEZE, DETECTOR, {"lane": asked})

    assert after == frozen.case.lane


# ------------------------------------------------------------------------------- re-freeze


@pytest.mark.parametrize("state", [State.REINSTATING, State.PROBATION, State.APPEALED])
@pytest.mark.parametrize("actor", [ANN, ANA, MIA, COL, DETECTOR])
def test_any_person_s_pull_freezes_again_in_the_same_case(state, actor):
    """Recurrence rises, what was approved is forgotten, old votes are void, all are told."""
    case = case_in(
        state, recurrence=1, remedy=REMEDY, remedy_author="vera", remedy_rounds=2,
        verification=VERIFICATION, outcome="false_alarm", release_tries=2,
        probation=terms(started=NOW),
    )

    frozen = give(case, Command.FREEZE, actor, {"reason_code": "defective"})

    after = frozen.case
    assert (State.FREEZING, 2, 5, 4) == (
        after.state, after.recurrence, after.version, after.evidence_revision
    )
    assert (None, None, None, 0, None, None, 0, None) == (
        after.outcome, after.remedy, after.remedy_author, after.remedy_rounds,
        after.verification, after.probation, after.release_tries, after.reinstated_at,
    )
    assert (None, None, None) == (
        after.approval_requested_at, after.approval_requested_by, after.approval_evidence
    )
    assert [*FROZEN_AT_ONCE, fx.VoidVotes("the sale was stopped again")] == beside_clocks(frozen)
    assert [("refrozen", "vendor"), ("refrozen", "owner")] == kinds(frozen)


@pytest.mark.parametrize("state", [State.REINSTATING, State.PROBATION, State.APPEALED])
def test_a_key_s_pull_does_not_freeze_again(state):
    """A re-freeze costs the vendor a longer probation: it takes a person or a crossing."""
    with pytest.raises(GuardFailed, match="only a person's pull"):
        give(case_in(state), Command.FREEZE, TILL, {"lane": "quality"})


# ----------------------------------------------------------------------------- confirmation


def test_sent_is_not_frozen():
    """The freeze is confirmed only when every object was read back as not sellable."""
    with pytest.raises(GuardFailed, match="till/t-9 is not read back as not sellable"):
        give(
            case_in(State.FREEZING), Command.CONFIRM_FREEZE, RECONCILER, {},
            Facts(objects=(STOPPED, PENDING)),
        )


def test_a_confirmed_freeze_is_told():
    """Confirmation stops its clock, makes manual stops pointless and is told to both sides."""
    frozen = give(
        case_in(State.FREEZING, degraded=True), Command.CONFIRM_FREEZE, RECONCILER, {},
        Facts(objects=(STOPPED,), clocks=running("confirm", "ownership")),
    )

    assert (State.FROZEN, False) == (frozen.case.state, frozen.case.degraded)
    assert [
        fx.StopClocks(("confirm",)), fx.CloseTasks("stop"), fx.AnnounceOrders(),
    ] == without_notices(frozen)
    told = [("frozen_confirmed", "vendor"), ("frozen_confirmed", "owner"), ("outcome", "pullers")]
    assert told == kinds(frozen)


def test_an_associate_does_not_freeze_what_is_frozen():
    """In the frozen phase there is nothing left to freeze; a stranger still hears "not allowed"."""
    with pytest.raises(NotAllowed):
        decide(
            case_in(State.FROZEN), Command.FREEZE, arguments={}, actor=TIMER, now=NOW,
            facts=Facts(), version=4,
        )
