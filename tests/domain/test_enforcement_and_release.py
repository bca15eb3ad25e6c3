"""What the reconciler's facts do to a case, and how a release ends."""

from dataclasses import replace

import pytest

from freezeguard.domain import effects as fx
from freezeguard.domain.enforcement import ObjectState, Status, is_degraded, strictest
from freezeguard.domain.errors import GuardFailed
from freezeguard.domain.record import Facts, ProbationRecord
from freezeguard.domain.transitions import Command, State
from tests.domain.casebook import (
    DAY,
    GOOD_RECORD,
    NOW,
    PENDING,
    REFUSED,
    RELEASING,
    RESTORED,
    STOPPED,
    case_in,
    give,
    kinds,
    running,
    stopped,
    terms,
    without_notices,
)
from tests.domain.cast import OWEN, RECONCILER, TIMER

FACTS = (Command.REFUSED, Command.UNREACHABLE, Command.DRIFTED, Command.CONFIRMED)
MISSING = ObjectState("web", "", "hard", Status.NOT_LISTED)
SEEN = {"catalogue": "till", "remote_id": "t-9", "detail": "422 unknown field"}
ASK = "Put K-1 back on sale in till by hand (object t-9): 422 unknown field"


# --------------------------------------------------------------------------- what was seen


@pytest.mark.parametrize("command", FACTS)
@pytest.mark.parametrize("state", State)
def test_facts_are_recorded_in_every_state_and_move_nothing(state, command):
    """The reconciler is heard everywhere; a fact neither moves a state nor raises a version."""
    case = case_in(state)

    recorded = give(case, command, RECONCILER, SEEN, Facts(objects=(REFUSED,)), version=None)

    assert (state, case.version, True) == (
        recorded.case.state, recorded.case.version, recorded.case.degraded
    )


def test_the_owner_is_paged_when_enforcement_falls_short():
    """Paged once, when it begins; what was seen stands in the notice."""
    facts = Facts(objects=(REFUSED,))

    began = give(case_in(State.FREEZING), Command.REFUSED, RECONCILER, SEEN, facts)
    goes_on = give(case_in(State.FREEZING, degraded=True), Command.REFUSED, RECONCILER, SEEN, facts)

    assert (fx.Notify("degraded", "owner", {**SEEN, "status": "refused"}),) == began.effects
    assert () == goes_on.effects


def test_degraded_is_derived_and_ends_with_its_cause():
    """Nobody sets it by hand: once all is confirmed it is gone."""
    recovered = give(
        case_in(State.FROZEN, degraded=True), Command.CONFIRMED, RECONCILER, SEEN,
        Facts(objects=(STOPPED,)),
    )

    assert (False, ()) == (recovered.case.degraded, recovered.effects)


@pytest.mark.parametrize(
    ("objects", "is_confirmed"),
    [
        ((STOPPED,), True),
        ((), True),
        ((STOPPED, MISSING), True),
        ((MISSING, MISSING), False),
        ((STOPPED, PENDING), False),
    ],
)
def test_a_case_that_was_taken_over_is_confirmed_as_any(objects, is_confirmed):
    """Once all is read back the clock ends and both sides hear; not where nobody lists the SKU."""
    case = case_in(State.DIAGNOSING, degraded=True)
    facts = Facts(objects=objects, clocks=running("confirm"))

    seen = give(case, Command.CONFIRMED, RECONCILER, SEEN, facts)

    told = [("frozen_confirmed", "vendor"), ("frozen_confirmed", "owner"), ("outcome", "pullers")]
    told *= is_confirmed
    assert told == kinds(seen)
    assert is_confirmed is (fx.AnnounceOrders() in seen.effects)
    assert ({"confirm"} if is_confirmed else set()) == stopped(seen)


def test_the_last_fallback_is_a_person():
    """With an instruction a manual task is opened and its owner told."""
    asked = give(
        case_in(State.FROZEN, degraded=True), Command.REFUSED, RECONCILER,
        {**SEEN, "instruction": "take it off the shelf"}, Facts(objects=(REFUSED,)),
    )

    assert [fx.OpenTask("stop", "till", "t-9", "take it off the shelf")] == without_notices(asked)
    assert [("manual_task", "owner")] == kinds(asked)


@pytest.mark.parametrize("state", State)
def test_the_owner_resolves_a_task_in_every_state(state):
    """A task that is done is closed and looked at again, even if the case has ended meanwhile."""
    done = give(
        case_in(state), Command.RESOLVE_TASK, OWEN,
        {"catalogue": "till", "remote_id": "t-9", "note": "done"},
        Facts(open_tasks=(("till", "t-9"),)),
    )

    assert (state, 5) == (done.case.state, done.case.version)
    assert (fx.CloseTask("till", "t-9", "done"), fx.LookAgain()) == done.effects


def test_only_an_open_task_is_resolved():
    """There is no resolving what nobody asked for."""
    with pytest.raises(GuardFailed, match="no manual task is open for till/t-9"):
        give(
            case_in(State.FROZEN), Command.RESOLVE_TASK, OWEN,
            {"catalogue": "till", "remote_id": "t-9"}, Facts(open_tasks=(("till", "t-8"),)),
        )


@pytest.mark.parametrize(
    ("status", "wanted", "seen", "stopped"),
    [
        (Status.CONFIRMED, "hard", False, True),
        (Status.CONFIRMED, "hide", False, True),
        (Status.CONFIRMED, "hard", True, False),
        (Status.CONFIRMED, "hard", None, False),
        (Status.CONFIRMED, "sellable", False, False),
        (Status.NOT_LISTED, "hard", None, True),
        (Status.WAIVED, "hard", True, True),
        (Status.PENDING, "hard", False, False),
        (Status.REFUSED, "hard", None, False),
        (Status.UNREACHABLE, "hard", None, False),
        (Status.DRIFTED, "hard", True, False),
        (Status.IDLE, "sellable", True, False),
    ],
)
def test_what_counts_as_stopped(status, wanted, seen, stopped):
    """Read back as not sellable, not listed, or waived; nothing else is stopped."""
    assert stopped == ObjectState("shop", "p", wanted, status, seen).is_stopped


@pytest.mark.parametrize("status", Status)
def test_what_counts_as_released(status):
    """Restored, not listed, or still held by another case; nothing else is released."""
    one = ObjectState("shop", "p", "sellable", status)

    assert (status in {Status.IDLE, Status.NOT_LISTED}) == one.is_released
    assert replace(one, held_by_other="case 9").is_released


def test_what_counts_as_degraded():
    """Anything refused, unreachable or drifted, or a SKU that no catalogue lists at all."""
    for status in Status:
        troubled = status in {Status.REFUSED, Status.UNREACHABLE, Status.DRIFTED}
        assert troubled == is_degraded([STOPPED, replace(PENDING, status=status)])
    assert is_degraded([MISSING, MISSING])
    assert not is_degraded([MISSING, STOPPED])
    assert not is_degraded([])


def test_the_union_of_holds_is_the_strictest():
    """Several holds want the strictest of what each wants; without one the object is sellable."""
    assert "hard" == strictest(["hide", "hard", "sellable"])
    assert "hide" == strictest(["sellable", "hide"])
    assert "sellable" == strictest([])


def test_objects_are_named_as_people_name_them():
    """By catalogue and remote id, and by the catalogue alone where there is no id yet."""
    assert "shop/p-1" == STOPPED.name
    assert "shop" == replace(STOPPED, remote_id="").name


# --------------------------------------------------------------------------------- release


def test_a_release_is_over_when_it_was_read_back():
    """Probation starts with its terms and clock; the hold ends, vendor and owner are told."""
    released = give(
        case_in(State.REINSTATING), Command.CONFIRM_RELEASE, RECONCILER, {},
        Facts(objects=(RESTORED, replace(RELEASING, held_by_other="c-2"))),
    )

    assert (State.PROBATION, terms(started=NOW)) == (released.case.state, released.case.probation)
    assert released.case.closed_at is None
    assert [
        fx.StartClock("probation", NOW + 14 * DAY, NOW + 14 * DAY), fx.EndHold(),
        fx.CloseTasks("release"),
    ] == without_notices(released)
    told = [("released", "vendor"), ("released", "owner"), ("outcome", "pullers")]
    assert told == kinds(released)


def test_a_release_that_nobody_saw_is_none():
    """While an object is not read back as sellable the case keeps reinstating."""
    with pytest.raises(GuardFailed, match="till/t-9 is not read back as sellable"):
        give(
            case_in(State.REINSTATING), Command.CONFIRM_RELEASE, RECONCILER, {},
            Facts(objects=(RESTORED, RELEASING)),
        )


def test_a_false_alarm_ends_without_probation():
    """Its release closes the case; vendor and owner hear the reason code."""
    case = case_in(
        State.REINSTATING, outcome="false_alarm", verification={"false_alarm": "abuse"}
    )

    closed = give(case, Command.CONFIRM_RELEASE, RECONCILER, {}, Facts(objects=(RESTORED,)))

    assert (State.CLOSED_FALSE_ALARM, NOW, None) == (
        closed.case.state, closed.case.closed_at, closed.case.probation
    )
    assert {fx.EndHold(), fx.CloseTasks("release")} == set(without_notices(closed))
    code = {"reason_code": "abuse"}
    assert [
        fx.Notify("false_alarm", "vendor", code), fx.Notify("false_alarm", "owner", code),
        fx.Notify("outcome", "pullers", {"outcome": "closed_false_alarm", **code}),
    ] == [one for one in closed.effects if isinstance(one, fx.Notify)]


def test_three_refusals_make_a_manual_task():
    """Two refusals are retried in silence, the third asks a person and tells the owner."""
    case = case_in(State.REINSTATING)
    effects = []

    for _ in range(3):
        refused = give(
            case, Command.REFUSE_RELEASE, RECONCILER, SEEN, Facts(objects=(RELEASING,)),
            version=None,
        )
        case = refused.case
        effects.append(refused.effects)

    assert (State.REINSTATING, 3, 7) == (case.state, case.release_tries, case.version)
    assert [(), ()] == effects[:2]
    assert (
        fx.OpenTask("release", "till", "t-9", ASK),
        fx.Notify("release_refused", "owner", {**SEEN, "instruction": ASK}),
    ) == effects[2]


def test_every_refused_object_gets_its_task_once():
    """A second object asks for itself; an object whose task is open asks nobody again."""
    case, tasks = case_in(State.REINSTATING, release_tries=3), (("till", "t-9"),)
    facts = Facts(objects=(RELEASING,), open_tasks=tasks)

    same = give(case, Command.REFUSE_RELEASE, RECONCILER, SEEN, facts)
    other = give(case, Command.REFUSE_RELEASE, RECONCILER, {**SEEN, "remote_id": "t-10"}, facts)
    after_task = give(case, Command.REFUSE_RELEASE, RECONCILER, SEEN, Facts(objects=(RELEASING,)))

    assert () == same.effects
    assert ["t-10"] == [one.remote_id for one in other.effects if isinstance(one, fx.OpenTask)]
    assert ["t-9"] == [
        one.remote_id for one in after_task.effects if isinstance(one, fx.OpenTask)
    ]


# ------------------------------------------------------------------------------- probation


def test_probation_ends_well():
    """Effectiveness is recorded, and everyone who was told of the freeze is told of its end."""
    case = case_in(State.PROBATION, probation=terms(started=NOW - 14 * DAY))

    closed = give(
        case, Command.COMPLETE_PROBATION, TIMER, {}, Facts(probation=GOOD_RECORD), version=None
    )

    assert (State.CLOSED_REINSTATED, NOW) == (closed.case.state, closed.case.closed_at)
    assert {
        **terms(started=NOW - 14 * DAY), "effectiveness": {"complaints": 0, "units": 300}
    } == closed.case.probation
    assert (
        fx.Notify("closed", "everyone_told"),
        fx.Notify("outcome", "pullers", {"outcome": "closed_reinstated"}),
    ) == closed.effects


def test_probation_does_not_end_on_one_condition():
    """Time without units, units without time: each is told what it lacks."""
    too_few = ProbationRecord(complaints=0, units=199)
    over = case_in(State.PROBATION, probation=terms(started=NOW - 14 * DAY))

    with pytest.raises(GuardFailed, match="199 of 200 units"):
        give(over, Command.COMPLETE_PROBATION, TIMER, {}, Facts(probation=too_few))
    with pytest.raises(GuardFailed, match="probation lasts until"):
        give(
            case_in(State.PROBATION), Command.COMPLETE_PROBATION, TIMER, {},
            Facts(probation=GOOD_RECORD),
        )
