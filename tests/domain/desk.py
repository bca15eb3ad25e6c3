"""A desk on which one case lives: carries out decisions in memory, as the service does in tables.

It adds no judgement of its own. What it keeps (hold, clocks, votes, tasks, objects, history) is
what the effects said, so that a test can look at what would have become of the sale.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from freezeguard.domain import effects as fx
from freezeguard.domain.case import Decision, decide, open_case, take_news
from freezeguard.domain.enforcement import ObjectState, Status
from freezeguard.domain.people import Actor, Person
from freezeguard.domain.record import Case, Facts, ProbationRecord, Vote
from freezeguard.domain.transitions import Command, State
from tests.domain.casebook import Line
from tests.domain.cast import IS

PLACES = (("shop", "p-1"), ("till", "t-9"), ("web", "w"))


@dataclass
class Desk:
    """One case with everything around it. `hold` is its state, None where there never was one."""

    case: Case
    now: datetime
    events: list[Line] = field(default_factory=list)
    hold: str | None = None
    level: str | None = None
    soft: bool = False
    clocks: dict[str, datetime] = field(default_factory=dict)
    votes: list[Vote] = field(default_factory=list)
    tasks: set[tuple[str, str, str]] = field(default_factory=set)
    pullers: list[str] = field(default_factory=list)
    objects: dict[tuple[str, str], ObjectState] = field(default_factory=dict)
    record: ProbationRecord = field(default_factory=ProbationRecord)

    @classmethod
    def opened(
        cls, seed: Case, command: Command, actor: Actor, arguments: Mapping[str, Any], now: datetime
    ) -> Self:
        """Open a case; raises what `open_case` raises."""
        decision = open_case(
            seed, command, arguments=arguments, actor=actor, now=now, facts=Facts()
        )
        idle = {place: ObjectState(*place, "sellable", Status.IDLE) for place in PLACES}
        desk = cls(decision.case, now, objects=idle)
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

    def _apply(self, effect: fx.Effect, actor: Actor | None) -> None:
        match effect:
            case fx.SetHold():
                self.hold, self.level, self.soft = "active", effect.level, effect.soft
                self._want(effect.level)
            case fx.ReleaseHold() if self.hold == "active":
                self.hold = "releasing"
                self._want("sellable")
            case fx.EndHold():
                self.end_hold()
            case fx.StartClock():
                self.clocks[effect.kind] = effect.due_at
            case fx.StopClocks():
                for kind in effect.kinds or tuple(self.clocks):
                    self.clocks.pop(kind, None)
            case fx.CastVote():
                approves = "approver" in IS.get(actor, frozenset())
                self.votes.append(
                    Vote(
                        effect.command, effect.person, approves, effect.evidence_revision,
                        effect.expires_at,
                        unconfirmed=frozenset(effect.arguments.get("unconfirmed") or ()),
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

    def _want(self, wanted: str) -> None:
        for place, one in self.objects.items():
            self.objects[place] = replace(one, wanted=wanted, status=Status.PENDING)
