"""Random lives of a case: whatever people, catalogues and news do, the promises hold."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from freezeguard.domain import probation
from freezeguard.domain.case import Decision, stricter_lane
from freezeguard.domain.enforcement import Status
from freezeguard.domain.errors import FreezeguardError
from freezeguard.domain.guards import FALSE_ALARM_CODES
from freezeguard.domain.history import Replayed, replay
from freezeguard.domain.people import Actor, Person, System
from freezeguard.domain.record import ProbationRecord
from freezeguard.domain.transitions import FINAL, FROZEN_PHASE, TABLE, Command, State
from tests.domain import design
from tests.domain.casebook import HOUR, NOW, POLICY, REMEDY, VERIFICATION, case_in
from tests.domain.cast import (
    ANA,
    ANN,
    BEN,
    COL,
    DETECTOR,
    EVERYBODY,
    IS,
    MAX,
    OWEN,
    RECONCILER,
    TILL,
    TIMER,
    VERA,
)
from tests.domain.design import LATER
from tests.domain.desk import PLACES, Desk

DAY_OF_A_VOTE = timedelta(hours=24)
TROUBLE = {"refused", "unreachable", "drifted"}
SEEN: Counter[tuple[str | None, str, str]] = Counter()
"""Moves that the random lives made: a search that never gets anywhere would prove nothing."""
REFUSED: Counter[str] = Counter()

ACTORS = st.sampled_from(EVERYBODY)
STATUSES = st.sampled_from([one for one in Status if one is not Status.IDLE])
LANES = st.sampled_from([None, "quality", "safety", "authority"])
COMMANDS = st.sampled_from(Command)
STEPS = st.sampled_from([0, 1, 0, 2, 0, 3, 5, 7, 9])

OPENINGS: tuple[tuple[Command, Actor, dict[str, Any]], ...] = (
    (Command.SUSPECT, ANN, {}),
    (Command.SUSPECT, BEN, {}),
    (Command.SUSPECT, DETECTOR, {"quiet_after": (NOW + 48 * HOUR).isoformat()}),
    (Command.FREEZE, DETECTOR, {"lane": "quality"}),
    (Command.FREEZE, DETECTOR, {"lane": "safety"}),
    (Command.FREEZE, ANN, {"reason_code": "safety_hazard", "lane": "safety"}),
    (Command.FREEZE, TILL, {"lane": "quality"}),
    (Command.FREEZE, COL, {"lane": "authority", "document": "order.pdf"}),
)


MOVES = {
    state: [
        line
        for (_, source), line in design.LINES.items()
        if source == state and state not in line.targets and line.command not in LATER
    ]
    for state in design.EVERY_STATE
}
"""What may move a case from each state."""


class Request(NamedTuple):
    """A command as anybody might send it. `behind` is added to the version; None sends none."""

    command: Command
    actor: Actor
    good: bool
    lane: str | None
    code: str
    place: tuple[str, str]
    behind: int | None


REQUESTS = st.builds(
    Request, COMMANDS, ACTORS, st.booleans(), LANES,
    st.sampled_from([*FALSE_ALARM_CODES, "safety_injury", "defective"]),
    st.sampled_from(PLACES), st.sampled_from([0, 0, 0, 0, -1, None]),
)


class CaseLife(RuleBasedStateMachine):
    """One case after another, each led through a random life."""

    desk: Desk

    # --------------------------------------------------------------------------- what happens

    @initialize(opening=st.sampled_from(OPENINGS), steps=STEPS)
    def open(self, opening: tuple[Command, Actor, dict[str, Any]], steps: int) -> None:
        """A case is opened by a pull, a crossing, a catalogue or an order, and led some way."""
        command, actor, arguments = opening
        seed = case_in(State.SUSPECTED, version=1, evidence_revision=1)
        self.desk = Desk.opened(seed, command, actor, arguments, NOW)
        self.agreed: list[tuple[str, str, int, Any]] = []
        SEEN[None, command.value, self.desk.case.state.value] += 1
        self.all_goes_well(steps)

    @precondition(lambda self: self.desk.case.state in FINAL)
    @rule(opening=st.sampled_from(OPENINGS), steps=STEPS)
    def next_case(self, opening: tuple[Command, Actor, dict[str, Any]], steps: int) -> None:
        """What has ended makes room for the next case."""
        self.open(opening, steps)

    def all_goes_well(self, steps: int) -> None:
        """For some steps everybody does what helps the case along."""
        for _ in range(steps):
            self._next_step()

    @rule(asked=st.lists(REQUESTS, min_size=1, max_size=8))
    def anybody_asks_anything(self, asked: list[Request]) -> None:
        """Any actor gives any command, with arguments that fit or don't."""
        for one in asked:
            arguments = self._arguments(good=one.good)
            arguments |= {"lane": one.lane, "reason_code": one.code}
            arguments |= dict(zip(("catalogue", "remote_id"), one.place, strict=True))
            if isinstance(one.actor, System) and one.lane == "authority":
                arguments["document"] = "forged.pdf"
            self._try(one.command, one.actor, arguments, one.behind)

    @rule(seed=st.integers(0, 2**32 - 1))
    def somebody_does_what_he_may(self, seed: int) -> None:
        """Some whom the design names give commands that move the case, mostly with good reason."""
        chance = Random(seed)
        for _ in range(3):
            moves = MOVES[self.desk.case.state.value]
            if not moves:
                return
            line = chance.choice(moves)
            actor = chance.choice([one for one in EVERYBODY if IS[one] & line.who])
            arguments = self._arguments(good=chance.random() < 0.8)
            self._try(Command(line.command), actor, arguments | {"reason_code": "rule_error"})

    @rule(
        place=st.sampled_from(PLACES), status=STATUSES, honest=st.booleans(), ask=st.booleans()
    )
    def a_catalogue_is_read_back(
        self, place: tuple[str, str], status: Status, honest: bool, ask: bool
    ) -> None:
        """One object is seen to obey or not; the reconciler says what it saw."""
        one = self.desk.objects[place]
        if status is Status.CONFIRMED and one.wanted == "sellable":
            status = Status.IDLE
        seen = None if status in TROUBLE else (one.wanted == "sellable") == honest
        self.desk.objects[place] = replace(one, status=status, seen_sellable=seen)
        arguments = {"catalogue": place[0], "remote_id": place[1], "detail": "seen"}
        if self.desk.case.state is State.REINSTATING and status in TROUBLE:
            self._try(Command.REFUSE_RELEASE, RECONCILER, arguments, None)
        else:
            name = status.value if status in TROUBLE else "confirmed"
            extra = {"instruction": "by hand"} if ask and status in TROUBLE else {}
            self._try(Command(name), RECONCILER, {**arguments, **extra}, None)
        self._reconcile()

    @rule()
    def every_catalogue_obeys(self) -> None:
        """All objects do what is wanted and are seen doing it."""
        for place, one in self.desk.objects.items():
            released = one.wanted == "sellable"
            status = Status.IDLE if released else Status.CONFIRMED
            self.desk.objects[place] = replace(one, status=status, seen_sellable=released)
        self._reconcile()

    @rule(place=st.sampled_from(PLACES), held=st.booleans())
    def another_case_holds_an_object(self, place: tuple[str, str], held: bool) -> None:
        """Another case's hold begins or ends on one object."""
        one = self.desk.objects[place]
        self.desk.objects[place] = replace(one, held_by_other="case-2" if held else None)

    @precondition(lambda self: self.desk.case.state in FROZEN_PHASE)
    @rule(lane=st.sampled_from(["quality", "quality", "safety"]))
    def material_news_arrives(self, lane: str) -> None:
        """A new lot, or a graver lane; an approval that was asked for is void at once."""
        self.desk.news(["new lot L2"], stricter_lane(self.desk.case.lane, lane))
        if self.desk.case.state is State.AWAITING_APPROVAL:
            self._try(Command.VOID_APPROVAL, DETECTOR, {"reason": "new lot L2"}, None)

    @rule(units=st.integers(0, 2_000), complaints=st.sampled_from([0, 0, 0, 1, 9]))
    def units_are_shipped(self, units: int, complaints: int) -> None:
        """Some units leave, some of them are complained about."""
        seen = self.desk.record
        self.desk.record = ProbationRecord(seen.complaints + complaints, seen.units + units)

    @rule(hours=st.sampled_from([1, 5, 23, 24, 25, 24 * 15, 24 * 40]))
    def time_passes(self, hours: int) -> None:
        """Clocks that are due fire, as the timers fire them."""
        self.desk.now += hours * HOUR
        due = [kind for kind, at in self.desk.clocks.items() if at <= self.desk.now]
        if "second_opinion" in due:
            self._try(Command.EXPIRE, TIMER, {}, None)
        if "probation" in due:
            self._end_probation()

    # --------------------------------------------------------------------------- how it is done

    def _next_step(self) -> None:
        arguments = self._arguments(good=True)
        match self.desk.case.state:
            case State.SUSPECTED:
                self._try(Command.FREEZE, ANA, arguments)
            case State.FREEZING | State.REINSTATING:
                self.every_catalogue_obeys()
            case State.FROZEN:
                self._try(Command.ACCEPT_OWNERSHIP, OWEN, arguments)
            case State.DIAGNOSING:
                self._try(Command.PROPOSE_REMEDY, VERA, arguments)
            case State.REMEDY_PROPOSED:
                self._try(Command.REQUEST_APPROVAL, OWEN, arguments)
            case State.AWAITING_APPROVAL:
                self._try(Command.APPROVE, MAX, arguments)
                if self.desk.case.state is State.AWAITING_APPROVAL:
                    self._try(Command.APPROVE, ANA, arguments)
            case State.PROBATION:
                self.units_are_shipped(20_000, 0)
                self.time_passes(24 * 15)
            case _:
                pass

    def _arguments(self, *, good: bool) -> dict[str, Any]:
        case = self.desk.case
        stopped = {one.name for one in self.desk.objects.values()}
        return {
            "reason": "because" if good else " ",
            "evidence_revision": case.evidence_revision - (not good),
            "unconfirmed": sorted(stopped) if good else [],
            "remedy": REMEDY if good else {},
            "verification": VERIFICATION if good else {},
            "missing": ["the proof"] if good else [],
            "quiet_after": self.desk.now.isoformat(),
        }

    def _reconcile(self) -> None:
        state = self.desk.case.state
        if state is State.FREEZING:
            self._try(Command.CONFIRM_FREEZE, RECONCILER, {}, None)
        elif state is State.REINSTATING:
            self._try(Command.CONFIRM_RELEASE, RECONCILER, {}, None)
        elif state in FINAL and all(one.is_released for one in self.desk.objects.values()):
            self.desk.end_hold()

    def _end_probation(self) -> None:
        desk = self.desk
        if self._try(Command.COMPLETE_PROBATION, TIMER, {}, None) is None:
            again = probation.next_check(desk.case, POLICY, desk.now)
            desk.clocks["probation"] = again

    def _try(
        self, command: Command, actor: Actor, arguments: dict[str, Any], behind: int | None = 0
    ) -> Decision | None:
        """Give a command; whether it is refused or done, look at what became of it."""
        before = replace(self.desk.case)
        desk = self.desk
        kept = (desk.hold, dict(desk.clocks), list(desk.votes), len(desk.events))
        version = None if behind is None else before.version + behind
        facts = self.desk.facts
        try:
            decision = self.desk.give(command, actor, arguments, version)
        except FreezeguardError as refused:
            REFUSED[type(refused).__name__] += 1
            assert before == desk.case
            assert kept == (desk.hold, desk.clocks, desk.votes, len(desk.events))
            return None
        after = decision.case
        SEEN[before.state.value, command.value, after.state.value] += 1
        assert behind in (None, 0) or command is Command.COMMENT or isinstance(actor, System)
        assert after.version in {before.version, before.version + 1}
        assert after.evidence_revision >= before.evidence_revision
        assert after.state is before.state or after.version > before.version
        self._was_allowed(decision, actor, before, facts.objects)
        return decision

    # ------------------------------------------------------------------------ what must be true

    def _was_allowed(self, decision: Decision, actor: Actor, before: Any, objects: Any) -> None:
        """Keep a ledger of who agreed to what, apart from the votes; judge every release by it."""
        after, command = decision.case, decision.command
        if command in {"approve", "declare_false_alarm"}:
            assert isinstance(actor, Person)
            assert before.lane != "authority"
            self.agreed.append((command, actor.id, before.evidence_revision, self.desk.now))
        if after.state is State.REINSTATING and before.state in FROZEN_PHASE:
            self._released_with_the_votes(command, before, objects)
        if before.state is State.AWAITING_APPROVAL is not after.state:
            self.agreed = [one for one in self.agreed if one[0] != "approve"]
        if command == "confirm_freeze":
            assert all(
                one.status in {"not_listed", "waived"}
                or (one.status, one.seen_sellable) == ("confirmed", False)
                for one in objects
            )
        if command == "confirm_release":
            assert all(one.held_by_other or one.status in {"idle", "not_listed"} for one in objects)

    def _released_with_the_votes(self, command: str, before: Any, objects: Any) -> None:
        people = {
            person
            for name, person, evidence, at in self.agreed
            if name == command
            and evidence == before.evidence_revision
            and self.desk.now - at < DAY_OF_A_VOTE
        }
        if command == "declare_false_alarm":
            assert OWEN.id in people
            assert len(people) >= (2 if before.lane == "safety" else 1)
            return
        assert command == "approve"
        assert before.approval_evidence == before.evidence_revision
        trouble = before.degraded or any(
            one.status in TROUBLE or one.status == "waived" for one in objects
        )
        strict = before.lane == "safety" or before.recurrence > 0 or trouble
        assert len(people) >= (2 if strict else 1)
        assert not people & {before.remedy_author, before.approval_requested_by}
        words = {one.id: IS[one] for one in EVERYBODY if isinstance(one, Person)}
        assert any("approver" in words[one] for one in people)
        assert all(words[one] & {"manager", "analyst", "compliance"} for one in people)

    def look(self) -> None:
        """Look at all that must be true at any moment."""
        self.the_hold_fits_the_state()
        self.every_wait_has_its_clock()
        self.history_tells_the_case()
        self.an_order_is_not_outvoted()
        self.an_approval_is_pinned()

    @invariant()
    def the_hold_fits_the_state(self) -> None:
        """Never sold while frozen, never held for ever by a case that is over."""
        desk = self.desk
        state = desk.case.state
        if state in FROZEN_PHASE:
            assert ("active", "hard", False) == (desk.hold, desk.level, desk.soft)
        elif state is State.SUSPECTED:
            assert desk.hold is None or (desk.hold, desk.level, desk.soft) == (
                "active", "hide", True
            )
        elif state is State.REINSTATING:
            assert "releasing" == desk.hold
        elif state in {State.PROBATION, State.CLOSED_REINSTATED}:
            assert "released" == desk.hold
        elif state is not State.DELISTED:
            assert "active" != desk.hold

    @invariant()
    def every_wait_has_its_clock(self) -> None:
        """A suspicion and a probation end by a clock; what is over has none."""
        state, clocks = self.desk.case.state, self.desk.clocks
        assert (state is State.SUSPECTED) == ("second_opinion" in clocks)
        assert (state is State.PROBATION) == ("probation" in clocks)
        assert state not in FINAL or not clocks

    @invariant()
    def history_tells_the_case(self) -> None:
        """Replaying the events gives the state, version, evidence and recurrence of the case."""
        case = self.desk.case
        expected = Replayed(
            case.state, case.version, case.evidence_revision, case.recurrence, case.outcome
        )
        assert expected == replay(self.desk.events)

    @invariant()
    def an_order_is_not_outvoted(self) -> None:
        """While an authority's order stands the case stays in the frozen phase."""
        case = self.desk.case
        assert case.lane != "authority" or case.state in FROZEN_PHASE

    @invariant()
    def an_approval_is_pinned(self) -> None:
        """Who is asked to approve is shown the present evidence, and nobody else is asked."""
        case = self.desk.case
        waits = case.state is State.AWAITING_APPROVAL
        assert waits == (case.approval_evidence is not None)
        assert not waits or case.approval_evidence == case.evidence_revision


def _anything(life: CaseLife, chance: Random) -> None:
    """Let one thing happen, every kind of thing about as often as it helps to get everywhere."""
    kind = chance.random()
    place = chance.choice(PLACES)
    if life.desk.case.state is State.PROBATION and kind < 0.3:
        life.units_are_shipped(chance.choice([10, 20_000]), 0)
        life.time_passes(24 * 15)
    elif kind < 0.45:
        life.somebody_does_what_he_may(chance.getrandbits(32))
    elif kind < 0.6:
        life.every_catalogue_obeys()
    elif kind < 0.75:
        status = chance.choice([one for one in Status if one is not Status.IDLE])
        ask = chance.random() < 0.5
        life.a_catalogue_is_read_back(place, status, chance.random() < 0.9, ask)
    elif kind < 0.8:
        life.another_case_holds_an_object(place, chance.random() < 0.5)
    elif kind < 0.85 and life.desk.case.state in FROZEN_PHASE:
        life.material_news_arrives(chance.choice(["quality", "safety"]))
    elif kind < 0.9:
        life.units_are_shipped(chance.choice([10, 20_000]), chance.choice([0, 0, 0, 3]))
    elif kind < 0.95:
        life.time_passes(chance.choice([1, 23, 24 * 15]))
    else:
        actor, command = chance.choice(EVERYBODY), chance.choice(list(Command))
        lane, good = chance.choice([None, "safety", "authority"]), chance.random() < 0.5
        behind = chance.choice([0, -1, None])
        life.anybody_asks_anything(
            [Request(command, actor, good, lane, "safety_hazard", place, behind)]
        )


def test_many_plain_random_lives_reach_every_move():
    """Three hundred seeded lives: every move of the table is made, and the promises hold."""
    SEEN.clear()
    REFUSED.clear()
    chance = Random(20_261_120)

    for _ in range(300):
        life = CaseLife()
        life.open(chance.choice(OPENINGS), chance.choice([0, 0, 2, 4, 6]))
        for _ in range(40):
            _anything(life, chance)
            life.look()

    reachable = {
        (None if source is None else source.value, row.command.value, target.value)
        for row in TABLE
        for source in row.sources - {State.APPEALED}
        for target in (row.to, row.or_to)
        if row.available and target is not None
    }
    first_votes = {
        (state.value, "declare_false_alarm", state.value) for state in FROZEN_PHASE
    } | {("awaiting_approval", "approve", "awaiting_approval")}
    assert set() == (reachable | first_votes) - set(SEEN)
    assert {
        "NotAllowed", "VersionConflict", "IllegalTransition", "NotAvailableYet", "GuardFailed"
    } == set(REFUSED)


@pytest.mark.timeout(400)  # a failure is worth the time that it takes to make it small
def test_random_lives_keep_the_promises():
    """Votes, holds, clocks, versions and history hold together, whatever hypothesis thinks up."""
    run_state_machine_as_test(
        CaseLife, settings=settings(max_examples=150, stateful_step_count=40)
    )
