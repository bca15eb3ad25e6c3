"""Random lives of a case: whatever people, catalogues and news do, the promises hold."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

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
from freezeguard.domain.acts.outcome import stricter_lane
from freezeguard.domain.calendars import Calendar
from freezeguard.domain.case import Decision
from freezeguard.domain.clocks import EXTENDABLE, LASTING, WAIVER, is_legal
from freezeguard.domain.enforcement import Status
from freezeguard.domain.errors import FreezeguardError
from freezeguard.domain.guards import FALSE_ALARM_CODES
from freezeguard.domain.history import Replayed, replay
from freezeguard.domain.legal import LegalClock, StartsOn, StopsOn, Unit
from freezeguard.domain.people import Actor, Person, System
from freezeguard.domain.record import Case, ProbationRecord, RunningClock
from freezeguard.domain.scope import Scope
from freezeguard.domain.transitions import FINAL, FROZEN_PHASE, OPEN, TABLE, Command, State
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
    MIA,
    OWEN,
    RECONCILER,
    TILL,
    TIMER,
    VERA,
)
from tests.domain.desk import PLACES, Desk

DAY_OF_A_VOTE = timedelta(hours=24)
TROUBLE = {"refused", "unreachable", "drifted"}
SEEN: Counter[tuple[str | None, str, str]] = Counter()
"""Moves that the random lives made: a search that never gets anywhere would prove nothing."""
REFUSED: Counter[str] = Counter()

ACTORS = st.sampled_from(EVERYBODY)
SEEN_AS = [one for one in Status if one not in {Status.IDLE, Status.WAIVED}]
STATUSES = st.sampled_from(SEEN_AS)
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


LAWS = (
    (LegalClock("report", "DE", "Article 1", StartsOn.SAFETY_FREEZE, 3, Unit.WORKING_DAYS,
                (0.5, 0.8), StopsOn.ACTION_RECORDED, "Report it."), Calendar("DE", "UTC")),
    (LegalClock("comply", "DE", "Article 2", StartsOn.AUTHORITY_ORDER, 48, Unit.HOURS,
                (0.5, 0.8), StopsOn.STOP_CONFIRMED, "Stop it."), Calendar("DE", "UTC")),
)
SCOPES = ({}, {"lot": "L1"}, {"lot": "L1", "channel": "web"}, {"lot": "L2"})
STAYING = [
    "acknowledge", "commit_date", "contest", "answer_contest", "waive", "unwaive", "widen",
    "narrow", "confirm_narrow", "register_order", "register_revocation", "record_action",
    "absorb", "hand_off", "accept_hand_off", "extend_deadline", "review", "attach_evidence",
    "vendor_notified", "comment", "resolve_task",
]
"""Commands that leave the state and change much beside it."""


def _lines(state: str, lane: str, *, staying: bool) -> list[design.Line]:
    """Return what may be done in a state: what moves the case, or what leaves it where it is."""
    forbidden = design.ILLEGAL_IN_AUTHORITY_LANE if lane == "authority" else frozenset()
    found = [
        design.line_of(name, state, lane)
        for name in design.COMMANDS
        if name not in forbidden and (name in STAYING or not staying)
    ]
    return [
        line for line in found
        if line is not None and (staying or set(line.targets) != {state})
    ]


WAITS_FOR = {
    State.SUSPECTED: {"second_opinion"},
    State.FREEZING: {"ownership"},
    State.FROZEN: {"ownership"},
    State.DIAGNOSING: {"diagnosis", "vendor_date"},
    State.REMEDY_PROPOSED: {"judge"},
    State.AWAITING_APPROVAL: {"approve"},
    State.REINSTATING: {"release"},
    State.PROBATION: {"probation"},
    State.APPEALED: {"appeal"},
}
"""In each open state, the clocks of which one runs, whatever people have done before."""


def _can_be_absorbed(case: Case, other: Case | None) -> bool:
    if other is None or "authority" in {case.lane, other.lane}:
        return False
    if case.state is State.SUSPECTED:
        return other.state is State.SUSPECTED
    return case.state in FROZEN_PHASE and other.state in FROZEN_PHASE


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
        scope = Scope("K-1", lot="L1")
        seed = case_in(State.SUSPECTED, version=1, evidence_revision=1, scope=scope)
        self.desk = Desk.opened(seed, command, actor, arguments, NOW, LAWS)
        self.agreed: list[tuple[str, str, int, Any, Any]] = []
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
            case = self.desk.case
            moves = _lines(case.state.value, case.lane, staying=False)
            if not moves:
                return
            line = chance.choice(moves)
            actor = chance.choice([one for one in EVERYBODY if self._words(one) & line.who])
            arguments = self._arguments(good=chance.random() < 0.8, chance=chance)
            self._try(Command(line.command), actor, arguments | {"reason_code": "rule_error"})

    @rule(seed=st.integers(0, 2**32 - 1))
    def somebody_does_something_beside(self, seed: int) -> None:
        """Some whom the design names do what leaves the state: dates, waivers, scopes, offers."""
        chance = Random(seed)
        for _ in range(4):
            case = self.desk.case
            line = chance.choice(_lines(case.state.value, case.lane, staying=True))
            actor = chance.choice([one for one in EVERYBODY if self._words(one) & line.who])
            if line.command == "accept_hand_off" and chance.random() < 0.7:
                actor = self.desk.named or actor
            arguments = self._arguments(good=chance.random() < 0.8, chance=chance)
            self._try(Command(line.command), actor, arguments)

    @precondition(lambda self: self.desk.case.lane == "authority")
    @rule()
    def an_order_is_revoked(self) -> None:
        """The authority takes it back; compliance and a manager agree, and the sale starts."""
        arguments = self._arguments(good=True)
        self._try(Command.REGISTER_REVOCATION, COL, arguments)
        self._try(Command.APPROVE, COL, self._arguments(good=True))
        self._try(Command.APPROVE, MAX, self._arguments(good=True))

    @rule()
    def two_delist(self) -> None:
        """Two agree that it is never sold again; in the lane of authority nobody may."""
        for actor in (MAX, ANA):
            self._try(Command.DELIST, actor, self._arguments(good=True))

    @rule(scope=st.sampled_from(SCOPES))
    def the_case_is_narrowed(self, scope: dict[str, str]) -> None:
        """Two agree on less; sometimes it is read back at once."""
        for actor in (MAX, ANA):
            self._try(Command.NARROW, actor, self._arguments(good=True) | {"scope": scope})
        self.every_catalogue_obeys()
        self._try(Command.CONFIRM_NARROW, RECONCILER, {}, None)

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
        told = status
        if one.status is Status.WAIVED and status is not Status.CONFIRMED:
            status = one.status  # until the date, or until it obeys
        seen = None if told in TROUBLE else (one.wanted == "sellable") == honest
        self.desk.objects[place] = replace(
            one, status=status, seen_sellable=seen, seen_at=self.desk.now
        )
        arguments = {"catalogue": place[0], "remote_id": place[1], "detail": "seen"}
        if self.desk.case.state is State.REINSTATING and told in TROUBLE:
            self._try(Command.REFUSE_RELEASE, RECONCILER, arguments, None)
        else:
            name = told.value if told in TROUBLE else "confirmed"
            extra = {"instruction": "by hand"} if ask and told in TROUBLE else {}
            self._try(Command(name), RECONCILER, {**arguments, **extra}, None)
        self._reconcile()

    @rule()
    def every_catalogue_obeys(self) -> None:
        """All objects do what is wanted and are seen doing it."""
        for place, one in self.desk.objects.items():
            released = one.wanted == "sellable"
            status = Status.IDLE if released else Status.CONFIRMED
            self.desk.objects[place] = replace(
                one, status=status, seen_sellable=released, seen_at=self.desk.now
            )
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
        clocks = self.desk.clocks
        now = self.desk.now
        due = [kind for kind, one in clocks.items() if one.due_at <= now and not one.is_paused]
        fired = {
            "second_opinion": Command.EXPIRE, "hand_off": Command.LAPSE_HAND_OFF,
            "vendor_ack": Command.VENDOR_SILENT, "vendor_date": Command.MISS_DATE,
        }
        told = {"since": NOW.isoformat(), "due": NOW.isoformat()}
        for kind in due:
            if kind not in clocks:
                continue  # another clock's command has ended it
            if kind in fired:
                self._try(fired[kind], TIMER, told, None)
            elif kind.startswith(WAIVER):
                assert self._try(Command.UNWAIVE, TIMER, clocks[kind].details, None)
            elif kind == "probation":
                self._end_probation()

    @precondition(lambda self: self.desk.case.state in OPEN)
    @rule(to=st.sampled_from([MIA, ANA, COL, OWEN]))
    def the_owner_is_gone(self, to: Person) -> None:
        """Somebody else has the case from then on."""
        self.desk.named = to
        if self._try(Command.REPLACE_OWNER, TIMER, {"to": to.id}, None):
            assert to.id == self.desk.case.owner

    def _waivable(self) -> list[tuple[str, str]]:
        """Return the objects that still sell and that somebody may overlook."""
        case = self.desk.case
        if case.lane != "quality" or case.state not in FROZEN_PHASE:
            return []
        return [place for place, one in self.desk.objects.items() if not one.is_stopped]

    @precondition(lambda self: self._waivable())
    @rule()
    def what_still_sells_is_waived(self) -> None:
        """A manager takes it upon herself."""
        catalogue, remote_id = self._waivable()[0]
        until = (self.desk.now + 48 * HOUR).isoformat()
        self._try(Command.WAIVE, MIA, {
            "catalogue": catalogue, "remote_id": remote_id, "until": until, "reason": "No plug.",
        })

    def _waivers(self) -> list[str]:
        return sorted(kind for kind in self.desk.clocks if kind.startswith(WAIVER))

    @precondition(lambda self: self._waivers())
    @rule()
    def a_waiver_is_taken_back(self) -> None:
        """A manager thinks better of it before its time is up."""
        where = self.desk.clocks[self._waivers()[0]].details
        assert self._try(Command.UNWAIVE, MIA, {**where, "reason": "The till has a plug."})

    # --------------------------------------------------------------------------- how it is done

    def _next_step(self) -> None:
        arguments = self._arguments(good=True)
        if self.desk.case.lane == "authority":
            self.an_order_is_revoked()
            return
        match self.desk.case.state:
            case State.SUSPECTED:
                self._try(Command.FREEZE, ANA, arguments)
            case State.FREEZING | State.REINSTATING:
                self.every_catalogue_obeys()
            case State.FROZEN:
                self._try(Command.ACCEPT_OWNERSHIP, self._owner(), arguments)
            case State.DIAGNOSING:
                self._try(Command.PROPOSE_REMEDY, VERA, arguments)
            case State.REMEDY_PROPOSED:
                self._try(Command.REQUEST_APPROVAL, self._owner(), arguments)
            case State.AWAITING_APPROVAL:
                self._try(Command.APPROVE, MAX, arguments)
                if self.desk.case.state is State.AWAITING_APPROVAL:
                    self._try(Command.APPROVE, ANA, arguments)
            case State.PROBATION:
                self.units_are_shipped(20_000, 0)
                self.time_passes(24 * 15)
            case _:
                pass

    def _arguments(self, *, good: bool, chance: Random | None = None) -> dict[str, Any]:
        """Return arguments for any command; what they name is chosen anew each time."""
        desk, case = self.desk, self.desk.case
        chance = chance or Random(case.version)
        stopped = {one.name for one in self.desk.objects.values()}
        clock = chance.choice([
            *(kind for kind, one in desk.clocks.items() if kind in EXTENDABLE or is_legal(one)),
            "none",
        ])
        due = desk.clocks[clock].due_at if clock in desk.clocks else desk.now
        place = chance.choice(PLACES)
        desk.named = chance.choice([MIA, ANA, COL, OWEN]) if good else None
        if case.hand_off and chance.random() < 0.8:
            desk.named = next(
                one for one in (MIA, ANA, COL, OWEN) if one.id == case.hand_off["to"]
            )
        desk.other = self._another_case(chance)
        return {
            "to": None if desk.named is None else desk.named.id,
            "until": (max(due, desk.now) + chance.choice([1, 25]) * HOUR).isoformat(),
            "date": (desk.now + chance.choice([20, 200, 900]) * HOUR).isoformat(),
            "clock": clock, "catalogue": place[0], "remote_id": place[1],
            "scope": chance.choice(SCOPES), "authority": "the office", "document": "doc.pdf",
            "action": "reported", "verdict": "right", "new_facts": "twelve more" if good else "",
            "since": NOW.isoformat(), "due": NOW.isoformat(),
            "reason": "because" if good else " ",
            "evidence_revision": case.evidence_revision - (not good),
            "unconfirmed": sorted(stopped) if good else [],
            "remedy": REMEDY if good else {},
            "verification": VERIFICATION if good else {},
            "missing": ["the proof"] if good else [],
            "quiet_after": self.desk.now.isoformat(),
            **({"file": "f-1", "media_type": "image/png", "size": 7} if good else {}),
        }

    def _owner(self) -> Actor:
        owner = self.desk.case.owner
        return next(one for one in EVERYBODY if isinstance(one, Person) and one.id == owner)

    def _words(self, actor: Actor) -> frozenset[str]:
        """Return the words of the design that an actor answers to, whoever owns the case by now."""
        owns = isinstance(actor, Person) and actor.id == self.desk.case.owner
        return IS[actor] - {"owner"} | ({"owner"} if owns else set())

    def _another_case(self, chance: Random) -> Case:
        """Return another case of the SKU as it might be, older or younger, stopped or not."""
        case = self.desk.case
        like = State.SUSPECTED if case.state is State.SUSPECTED else State.FROZEN
        return case_in(
            chance.choice([like, like, like, State.FROZEN, State.SUSPECTED]), id=UUID(int=8),
            number=8, scope=Scope("K-1", lot=chance.choice(["L1", "L3"])), owner=OWEN.id,
            lane=chance.choice(["quality", "safety"]), recurrence=chance.choice([0, 0, 1]),
            opened_at=case.opened_at + chance.choice([-1, 1]) * HOUR,
        )

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
            desk.clocks["probation"] = RunningClock("probation", desk.now, again)

    def _try(
        self, command: Command, actor: Actor, arguments: dict[str, Any], behind: int | None = 0
    ) -> Decision | None:
        """Give a command; whether it is refused or done, look at what became of it."""
        if command in {Command.SUSPECT, Command.FREEZE}:
            arguments = arguments | {"reason": {"sentence": str(arguments.get("reason"))}}
        before = replace(self.desk.case)
        desk = self.desk
        kept = (desk.hold, dict(desk.clocks), list(desk.votes), len(desk.events))
        version = None if behind is None else before.version + behind
        facts, other = self.desk.facts, self.desk.other
        covered = {scope for scope, state in desk.held.items() if state == "active"}
        if command is Command.ABSORB and not _can_be_absorbed(before, other):
            return None  # only the service gives this command, after `merge` of the other case
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
        if command is Command.ABSORB:
            desk.take_over(other)
        self._voids_what_saw_less(after)
        self._was_allowed(decision, actor, before, facts.objects)
        self._nothing_slipped_out(decision, before, covered)
        return decision

    def _voids_what_saw_less(self, after: Case) -> None:
        """Whatever raises the evidence takes the request for an approval back."""
        stale = after.approval_evidence not in {None, after.evidence_revision}
        if stale and after.state is State.AWAITING_APPROVAL:
            self._try(Command.VOID_APPROVAL, DETECTOR, {"reason": "new evidence"}, None)

    def _nothing_slipped_out(self, decision: Decision, before: Case, covered: set[Scope]) -> None:
        """What was held is held on, but after a decision of people or the end of a suspicion."""
        lost = {scope for scope in covered if not self.desk.in_force(scope)}
        ways = {"approve", "declare_false_alarm", "merge"}
        if before.state is State.SUSPECTED:
            ways |= {"expire", "dismiss"}
        if not lost or decision.command in ways:
            return
        assert "confirm_narrow" == decision.command
        assert self.desk.in_force(decision.case.scope)
        assert {decision.case.scope} == {self.narrowed_to}

    # ------------------------------------------------------------------------ what must be true

    def _was_allowed(self, decision: Decision, actor: Actor, before: Any, objects: Any) -> None:
        """Keep a ledger of who agreed to what, apart from the votes; judge every release by it."""
        after, command = decision.case, decision.command
        if command in {"approve", "declare_false_alarm"}:
            assert isinstance(actor, Person)
            assert before.lane != "authority" or (command == "approve" and before.is_revoked)
        if command in {"approve", "declare_false_alarm", "delist", "narrow"}:
            self.agreed.append((
                command, actor.id, before.evidence_revision, self.desk.now,
                decision.arguments.get("scope"),
            ))
        if command == "narrow" and after.narrowing and not before.narrowing:
            self._narrowed_with_the_votes(before, after, objects)
        if after.state is State.DELISTED and before.state in FROZEN_PHASE:
            assert len(self._voters("delist", before)) >= 2
            assert before.lane != "authority"
        if after.state is State.REINSTATING and before.state in FROZEN_PHASE:
            self._released_with_the_votes(command, before, objects)
        if before.state is State.AWAITING_APPROVAL is not after.state:
            self.agreed = [one for one in self.agreed if one[0] != "approve"]
        if command in {"register_order", "register_revocation"}:
            self.agreed.clear()
        if command == "confirm_freeze":
            assert all(
                one.status in {"not_listed", "waived"}
                or (one.status, one.seen_sellable) == ("confirmed", False)
                for one in objects
            )
        if command == "confirm_release":
            assert all(one.held_by_other or one.status in {"idle", "not_listed"} for one in objects)

    def _released_with_the_votes(self, command: str, before: Any, objects: Any) -> None:
        people = self._voters(command, before)
        if command == "declare_false_alarm":
            assert before.owner in people
            assert len(people) >= (2 if before.lane == "safety" else 1)
            return
        assert command == "approve"
        words = {one.id: IS[one] for one in EVERYBODY if isinstance(one, Person)}
        if before.lane == "authority":
            assert before.is_revoked
            assert any(
                one != two and "compliance" in words[one] and "manager" in words[two]
                for one in people for two in people
            )
            return
        assert before.approval_evidence == before.evidence_revision
        trouble = before.degraded or any(
            one.status in TROUBLE or one.status == "waived" for one in objects
        )
        strict = before.lane == "safety" or before.recurrence > 0 or trouble
        assert len(people) >= (2 if strict else 1)
        assert not people & {before.remedy_author, before.approval_requested_by}
        assert any("approver" in words[one] for one in people)
        assert all(words[one] & {"manager", "analyst", "compliance"} for one in people)

    def _voters(self, command: str, before: Case, scope: Any = None) -> set[str]:
        return {
            person
            for name, person, evidence, at, asked in self.agreed
            if name == command
            and evidence == before.evidence_revision
            and self.desk.now - at < DAY_OF_A_VOTE
            and (scope is None or asked == scope)
        }

    def _narrowed_with_the_votes(self, before: Case, after: Case, objects: Any) -> None:
        asked = {name: value for name, value in after.narrowing["scope"].items() if name != "sku"}
        people = self._voters("narrow", before, asked)
        waived = any(one.status == "waived" for one in objects)
        troubled = any(one.status in TROUBLE for one in objects)
        strict = before.lane == "safety" or before.recurrence > 0 or waived or troubled
        assert len(people) >= (2 if strict else 1)
        assert not before.degraded
        assert before.lane != "authority"
        self.narrowed_to = Scope.of("K-1", asked)

    narrowed_to: Scope | None = None

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
        elif state is State.MERGED:
            assert "handed over" == desk.hold
        elif state is State.APPEALED:
            assert (desk.hold == "active") == desk.case.keeps_its_hold
        elif state is State.DELISTED:
            assert ("active", "hard", False) == (desk.hold, desk.level, desk.soft)
        else:
            assert "active" != desk.hold
        if state in FROZEN_PHASE | {State.DELISTED}:
            assert all(desk.in_force(scope) for scope in desk.case.scopes)

    @invariant()
    def every_wait_has_its_clock(self) -> None:
        """Every open state has a clock that leads out of it or tells somebody, and it runs."""
        state, clocks = self.desk.case.state, self.desk.clocks
        assert (state is State.SUSPECTED) == ("second_opinion" in clocks)
        assert (state is State.PROBATION) == ("probation" in clocks)
        lasting = {kind for kind, one in clocks.items() if is_legal(one)} | LASTING
        assert state not in FINAL or set(clocks) <= lasting
        if state in WAITS_FOR:
            assert any(
                kind in clocks and not clocks[kind].is_paused for kind in WAITS_FOR[state]
            )
        if state in FROZEN_PHASE:
            assert {"update", "hold_review"} <= set(clocks)
        waivers = {kind for kind in clocks if kind.startswith(WAIVER)}
        assert not waivers or state in FROZEN_PHASE
        assert state not in FROZEN_PHASE or waivers == {
            f"{WAIVER}{one.name}" for one in self.desk.objects.values() if one.status == "waived"
        } | {one for one in waivers if self._obeyed_since(one)}

    def _obeyed_since(self, waiver: str) -> bool:
        """Say whether an object does what is wanted, waived or not."""
        name = waiver.removeprefix(WAIVER)
        return any(
            one.name == name and one.status != "waived" for one in self.desk.objects.values()
        )

    @invariant()
    def an_offer_has_its_clock(self) -> None:
        """Whoever is offered a case accepts it in time, or it lapses."""
        assert (self.desk.case.hand_off is not None) == ("hand_off" in self.desk.clocks)

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


def _anything(life: CaseLife, chance: Random) -> None:  # noqa: PLR0912 - one branch a thing
    """Let one thing happen, every kind of thing about as often as it helps to get everywhere."""
    kind = chance.random()
    place = chance.choice(PLACES)
    if life.desk.case.state is State.PROBATION and kind < 0.3:
        life.units_are_shipped(chance.choice([10, 20_000]), 0)
        life.time_passes(24 * 15)
    elif kind < 0.35:
        life.somebody_does_what_he_may(chance.getrandbits(32))
    elif kind < 0.43:
        life.somebody_does_something_beside(chance.getrandbits(32))
    elif kind < 0.45 and life.desk.case.lane == "authority":
        life.an_order_is_revoked()
    elif kind < 0.455:
        life.two_delist()
    elif kind < 0.5:
        inside = [one for one in SCOPES if life.desk.case.covers(Scope.of("K-1", one))]
        life.the_case_is_narrowed(chance.choice(inside or SCOPES))
    elif kind < 0.6:
        life.every_catalogue_obeys()
    elif kind < 0.75:
        status = chance.choice(SEEN_AS)
        ask = chance.random() < 0.5
        life.a_catalogue_is_read_back(place, status, chance.random() < 0.9, ask)
    elif kind < 0.8:
        life.another_case_holds_an_object(place, chance.random() < 0.5)
    elif kind < 0.85 and life.desk.case.state in FROZEN_PHASE:
        life.material_news_arrives(chance.choice(["quality", "safety"]))
    elif kind < 0.9:
        life.units_are_shipped(chance.choice([10, 20_000]), chance.choice([0, 0, 0, 3]))
    elif kind < 0.91 and life._waivers():
        life.a_waiver_is_taken_back()
    elif kind < 0.92 and life._waivable():
        life.what_still_sells_is_waived()
    elif kind < 0.925 and life.desk.case.state in OPEN:
        life.the_owner_is_gone(chance.choice([MIA, ANA, COL, OWEN]))
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
    """800 seeded lives: every move of the table is made, and the promises hold."""
    SEEN.clear()
    REFUSED.clear()
    chance = Random(20_261_120)

    for _ in range(800):
        life = CaseLife()
        life.open(chance.choice(OPENINGS), chance.choice([0, 0, 2, 4, 5, 6]))
        for _ in range(40):
            _anything(life, chance)
            life.look()

    reachable = {
        (None if source is None else source.value, row.command.value, target.value)
        for row in TABLE
        for source in row.sources
        for target in (row.to, row.or_to)
        if target is not None
    }
    first_votes = {
        (state.value, command, state.value)
        for state in FROZEN_PHASE
        for command in ("declare_false_alarm", "delist", "approve", "narrow")
    }
    assert set() == (reachable | first_votes) - set(SEEN)
    assert {command.value for command in Command} == {command for _, command, _ in SEEN}
    assert {"NotAllowed", "VersionConflict", "IllegalTransition", "GuardFailed"} == set(REFUSED)


@pytest.mark.timeout(400)  # a failure is worth the time that it takes to make it small
def test_random_lives_keep_the_promises():
    """Votes, holds, clocks, versions and history hold together, whatever hypothesis thinks up."""
    run_state_machine_as_test(
        CaseLife, settings=settings(max_examples=100, stateful_step_count=40)
    )
