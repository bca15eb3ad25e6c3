"""Fires clocks that are due. A clock is a row; whoever claims it re-checks its reason."""

from datetime import timedelta

import structlog

from freezeguard.domain import probation
from freezeguard.domain.effects import Notify
from freezeguard.domain.errors import FreezeguardError, GuardFailed, IllegalTransition
from freezeguard.domain.people import System
from freezeguard.domain.record import Case
from freezeguard.domain.transitions import Command, State
from freezeguard.ports.clock import NewId, Now
from freezeguard.ports.storage import Clock, Database, Transaction
from freezeguard.services.casework import Aftermath, Casework
from freezeguard.services.telling import Telling

log = structlog.get_logger()

LEASE = timedelta(seconds=5)


class Timers:
    """Second opinions that never came, freezes that are not confirmed, probations that end."""

    def __init__(
        self, database: Database, casework: Casework, telling: Telling, now: Now, new_id: NewId
    ) -> None:
        self._database, self._casework, self._telling = database, casework, telling
        self._now, self._new_id = now, new_id

    async def fire_due(self, limit: int = 50) -> int:
        """Fire what is due; return how many clocks there were."""
        clocks = await self._database.run(
            lambda tx: tx.cases.claim_due_clocks(self._now(), LEASE, limit)
        )
        for clock in clocks:
            await self._fire(clock)
        return len(clocks)

    async def _fire(self, clock: Clock) -> None:
        try:
            await self._database.run(lambda tx: self._fire_in(tx, clock))
        except IllegalTransition:
            log.info("clock_pointless", clock=clock.kind, case_id=str(clock.case_id))
        except FreezeguardError as error:
            log.warning("clock_failed", clock=clock.kind, case_id=str(clock.case_id),
                        error=str(error))

    async def _fire_in(self, tx: Transaction, clock: Clock) -> None:
        await tx.signals.lock_sku(clock.sku)
        case = await tx.cases.get(clock.case_id, lock=True)
        if case is None:
            return
        live = [one for one in await tx.cases.clocks(case.id) if one.id == clock.id]
        if not live or live[0].stopped_at is not None or live[0].due_at > self._now():
            return
        match clock.kind:
            case "second_opinion":
                await self._expire(tx, case, clock)
            case "probation":
                await self._probation(tx, case)
            case "confirm":
                await self._not_confirmed(tx, case, clock)
            case _:
                await tx.cases.mark_fired(clock.id, self._now())

    async def _expire(self, tx: Transaction, case: Case, clock: Clock) -> None:
        await tx.cases.mark_fired(clock.id, self._now())
        if case.state is State.SUSPECTED:
            await self._system(tx, case, Command.EXPIRE)

    async def _probation(self, tx: Transaction, case: Case) -> None:
        """Close, or look again later; at the cap the owner must choose: it never ends by itself."""
        now, policy = self._now(), self._casework.policy
        if case.state is not State.PROBATION:
            return
        if probation.at_cap(case, now):
            unmet = "probation is at its cap; extend the deadline or freeze again"
            facts = {"detail": unmet, "instruction": unmet}
            await self._telling.tell(tx, case, Notify("manual_task", "owner", facts), now)
            await tx.cases.start_clock(
                self._new_id(), case, "probation", now, now + timedelta(days=1)
            )
            return
        try:
            await self._system(tx, case, Command.COMPLETE_PROBATION)
        except GuardFailed as error:
            log.info("probation_goes_on", case_id=str(case.id), missing=list(error.missing))
            due = probation.next_check(case, policy, now)
            await tx.cases.start_clock(self._new_id(), case, "probation", now, due)

    async def _not_confirmed(self, tx: Transaction, case: Case, clock: Clock) -> None:
        """The freeze is not confirmed in time: a person is told which objects still sell."""
        now = self._now()
        await tx.cases.mark_fired(clock.id, now)
        if case.state is not State.FREEZING or case.degraded:
            return
        objects = await self._casework.object_states(tx, case)
        late = next((one for one in objects if not one.is_stopped), None)
        facts = {
            "catalogue": late.catalogue if late else "",
            "remote_id": late.remote_id if late else "",
            "detail": late.detail if late else "",
            "status": late.status.value if late else None,
        }
        await self._telling.tell(tx, case, Notify("degraded", "owner", facts), now)

    async def _system(self, tx: Transaction, case: Case, command: Command) -> Aftermath:
        return await self._casework.execute(
            tx, case, command, arguments={}, actor=System.TIMER
        )
