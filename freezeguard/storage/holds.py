"""Holds, and the ledger of the held set."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from freezeguard.detection.governor import Charge, Spent
from freezeguard.detection.windows import Observed
from freezeguard.ports.rows import Announced, Hold, HoldChange, Sku, Slot
from freezeguard.storage.cases import worst_first
from freezeguard.storage.connection import Statements
from freezeguard.storage.deferred import DeferredWrites
from freezeguard.storage.queries import queries
from freezeguard.storage.rows import narrowing_of, scope_of

SQL = queries("holds")


class PostgresHolds:
    """Implements `freezeguard.ports.holds.Holds`."""

    def __init__(self, connection: Statements, writes: DeferredWrites) -> None:
        self._connection, self._writes = connection, writes
        self._reserved: int | None = None

    async def take_slot(
        self, of: Sku, charge: Charge, since: datetime, wave_since: datetime | None,
        signals: Sequence[Observed] | None, excerpts: int,
    ) -> Slot:  # fmt: skip
        await self._writes.before_reading("automatic_freezes")
        sources, ids = (None, None) if signals is None else worst_first(signals)
        row = await self._connection.fetchrow(
            SQL["take_slot"], since, charge.lane, charge.source, of.category, of.vendor, of.sku,
            wave_since, sources, ids, excerpts,
        )  # fmt: skip
        assert row is not None  # noqa: S101 - a function has one row
        self._reserved = row["revision"]
        spent = Spent(
            row["by_source"], row["by_category"], row["by_vendor"], row["by_shop"],
            tuple(row["wave"]), row["of_vendor"],
        )  # fmt: skip
        if row["number"] is None:
            return Slot(spent, None)
        return Slot(spent, Announced(row["number"], tuple(row["excerpts"])))

    async def reserve_revision(self) -> None:
        self._reserved = await self.next_revision()

    def forget_reserved(self) -> None:
        """The work that reserved a revision was undone: it may be somebody else's by now."""
        self._reserved = None

    async def next_revision(self) -> int:
        if self._reserved is not None:
            reserved, self._reserved = self._reserved, None
            return reserved
        return int(await self._connection.fetchval(SQL["next_revision"]))

    async def current_revision(self) -> int:
        return int(await self._connection.fetchval(SQL["current_revision"]))

    async def insert(self, hold: Hold) -> None:
        scope = hold.scope
        self._writes.add(
            "holds", id=hold.id, case_id=hold.case_id, sku=scope.sku, seller=scope.seller,
            channel=scope.channel, country=scope.country, lot=scope.lot, lane=hold.lane,
            level=hold.level, soft=hold.soft, state=hold.state, reason=hold.reason,
            since=hold.since, revision=hold.revision,
        )  # fmt: skip

    async def update(self, hold: Hold, *, ended_at: datetime | None) -> None:
        await self._writes.before_reading("holds")
        await self._connection.execute(SQL["update_hold"], *_values(hold), ended_at)

    async def of_case(self, case_id: UUID) -> list[Hold]:
        await self._writes.before_reading("holds")
        return [hold_of(row) for row in await self._connection.fetch(SQL["holds_of_case"], case_id)]

    async def was_held(self, case_id: UUID) -> bool:
        await self._writes.before_reading("holds")
        return bool(await self._connection.fetchval(SQL["was_held"], case_id))

    async def in_force(self, sku: str) -> list[Hold]:
        await self._writes.before_reading("holds")
        return [hold_of(row) for row in await self._connection.fetch(SQL["holds_of_sku"], sku)]

    async def all_in_force(self) -> tuple[int, list[Hold]]:
        await self._writes.before_reading("holds")
        rows = await self._connection.fetch(SQL["held_set"])
        holds = [hold_of(row) for row in rows if row["id"] is not None]
        return rows[0]["set_revision"], holds

    async def releasing_cases(self, after: int, limit: int) -> list[tuple[UUID, int]]:
        await self._writes.flush()
        rows = await self._connection.fetch(SQL["releasing_cases"], after, limit)
        return [(row["case_id"], row["revision"]) for row in rows]

    async def log_change(self, change: HoldChange) -> None:
        self._writes.add(
            "hold_changes", revision=change.revision, at=change.at, change=change.change,
            hold_id=change.hold_id, sku=change.sku, hold=change.hold,
        )  # fmt: skip

    async def changes_after(self, revision: int, limit: int) -> list[HoldChange]:
        await self._writes.before_reading("hold_changes")
        rows = await self._connection.fetch(SQL["changes_after"], revision, limit)
        return [HoldChange(*row) for row in rows]

    async def changes_until(self, at: datetime) -> list[HoldChange]:
        await self._writes.before_reading("hold_changes")
        return [HoldChange(*row) for row in await self._connection.fetch(SQL["changes_until"], at)]


def _values(hold: Hold) -> tuple[Any, ...]:
    return (
        hold.id, hold.case_id, hold.scope.sku, *narrowing_of(hold.scope), hold.lane, hold.level,
        hold.soft, hold.state, hold.reason, hold.since, hold.revision,
    )  # fmt: skip


def hold_of(row: asyncpg.Record) -> Hold:
    """Read a hold from its row."""
    return Hold(
        row["id"], row["case_id"], scope_of(row), row["lane"], row["level"], row["soft"],
        row["state"], row["reason"], row["since"], row["revision"],
    )  # fmt: skip
