"""What is due on a case: its clocks and manual tasks."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from freezeguard.domain.record import Case
from freezeguard.ports.rows import Clock, Json, ManualTask
from freezeguard.storage.connection import Statements
from freezeguard.storage.deferred import DeferredWrites
from freezeguard.storage.queries import queries

SQL = queries("duties")

_CLOCK = tuple(one.name for one in fields(Clock))
_TASK = tuple(one.name for one in fields(ManualTask))


class Duties:
    """The part of `freezeguard.ports.cases.Cases` that deals with clocks and tasks."""

    _connection: Statements
    _writes: DeferredWrites

    async def start_clock(
        self, clock_id: UUID, case: Case, kind: str, now: datetime, due_at: datetime,
        *, next_at: datetime | None = None, details: Json | None = None,
    ) -> None:  # fmt: skip
        self._writes.add(
            "clocks", id=clock_id, case_id=case.id, sku=case.scope.sku, kind=kind,
            started_at=now, due_at=due_at, next_at=next_at or due_at, details=details or {},
        )  # fmt: skip

    async def stop_clocks(self, case_id: UUID, kinds: Sequence[str], now: datetime) -> None:
        await self._writes.before_reading("clocks", "notices")
        await self._connection.execute(SQL["stop_clocks"], case_id, kinds, now)

    async def pause_clocks(self, case_id: UUID, kinds: Sequence[str], now: datetime) -> None:
        await self._writes.before_reading("clocks")
        await self._connection.execute(SQL["pause_clocks"], case_id, kinds, now)

    async def resume_clocks(self, case_id: UUID, kinds: Sequence[str], now: datetime) -> None:
        await self._writes.before_reading("clocks")
        await self._connection.execute(SQL["resume_clocks"], case_id, kinds, now)

    async def clocks(self, case_id: UUID) -> list[Clock]:
        await self._writes.before_reading("clocks")
        return [Clock(*row) for row in await self._connection.fetch(SQL["clocks"], case_id)]

    async def running_clocks(self, case_ids: Sequence[UUID]) -> list[Clock]:
        await self._writes.before_reading("clocks")
        rows = await self._connection.fetch(SQL["running_clocks"], list(case_ids))
        return [Clock(*row) for row in rows]

    async def claim_due_clocks(
        self, moment: datetime | None, lease: timedelta, limit: int
    ) -> list[Clock]:
        await self._writes.before_reading("clocks")
        rows = await self._connection.fetch(SQL["claim_due_clocks"], moment, lease, limit)
        return sorted((Clock(*row) for row in rows), key=lambda one: (one.due_at, one.id))

    async def clock_if_due(
        self, clock_id: UUID, moment: datetime | None
    ) -> tuple[Clock, datetime] | None:
        await self._writes.before_reading("clocks")
        row = await self._connection.fetchrow(SQL["clock_if_due"], clock_id, moment)
        if row is None:
            return None
        *clock, present = row
        return Clock(*clock), present

    async def pass_stage(
        self, clock_id: UUID, *, next_at: datetime | None, level: int,
        warned_at: datetime | None = None, breached_at: datetime | None = None,
    ) -> None:  # fmt: skip
        await self._writes.before_reading("clocks")
        await self._connection.execute(
            SQL["pass_stage"], clock_id, next_at, level, warned_at, breached_at
        )

    async def next_stage(self) -> datetime | None:
        await self._writes.before_reading("clocks")
        moment: datetime | None = await self._connection.fetchval(SQL["next_stage"])
        return moment

    async def open_task(
        self, task_id: UUID, case: Case, task: str, catalogue: str, remote_id: str,
        instruction: str, now: datetime,
    ) -> None:  # fmt: skip
        await self._connection.execute(
            SQL["open_task"], task_id, case.id, case.scope.sku, catalogue, remote_id, task,
            instruction, case.owner, now,
        )  # fmt: skip

    async def close_tasks(
        self, case_id: UUID, task: str | None, where: tuple[str, str] | None, by: str, note: str,
        now: datetime,
    ) -> None:  # fmt: skip
        await self._writes.before_reading("clocks")
        await self._connection.execute(
            SQL["close_tasks"], case_id, task, *(where or (None, None)), now, by, note
        )

    async def tasks(self, case_id: UUID) -> list[ManualTask]:
        return [ManualTask(*row) for row in await self._connection.fetch(SQL["tasks"], case_id)]


def clock_of(row: asyncpg.Record) -> Clock:
    """Read a clock from its whole row."""
    return Clock(*(row[name] for name in _CLOCK))


def task_of(row: asyncpg.Record) -> ManualTask:
    """Read a task from its whole row."""
    return ManualTask(*(row[name] for name in _TASK))
