"""Fires clocks that are due. A clock is a row; whoever claims it re-checks its reason."""

from datetime import datetime, timedelta

import structlog

from freezeguard.domain import probation
from freezeguard.domain.effects import Notify
from freezeguard.domain.errors import (
    FreezeguardError,
    GuardFailed,
    IllegalTransition,
    Unavailable,
)
from freezeguard.domain.people import System
from freezeguard.domain.record import Case
from freezeguard.domain.transitions import Command, State
from freezeguard.ports.clock import NewId
from freezeguard.ports.storage import Clock, Database, Transaction
from freezeguard.services.casework import Aftermath, Casework
from freezeguard.services.telling import Telling

log = structlog.get_logger()

LEASE = timedelta(seconds=5)


class Timers:
    """Second opinions that never came, freezes that are not confirmed, probations that end."""

    def __init__(
        self, database: Database, casework: Casework, telling: Telling, new_id: NewId
    ) -> None:
        self._database, self._casework, self._telling = database, casework, telling
        self._new_id = new_id

    async def fire_due(self, limit: int = 50) -> int:
        """Fire what is due by the database's clock; return how many clocks there were.

        Claimed one by one: one that takes long must not use up the lease of its neighbours.
        """
        for number in range(limit):
            clocks = await self._database.run(
                lambda tx: tx.cases.claim_due_clocks(None, LEASE, 1)
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
            log.warning("clock_failed", clock=clock.kind, case_id=str(clock.case_id),
                        error=str(error))
        except Exception:
            log.exception("clock_failed", clock=clock.kind, case_id=str(clock.case_id))

    async def _fire_in(self, tx: Transaction, clock: Clock, *, pointless: bool = False) -> None:
        """Fire a clock that is still due; one that is `pointless` only ceases to be due."""
        await tx.signals.lock_sku(clock.sku)
        case = await tx.cases.get(clock.case_id, lock=True)
        now = await tx.cases.moment_if_due(clock.id)
        if now is None:
            return
        await tx.cases.mark_fired(clock.id, now)
        if case is None or pointless:
            return
        match clock.kind:
            case "second_opinion":
                await self._expire(tx, case)
            case "probation":
                await self._probation(tx, case, now)
            case "confirm":
                await self._not_confirmed(tx, case, now)

    async def _expire(self, tx: Transaction, case: Case) -> None:
        if case.state is State.SUSPECTED:
            await self._system(tx, case, Command.EXPIRE)

    async def _probation(self, tx: Transaction, case: Case, now: datetime) -> None:
        """Close, or look again later; at the cap the owner must choose: it never ends by itself."""
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
            due = probation.next_check(case, self._casework.policy, now)
            await tx.cases.start_clock(self._new_id(), case, "probation", now, due)

    async def _not_confirmed(self, tx: Transaction, case: Case, now: datetime) -> None:
        """The freeze is not confirmed in time: a person is told which objects still sell.

        Also where somebody has taken the case over meanwhile.
        """
        if not case.in_frozen_phase or case.degraded:
            return
        objects = await self._casework.object_states(tx, case)
        late = next((one for one in objects if not one.is_stopped), None)
        if late is None and case.state is not State.FREEZING:
            return
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
