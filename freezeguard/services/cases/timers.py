"""Fires clocks that are due. A clock is a row; whoever claims it re-checks its reason."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from freezeguard.domain import probation
from freezeguard.domain.clocks import (
    BY_NAME,
    MANUAL_TASK,
    WAIVER,
    is_legal,
    is_of_question,
)
from freezeguard.domain.effects import Notify
from freezeguard.domain.enforcement import are_stopped
from freezeguard.domain.errors import (
    FreezeguardError,
    GuardFailed,
    IllegalTransition,
    Unavailable,
)
from freezeguard.domain.ladders import RUNGS, Stage, breach, ladder_of, warning
from freezeguard.domain.people import System
from freezeguard.domain.record import Case, RunningClock
from freezeguard.domain.transitions import FROZEN_PHASE, Command, State
from freezeguard.ports.clock import Moment, NewId, no_moment
from freezeguard.ports.rows import Clock
from freezeguard.ports.storage import Database, Transaction
from freezeguard.services.cases.aftermath import Aftermath
from freezeguard.services.cases.casework import Casework
from freezeguard.services.telling.telling import Seen, Telling

log = structlog.get_logger()

LEASE = timedelta(seconds=5)
PATIENCE = timedelta(minutes=1)
"""For so long a clock that failed is tried again with every lease."""
LONGEST_PAUSE = timedelta(hours=1)
"""A clock that fails is tried again at least so often."""
MOST_REFUSED = 10_000
"""So many clocks are remembered as refused; those of cases that ended must not pile up."""
BALL: Mapping[State, str] = {
    State.FREEZING: "catalogue",
    State.FROZEN: "owner",
    State.DIAGNOSING: "vendor",
    State.REMEDY_PROPOSED: "owner",
    State.AWAITING_APPROVAL: "approvers",
    State.APPEALED: "reviewer",
}
"""Whose turn it is in each state in which regular updates go out."""


@dataclass(frozen=True, slots=True)
class _Due:
    """One clock that is due, with all that its stage needs."""

    tx: Transaction
    case: Case
    clock: Clock
    now: datetime

    @property
    def running(self) -> RunningClock:
        clock = self.clock
        return RunningClock(
            clock.kind, clock.started_at, clock.due_at, next_at=clock.next_at,
            details=clock.details,
        )


class Timers:
    """Second opinions that never came, deadlines that passed, probations that end."""

    def __init__(
        self, database: Database, casework: Casework, telling: Telling, new_id: NewId,
        moment: Moment = no_moment,
    ) -> None:
        self._database, self._casework, self._telling = database, casework, telling
        self._new_id, self._moment = new_id, moment
        self._refused: set[UUID] = set()
        self._acting: Mapping[str, Callable[[_Due], Awaitable[None]]] = {
            "second_opinion": self._expire,
            "probation": self._probation,
            "accept": self._not_accepted,
            "confirm": self._not_confirmed,
            "update": self._update,
            "hold_review": self._hold_review,
            "hand_off": self._lapse_hand_off,
            "vendor_ack": self._vendor_silent,
            "vendor_date": self._date_missed,
            "diagnosis": self._choose,
            MANUAL_TASK: self._task_waits,
        }

    async def fire_due(self, limit: int = 50) -> int:
        """Fire what is due; return how many clocks there were.

        Claimed one by one: one that takes long must not use up the lease of its neighbours.
        """
        for number in range(limit):
            clocks = await self._database.run(
                lambda tx: tx.cases.claim_due_clocks(self._moment(), LEASE, 1)
            )
            if not clocks:
                return number
            await self._fire(clocks[0])
        return limit

    async def _fire(self, clock: Clock) -> None:
        """Fire one clock; one that fails, however oddly, must not keep the others waiting."""
        try:
            await self._database.run(lambda tx: self._fire_in(tx, clock))
        except Unavailable:
            raise
        except IllegalTransition:
            log.info("clock_pointless", clock=clock.kind, case_id=str(clock.case_id))
            await self._database.run(lambda tx: self._fire_in(tx, clock, pointless=True))
        except FreezeguardError as error:
            say = log.info if clock.id in self._refused else log.warning
            say("clock_failed", clock=clock.kind, case_id=str(clock.case_id), error=str(error))
            if len(self._refused) >= MOST_REFUSED:
                self._refused.clear()
            self._refused.add(clock.id)  # said aloud once, not each time that it is tried again
            await self._put_off(clock)
        except Exception:
            log.exception("clock_failed", clock=clock.kind, case_id=str(clock.case_id))
            await self._put_off(clock)
        else:
            self._refused.discard(clock.id)

    async def _put_off(self, clock: Clock) -> None:
        """Try a clock that failed again later, and say once that it ran out and did nothing.

        For a minute its lease is enough: news may be under way. After that each pause is as long
        as the clock has been due, at most an hour.
        """
        try:
            await self._database.run(lambda tx: self._put_off_in(tx, clock))
        except Unavailable:
            raise
        except Exception:
            log.exception("clock_not_put_off", clock=clock.kind, case_id=str(clock.case_id))

    async def _put_off_in(self, tx: Transaction, clock: Clock) -> None:
        await tx.signals.lock_sku(clock.sku)
        case = await tx.cases.get(clock.case_id, lock=True)
        found = await tx.cases.clock_if_due(clock.id, self._moment())
        if case is None or found is None:
            return
        due = _Due(tx, case, *found)
        late = due.now - due.clock.due_at
        if late < PATIENCE:
            return
        if due.clock.breached_at is None:
            await self._tell(due, await self._breach(due, 0))
        await tx.cases.pass_stage(
            clock.id, next_at=due.now + min(late, LONGEST_PAUSE), level=due.clock.level,
            breached_at=due.now,
        )

    async def _fire_in(self, tx: Transaction, clock: Clock, *, pointless: bool = False) -> None:
        """Go through the stage of a clock that is still due; a `pointless` one only stops."""
        await tx.signals.lock_sku(clock.sku)
        case = await tx.cases.get(clock.case_id, lock=True)
        found = await tx.cases.clock_if_due(clock.id, self._moment())
        if found is None:
            return
        still_due, now = found
        due = None if case is None else _Due(tx, case, still_due, now)
        if due is None or pointless or not _has_a_reason(due):
            await tx.cases.stop_clocks(clock.case_id, [clock.kind], now)
            return
        await self._stage(due)
        await tx.record.write(
            now, System.TIMER.value, "clock_fired", f"case:{due.case.id}",
            details={"clock": clock.kind, "due_at": clock.due_at.isoformat()},
        )

    async def _stage(self, due: _Due) -> None:
        """Warn, act, or tell whoever is next on the ladder."""
        clock = due.clock
        if due.now < clock.due_at:
            stage = warning(due.running, due.now)
            await self._tell(due, stage)
            await self._pass(due, stage)
        elif clock.kind.startswith(WAIVER):
            await self._waiver_over(due)
        else:
            await self._acting.get(clock.kind, self._escalate)(due)

    # ------------------------------------------------------------------------- escalation

    async def _escalate(self, due: _Due) -> None:
        """Tell the next on the ladder; a rung on which nobody stands is stepped over."""
        level, told = due.clock.level, 0
        rungs = len(RUNGS[ladder_of(due.running)])
        while True:
            stage = await self._breach(due, level)
            told = await self._tell(due, stage)
            if told or stage.level >= rungs:
                break
            level = stage.level
        await self._pass(due, stage)
        log.warning("clock_breached", clock=due.clock.kind, case_id=str(due.case.id),
                    level=stage.level, told=told)

    async def _breach(self, due: _Due, level: int) -> Stage:
        calendar = await self._casework.owners_calendar(due.tx, due.case)
        return breach(
            due.running, level, due.case, due.now, self._casework.policy, calendar
        )

    async def _tell(self, due: _Due, stage: Stage) -> int:
        if stage.notify is None:
            return 0
        return await self._telling.tell(due.tx, due.case, stage.notify, due.now)

    async def _pass(self, due: _Due, stage: Stage) -> None:
        await due.tx.cases.pass_stage(
            due.clock.id, next_at=stage.next_at, level=stage.level,
            warned_at=due.now if stage.is_warning else None,
            breached_at=None if stage.is_warning else due.now,
        )

    async def _restart(self, due: _Due, at: datetime) -> None:
        await due.tx.cases.start_clock(
            self._new_id(), due.case, due.clock.kind, due.now, at
        )

    # ------------------------------------------------------------------- clocks that act

    async def _expire(self, due: _Due) -> None:
        """Let a suspicion lapse; not while nobody could have said more, with its feeds silent."""
        if await due.tx.sources.silent_of_case(due.case.id):
            await self._restart(due, due.now + self._casework.policy.probation_check)
            return
        await self._system(due, Command.EXPIRE)

    async def _probation(self, due: _Due) -> None:
        """Close, or look again later; at the cap the owner must choose: it never ends by itself."""
        if probation.at_cap(due.case, due.now):
            unmet = "probation is at its cap; extend the deadline or freeze again"
            facts = {"detail": unmet, "instruction": unmet}
            await self._telling.tell(
                due.tx, due.case, Notify("manual_task", "owner", facts), due.now
            )
            await self._restart(due, due.now + timedelta(days=1))
            return
        try:
            await self._system(due, Command.COMPLETE_PROBATION)
        except GuardFailed as error:
            log.info("probation_goes_on", case_id=str(due.case.id), missing=list(error.missing))
            await self._restart(
                due, probation.next_check(due.case, self._casework.policy, due.now)
            )

    async def _not_accepted(self, due: _Due) -> None:
        """The stop was sent and no catalogue has taken it over: somebody is told at once."""
        await self._tell_of_trouble(due, only_unsent=True)
        await due.tx.cases.stop_clocks(due.case.id, [due.clock.kind], due.now)

    async def _not_confirmed(self, due: _Due) -> None:
        """The freeze is not confirmed in time: a person is told which objects still sell.

        Also where somebody has taken the case over meanwhile.
        """
        objects = await self._casework.object_states(due.tx, due.case)
        if are_stopped(objects) and due.case.state is not State.FREEZING:
            await due.tx.cases.stop_clocks(due.case.id, [due.clock.kind], due.now)
            await self._casework.announce_orders(due.tx, due.case)
            return
        if due.clock.level == 0:
            await self._tell_of_trouble(due, only_unsent=False)
            stage = await self._breach(due, 0)
            await self._pass(due, stage)
        else:
            await self._escalate(due)

    async def _tell_of_trouble(self, due: _Due, *, only_unsent: bool) -> None:
        if due.case.degraded:
            return
        objects = await self._casework.objects(due.tx, due.case)
        late = next((
            (row, state) for row, state in objects
            if not state.is_stopped and not (only_unsent and row.sent_at is not None)
        ), None)
        if late is None and only_unsent:
            return
        state = None if late is None else late[1]
        facts = {
            "catalogue": state.catalogue if state else "",
            "remote_id": state.remote_id if state else "",
            "detail": state.detail if state else "",
            "status": state.status.value if state else None,
        }
        await self._telling.tell(due.tx, due.case, Notify("degraded", "owner", facts), due.now)

    async def _update(self, due: _Due) -> None:
        """Tell vendor and owner where the case stands, also where there is no news."""
        case, policy = due.case, self._casework.policy
        rhythm = policy.update_rhythm if case.lane == "quality" else policy.safety_update_rhythm
        ball = BALL.get(case.state, "owner")
        if case.lane == "authority":
            ball = "compliance" if case.is_revoked else "authority"
        facts = {
            "state": case.state.value, "ball": ball,
            "next_update": (due.now + rhythm).isoformat(),
        }
        for reader in ("vendor", "owner"):
            await self._telling.tell(due.tx, case, Notify("update", reader, facts), due.now)
        await self._restart(due, due.now + rhythm)

    async def _hold_review(self, due: _Due) -> None:
        """A hold that has lasted long is looked at. It is never released for its age."""
        after = due.now + self._casework.policy.hold_review_after
        facts = {"due": after.isoformat()}
        seen = Seen()
        for reader in ("owner", "managers"):
            notify = Notify("review_due", reader, facts)
            await self._telling.tell(due.tx, due.case, notify, due.now, seen)
        await self._restart(due, after)

    async def _lapse_hand_off(self, due: _Due) -> None:
        await self._system(due, Command.LAPSE_HAND_OFF)

    async def _waiver_over(self, due: _Due) -> None:
        await self._system(due, Command.UNWAIVE, due.clock.details)

    async def _vendor_silent(self, due: _Due) -> None:
        """Second contact, superior, then the owner: each a day later. The freeze stays."""
        stage = await self._breach(due, due.clock.level)
        since = {"silent_since": due.clock.started_at.isoformat()}
        tomorrow = due.now + self._casework.policy.vendor_ack_within
        if due.clock.level == 0:
            await self._system(due, Command.VENDOR_SILENT, {
                "since": since["silent_since"], "due": tomorrow.isoformat(),
            })
        elif due.clock.level == 1:
            told = {**since, "due": tomorrow.isoformat()}
            await self._tell(due, _with(stage, Notify("vendor_escalated", "vendor_superior", told)))
        else:
            told_twice: dict[str, Any] = {**since, "number": due.clock.level}
            await self._tell(due, _with(stage, Notify("vendor_silent", "owner", told_twice)))
            await due.tx.cases.stop_clocks(due.case.id, [due.clock.kind], due.now)
            return
        await self._pass(due, Stage(None, due.clock.level + 1, tomorrow))

    async def _date_missed(self, due: _Due) -> None:
        """The vendor's own date has passed: first its record, then the owner's ladder."""
        if due.clock.level == 0 and not (due.case.commitment or {}).get("missed_at"):
            await self._system(due, Command.MISS_DATE)
            await self._pass(due, await self._breach(due, 0))
        else:
            await self._escalate(due)

    async def _choose(self, due: _Due) -> None:
        """No remedy in time: the owner must choose, and whoever is above hears of it."""
        if due.clock.level == 0 and due.case.vendor_status == "silent":
            told = {"silent_since": due.clock.started_at.isoformat()}
            await self._telling.tell(
                due.tx, due.case, Notify("vendor_silent", "owner", told), due.now
            )
            await self._pass(due, await self._breach(due, 0))
        else:
            await self._escalate(due)

    async def _task_waits(self, due: _Due) -> None:
        tasks = await due.tx.cases.tasks(due.case.id)
        if all(one.resolved_at is not None for one in tasks):
            await due.tx.cases.stop_clocks(due.case.id, [due.clock.kind], due.now)
            return
        await self._escalate(due)

    async def _system(
        self, due: _Due, command: Command, arguments: Mapping[str, Any] | None = None
    ) -> Aftermath:
        return await self._casework.execute(
            due.tx, due.case, command, arguments=arguments or {}, actor=System.TIMER
        )


def _with(stage: Stage, notify: Notify) -> Stage:
    return Stage(notify, stage.level, stage.next_at)


def _has_a_reason(due: _Due) -> bool:
    """Say whether a clock still concerns its case, whatever has become of that meanwhile."""
    name, state = due.clock.kind, due.case.state
    if name == MANUAL_TASK or is_legal(due.running):
        return True
    if name.startswith(WAIVER):
        return state in FROZEN_PHASE
    if is_of_question(name):
        return due.case.is_open
    kind = BY_NAME.get(name)
    return kind is not None and (kind.runs_in is None or state in kind.runs_in)
