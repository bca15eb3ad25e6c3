"""Carries out decisions: state, history, holds, clocks, votes and outbox in one transaction."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from freezeguard.detection.windows import Observed
from freezeguard.domain import effects as fx
from freezeguard.domain.acts.outcome import stricter_lane
from freezeguard.domain.authority import accepts
from freezeguard.domain.calendars import Calendar
from freezeguard.domain.case import Decision, decide, open_case
from freezeguard.domain.clocks import (
    MANUAL_TASK,
    WAIVER,
    is_legal,
    is_of_question,
    law_of_news,
)
from freezeguard.domain.enforcement import ObjectState, Status, Waiver
from freezeguard.domain.people import Actor, Person, System, actor_name
from freezeguard.domain.policy import Policy
from freezeguard.domain.record import Case, Facts, RunningClock, Vote
from freezeguard.domain.transitions import Command, State, find_row
from freezeguard.ports.clock import NewId, Now
from freezeguard.ports.rows import Announced, AttachedSignals, CatalogueRow, Hold, Prelude
from freezeguard.ports.storage import Transaction
from freezeguard.services.cases.aftermath import Aftermath
from freezeguard.services.cases.holding import Holding
from freezeguard.services.cases.places import Places
from freezeguard.services.directory import Directory, Outlet
from freezeguard.services.telling.telling import EXCERPTS, Seen, Telling
from freezeguard.services.topics import TOPIC_CASES, TOPIC_NOTICES, TOPIC_OBJECTS

IN_HISTORY = "in the history of the case"
VOIDED_BY: Mapping[str, str] = {
    Command.ATTACH_EVIDENCE: "file",
    Command.WIDEN: "scope",
    Command.NARROW: "scope",
    Command.REGISTER_ORDER: "order",
    Command.ABSORB: "merge",
}
"""Why an approval is void, as a code that each language has words for."""

class Casework:
    """The one way in which a case changes. The caller holds the lock of its SKU."""

    def __init__(
        self, directory: Directory, telling: Telling, places: Places, policy: Policy, now: Now,
        new_id: NewId,
    ) -> None:
        self._directory, self._telling, self._places = directory, telling, places
        self.policy, self._now, self._new_id = policy, now, new_id
        self.holding = Holding(directory, now, new_id)

    async def open(
        self,
        tx: Transaction,
        seed: Case,
        command: Command,
        *,
        arguments: Mapping[str, Any],
        actor: Actor,
        evidence: Sequence[Observed] = (),
        counted: frozenset[tuple[str, str]] = frozenset(),
        prelude: Prelude | None = None,
        announced: Announced | None = None,
    ) -> Aftermath:
        """Open a case on its first evidence, of which some was counted.

        `prelude` spares looking up holds and objects where nothing has changed them since,
        `announced` announcing the case.
        """
        now = self._now()
        facts = Facts(self.policy, **await self._places.known(tx, seed, now))
        decision = open_case(
            seed, command, arguments=arguments, actor=actor, now=now, facts=facts
        )
        if announced is None:
            announced = await tx.cases.announce(evidence, EXCERPTS)
        decision = replace(decision, case=replace(decision.case, number=announced.number))
        await tx.cases.insert(decision.case)
        await tx.cases.attach(decision.case, evidence, counted, now)
        seen = in_sums(evidence, announced.excerpts)
        return await self._carry_out(tx, decision, actor, seen, prelude)

    async def execute(
        self,
        tx: Transaction,
        case: Case,
        command: Command,
        *,
        arguments: Mapping[str, Any],
        actor: Actor,
        version: int | None = None,
        known: Mapping[str, Any] | None = None,
        facts: Facts | None = None,
    ) -> Aftermath:
        """Give a command to a case whose row is locked. Raises what `decide` raises.

        `known` are facts beside those that every command is decided on, by their names. `facts`
        spares collecting those where nothing has changed since the caller did.
        """
        facts = replace(facts or await self.facts(tx, case), **(known or {}))
        decision = decide(
            case, command, arguments=arguments, actor=actor, now=self._now(), facts=facts,
            version=version,
        )
        await tx.cases.update(decision.case)
        aftermath = await self._carry_out(tx, decision, actor)
        aftermath.case = await self._waive_no_more(tx, case, aftermath.case, facts)
        if _voids_approval(case, decision):
            voided = await self.execute(
                tx, aftermath.case, Command.VOID_APPROVAL, actor=System.DETECTOR,
                arguments={
                    "reason": f"after {decision.command}: the evidence is another one",
                    "cause": VOIDED_BY.get(decision.command, "evidence"),
                },
            )
            aftermath.case = voided.case
        return aftermath

    async def record(
        self, tx: Transaction, before: Case, decision: Decision, actor: Actor
    ) -> Aftermath:
        """Carry out a decision that was not a command (material news)."""
        await tx.cases.update(decision.case)
        if decision.case.lane == before.lane:
            return await self._carry_out(tx, decision, actor)
        facts = await self.facts(tx, before)
        started = law_of_news(decision.case, self._now(), facts)
        decision = replace(decision, effects=(*started, *decision.effects))
        aftermath = await self._carry_out(tx, decision, actor)
        aftermath.case = await self._waive_no_more(tx, before, aftermath.case, facts)
        return aftermath

    async def _waive_no_more(
        self, tx: Transaction, before: Case, after: Case, facts: Facts
    ) -> Case:
        """End the waivers of a case that is not one of quality any more; return it as it is then.

        Whoever waived took a fault upon himself, not an injury, nor an order of an authority.
        """
        if before.lane != "quality" or after.lane == "quality" or not after.in_frozen_phase:
            return after
        for one in facts.objects:
            if one.is_waived:
                why = f"in the lane {after.lane} nothing is waived"
                where = {"catalogue": one.catalogue, "remote_id": one.remote_id, "reason": why}
                ended = await self.execute(
                    tx, after, Command.UNWAIVE, arguments=where, actor=System.TIMER
                )
                after = ended.case
        return after

    async def facts(self, tx: Transaction, case: Case) -> Facts:
        """Collect what a decision on this case may need to know."""
        now = self._now()
        around = await tx.master.surroundings(case)
        votes = await tx.cases.votes(case.id, now) if around.has_votes else ()
        objects = self._objects(case, around.objects, around.holds, around.waivers)
        facts = Facts(
            policy=self.policy,
            objects=tuple(state for _, state in objects),
            votes=tuple([await self._as_of_now(tx, case, vote, cast) for vote, cast in votes]),
            pullers=around.pullers,
            open_tasks=tuple((one.catalogue, one.remote_id) for one in around.tasks),
            news_pending=around.has_news,
            clocks=tuple(
                RunningClock(
                    one.kind, one.started_at, one.due_at, one.paused_at is not None, one.next_at,
                    one.details,
                )
                for one in around.clocks
            ),
            owner=await _active(tx, case.owner),
            **await self._places.known(tx, case, now),
        )
        if case.state is not State.PROBATION:
            return facts
        record = await tx.cases.probation_record(case, now)
        silent = tuple(await tx.sources.silent_of_case(case.id))
        return replace(facts, probation=replace(record, silent=silent))

    def jurisdictions(self, named: object) -> tuple[str, ...]:
        """Return the jurisdictions to which the one of an order belongs, itself first."""
        return self._places.jurisdictions(named)

    async def owners_calendar(self, tx: Transaction, case: Case) -> Calendar:
        """Return the working time of a case's owner, the shop's where it has none."""
        return await self._places.owners(tx, case, self._now())

    async def _as_of_now(
        self, tx: Transaction, case: Case, vote: Vote, cast: Mapping[str, Any]
    ) -> Vote:
        """Return a vote with what its voter may do now: roles may have changed since."""
        found = await tx.people.person(vote.person)
        row = find_row(Command(vote.command), case.state, case.lane)
        voter = found[0] if found is not None and found[1] else None
        return replace(
            vote,
            is_approver=voter is not None and voter.manages(case.category),
            may_vote=voter is not None and row is not None and accepts(row, case, voter),
            roles=frozenset() if voter is None else voter.roles,
            arguments=cast,
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
        return self._objects(case, rows, holds, await tx.objects.waivers(case.id))

    def _objects(
        self, case: Case, rows: Sequence[CatalogueRow], holds: Sequence[Hold],
        waivers: Sequence[Waiver],
    ) -> list[tuple[CatalogueRow, ObjectState]]:
        waived = {
            (one.catalogue, one.remote_id): one for one in waivers if self._now() < one.until
        }
        others = [one for one in holds if one.case_id != case.id and one.state == "active"]
        states: list[tuple[CatalogueRow, ObjectState]] = []
        for outlet in self._concerned(case, holds):
            holder = next((one for one in others if outlet.concerns(one.scope)), None)
            states += [
                (row, ObjectState(
                    row.catalogue, row.remote_id, row.wanted,
                    _status(row, waived.get((row.catalogue, row.remote_id))), row.seen_sellable,
                    row.seen_at, row.detail,
                    held_by_other=None if holder is None else str(holder.case_id),
                    enforced_scope=outlet.widened(case.scope),
                    waiver=waived.get((row.catalogue, row.remote_id)),
                ))
                for row in rows
                if row.catalogue == outlet.name
            ]
        return states

    def _concerned(self, case: Case, holds: Sequence[Hold]) -> list[Outlet]:
        """Return the catalogues that sell something of any scope of a case.

        A case that is being released also waits for what it was narrowed from, where that is
        still on its way.
        """
        scopes = set(case.scopes)
        if not case.keeps_its_hold and case.state is not State.DELISTED:
            scopes |= {one.scope for one in holds if one.case_id == case.id}
        return [
            outlet
            for outlet in self._directory.outlets.values()
            if any(outlet.concerns(scope) for scope in scopes)
        ]

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
        if decision.command == Command.FREEZE.value:
            arguments["scope"] = case.scope.as_dict()  # it may be widened or narrowed later
        await tx.cases.add_event(case, now, name, decision.command, state, arguments)
        await tx.record.write(
            now, name, decision.command, f"case:{case.id}",
            why=_why(arguments, actor),
            details={"from": state, "to": case.state.value, "version": case.version},
        )
        await tx.notify(TOPIC_CASES)
        aftermath = Aftermath(case, evidence=evidence, prelude=prelude)
        for effect in decision.effects:
            if decision.from_state is None and isinstance(effect, fx.CloseTasks):
                continue  # a new case has nothing to close
            await self._apply(tx, aftermath, effect, name)
        return aftermath

    async def _apply(
        self, tx: Transaction, aftermath: Aftermath, effect: fx.Effect, by: str
    ) -> None:
        case, now = aftermath.case, self._now()
        match effect:
            case fx.Notify():
                seen = Seen(aftermath.evidence, aftermath.rows, aftermath.due, aftermath.told)
                await self._telling.tell(tx, case, effect, now, seen)
                await tx.notify(TOPIC_NOTICES)
            case fx.OpenTask() | fx.CloseTask() | fx.CloseTasks():
                await self._task(tx, case, effect, by)
            case fx.LookAgain():
                await tx.objects.wake(None, case.scope.sku)
                await tx.notify(TOPIC_OBJECTS)
            case fx.AnnounceOrders():
                await self.announce_orders(tx, case)
            case (
                fx.SetHold() | fx.SetNarrowHold() | fx.ReleaseWiderHolds() | fx.ReleaseHold()
                | fx.EndHold() | fx.WaiveObject() | fx.UnwaiveObject()
            ):
                await self._hold(tx, aftermath, effect)
            case (
                fx.StartClock() | fx.StopClocks() | fx.PauseClocks() | fx.ResumeClocks()
            ):
                await self._clock(tx, aftermath, effect)
            case fx.MergeInto():
                await self._merge(tx, case, effect)
            case _:
                await self._keep_record(tx, case, effect)

    async def _hold(
        self,
        tx: Transaction,
        aftermath: Aftermath,
        effect: fx.SetHold | fx.SetNarrowHold | fx.ReleaseWiderHolds | fx.ReleaseHold | fx.EndHold
        | fx.WaiveObject | fx.UnwaiveObject,
    ) -> None:
        """Carry out what touches holds, or what is wanted of objects."""
        match effect:
            case fx.SetHold():
                await self.holding.set(tx, aftermath, effect)
            case fx.SetNarrowHold():
                await self.holding.set_narrow(tx, aftermath, effect)
            case fx.ReleaseWiderHolds():
                await self.holding.release_wider(tx, aftermath)
            case fx.ReleaseHold():
                await self.holding.release(tx, aftermath)
            case fx.EndHold():
                await self.holding.end(tx, aftermath.case.id)
            case fx.WaiveObject():
                waiver = Waiver(
                    effect.catalogue, effect.remote_id, effect.by, effect.until, effect.why
                )
                await tx.objects.waive(aftermath.case.id, waiver, self._now())
            case fx.UnwaiveObject():
                await tx.objects.unwaive(aftermath.case.id, effect.catalogue, effect.remote_id)

    async def _clock(
        self,
        tx: Transaction,
        aftermath: Aftermath,
        effect: fx.StartClock | fx.StopClocks | fx.PauseClocks | fx.ResumeClocks,
    ) -> None:
        case, now = aftermath.case, self._now()
        if not isinstance(effect, fx.StartClock):
            aftermath.due.clear()  # it may concern any of them
        match effect:
            case fx.StartClock():
                aftermath.due[effect.kind] = effect.due_at
                await tx.cases.start_clock(
                    self._new_id(), case, effect.kind, now, effect.due_at,
                    next_at=effect.next_at, details=effect.details,
                )
            case fx.StopClocks():
                await tx.cases.stop_clocks(case.id, effect.kinds, now)
                if any(map(is_of_question, effect.kinds)) and case.state is not State.MERGED:
                    await tx.questions.end_with_case(case.id, now)
            case fx.PauseClocks():
                await tx.cases.pause_clocks(case.id, effect.kinds, now)
            case fx.ResumeClocks():
                await tx.cases.resume_clocks(case.id, effect.kinds, now)

    async def _merge(self, tx: Transaction, case: Case, effect: fx.MergeInto) -> None:
        """Give all that a case has to the one that survives, which then takes it over."""
        survivor = await tx.cases.get(effect.survivor, lock=True)
        assert survivor is not None  # noqa: S101 - the command has locked it
        await tx.cases.merge_signals(case.id, survivor.id, self._now())
        await tx.questions.move(case.id, survivor.id)
        await tx.causes.move(case.id, survivor.id)
        # Before it is absorbed: what the survivor's holds then cover is all the survivor's.
        lane = stricter_lane(survivor.lane, case.lane)
        await self.holding.hand_over(tx, case, survivor, lane)
        if lane == "quality":
            await tx.objects.move_waivers(case.id, survivor.id)
        absorbed = await self.execute(
            tx, survivor, Command.ABSORB, actor=System.RECONCILER, known={"other": case},
            arguments={
                "case": str(case.number), "scopes": [one.as_dict() for one in case.scopes],
                "pullers": list(effect.pullers),
            },
        )
        await self._keep_earliest(tx, case, absorbed.case, effect.clocks)

    async def _keep_earliest(
        self, tx: Transaction, case: Case, survivor: Case, clocks: Sequence[RunningClock]
    ) -> None:
        """Of a clock that ran on both cases the earlier due time counts.

        The law's come along, those of questions, and those that end a waiver: the object is the
        survivor's now; where the survivor is in a stricter lane nothing is waived any more. So does
        that of an answer which the vendor is owed. Its own date does not: it was withdrawn.
        """
        running = {
            one.kind: one for one in await tx.cases.clocks(survivor.id) if one.stopped_at is None
        }
        for clock in clocks:
            mine = running.get(clock.kind)
            comes = _comes_along(clock, case, survivor)
            if clock.kind == "vendor_date" or (mine is None and not comes):
                continue
            if mine is None or clock.due_at < mine.due_at:
                await tx.cases.start_clock(
                    self._new_id(), survivor, clock.kind, clock.started_at, clock.due_at,
                    next_at=clock.next_at, details=clock.details,
                )

    async def _keep_record(
        self,
        tx: Transaction,
        case: Case,
        effect: fx.CastVote | fx.VoidVotes | fx.JudgeSignals | fx.ScoreFalseAlarm
        | fx.JudgeSources | fx.MakePromise | fx.SettlePromise | fx.MarkVendorNotices
        | fx.RecordReview,
    ) -> None:
        """Carry out what touches only the case's own rows: votes, judgements, promises."""
        now = self._now()
        match effect:
            case fx.CastVote():
                await tx.cases.add_vote(
                    self._new_id(), case, effect.command, effect.person,
                    _storable(effect.arguments), now, effect.expires_at,
                )
            case fx.VoidVotes():
                await tx.cases.void_votes(case.id, effect.why, now)
            case fx.JudgeSignals():
                await tx.cases.judge_attached(case.id, now, usual=effect.usual)
            case fx.ScoreFalseAlarm():
                await tx.cases.score_false_alarm(case.id, now)
            case fx.JudgeSources():
                await tx.sources.judge(case.id, now, were_right=effect.were_right)
            case fx.MakePromise():
                await tx.cases.make_promise(self._new_id(), case, now, effect.by, effect.due_at)
            case fx.SettlePromise():
                await tx.cases.settle_promise(case.id, effect.outcome, now)
            case fx.MarkVendorNotices():
                await tx.notices.vendor_reacted(case.id, effect.state)
            case fx.RecordReview():
                await tx.cases.add_review(
                    self._new_id(), case, effect.verdict, effect.comment, effect.reviewer,
                    effect.pullers, now,
                )

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
                await self._await_a_person(tx, case)
            case fx.CloseTask():
                where = (effect.catalogue, effect.remote_id)
                await tx.cases.close_tasks(case.id, None, where, by, effect.note, now)
            case fx.CloseTasks():
                await tx.cases.close_tasks(case.id, effect.task, None, by, "", now)

    async def _await_a_person(self, tx: Transaction, case: Case) -> None:
        """Start the clock that waits for a manual task, unless it waits already."""
        clocks = await tx.cases.clocks(case.id)
        if any(one.kind == MANUAL_TASK and one.stopped_at is None for one in clocks):
            return
        due = self._now() + self.policy.task_within
        await tx.cases.start_clock(self._new_id(), case, MANUAL_TASK, self._now(), due)

    async def announce_orders(self, tx: Transaction, case: Case) -> None:
        """Have the orders under way of a case announced, where the shop wants that by itself."""
        if self.policy.announce_orders:
            await tx.order_lists.want(case.id, self._now())

    async def ask(
        self, tx: Transaction, case: Case, task: fx.OpenTask, notice: fx.Notify
    ) -> None:
        """Ask a person for something by hand, also where the case is closed."""
        await self._task(tx, case, task, "")
        await self._telling.tell(tx, case, notice, self._now())
        await tx.notify(TOPIC_NOTICES)


def _status(row: CatalogueRow, waiver: Waiver | None) -> Status:
    """Return how a case sees an object: what a manager waived is waived until it obeys."""
    obeys = row.wanted != "sellable" and row.status is Status.CONFIRMED
    if waiver is not None and not obeys and row.status is not Status.NOT_LISTED:
        return Status.WAIVED
    return row.status


def _comes_along(clock: RunningClock, case: Case, survivor: Case) -> bool:
    """Say whether a clock of a case that is merged runs on where the other one has none."""
    owed = clock.kind == "contest" and case.contest_waits
    waived = clock.kind.startswith(WAIVER) and survivor.lane == "quality"
    return owed or waived or is_legal(clock) or is_of_question(clock.kind)


async def _active(tx: Transaction, person_id: str | None) -> Person | None:
    """Return a person who may sign in."""
    found = None if person_id is None else await tx.people.person(person_id)
    return found[0] if found is not None and found[1] else None


def _voids_approval(before: Case, decision: Decision) -> bool:
    """Say whether an approval was asked for on other evidence, or for a case of another lane."""
    after = decision.case
    if after.state is not State.AWAITING_APPROVAL or before.state is not after.state:
        return False
    return after.evidence_revision > before.evidence_revision or after.lane != before.lane


def _why(arguments: Mapping[str, Any], actor: Actor) -> str:
    """Return why, in words that are ours.

    What people write stands in the history of the case and not in the record, which is for ever:
    it may name a customer, and must be erasable.
    """
    reason = arguments.get("reason")
    if isinstance(reason, Mapping):
        return str(reason.get("sentence") or "")
    if reason and isinstance(actor, System):
        return str(reason)
    return IN_HISTORY if reason or arguments.get("comment") else ""


def in_sums(signals: Sequence[Observed], excerpts: tuple[str, ...]) -> AttachedSignals:
    """Return signals as sums, as the database would give them, but for what they cost."""
    customers = {one.customer or b"" for one in signals}
    moments = [one.occurred_at for one in signals]
    return AttachedSignals(
        len(signals), len(customers), min(moments, default=None), max(moments, default=None),
        Counter(one.intent for one in signals),
        Counter(one.severity.word for one in signals),
        Counter(one.scope.lot for one in signals if one.scope.lot is not None),
        excerpts,
    )


def _storable(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what stands elsewhere already: known evidence is a column of the case."""
    return {key: value for key, value in arguments.items() if key != "known_evidence"}
