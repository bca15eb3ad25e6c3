"""A desk on which one case lives: carries out decisions in memory, as the service does in tables.

It adds no judgement of its own. What it keeps (hold, clocks, votes, tasks, objects, history) is
what the effects said, so that a test can look at what would have become of the sale.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from freezeguard.domain import effects as fx
from freezeguard.domain.calendars import Calendar
from freezeguard.domain.case import Decision, decide, open_case, take_news
from freezeguard.domain.enforcement import ObjectState, Status
from freezeguard.domain.legal import LegalClock
from freezeguard.domain.people import Actor, Person
from freezeguard.domain.record import Case, Facts, ProbationRecord, RunningClock, Vote
from freezeguard.domain.scope import Scope
from freezeguard.domain.transitions import Command, State
from tests.domain.casebook import Line
from tests.domain.cast import IS

PLACES = (("shop", "p-1"), ("till", "t-9"), ("web", "w"))


@dataclass
class Desk:
    """One case with everything around it. `hold` is its state, None where there never was one.

    `held` says of each scope for which the case put a hold in force what became of it.
    `other` is the case that a command names, `named` the person.
    """

    case: Case
    now: datetime
    events: list[Line] = field(default_factory=list)
    hold: str | None = None
    level: str | None = None
    soft: bool = False
    held: dict[Scope, str] = field(default_factory=dict)
    clocks: dict[str, RunningClock] = field(default_factory=dict)
    laws: tuple[tuple[LegalClock, Calendar], ...] = ()
    other: Case | None = None
    named: Person | None = None
    votes: list[Vote] = field(default_factory=list)
    tasks: set[tuple[str, str, str]] = field(default_factory=set)
    pullers: list[str] = field(default_factory=list)
    objects: dict[tuple[str, str], ObjectState] = field(default_factory=dict)
    record: ProbationRecord = field(default_factory=ProbationRecord)

    @classmethod
    def opened(
        cls, seed: Case, command: Command, actor: Actor, arguments: Mapping[str, Any],
        now: datetime, laws: tuple[tuple[LegalClock, Calendar], ...] = (),
    ) -> Self:
        """Open a case; raises what `open_case` raises."""
        decision = open_case(
            seed, command, arguments=arguments, actor=actor, now=now, facts=Facts(laws=laws)
        )
        idle = {place: ObjectState(*place, "sellable", Status.IDLE) for place in PLACES}
        desk = cls(decision.case, now, objects=idle, laws=laws)
        desk._carry_out(decision, actor)
        return desk

    @property
    def facts(self) -> Facts:
        """What a decision is told beside the case."""
        return Facts(
            objects=tuple(self.objects.values()),
            votes=tuple(self.votes),
            pullers=tuple(self.pullers),
            open_tasks=tuple((catalogue, remote_id) for _, catalogue, remote_id in self.tasks),
            probation=self.record,
            clocks=tuple(self.clocks.values()),
            laws=self.laws,
            other=self.other,
            named=self.named,
        )

    def give(
        self, command: Command, actor: Actor, arguments: Mapping[str, Any], version: int | None
    ) -> Decision:
        """Give a command; raises what `decide` raises."""
        decision = decide(
            self.case, command, arguments=arguments, actor=actor, now=self.now, facts=self.facts,
            version=version,
        )
        self._carry_out(decision, actor)
        return decision

    def news(self, words: list[str], lane: str) -> None:
        """Take in material news."""
        self._carry_out(take_news(self.case, self.case.known_evidence, words, lane), None)

    def end_hold(self) -> None:
        """End the hold of a case that is over, once its release was read back."""
        self.hold = "released" if self.hold == "releasing" else self.hold
        self.held = {
            scope: "released" if state == "releasing" else state
            for scope, state in self.held.items()
        }

    def in_force(self, scope: Scope) -> bool:
        """Say whether an active hold of the case covers a scope."""
        return any(
            state == "active" and one.covers(scope) for one, state in self.held.items()
        )

    def _carry_out(self, decision: Decision, actor: Actor | None) -> None:
        self.case = decision.case
        came_from = None if decision.from_state is None else decision.from_state.value
        self.events.append(
            Line(
                decision.command, came_from, self.case.state.value, self.case.version,
                self.case.evidence_revision, decision.arguments,
            )
        )
        unshared = decision.from_state in {None, State.SUSPECTED}
        if unshared and decision.command in {"suspect", "freeze"} and isinstance(actor, Person):
            self.pullers.append(actor.id)
        for effect in decision.effects:
            self._apply(effect, actor)

    def _apply(self, effect: fx.Effect, actor: Actor | None) -> None:  # noqa: PLR0912 - one each
        match effect:
            case fx.SetHold():
                self.hold, self.level, self.soft = "active", effect.level, effect.soft
                self.held = {
                    scope: state for scope, state in self.held.items()
                    if not any(one.covers(scope) for one in self.case.scopes)
                } | dict.fromkeys(self.case.scopes, "active")
                self._want(effect.level)
            case fx.SetNarrowHold():
                self.held[effect.scope] = "active"
            case fx.ReleaseWiderHolds():
                self.held = {
                    scope: state if scope == self.case.scope else "releasing"
                    for scope, state in self.held.items()
                }
            case fx.ReleaseHold() if self.hold == "active":
                self.hold = "releasing"
                self.held = dict.fromkeys(self.held, "releasing")
                self._want("sellable")
            case fx.MergeInto():
                self.hold, self.held = "handed over", {}
            case fx.EndHold():
                self.end_hold()
            case fx.StartClock():
                self.clocks[effect.kind] = RunningClock(
                    effect.kind, self.now, effect.due_at, next_at=effect.next_at,
                    details=effect.details,
                )
            case fx.StopClocks():
                for kind in effect.kinds:
                    self.clocks.pop(kind, None)
            case fx.PauseClocks():
                for kind in effect.kinds:
                    self.clocks[kind] = replace(self.clocks[kind], is_paused=True)
            case fx.ResumeClocks():
                for kind in effect.kinds:
                    self.clocks[kind] = replace(self.clocks[kind], is_paused=False)
            case fx.WaiveObject():
                self._object(effect, status=Status.WAIVED)
            case fx.UnwaiveObject():
                self._object(effect, status=Status.PENDING)
            case fx.CastVote():
                approves = "approver" in IS.get(actor, frozenset())
                self.votes.append(
                    Vote(
                        effect.command, effect.person, approves, effect.evidence_revision,
                        effect.expires_at,
                        roles=actor.roles if isinstance(actor, Person) else frozenset(),
                        unconfirmed=frozenset(effect.arguments.get("unconfirmed") or ()),
                        arguments=effect.arguments,
                    )
                )
            case fx.VoidVotes():
                self.votes.clear()
            case fx.OpenTask():
                self.tasks.add((effect.task, effect.catalogue, effect.remote_id))
            case fx.CloseTask():
                place = (effect.catalogue, effect.remote_id)
                self.tasks = {one for one in self.tasks if one[1:] != place}
            case fx.CloseTasks():
                self.tasks = {one for one in self.tasks if one[0] != effect.task}
            case _:
                pass

    def take_over(self, other: Case) -> None:
        """Get the holds of a case that was merged into this one."""
        if self.case.in_frozen_phase:
            self.held |= dict.fromkeys(other.scopes, "active")

    def _object(self, effect: fx.WaiveObject | fx.UnwaiveObject, status: Status) -> None:
        place = (effect.catalogue, effect.remote_id)
        self.objects[place] = replace(self.objects[place], status=status)

    def _want(self, wanted: str) -> None:
        for place, one in self.objects.items():
            keeps = one.status is Status.WAIVED and wanted != "sellable"
            status = Status.WAIVED if keeps else Status.PENDING
            self.objects[place] = replace(one, wanted=wanted, status=status)
