"""Brings what catalogues were seen to do back to the cases, as commands of the reconciler."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

import structlog

from freezeguard.domain.effects import Notify, OpenTask
from freezeguard.domain.enforcement import Status, are_stopped
from freezeguard.domain.errors import GuardFailed
from freezeguard.domain.people import System
from freezeguard.domain.record import Case, Facts
from freezeguard.domain.transitions import Command, State
from freezeguard.ports.clock import Now
from freezeguard.ports.rows import CatalogueRow, Hold
from freezeguard.ports.storage import Transaction
from freezeguard.services.cases.casework import Casework
from freezeguard.services.directory import Directory

log = structlog.get_logger()

_FACTS: Mapping[Status, Command] = {
    Status.REFUSED: Command.REFUSED,
    Status.UNREACHABLE: Command.UNREACHABLE,
    Status.DRIFTED: Command.DRIFTED,
    Status.CONFIRMED: Command.CONFIRMED,
    Status.NOT_LISTED: Command.CONFIRMED,
}


class Reconciliation:
    """Tells cases what was seen. The caller holds the lock of the SKU."""

    def __init__(self, directory: Directory, casework: Casework, now: Now) -> None:
        self._directory, self._casework, self._now = directory, casework, now

    async def stop_seen(
        self, tx: Transaction, row: CatalogueRow, *, changed: bool, instruction: str | None
    ) -> None:
        """Tell every case that holds an object what became of the stop.

        `instruction` is what a person must do by hand; whoever was asked is not asked again.
        """
        in_force = await tx.holds.in_force(row.sku)
        holds = self._concerned(row, in_force)
        if not any(one.state == "active" for one in holds):
            # Nobody wants it stopped: an order from before its catalogue was last configured.
            await self._casework.holding.want_again(tx, row.sku)
        for case in await self._cases(tx, holds):
            told, ask = case, instruction
            if instruction is not None and await self._is_asked(tx, case, row, "stop"):
                ask = None
            if case.is_open and (changed or ask is not None):
                told = await self._fact(tx, case, row, ask)
            if changed and row.status is Status.CONFIRMED:
                await self._close_tasks(tx, told, row, "stop", "read back as stopped")
            if not _is_settled(told, in_force):
                await self.advance(tx, told)

    async def release_seen(self, tx: Transaction, row: CatalogueRow, *, refused: bool) -> None:
        """Tell every case that releases an object what became of it."""
        tries_allowed = self._casework.policy.release_tries
        holds = self._concerned(row, await tx.holds.in_force(row.sku))
        for case in await self._cases(tx, holds):
            told = case
            asked = refused and await self._is_asked(tx, case, row, "release")
            if refused and case.state is State.REINSTATING and not asked:
                aftermath = await self._casework.execute(
                    tx, case, Command.REFUSE_RELEASE, arguments=_seen(row),
                    actor=System.RECONCILER,
                )
                told = aftermath.case
            elif (
                refused and not asked and row.attempts >= tries_allowed
                and (case.is_final or case.keeps_its_hold)
            ):
                await self._ask_by_hand(tx, case, row)
            if not refused:
                await self._close_tasks(tx, told, row, "release", "read back as released")
            await self.advance(tx, told)

    async def advance(self, tx: Transaction, case: Case) -> bool:
        """Confirm the freeze or the release of a case where everything was read back."""
        keeps_its_hold = case.keeps_its_hold or case.state is State.DELISTED
        if keeps_its_hold and case.state is not State.FREEZING:
            return await self._advance_scope(tx, case)
        # What was released before an appeal goes on being released: the appeal stops nothing.
        is_over = case.is_final or case.state is State.APPEALED
        if case.state not in {State.FREEZING, State.REINSTATING} and not is_over:
            return False
        facts = await self._casework.facts(tx, case)
        if case.state is State.FREEZING and are_stopped(facts.objects):
            await self._confirm(tx, case, Command.CONFIRM_FREEZE, facts)
            return True
        if not all(one.is_released for one in facts.objects):
            return False
        if case.state is State.REINSTATING:
            await self._confirm(tx, case, Command.CONFIRM_RELEASE, facts)
            return True
        if is_over:
            await self._casework.holding.end(tx, case.id)
            return True
        return False

    async def _advance_scope(self, tx: Transaction, case: Case) -> bool:
        """Go on with a narrowing: the narrow hold is read back, or the wide one is released."""
        if case.narrowing is None:
            await self._casework.holding.end_superseded(tx, case)
            return False
        try:
            await self._confirm(tx, case, Command.CONFIRM_NARROW)
        except GuardFailed:
            return False
        return True

    async def _confirm(
        self, tx: Transaction, case: Case, command: Command, facts: Facts | None = None
    ) -> None:
        await self._casework.execute(
            tx, case, command, arguments={}, actor=System.RECONCILER, facts=facts
        )
        log.info(command.value, case_id=str(case.id), sku=case.scope.sku)

    async def _fact(
        self, tx: Transaction, case: Case, row: CatalogueRow, instruction: str | None
    ) -> Case:
        arguments: dict[str, Any] = _seen(row)
        if instruction is not None:
            arguments["instruction"] = instruction
        command = _FACTS[row.status]
        aftermath = await self._casework.execute(
            tx, case, command, arguments=arguments, actor=System.RECONCILER
        )
        return aftermath.case

    # --------------------------------------------------------------------------------- by hand

    @staticmethod
    async def _is_asked(
        tx: Transaction, case: Case, row: CatalogueRow, task: Literal["stop", "release"]
    ) -> bool:
        """Say whether a person has been asked for this object and has not answered yet."""
        where = (task, row.catalogue, row.remote_id)
        return any(
            (one.task, one.catalogue, one.remote_id) == where and one.resolved_at is None
            for one in await tx.cases.tasks(case.id)
        )

    async def _close_tasks(
        self, tx: Transaction, case: Case, row: CatalogueRow, sort: Literal["stop", "release"],
        note: str,
    ) -> None:
        """The object is where it was wanted: nobody needs to do it by hand any more."""
        by = System.RECONCILER.value
        for task in await tx.cases.tasks(case.id):
            mine = task.catalogue == row.catalogue and task.remote_id in {row.remote_id, ""}
            if mine and task.task == sort and task.resolved_at is None:
                where = (task.catalogue, task.remote_id)
                await tx.cases.close_tasks(case.id, sort, where, by, note, self._now())

    async def _ask_by_hand(self, tx: Transaction, case: Case, row: CatalogueRow) -> None:
        text = f"Put {row.sku} back on sale in {row.catalogue} by hand: {row.detail}"
        where = {"catalogue": row.catalogue, "remote_id": row.remote_id, "detail": row.detail}
        await self._casework.ask(
            tx, case, OpenTask("release", row.catalogue, row.remote_id, text),
            Notify("release_refused", "owner", {**where, "instruction": text}),
        )

    # ------------------------------------------------------------------------------- concerned

    def _concerned(self, row: CatalogueRow, holds: Sequence[Hold]) -> list[Hold]:
        outlet = self._directory.get(row.catalogue)
        if outlet is None:
            return []
        return [one for one in holds if outlet.concerns(one.scope)]

    @staticmethod
    async def _cases(tx: Transaction, holds: Sequence[Hold]) -> list[Case]:
        ids: dict[UUID, None] = {hold.case_id: None for hold in holds}
        found = [await tx.cases.get(one, lock=True) for one in ids]
        return [one for one in found if one is not None]


def _is_settled(case: Case, holds: Sequence[Hold]) -> bool:
    """Say whether a stop that was read back once more can bring a case no further."""
    is_on_its_way = case.state is State.FREEZING or case.narrowing is not None
    leaves = any(one.case_id == case.id and one.state == "releasing" for one in holds)
    return case.keeps_its_hold and not is_on_its_way and not leaves


def _seen(row: CatalogueRow) -> dict[str, Any]:
    return {
        "catalogue": row.catalogue,
        "remote_id": row.remote_id,
        "status": row.status.value,
        "detail": row.detail,
        "seen_at": None if row.seen_at is None else row.seen_at.isoformat(),
    }
