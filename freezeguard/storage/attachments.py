"""The signals that are attached to cases, and what they say of a scope."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from freezeguard.detection.windows import Observed
from freezeguard.domain.record import Case, ProbationRecord
from freezeguard.domain.scope import Scope
from freezeguard.domain.signals import Severity
from freezeguard.ports.rows import AttachedSignals, Json, Pareto, Tally
from freezeguard.storage.connection import Statements
from freezeguard.storage.deferred import DeferredWrites
from freezeguard.storage.queries import queries
from freezeguard.storage.rows import affected, in_json_types, narrowing_of

SQL = queries("attachments")

BASELINE = timedelta(days=90)
BEFORE_FREEZE = timedelta(days=30)
"""The baseline ends so long before the freeze: what led to it is no baseline."""

PARETO = ("intent", "lot", "channel", "seller", "severity")
"""What complaints of a case are told apart by, to find where they come from."""

_ALL, _BY_INTENT, _BY_SEVERITY, _BY_LOT = 0b111, 0b011, 0b101, 0b110
"""GROUPING(intent, severity, lot): a bit is set where a row is not grouped by that column."""


class Attachments:
    """The part of `freezeguard.ports.cases.Cases` that deals with signals."""

    _connection: Statements
    _writes: DeferredWrites

    async def attach(
        self, case: Case, signals: Sequence[Observed], counted: frozenset[tuple[str, str]],
        now: datetime,
    ) -> None:  # fmt: skip
        for one in signals:
            self._writes.add(
                "case_signals", case_id=case.id, sku=case.scope.sku, source=one.source, id=one.id,
                occurred_at=one.occurred_at, attached_at=now,
                counted=(one.source, one.id) in counted,
            )  # fmt: skip

    async def attached(
        self, case_id: UUID, *, excerpts: int = 0, unjudged: bool = False
    ) -> AttachedSignals:
        await self._writes.before_reading("case_signals")
        rows = await self._connection.fetch(SQL["attached"], case_id, unjudged, excerpts)
        total = next((row for row in rows if row["grouped"] == _ALL), None)
        if total is None or not total["signals"]:
            return AttachedSignals(0, 0, None, None)
        severities = _tally(rows, _BY_SEVERITY, "severity")
        return AttachedSignals(
            total["signals"], total["customers"], total["first_at"], total["last_at"],
            by_intent=_tally(rows, _BY_INTENT, "intent"),
            by_severity={Severity(one).word: count for one, count in severities.items()},
            by_lot=_tally(rows, _BY_LOT, "lot"),
            excerpts=tuple(total["excerpts"] or ()),
            contact_cost=total["contact_cost"],
        )  # fmt: skip

    async def pareto(self, case_id: UUID) -> Pareto:
        await self._writes.before_reading("case_signals")
        whole = Tally(None, 0, 0)
        by: dict[str, list[Tally]] = {name: [] for name in PARETO}
        for row in await self._connection.fetch(SQL["pareto"], case_id):
            value = row["value"]
            if row["field"] == "severity":
                value = Severity(int(value)).word
            tally = Tally(value, row["complaints"], row["customers"])
            if row["field"] == "all":
                whole = tally
            else:
                by[row["field"]].append(tally)
        return Pareto(whole, by)

    async def attached_customers(self, case_id: UUID) -> set[bytes]:
        await self._writes.before_reading("case_signals")
        rows = await self._connection.fetch(SQL["attached_customers"], case_id)
        return {row["customer"] for row in rows}

    async def counted_scopes(self, case: Case) -> tuple[Scope, ...]:
        await self._writes.before_reading("case_signals")
        rows = await self._connection.fetch(SQL["counted_scopes"], case.id)
        return tuple(Scope.of(case.scope.sku, dict(row)) for row in rows)

    async def first_counted(self, case_id: UUID) -> datetime | None:
        await self._writes.before_reading("case_signals")
        at: datetime | None = await self._connection.fetchval(SQL["first_counted"], case_id)
        return at

    async def attached_signals(self, case_id: UUID, limit: int) -> list[Json]:
        await self._writes.before_reading("case_signals")
        rows = await self._connection.fetch(SQL["attached_signals"], case_id, limit)
        return [
            {**in_json_types(row), "severity": Severity(row["severity"]).word} for row in rows
        ]

    async def known_seq(self, case_id: UUID, at: datetime) -> int | None:
        await self._writes.before_reading("case_signals")
        seq: int | None = await self._connection.fetchval(SQL["known_seq"], case_id, at)
        return seq

    async def judge_attached(self, case_id: UUID, now: datetime, *, usual: bool) -> int:
        await self._writes.before_reading("case_signals")
        status = await self._connection.execute(SQL["judge_attached"], case_id, now, usual)
        return affected(status)

    async def score_false_alarm(self, case_id: UUID, now: datetime) -> None:
        await self._writes.before_reading("case_signals")
        await self._connection.execute(SQL["score_false_alarm"], case_id, now)

    async def probation_record(self, case: Case, now: datetime) -> ProbationRecord:
        frozen_at = case.frozen_at or case.opened_at
        since, until = frozen_at - BEFORE_FREEZE - BASELINE, frozen_at - BEFORE_FREEZE
        reinstated_at = case.reinstated_at or now
        lots = [str(lot) for lot in (case.remedy or {}).get("affected_lots") or ()]
        return ProbationRecord(
            complaints=await self._sum("complaints", case, reinstated_at, now, lots) or 0,
            units=await self._sum("units_shipped", case, reinstated_at, now, lots) or 0,
            baseline_complaints=await self._sum("complaints", case, since, until, []) or 0,
            baseline_units=await self._sum("units_shipped", case, since, until, []),
        )

    async def _sum(
        self, query: str, case: Case, after: datetime, until: datetime, without: Sequence[str]
    ) -> int | None:
        count: int | None = await self._connection.fetchval(
            SQL[query], case.scope.sku, *narrowing_of(case.scope), after, until, without
        )
        return count


def _tally(rows: Sequence[asyncpg.Record], grouped: int, column: str) -> dict[Any, int]:
    return {
        row[column]: row["signals"]
        for row in rows
        if row["grouped"] == grouped and row[column] is not None
    }
