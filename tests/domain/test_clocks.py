"""When clocks start, pause and stop: against a table that was written by hand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from freezeguard.domain import effects as fx
from freezeguard.domain.calendars import Calendar
from freezeguard.domain.case import decide, open_case
from freezeguard.domain.clocks import EXTENDABLE, KINDS, LASTING, clock_effects
from freezeguard.domain.enforcement import Status
from freezeguard.domain.errors import GuardFailed
from freezeguard.domain.guards import Move
from freezeguard.domain.legal import LegalClock, StartsOn, StopsOn, Unit
from freezeguard.domain.policy import Policy
from freezeguard.domain.record import Facts, RunningClock
from freezeguard.domain.transitions import FROZEN_PHASE, Command, State
from tests.domain import design
from tests.domain.casebook import (
    DAY,
    HOUR,
    NOW,
    PENDING,
    REMEDY,
    STOPPED,
    case_in,
    give,
    running,
    started,
    stopped,
)
from tests.domain.cast import (
    ANA,
    ANN,
    BEN,
    COL,
    COURIER,
    DETECTOR,
    MIA,
    OWEN,
    RECONCILER,
    TILL,
    VERA,
)

_FROZEN = " ".join(design.FROZEN_PHASE)
_STOPS = "freeze reopen register_order"
_EARLY = "freezing frozen diagnosing"

# What starts a clock, the states in which it runs, in which it pauses, and what ends it earlier:
# the rows of the design's clock table, spelled out command by command.
_TABLE = f"""
second_opinion | suspect | suspected | | 
accept         | {_STOPS} | freezing | | 
confirm        | {_STOPS} widen | {_FROZEN} | | confirm_freeze
ownership      | {_STOPS} | freezing frozen | | 
vendor_ack     | vendor_notified | {_EARLY} | | acknowledge commit_date contest
vendor_plan    | vendor_notified return_remedy | {_EARLY} | | commit_date contest
vendor_date    | commit_date | {_EARLY} | remedy_proposed awaiting_approval | 
diagnosis      | {_STOPS} return_remedy reject_approval void_approval absorb | {_EARLY} | | commit_date
contest        | contest | {_FROZEN} | | answer_contest
judge          | propose_remedy | remedy_proposed | | 
approve        | request_approval | awaiting_approval | | 
revocation     | register_revocation | {_FROZEN} | | register_order
update         | {_STOPS} appeal | {_FROZEN} appealed | | 
release        | approve declare_false_alarm | reinstating | | 
probation      | confirm_release | probation | | 
hand_off       | hand_off | {" ".join(design.OPEN)} | | accept_hand_off lapse_hand_off
appeal         | appeal | appealed | | 
hold_review    | {_STOPS} review | {_FROZEN} | | 
later_review   | freeze | {" ".join(design.EVERY_STATE)} | | review
"""  # noqa: E501, W291 - one line per clock reads like the design

WARNED = {
    "vendor_date", "diagnosis", "contest", "judge", "approve", "revocation", "appeal",
}
FIRST_VOTERS = {"approve", "declare_false_alarm"}


class _Clock(NamedTuple):
    starts: set[str]
    runs_in: set[str]
    pauses_in: set[str]
    stops: set[str]


CLOCKS = {
    name.strip(): _Clock(*(set(cell.split()) for cell in cells))
    for name, *cells in (line.split("|") for line in _TABLE.strip().splitlines())
}

FRIDAY = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
REPORT = LegalClock(
    "report", "DE", "Article 1", StartsOn.SAFETY_FREEZE, 3, Unit.WORKING_DAYS, (0.5, 0.8),
    StopsOn.ACTION_RECORDED, "Report it.",
)
COMPLY = LegalClock(
    "comply", "DE", "Article 2", StartsOn.AUTHORITY_ORDER, 2, Unit.WORKING_DAYS, (0.5, 0.8),
    StopsOn.STOP_CONFIRMED, "Stop it.",
)
TELL = LegalClock(
    "tell", "US", "Section 15", StartsOn.AUTHORITY_ORDER, 24, Unit.HOURS, (0.5, 0.8),
    StopsOn.ACTION_RECORDED, "Tell the authority.",
)
DE, US = Calendar("DE", "UTC"), Calendar("US", "UTC")
LAWS = ((REPORT, DE), (COMPLY, DE), (TELL, US))
ORDER = {"authority": "the office", "document": "order.pdf"}


def _moves():
    """Every move of the table, as far as clocks see it: command, from, to, lane."""
    for lane in ("quality", "authority"):
        for command in design.COMMANDS:
            for source in (None, *design.EVERY_STATE):
                line = design.line_of(command, source, lane)
                if line is None or (
                    lane == "authority" and command in design.ILLEGAL_IN_AUTHORITY_LANE
                ):
                    continue
                yield from ((command, source, target, lane) for target in line.targets)
        yield from (
            (command, source, source, "quality")
            for command in FIRST_VOTERS
            for source in ("freezing", "diagnosing")
        )


MOVES = tuple(dict.fromkeys(_moves()))


def _effects(command, source, target, lane, clocks=(), **known):
    before = case_in(source or "suspected", lane=lane)
    after = replace(before, state=State(target), frozen_at=NOW - DAY)
    arguments = {
        "quiet_after": (NOW + DAY).isoformat(), "date": (NOW + DAY).isoformat(),
    }
    actor = DETECTOR if command == "suspect" else ANN
    move = Move(
        before, None if source is None else State(source), Command(command), arguments, actor,
        NOW, Facts(clocks=clocks, **known),
    )
    return clock_effects(move, after)


def _starts(clock, command, source, target):
    if command not in clock.starts or target not in clock.runs_in | clock.pauses_in:
        return False
    stays = source == target
    return not (stays and command in {*_STOPS.split(), *FIRST_VOTERS})


def test_the_kinds_of_clocks_are_those_of_the_design():
    """No more and no fewer, and those that warn are those whose holder can still act."""
    assert list(CLOCKS) == [kind.name for kind in KINDS]
    assert {kind.name for kind in KINDS if kind.warns} == WARNED
    assert set(CLOCKS) >= EXTENDABLE
    assert {"later_review", "manual_task"} == LASTING


@pytest.mark.parametrize("name", CLOCKS)
def test_each_clock_starts_with_its_commands_only(name):
    """Over every move of the table: by its commands, where it runs, and never by a first vote."""
    expected = {move for move in MOVES if _starts(CLOCKS[name], *move[:3])}

    actual = {
        move
        for move in MOVES
        for one in _effects(*move)
        if isinstance(one, fx.StartClock) and one.kind == name
    }

    assert expected
    assert expected == actual


@pytest.mark.parametrize("name", CLOCKS)
def test_each_clock_stops_where_it_has_no_place(name):
    """Over every move: by what ends it, or where the case leaves its states; else it goes on."""
    clock, clocks = CLOCKS[name], running(name)
    places = clock.runs_in | clock.pauses_in
    expected, actual = set(), set()
    for move in MOVES:
        command, source, target, _ = move
        if source not in places:
            continue
        restarts = _starts(clock, command, source, target) and command != "absorb"
        if not restarts and (command in clock.stops or target not in places):
            expected.add(move)
        for one in _effects(*move, clocks):
            if isinstance(one, fx.StopClocks) and name in one.kinds:
                actual.add(move)

    assert expected == actual


def test_the_vendor_s_date_stands_still_while_the_shop_has_the_ball():
    """It pauses with a remedy, goes on when that comes back, and nothing else ever pauses."""
    for name, clock in CLOCKS.items():
        paused, resumed = set(), set()
        for move in MOVES:
            if move[1] not in clock.runs_in | clock.pauses_in:
                continue
            pause = move[1] in clock.pauses_in
            for one in _effects(*move, running(name, is_paused=pause)):
                if isinstance(one, fx.PauseClocks):
                    paused.add(move[:3])
                if isinstance(one, fx.ResumeClocks):
                    resumed.add(move[:3])
        if name != "vendor_date":
            assert not paused | resumed
            continue
        assert {("propose_remedy", "diagnosing", "remedy_proposed")} == paused
        assert {
            ("return_remedy", "remedy_proposed", "diagnosing"),
            ("reject_approval", "awaiting_approval", "diagnosing"),
            ("void_approval", "awaiting_approval", "diagnosing"),
            ("absorb", "remedy_proposed", "diagnosing"),
            ("absorb", "awaiting_approval", "diagnosing"),
        } == resumed


def test_clocks_come_before_what_is_told():
    """A notice speaks of due times that are true already."""
    frozen = open_case(
        case_in("suspected", version=1), Command.FREEZE, arguments={}, actor=ANA, now=NOW,
        facts=Facts(),
    )

    kinds = [isinstance(one, fx.StartClock | fx.StopClocks) for one in frozen.effects]
    assert kinds == sorted(kinds, reverse=True)
    assert any(kinds)


# ------------------------------------------------------------------------------ how long


def _at(command, actor, case, arguments, now=FRIDAY, **known):
    facts = Facts(**known)
    return started(decide(
        case, command, arguments=arguments, actor=actor, now=now, facts=facts, version=None,
    ))


def test_a_freeze_starts_its_clocks_with_their_times():
    """Seconds of a machine elapse; the owner's hour and the ten days are worked."""
    clocks = _at(Command.FREEZE, ANA, case_in("suspected"), {})

    assert {
        "accept": FRIDAY + timedelta(seconds=5),
        "confirm": FRIDAY + timedelta(seconds=30),
        "ownership": FRIDAY + HOUR,
        "diagnosis": datetime(2026, 12, 5, tzinfo=UTC),
        "update": FRIDAY + 3 * DAY,
        "hold_review": FRIDAY + 30 * DAY,
    } == clocks


def test_nobody_waits_for_monday_where_people_get_hurt():
    """In the lane safety every clock simply elapses, and updates go out daily."""
    case = case_in("suspected", lane="safety")

    clocks = _at(Command.FREEZE, ANA, case, {}, now=FRIDAY + HOUR)

    assert FRIDAY + 2 * HOUR == clocks["ownership"]
    assert FRIDAY + HOUR + 10 * DAY == clocks["diagnosis"]
    assert FRIDAY + HOUR + DAY == clocks["update"]
    quality = _at(Command.FREEZE, ANA, case_in("suspected"), {}, now=FRIDAY + HOUR)
    assert datetime(2026, 11, 23, 10, tzinfo=UTC) == quality["ownership"]


@pytest.mark.parametrize("lane", ["quality", "safety"])
def test_what_the_vendor_is_told_is_when_the_clock_is_due(lane):
    """The date of an answer to a contest is the clock's own; so is that of an appeal."""
    contest = give(
        case_in("frozen", lane=lane), Command.CONTEST, VERA, {"reason": "it is sound"}, now=FRIDAY
    )
    appeal = give(
        case_in("delisted", lane=lane, outcome="delisted"), Command.APPEAL, VERA,
        {"new_facts": "new seal"}, now=FRIDAY,
    )

    assert contest.case.contest["answer_by"] == started(contest)["contest"].isoformat()
    assert appeal.case.appeal["answer_by"] == started(appeal)["appeal"].isoformat()
    days = {"quality": datetime(2026, 11, 25, tzinfo=UTC), "safety": FRIDAY + 2 * DAY}
    assert days[lane] == started(contest)["contest"]


def test_a_vendor_s_clocks_keep_the_vendor_s_holidays():
    """A day on which nobody works there does not count, but where people get hurt it does."""
    monday = datetime(2026, 11, 23, 9, tzinfo=UTC)
    closed = Calendar("XX", "UTC", frozenset({monday.date()}))

    told = _at(
        Command.VENDOR_NOTIFIED, COURIER, case_in("frozen"), {}, now=monday, vendor_calendar=closed
    )
    hurt = _at(
        Command.VENDOR_NOTIFIED, COURIER, case_in("frozen", lane="safety"), {}, now=monday,
        vendor_calendar=closed,
    )

    assert closed.after_hours(monday, 24 * HOUR) == told["vendor_ack"]
    assert closed.after_hours(monday, 72 * HOUR) == told["vendor_plan"]
    assert {"vendor_ack": monday + 24 * HOUR, "vendor_plan": monday + 72 * HOUR} == hurt


def test_whoever_has_the_ball_is_warned_in_time():
    """At four fifths of the working time; clocks that warn nobody begin with their breach."""
    asked = give(
        case_in("diagnosing"), Command.PROPOSE_REMEDY, OWEN, {"remedy": REMEDY},
        now=datetime(2026, 11, 20, 9, tzinfo=UTC),
    )

    judge = next(one for one in asked.effects if isinstance(one, fx.StartClock))
    assert ("judge", datetime(2026, 11, 20, 17, tzinfo=UTC)) == (judge.kind, judge.due_at)
    assert datetime(2026, 11, 20, 15, 24, tzinfo=UTC) == judge.next_at
    frozen = give(case_in("suspected"), Command.FREEZE, ANA)
    for one in frozen.effects:
        if isinstance(one, fx.StartClock):
            assert (one.next_at == one.due_at) == (one.kind not in WARNED)


# ------------------------------------------------------------------------------- exceptions


def test_a_first_vote_starts_nothing():
    """Neither the clock of the release, nor any other; none stops either."""
    case, clocks = case_in("awaiting_approval", lane="safety"), running("approve", "update")

    first = give(
        case, Command.APPROVE, MIA, {"evidence_revision": 3}, Facts(clocks=clocks)
    )

    assert ({}, set()) == (started(first), stopped(first))


@pytest.mark.parametrize("state", sorted(FROZEN_PHASE))
def test_an_order_on_a_stopped_sale_starts_no_clock_anew(state):
    """Nothing is stopped anew: only what the law sets begins."""
    clocks = running("ownership", "diagnosis", "update", "hold_review", "revocation")

    ordered = give(case_in(state), Command.REGISTER_ORDER, COL, ORDER, Facts(clocks=clocks))

    assert {} == started(ordered)
    assert "revocation" in stopped(ordered)


@pytest.mark.parametrize(
    ("actor", "arguments", "pullers", "reviewed"),
    [
        (BEN, {}, ("ann",), True),
        (ANN, {"reason_code": "safety_hazard"}, (), True),
        (TILL, {}, (), True),
        (ANA, {}, (), False),
        (MIA, {}, (), False),
        (COL, {"lane": "authority", "document": "o.pdf"}, (), False),
    ],
)
def test_what_few_have_judged_is_looked_at_later(actor, arguments, pullers, reviewed):
    """Two associates, one for a safety reason, or a key: a later review is due. Others judge."""
    frozen = give(
        case_in("suspected"), Command.FREEZE, actor, arguments, Facts(pullers=pullers)
    )

    assert reviewed == ("later_review" in started(frozen))


@pytest.mark.parametrize(("every", "reviewed"), [(7, True), (10, False), (0, False)])
def test_of_the_detector_s_freezes_a_sample_is_looked_at(every, reviewed):
    """The same share of all cases, by their ids; none where the shop wants none."""
    facts = Facts(Policy(review_every=every))

    frozen = give(case_in("suspected"), Command.FREEZE, DETECTOR, {}, facts)

    assert reviewed == ("later_review" in started(frozen))


def test_a_false_alarm_that_is_read_back_starts_no_probation():
    """It is over: nothing has to prove itself."""
    case = case_in("reinstating", outcome="false_alarm", verification={"false_alarm": "abuse"})

    closed = give(case, Command.CONFIRM_RELEASE, RECONCILER, {}, Facts(clocks=running("release")))

    assert ({}, {"release"}) == (started(closed), stopped(closed))


def test_the_vendor_hears_of_an_appeal_only_where_it_heard_of_the_case():
    """Of a suspicion that was dismissed no update goes out, however it is appealed."""
    facts = {"new_facts": "it burns after all"}
    dismissed = case_in("closed_false_alarm", outcome="false_alarm", frozen_at=None)
    released = replace(dismissed, frozen_at=NOW - DAY)

    assert {"appeal"} == set(started(give(dismissed, Command.APPEAL, ANN, facts)))
    assert {"appeal", "update"} == set(started(give(released, Command.APPEAL, ANN, facts)))


def test_of_two_cases_the_earlier_due_time_is_kept():
    """The survivor's diagnosis goes on with its own date; the merged case hands its clocks over."""
    clocks = running("diagnosis", "update")
    older = case_in("diagnosing", opened_at=NOW - 9 * DAY, id=case_in("frozen").id.__class__(int=3))
    merged = give(
        case_in("frozen"), Command.MERGE, OWEN, {"reason": "one cause"},
        Facts(clocks=clocks, other=older),
    )
    absorbed = give(
        older, Command.ABSORB, RECONCILER, {},
        Facts(clocks=clocks, other=case_in("frozen")), version=None,
    )
    anew = give(
        replace(older, state=State.REMEDY_PROPOSED), Command.ABSORB, RECONCILER, {},
        Facts(clocks=running("judge"), other=case_in("frozen")), version=None,
    )

    assert clocks == next(one for one in merged.effects if isinstance(one, fx.MergeInto)).clocks
    assert {"diagnosis", "update"} == stopped(merged)
    assert ({}, set()) == (started(absorbed), stopped(absorbed))
    assert ({"diagnosis"}, {"judge"}) == (set(started(anew)), stopped(anew))


def test_a_waiver_s_clock_ends_with_the_frozen_phase():
    """Whatever leads out of it."""
    approved = give(
        case_in("awaiting_approval"), Command.DECLARE_FALSE_ALARM, OWEN,
        {"reason_code": "abuse"}, Facts(clocks=running("waiver:shop/p-1", "approve")),
    )

    assert {"waiver:shop/p-1", "approve"} == stopped(approved)


# ---------------------------------------------------------------------------------- the law


def _legal(*kinds):
    return tuple(
        RunningClock(kind, NOW - HOUR, NOW + DAY, details={"law": "Article"}) for kind in kinds
    )


@pytest.mark.parametrize(
    ("lane", "arguments", "expected"),
    [
        ("quality", {}, set()),
        ("safety", {}, {"report"}),
        ("quality", {"lane": "authority", "document": "o.pdf"}, {"comply", "tell"}),
        ("quality", {"lane": "authority", "document": "o.pdf", "jurisdiction": "US"}, {"tell"}),
    ],
)
def test_a_freeze_starts_what_the_law_says(lane, arguments, expected):
    """By the lane, and by the jurisdiction of the order where it names one."""
    frozen = give(
        case_in("suspected", lane=lane), Command.FREEZE, COL, arguments, Facts(laws=LAWS)
    )

    assert expected == set(started(frozen)) & {"report", "comply", "tell"}


def test_an_order_starts_its_clock_with_its_law_and_warnings():
    """The row names the article, what to do, and the moments at 50 and 80 per cent."""
    facts = Facts(laws=((TELL, US),), objects=(PENDING,))

    ordered = give(case_in("frozen"), Command.REGISTER_ORDER, COL, ORDER, facts)

    clock = next(one for one in ordered.effects if isinstance(one, fx.StartClock))
    half, most = NOW + 12 * HOUR, NOW + timedelta(hours=19.2)
    assert ("tell", NOW + 24 * HOUR, half) == (clock.kind, clock.due_at, clock.next_at)
    assert {
        "law": "Section 15", "jurisdiction": "US", "sentence": "Tell the authority.",
        "warn_at": [half.isoformat(), most.isoformat()],
    } == clock.details


def test_no_later_event_prolongs_a_period_of_the_law():
    """A second stop, or a second order, leaves the due time of the first.

    What a second order wants to be told has a clock of its own, which the first one's leaves alone.
    """
    again = give(
        case_in("probation", lane="safety"), Command.FREEZE, ANA, {},
        Facts(laws=LAWS, clocks=_legal("report")),
    )
    second = give(
        case_in("frozen", lane="authority"), Command.REGISTER_ORDER, COL, ORDER,
        Facts(laws=LAWS, clocks=_legal("tell", "comply"), objects=(PENDING,)),
    )

    assert "report" not in started(again)
    assert {"tell:2"} == set(started(second))


def test_an_order_that_is_met_already_starts_no_clock_to_meet_it():
    """The sale was read back as stopped before: what remains is to tell the authority."""
    facts = Facts(laws=LAWS, objects=(STOPPED,))

    assert {"tell"} == set(started(give(
        case_in("frozen"), Command.REGISTER_ORDER, COL, ORDER, facts
    )))
    assert {"tell", "comply"} <= set(started(give(
        case_in("freezing"), Command.REGISTER_ORDER, COL, ORDER, facts
    )))


def test_each_order_is_answered_by_an_action_of_its_own():
    """The clock of the second names its order; the record of one leaves the other running."""
    case = case_in("frozen", lane="authority")
    second = give(
        case, Command.REGISTER_ORDER, COL, ORDER, Facts(laws=LAWS, clocks=_legal("tell")),
    )
    clock = next(one for one in second.effects
                 if isinstance(one, fx.StartClock) and one.kind == "tell:2")
    facts = Facts(laws=LAWS, clocks=_legal("tell", "tell:2"))
    told = {"action": "told", "clock": "tell"}

    assert "Tell the authority. (order.pdf, the office)" == clock.details["sentence"]
    assert "order.pdf, the office" == clock.details["order"]
    assert {"tell"} == stopped(give(case, Command.RECORD_ACTION, COL, told, facts, version=None))
    assert {"tell:2"} == stopped(give(
        case, Command.RECORD_ACTION, COL, {**told, "clock": "tell:2"}, facts, version=None
    ))


@pytest.mark.parametrize(("named", "belongs", "expected"), [
    ("de-by", ("DE-BY", "DE"), {"comply"}), ("us", (), {"tell"}), ("FR", ("FR", "EU"), set()),
])
def test_an_order_starts_the_clocks_of_every_law_that_it_is_under(named, belongs, expected):
    """The laws of its jurisdiction and of those to which that belongs, however it is written."""
    frozen = give(
        case_in("suspected"), Command.REGISTER_ORDER, COL, {**ORDER, "jurisdiction": named},
        Facts(laws=LAWS, jurisdictions=belongs or (named.upper(),)),
    )

    assert expected == set(started(frozen)) & {"comply", "tell"}


def test_an_order_under_a_law_that_nobody_knows_is_refused():
    """No clock would start for it, and nobody would notice."""
    with pytest.raises(GuardFailed, match="`jurisdiction`: Germany is not known; write EU"):
        give(
            case_in("frozen"), Command.REGISTER_ORDER, COL, {**ORDER, "jurisdiction": "Germany"},
            Facts(laws=LAWS),
        )


def test_a_law_without_warnings_still_has_its_clock():
    """Its first word is the breach: a shop may want no warnings, and its freezes go on."""
    silent = replace(REPORT, warn_at=())

    frozen = give(
        case_in("suspected", lane="safety"), Command.FREEZE, COL, {}, Facts(laws=((silent, DE),))
    )

    clock = next(one for one in frozen.effects
                 if isinstance(one, fx.StartClock) and one.kind == "report")
    assert clock.due_at == clock.next_at


@pytest.mark.parametrize("state", ["freezing", "diagnosing"])
def test_a_legal_clock_stops_when_the_stop_is_read_back(state):
    """Confirmed at once, or only after somebody took the case over: the law is met all the same."""
    command = Command.CONFIRM_FREEZE if state == "freezing" else Command.CONFIRMED
    facts = Facts(
        laws=LAWS, objects=(STOPPED,),
        clocks=(*_legal("comply", "tell"), *running("confirm")),
    )

    confirmed = give(case_in(state, lane="authority"), command, RECONCILER, {}, facts)

    assert {"comply", "confirm"} == stopped(confirmed)
    untouched = give(
        case_in(state, lane="authority"), Command.REFUSED, RECONCILER, {},
        replace(facts, objects=(STOPPED, PENDING)), version=None,
    )
    assert set() == stopped(untouched)


@pytest.mark.parametrize("state", ["freezing", "diagnosing"])
def test_a_waiver_ends_no_clock_of_the_law(state):
    """Whatever somebody waives, it is not stopped for the law, until it is read back."""
    command = Command.CONFIRM_FREEZE if state == "freezing" else Command.CONFIRMED
    facts = Facts(
        laws=LAWS, objects=(STOPPED, replace(PENDING, status=Status.WAIVED)),
        clocks=(*_legal("comply"), *running("confirm")),
    )
    case = case_in(state, lane="safety")

    waived = give(case, command, RECONCILER, {}, facts)

    assert {"confirm"} == stopped(waived)
    obeys = replace(facts, objects=(STOPPED,), clocks=_legal("comply"))
    late = replace(waived.case, state=State.DIAGNOSING)
    assert {"comply"} == stopped(give(late, Command.CONFIRMED, RECONCILER, {}, obeys, version=None))


@pytest.mark.parametrize("state", design.EVERY_STATE)
def test_a_recorded_action_stops_its_clock_and_no_other(state):
    """Also after the case has ended: the duty does not end with it."""
    facts = Facts(laws=LAWS, clocks=_legal("report", "tell"))

    recorded = give(
        case_in(state), Command.RECORD_ACTION, COL, {"clock": "tell", "action": "told"}, facts,
        version=None,
    )

    assert {"tell"} == stopped(recorded)


def test_the_end_of_a_case_does_not_stop_the_law():
    """A delisting leaves what the law wants to be told; a merge gives it to the survivor."""
    facts = Facts(
        laws=LAWS, clocks=(*_legal("report"), *running("update", "later_review", "manual_task")),
        votes=(),
    )
    older = case_in("diagnosing", opened_at=NOW - 9 * DAY, id=case_in("frozen").id.__class__(int=3))

    expired = give(
        case_in("diagnosing"), Command.DECLARE_FALSE_ALARM, OWEN, {"reason_code": "abuse"}, facts
    )
    merged = give(
        case_in("frozen"), Command.MERGE, OWEN, {"reason": "one cause"},
        replace(facts, other=older),
    )

    assert {"update"} == stopped(expired)
    assert {"update", "report"} == stopped(merged)
