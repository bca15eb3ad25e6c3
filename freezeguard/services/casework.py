"""Carries out decisions: state, history, holds, clocks, votes and outbox in one transaction."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from freezeguard.domain import effects as fx
from freezeguard.domain.authority import accepts
from freezeguard.domain.case import Decision, decide, open_case
from freezeguard.domain.enforcement import ObjectState
from freezeguard.domain.people import Actor, actor_name
from freezeguard.domain.policy import Policy
from freezeguard.domain.record import Case, Facts, Vote
from freezeguard.domain.transitions import Command, State, find_row
from freezeguard.ports.clock import NewId, Now
from freezeguard.ports.storage import (
    AttachedSignals,
    CatalogueRow,
    Hold,
    HoldChange,
    Prelude,
    Transaction,
)
from freezeguard.services.directory import Directory
from freezeguard.services.telling import Seen, Telling
from freezeguard.services.webhooks import post_hold_change

TOPIC_HOLDS = "holds"
TOPIC_OBJECTS = "objects"
TOPIC_NOTICES = "notices"
NO_SIGNALS = AttachedSignals(0, 0, None, None)
LEASE = timedelta(seconds=5)
"""How long whoever stopped a sale has to say what came of it before another replica looks."""


@dataclass(slots=True)
class Aftermath:
    """A command's outcome, and the catalogue objects to work on once it is committed.

    `stops_sale` says that a hold was set that does not lapse by itself.
    `evidence` and `rows` are what the command has seen of the case's signals and objects, so that
    notices need not look again.
    """

    case: Case
    claims: list[CatalogueRow] = field(default_factory=list)
    stops_sale: bool = False
    evidence: AttachedSignals | None = None
    rows: list[CatalogueRow] | None = None
    prelude: Prelude | None = None


class Casework:
    """The one way in which a case changes. The caller holds the lock of its SKU."""

    def __init__(
        self, directory: Directory, telling: Telling, policy: Policy, now: Now, new_id: NewId
    ) -> None:
        self._directory, self._telling = directory, telling
        self.policy, self._now, self._new_id = policy, now, new_id

    async def open(
        self,
        tx: Transaction,
        seed: Case,
        command: Command,
        *,
        arguments: Mapping[str, Any],
        actor: Actor,
        attach: Callable[[Case], Awaitable[AttachedSignals]] | None = None,
        prelude: Prelude | None = None,
    ) -> Aftermath:
        """Open a case; `attach` adds its first evidence and returns it in sums.

        `prelude` spares looking up holds and objects where nothing has changed them since.
        """
        facts = Facts(self.policy)
        now = self._now()
        decision = open_case(
            seed, command, arguments=arguments, actor=actor, now=now, facts=facts
        )
        number = await tx.cases.insert(decision.case)
        decision = replace(decision, case=replace(decision.case, number=number))
        evidence = NO_SIGNALS if attach is None else await attach(decision.case)
        return await self._carry_out(tx, decision, actor, evidence, prelude)

    async def execute(
        self,
        tx: Transaction,
        case: Case,
        command: Command,
        *,
        arguments: Mapping[str, Any],
        actor: Actor,
        version: int | None = None,
    ) -> Aftermath:
        """Give a command to a case whose row is locked. Raises what `decide` raises."""
        facts = await self.facts(tx, case)
        decision = decide(
            case, command, arguments=arguments, actor=actor, now=self._now(), facts=facts,
            version=version,
        )
        await tx.cases.update(decision.case)
        return await self._carry_out(tx, decision, actor)

    async def record(self, tx: Transaction, decision: Decision, actor: Actor) -> Aftermath:
        """Carry out a decision that was not a command (material news)."""
        await tx.cases.update(decision.case)
        return await self._carry_out(tx, decision, actor)

    async def facts(self, tx: Transaction, case: Case) -> Facts:
        """Collect what a decision on this case may need to know."""
        now = self._now()
        votes = await tx.cases.votes(case.id, now)
        tasks = await tx.cases.tasks(case.id)
        on_probation = case.state is State.PROBATION
        taken_over = case.in_frozen_phase and case.state not in {State.FREEZING, State.FROZEN}
        facts = Facts(
            policy=self.policy,
            objects=await self.object_states(tx, case),
            votes=tuple([await self._as_of_now(tx, case, vote, cast) for vote, cast in votes]),
            pullers=await tx.cases.pullers(case.id),
            open_tasks=tuple((t.catalogue, t.remote_id) for t in tasks if t.resolved_at is None),
            news_pending=await tx.signals.has_pending(case.scope.sku),
            awaits_confirmation=taken_over and await self._awaits_confirmation(tx, case),
        )
        if not on_probation:
            return facts
        return replace(facts, probation=await tx.cases.probation_record(case, now))

    @staticmethod
    async def _awaits_confirmation(tx: Transaction, case: Case) -> bool:
        clocks = await tx.cases.clocks(case.id)
        return any(one.kind == "confirm" and one.stopped_at is None for one in clocks)

    async def _as_of_now(
        self, tx: Transaction, case: Case, vote: Vote, cast: Mapping[str, Any]
    ) -> Vote:
        """Return a vote with what its voter may do now: roles may have changed since."""
        found = await tx.people.person(vote.person)
        row = find_row(Command(vote.command), case.state)
        voter = found[0] if found is not None and found[1] else None
        return replace(
            vote,
            is_approver=voter is not None and voter.manages(case.category),
            may_vote=voter is not None and row is not None and accepts(row, case, voter),
            unconfirmed=frozenset(cast.get("unconfirmed") or ()),
        )

    async def object_states(self, tx: Transaction, case: Case) -> tuple[ObjectState, ...]:
        """Return the catalogue objects that a case's hold concerns, as the case sees them."""
        return tuple(state for _, state in await self.objects(tx, case))

    async def objects(
        self, tx: Transaction, case: Case
    ) -> list[tuple[CatalogueRow, ObjectState]]:
        """Return the same, each beside its row: both from one look at the database."""
        rows = await tx.objects.of_sku(case.scope.sku)
        holds = await tx.holds.in_force(case.scope.sku)
        others = [one for one in holds if one.case_id != case.id and one.state == "active"]
        states: list[tuple[CatalogueRow, ObjectState]] = []
        for outlet in self._directory.concerned(case.scope):
            holder = next((one for one in others if outlet.concerns(one.scope)), None)
            states += [
                (row, ObjectState(
                    row.catalogue, row.remote_id, row.wanted, row.status, row.seen_sellable,
                    row.seen_at, row.detail,
                    held_by_other=None if holder is None else str(holder.case_id),
                    enforced_scope=outlet.widened(case.scope),
                ))
                for row in rows
                if row.catalogue == outlet.name
            ]
        return states

    # ------------------------------------------------------------------------- carrying out

    async def _carry_out(
        self,
        tx: Transaction,
        decision: Decision,
        actor: Actor,
        evidence: AttachedSignals | None = None,
        prelude: Prelude | None = None,
    ) -> Aftermath:
        case, now = decision.case, self._now()
        name = actor_name(actor)
        state = None if decision.from_state is None else decision.from_state.value
        arguments = _storable(decision.arguments)
        await tx.cases.add_event(case, now, name, decision.command, state, arguments)
        await tx.record.write(
            now, name, decision.command, f"case:{case.id}",
            why=str(arguments.get("reason") or arguments.get("comment") or ""),
            details={"from": state, "to": case.state.value, "version": case.version},
        )
        aftermath = Aftermath(case, evidence=evidence, prelude=prelude)
        for effect in decision.effects:
            if decision.from_state is None and isinstance(effect, fx.StopClocks | fx.CloseTasks):
                continue  # a new case has nothing to stop
            await self._apply(tx, aftermath, effect, name)
        return aftermath

    async def _apply(
        self, tx: Transaction, aftermath: Aftermath, effect: fx.Effect, by: str
    ) -> None:
        case, now = aftermath.case, self._now()
        match effect:
            case fx.SetHold():
                await self._set_hold(tx, aftermath, effect)
            case fx.ReleaseHold():
                await self._release_hold(tx, aftermath)
            case fx.EndHold():
                await self.end_hold(tx, case.id)
            case fx.Notify():
                seen = Seen(aftermath.evidence, aftermath.rows)
                await self._telling.tell(tx, case, effect, now, seen)
                await tx.notify(TOPIC_NOTICES)
            case fx.OpenTask() | fx.CloseTask() | fx.CloseTasks():
                await self._task(tx, case, effect, by)
            case fx.LookAgain():
                await tx.objects.wake(None, case.scope.sku)
                await tx.notify(TOPIC_OBJECTS)
            case _:
                await self._keep_record(tx, case, effect)

    async def _keep_record(
        self,
        tx: Transaction,
        case: Case,
        effect: fx.StartClock | fx.StopClocks | fx.CastVote | fx.VoidVotes | fx.JudgeSignals
        | fx.ScoreFalseAlarm,
    ) -> None:
        """Carry out what touches only the case's own rows: clocks, votes, judgements."""
        now = self._now()
        match effect:
            case fx.StartClock():
                await tx.cases.start_clock(self._new_id(), case, effect.kind, now, effect.due_at)
            case fx.StopClocks():
                await tx.cases.stop_clocks(case.id, effect.kinds, now)
            case fx.CastVote():
                await tx.cases.add_vote(
                    self._new_id(), case, effect.command, effect.person,
                    _storable(effect.arguments), now, effect.expires_at,
                )
            case fx.VoidVotes():
                await tx.cases.void_votes(case.id, effect.why, now)
            case fx.JudgeSignals():
                await tx.cases.judge_attached(case.id)
            case fx.ScoreFalseAlarm():
                await tx.cases.score_false_alarm(case.id, now)

    async def _task(
        self,
        tx: Transaction,
        case: Case,
        effect: fx.OpenTask | fx.CloseTask | fx.CloseTasks,
        by: str,
    ) -> None:
        now = self._now()
        match effect:
            case fx.OpenTask():
                await tx.cases.open_task(
                    self._new_id(), case, effect.task, effect.catalogue, effect.remote_id,
                    effect.instruction, now,
                )
            case fx.CloseTask():
                where = (effect.catalogue, effect.remote_id)
                await tx.cases.close_tasks(case.id, None, where, by, effect.note, now)
            case fx.CloseTasks():
                await tx.cases.close_tasks(case.id, effect.task, None, by, "", now)

    # -------------------------------------------------------------------------------- holds

    async def _set_hold(
        self, tx: Transaction, aftermath: Aftermath, effect: fx.SetHold
    ) -> None:
        case, now = aftermath.case, self._now()
        prelude = aftermath.prelude
        if prelude is None:
            in_force, rows = await tx.holds.in_force(case.scope.sku), None
        else:
            in_force, rows = list(prelude.holds), prelude.objects
        earlier = next((one for one in in_force if one.case_id == case.id), None)
        revision = await tx.holds.next_revision()
        hold = Hold(
            id=self._new_id() if earlier is None else earlier.id,
            case_id=case.id, scope=case.scope, lane=case.lane, level=effect.level,
            soft=effect.soft, state="active", reason=str(case.reason.get("sentence", "")),
            since=now if earlier is None else earlier.since, revision=revision,
        )
        if earlier is None:
            await tx.holds.insert(hold)
        else:
            await tx.holds.update(hold, ended_at=None)
        await self._log(tx, hold, "hold")
        others = [one for one in in_force if one.case_id != case.id]
        held = [*others, hold]
        aftermath.rows, claims = await self._want(tx, case.scope.sku, revision, held, rows)
        aftermath.claims += claims
        aftermath.stops_sale = not effect.soft and (earlier is None or bool(claims))

    async def _release_hold(self, tx: Transaction, aftermath: Aftermath) -> None:
        """Readers still see the hold; catalogues may sell again unless another hold covers them."""
        hold = await tx.holds.of_case(aftermath.case.id)
        if hold is None:
            return
        revision = await tx.holds.next_revision()
        await tx.holds.update(replace(hold, state="releasing", revision=revision), ended_at=None)
        holds = await tx.holds.in_force(hold.scope.sku)
        aftermath.rows, claims = await self._want(tx, hold.scope.sku, revision, holds)
        aftermath.claims += claims
        await tx.notify(TOPIC_OBJECTS)

    async def end_hold(self, tx: Transaction, case_id: UUID) -> None:
        """End a hold whose release was read back: readers may sell."""
        hold = await tx.holds.of_case(case_id)
        if hold is None:
            return
        ended = replace(hold, state="released", revision=await tx.holds.next_revision())
        await tx.holds.update(ended, ended_at=self._now())
        await self._log(tx, ended, "release")

    async def want_again(self, tx: Transaction, sku: str) -> list[CatalogueRow]:
        """Set what is wanted of a SKU's objects by its holds; return the stops to send at once.

        For catalogues that were configured, or removed, after a hold was set or released.
        """
        revision = await tx.holds.next_revision()
        _, claims = await self._want(tx, sku, revision, await tx.holds.in_force(sku))
        await tx.notify(TOPIC_OBJECTS)
        return claims

    async def ask(
        self, tx: Transaction, case: Case, task: fx.OpenTask, notice: fx.Notify
    ) -> None:
        """Ask a person for something by hand, also where the case is closed."""
        await self._task(tx, case, task, "")
        await self._telling.tell(tx, case, notice, self._now())
        await tx.notify(TOPIC_NOTICES)

    async def _log(self, tx: Transaction, hold: Hold, change: str) -> None:
        line = HoldChange(
            hold.revision, self._now(), change, hold.id, hold.scope.sku, hold.as_dict()
        )
        await tx.holds.log_change(line)
        await post_hold_change(tx, self._new_id(), line, hold.case_id)
        await tx.notify(TOPIC_HOLDS)

    async def _want(
        self,
        tx: Transaction,
        sku: str,
        revision: int,
        holds: Sequence[Hold],
        rows: Sequence[CatalogueRow] | None = None,
    ) -> tuple[list[CatalogueRow], list[CatalogueRow]]:
        """Set what is wanted of each object of a SKU; return all, and the stops to send at once.

        `rows` are the SKU's objects, where the caller has them.
        """
        if rows is None:
            rows = await tx.objects.of_sku(sku)
        wanting: list[CatalogueRow] = []
        claims: list[CatalogueRow] = []
        for outlet in self._directory.outlets.values():
            wanted = outlet.wanted(holds)
            mine = [row for row in rows if row.catalogue == outlet.name]
            remote_ids = [row.remote_id for row in mine] or ([""] if wanted != "sellable" else [])
            before = {row.remote_id: row.wanted for row in mine}
            for remote_id in remote_ids:
                at_once = wanted != "sellable" and before.get(remote_id) != wanted
                row = await tx.objects.want(
                    sku, outlet.name, remote_id, wanted, revision,
                    lease=LEASE if at_once else None, token=self._new_id() if at_once else None,
                )
                wanting.append(row)
                if at_once:
                    claims.append(row)
        return wanting, claims


def _storable(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what stands elsewhere already: known evidence is a column of the case."""
    return {key: value for key, value in arguments.items() if key != "known_evidence"}
