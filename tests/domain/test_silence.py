"""Nobody answers, for two hundred days: nothing is sold again, and somebody is told for ever.

A walk of decisions and ladders alone, without a database: clocks fire in the order in which they
are due, as the timers fire them, and every human is silent.
"""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezeguard.domain import effects as fx
from freezeguard.domain.calendars import Calendar
from freezeguard.domain.clocks import MANUAL_TASK, is_legal
from freezeguard.domain.enforcement import Status
from freezeguard.domain.ladders import breach, warning
from freezeguard.domain.legal import LegalClock, StartsOn, StopsOn, Unit
from freezeguard.domain.record import ProbationRecord, RunningClock
from freezeguard.domain.transitions import FROZEN_PHASE, Command, State
from tests.domain.casebook import DAY, HOUR, NOW, POLICY, REMEDY, VERIFICATION, case_in
from tests.domain.cast import (
    ANA,
    ANN,
    COL,
    COURIER,
    DETECTOR,
    MAX,
    MIA,
    OWEN,
    RECONCILER,
    TILL,
    TIMER,
    VERA,
)
from tests.domain.desk import Desk

SILENCE = 200 * DAY
PLACE = Calendar("shop", "UTC")
STAFF = {"owner", "deputy", "approvers", "managers", "compliance", "admins"}
LAWS = (
    (LegalClock("report", "DE", "Article 1", StartsOn.SAFETY_FREEZE, 3, Unit.WORKING_DAYS,
                (0.5, 0.8), StopsOn.ACTION_RECORDED, "Report it."), PLACE),
    (LegalClock("comply", "DE", "Article 2", StartsOn.AUTHORITY_ORDER, 2, Unit.WORKING_DAYS,
                (0.5, 0.8), StopsOn.STOP_CONFIRMED, "Stop it."), PLACE),
)
ORDER = {"lane": "authority", "document": "o.pdf", "authority": "the office"}
QUIET = {"quiet_after": (NOW + 30 * DAY).isoformat()}

SUSPICIONS = {
    "a pull": (Command.SUSPECT, ANN, {}),
    "a look": (Command.SUSPECT, DETECTOR, QUIET),
}
FREEZES = {
    "a crossing": (Command.FREEZE, DETECTOR, {"lane": "quality"}),
    "a key": (Command.FREEZE, TILL, {"lane": "quality"}),
    "an analyst": (Command.FREEZE, ANA, {"lane": "quality"}),
    "a crossing of safety": (Command.FREEZE, DETECTOR, {"lane": "safety"}),
    "an injury": (Command.FREEZE, ANN, {"reason_code": "safety_injury", "lane": "safety"}),
    "an order": (Command.FREEZE, COL, ORDER),
}
OPENINGS = {**SUSPICIONS, **FREEZES}
STEPS = (
    (Command.ACCEPT_OWNERSHIP, OWEN, {}),
    (Command.PROPOSE_REMEDY, VERA, {"remedy": REMEDY}),
    (Command.REQUEST_APPROVAL, OWEN, {"verification": VERIFICATION}),
)


@dataclass
class Walk:
    """A desk whose clocks fire, and all that was told, with the clock and the moment."""

    desk: Desk
    obeys: bool
    told: list[tuple[object, str | None, str, str]] = field(default_factory=list)
    levels: dict[str, int] = field(default_factory=dict)
    states: list[State] = field(default_factory=list)

    def give(self, command, actor, arguments, kind=None):
        """Give a command and note who is told."""
        decision = self.desk.give(command, actor, arguments, None)
        self.tell(kind, *(one for one in decision.effects if isinstance(one, fx.Notify)))
        self.states.append(decision.case.state)
        for one in decision.effects:
            if isinstance(one, fx.StartClock):
                self.levels.pop(one.kind, None)
            if isinstance(one, fx.OpenTask):
                due = self.desk.now + POLICY.task_within
                self.desk.clocks.setdefault(
                    MANUAL_TASK, RunningClock(MANUAL_TASK, self.desk.now, due, next_at=due)
                )
        return decision

    def tell(self, kind, *notices):
        """Note who is told, and because of which clock."""
        self.told += [(self.desk.now, kind, one.kind, one.reader) for one in notices]

    def enforce(self):
        """Let the catalogues obey and be read back, or refuse and call for a person."""
        desk = self.desk
        for place, one in desk.objects.items():
            if one.status is not Status.PENDING:
                continue
            released = one.wanted == "sellable"
            status = (Status.IDLE if released else Status.CONFIRMED) if self.obeys else (
                Status.REFUSED
            )
            desk.objects[place] = replace(
                one, status=status, seen_sellable=released == self.obeys, seen_at=desk.now
            )
            seen = {"catalogue": place[0], "remote_id": place[1], "detail": "no"}
            if self.obeys:
                self.give(Command.CONFIRMED, RECONCILER, seen)
            elif desk.case.state is State.REINSTATING:
                for _ in range(POLICY.release_tries):
                    self.give(Command.REFUSE_RELEASE, RECONCILER, seen)
            else:
                self.give(Command.REFUSED, RECONCILER, {**seen, "instruction": "by hand"})
        if self.obeys and desk.case.state is State.FREEZING:
            self.give(Command.CONFIRM_FREEZE, RECONCILER, {})
        if self.obeys and desk.case.state is State.REINSTATING:
            self.give(Command.CONFIRM_RELEASE, RECONCILER, {})

    def until(self, end):
        """Fire what is due, in order, until a moment or until nothing runs any more."""
        while True:
            running = [one for one in self.desk.clocks.values() if not one.is_paused]
            clock = min(running, key=lambda one: (one.next_at, one.kind), default=None)
            if clock is None or clock.next_at > end:
                return
            self.desk.now = max(self.desk.now, clock.next_at)
            self._fire(clock)
            if self.desk.clocks.get(clock.kind) is clock:
                raise AssertionError(f"{clock.kind} fires for ever at the same moment")

    def _fire(self, clock):
        desk, level = self.desk, self.levels.get(clock.kind, 0)
        if desk.now < clock.due_at:
            self._pass(clock, warning(clock, desk.now))
        elif clock.kind == MANUAL_TASK and not desk.tasks:
            del desk.clocks[clock.kind]
        elif clock.kind == "second_opinion":
            self.give(Command.EXPIRE, TIMER, {}, clock.kind)
        elif clock.kind in {"update", "hold_review"}:
            self._again(clock)
        elif clock.kind == "accept":
            self.tell(clock.kind, fx.Notify("degraded", "owner"))
            del desk.clocks[clock.kind]
        elif clock.kind == "vendor_ack":
            self._vendor_is_silent(clock, level)
        elif clock.kind == "probation":
            self.tell(clock.kind, fx.Notify("manual_task", "owner"))
            self._restart(clock, desk.now + DAY)
        else:
            if clock.kind == "vendor_date" and level == 0:
                self.give(Command.MISS_DATE, TIMER, {}, clock.kind)
            self._pass(clock, breach(clock, level, desk.case, desk.now, POLICY, PLACE))

    def _pass(self, clock, stage):
        self.tell(clock.kind, stage.notify)
        self.levels[clock.kind] = stage.level
        self.desk.clocks[clock.kind] = replace(clock, next_at=stage.next_at)

    def _again(self, clock):
        readers = ("vendor", "owner") if clock.kind == "update" else ("owner", "managers")
        self.tell(clock.kind, *(fx.Notify(clock.kind, reader) for reader in readers))
        self._restart(clock, self.desk.now + (clock.due_at - clock.started_at))

    def _restart(self, clock, due):
        self.desk.clocks[clock.kind] = RunningClock(
            clock.kind, self.desk.now, due, next_at=due, details=clock.details
        )

    def _vendor_is_silent(self, clock, level):
        told = {"since": clock.started_at.isoformat(), "due": self.desk.now.isoformat()}
        if level == 0:
            self.give(Command.VENDOR_SILENT, TIMER, told, clock.kind)
        else:
            reader = ("vendor_superior", "owner")[level - 1]
            self.tell(clock.kind, fx.Notify("vendor_silent", reader))
        self.levels[clock.kind] = level + 1
        tomorrow = self.desk.now + POLICY.vendor_ack_within
        self.desk.clocks[clock.kind] = replace(clock, next_at=tomorrow)
        if level == 2:
            del self.desk.clocks[clock.kind]

    def readers(self, kind):
        """Return who was told by a clock, in order, each stage once; warnings left out."""
        return [
            reader for _, which, word, reader in self.told
            if which == kind and word != "clock_warning"
        ]


def _open(name, *, obeys, reached=True):
    """Open a case; the catalogues answer, and the vendor's notice is delivered or is not."""
    command, actor, arguments = OPENINGS[name]
    seed = case_in(State.SUSPECTED, version=1, evidence_revision=1)
    walk = Walk(Desk.opened(seed, command, actor, arguments, NOW, LAWS), obeys)
    walk.states.append(walk.desk.case.state)
    walk.desk.now += timedelta(seconds=2)
    walk.enforce()
    if reached and walk.desk.case.in_frozen_phase:
        walk.give(Command.VENDOR_NOTIFIED, COURIER, {})
    return walk


def _longest_silence(walk):
    """Return the longest time for which nobody of the shop was told anything."""
    times = [NOW, *(at for at, _, _, reader in walk.told if reader in STAFF), NOW + SILENCE]
    return max(two - one for one, two in pairwise(times))


@pytest.mark.parametrize("obeys", [True, False])
@pytest.mark.parametrize("name", SUSPICIONS)
def test_a_suspicion_that_nobody_shares_lapses(name, obeys):
    """The one hold that ends by itself: a soft one. After that nothing runs any more."""
    walk = _open(name, obeys=obeys)

    walk.until(NOW + SILENCE)

    assert [State.SUSPECTED, State.EXPIRED] == list(dict.fromkeys(walk.states))
    assert set() == set(walk.desk.clocks)
    assert set() == walk.desk.tasks
    assert ("expired", "pullers") in [one[2:] for one in walk.told]
    assert walk.desk.hold in {None, "releasing"}


@pytest.mark.parametrize("reached", [True, False], ids=["vendor told", "vendor unreached"])
@pytest.mark.parametrize("obeys", [True, False], ids=["obeys", "refuses"])
@pytest.mark.parametrize("name", FREEZES)
def test_a_freeze_that_nobody_looks_at_stays(name, obeys, reached):
    """Frozen for two hundred days, the hold in force, and the shop told at least each weekend."""
    walk = _open(name, obeys=obeys, reached=reached)

    walk.until(NOW + SILENCE)

    assert set(walk.states) <= FROZEN_PHASE
    assert (State.FROZEN if obeys else State.FREEZING) is walk.desk.case.state
    assert "active" == walk.desk.hold
    assert _longest_silence(walk) <= (4 * DAY if walk.desk.case.lane == "quality" else DAY)
    urgent = walk.desk.case.lane != "quality"
    for kind in ("ownership", "diagnosis"):
        readers = walk.readers(kind)
        assert ["owner", "deputy", "managers", "admins"] == readers[:4]
        assert {"admins"} == set(readers[4:])
        assert len(readers) > (150 if urgent else 100)
    assert ["vendor", "owner"] * (199 if urgent else 66) == walk.readers("update")[
        : 398 if urgent else 132
    ]
    assert ["owner", "managers"] * 6 == walk.readers("hold_review")


@pytest.mark.parametrize("obeys", [True, False], ids=["obeys", "refuses"])
def test_a_silent_vendor_is_asked_three_times_and_then_the_owner(obeys):
    """Both contacts, superior, owner, a day apart; then the shop goes on without it."""
    walk = _open("a crossing", obeys=obeys)

    walk.until(NOW + SILENCE)

    asked = ["vendor", "vendor_second", "vendor_superior", "owner"]
    assert asked == walk.readers("vendor_ack")
    assert "silent" == walk.desk.case.vendor_status
    assert ["owner", "deputy", "managers", "admins"] == walk.readers("vendor_plan")[:4]
    assert "vendor_ack" not in walk.desk.clocks
    unreached = _open("a crossing", obeys=obeys, reached=False)
    unreached.until(NOW + SILENCE)
    assert [] == unreached.readers("vendor_ack")


@pytest.mark.parametrize("name", FREEZES)
def test_a_catalogue_that_refuses_calls_a_person_every_quarter_of_an_hour(name):
    """Owner, deputy, managers, administrators: within the hour all have heard of it."""
    walk = _open(name, obeys=False)

    walk.until(NOW + HOUR)

    ladder = ["owner", "deputy", "managers", "admins"]
    assert ladder == walk.readers(MANUAL_TASK)[:4]
    assert ladder == walk.readers("confirm")[:4]
    assert [State.FREEZING] == list(dict.fromkeys(walk.states))


@pytest.mark.parametrize(
    ("name", "kind"), [("an injury", "report"), ("an order", "comply")]
)
def test_the_law_s_clock_is_told_to_compliance(name, kind):
    """Warned twice, then told, then its administrators every day; an obeyed order needs none."""
    walk = _open(name, obeys=False)
    obeyed = _open(name, obeys=True)

    walk.until(NOW + SILENCE)

    assert is_legal(walk.desk.clocks[kind])
    assert ["compliance"] * 3 + ["admins"] * 20 == walk.readers(kind)[:23]
    assert (kind in obeyed.desk.clocks) == (kind == "report")


@pytest.mark.parametrize(
    ("steps", "state", "kind", "readers"),
    [
        (1, State.DIAGNOSING, "diagnosis", ["owner", "deputy", "managers", "admins"]),
        (2, State.REMEDY_PROPOSED, "judge", ["owner", "deputy", "managers", "admins"]),
        (3, State.AWAITING_APPROVAL, "approve", ["approvers", "managers", "admins"]),
    ],
)
def test_wherever_people_stop_answering_the_next_one_is_told(steps, state, kind, readers):
    """The step that is due has its clock; the case stays where it is, and frozen."""
    walk = _open("a crossing", obeys=True)
    for command, actor, arguments in STEPS[:steps]:
        walk.give(command, actor, arguments)

    walk.until(NOW + SILENCE)

    assert state is walk.desk.case.state
    assert readers == walk.readers(kind)[: len(readers)]
    assert {"admins"} == set(walk.readers(kind)[len(readers):])
    assert _longest_silence(walk) <= 4 * DAY


def test_a_vendor_s_own_date_passes_once():
    """The promise is broken, the owner's ladder hears of it; the freeze stays."""
    walk = _open("a crossing", obeys=True)
    walk.give(Command.ACCEPT_OWNERSHIP, OWEN, {})
    walk.give(Command.COMMIT_DATE, VERA, {"date": (NOW + 20 * DAY).isoformat()})

    walk.until(NOW + SILENCE)

    assert State.DIAGNOSING is walk.desk.case.state
    assert ["owner", "vendor", "owner", "deputy", "managers", "admins"] == (
        walk.readers("vendor_date")[:6]
    )
    assert "diagnosis" not in walk.desk.clocks
    assert walk.desk.case.commitment["missed_at"]


def _approved(*, obeys):
    walk = _open("a crossing", obeys=True)
    for command, actor, arguments in STEPS:
        walk.give(command, actor, arguments)
    walk.obeys = obeys
    evidence = walk.desk.case.evidence_revision
    walk.give(Command.APPROVE, MAX, {"evidence_revision": evidence})
    walk.enforce()
    return walk


def test_a_release_that_is_refused_stays_frozen_to_readers():
    """The clock of the release tells people; only a read-back leads on."""
    walk = _approved(obeys=False)

    walk.until(NOW + SILENCE)

    assert State.REINSTATING is walk.desk.case.state
    assert "releasing" == walk.desk.hold
    assert ["owner", "deputy", "managers", "admins"] == walk.readers("release")[:4]
    assert _longest_silence(walk) <= 4 * DAY


def test_a_probation_without_units_asks_its_owner_every_day():
    """It never ends by itself."""
    walk = _approved(obeys=True)
    walk.desk.record = ProbationRecord(0, 3)

    walk.until(NOW + SILENCE)

    assert State.PROBATION is walk.desk.case.state
    assert {"owner"} == set(walk.readers("probation"))
    assert len(walk.readers("probation")) > 100


@pytest.mark.parametrize("from_state", ["delisted", "closed_false_alarm"])
def test_an_appeal_that_nobody_judges_is_told_to_managers(from_state):
    """It stays appealed: what was delisted stays stopped, what was sold is sold."""
    walk = _open("a crossing", obeys=True)
    if from_state == "delisted":
        for actor in (MIA, ANA):
            walk.give(Command.DELIST, actor, {"reason": "it burns"})
        walk.give(Command.APPEAL, VERA, {"new_facts": "new seal"})
    else:
        walk.give(Command.DECLARE_FALSE_ALARM, OWEN, {"reason_code": "abuse"})
        walk.enforce()
        walk.give(Command.APPEAL, ANN, {"new_facts": "twelve more"})
    hold = walk.desk.hold

    walk.until(NOW + SILENCE)

    assert State.APPEALED is walk.desk.case.state
    assert {"delisted": "active", "closed_false_alarm": "released"}[from_state] == hold
    assert hold == walk.desk.hold
    assert ["managers", "admins", "admins"] == walk.readers("appeal")[:3]
    assert ["vendor", "owner"] * 66 == walk.readers("update")[-132:]
    assert _longest_silence(walk) <= 9 * DAY


@given(
    name=st.sampled_from(sorted(FREEZES)), obeys=st.booleans(), reached=st.booleans(),
    steps=st.integers(0, 3), pauses=st.lists(st.integers(1, 60 * 24), min_size=4, max_size=4),
)
def test_silence_of_any_length_between_the_steps_lifts_nothing(name, obeys, reached, steps, pauses):
    """However long people wait between what they do, time alone never lets anything be sold."""
    walk = _open(name, obeys=obeys, reached=reached)
    for (command, actor, arguments), hours in zip(STEPS[:steps], pauses, strict=False):
        walk.until(walk.desk.now + hours * HOUR)
        walk.give(command, actor, arguments)

    walk.until(walk.desk.now + pauses[-1] * HOUR)

    assert set(walk.states) <= FROZEN_PHASE
    assert walk.desk.in_force(walk.desk.case.scope)
    assert any(one.next_at for one in walk.desk.clocks.values() if not one.is_paused)
