"""Feeds: when they speak, whether they fell silent, and what became of their cases."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from freezeguard.domain.trust import Verdict
from freezeguard.ports.rows import Feed, HeardHour
from freezeguard.storage.connection import Statements
from freezeguard.storage.deferred import DeferredWrites
from freezeguard.storage.queries import queries

SQL = queries("sources")


class PostgresSources:
    """Implements `freezeguard.ports.sources.Sources`."""

    def __init__(self, connection: Statements, writes: DeferredWrites) -> None:
        self._connection, self._writes = connection, writes

    async def note_heard(self, heard: Sequence[HeardHour], keep: timedelta) -> None:
        await self._connection.execute(
            SQL["note_heard"], [one.source for one in heard], [one.hour for one in heard],
            [one.signals for one in heard], [one.last_at for one in heard], keep,
        )  # fmt: skip

    async def listen(
        self, now: datetime, longest_gap: timedelta, every: timedelta
    ) -> datetime | None:
        since: datetime | None = await self._connection.fetchval(
            SQL["listen"], now, longest_gap, every
        )
        return since

    async def quiet(
        self, since: datetime, now: datetime, learned: timedelta
    ) -> list[tuple[Feed, Sequence[datetime]]]:
        rows = await self._connection.fetch(SQL["quiet"], since, now, learned)
        return [
            (Feed(row["source"], row["name"], first_heard_at=row["first_heard_at"],
                  last_heard_at=row["last_heard_at"], max_silence=row["max_silence"]),
             row["spoken"])
            for row in rows
        ]  # fmt: skip

    async def mark_silent(self, source: str, last_heard_at: datetime) -> bool:
        return bool(await self._connection.fetchval(SQL["mark_silent"], source, last_heard_at))

    async def speaking_again(self) -> list[Feed]:
        return [Feed(**row) for row in await self._connection.fetch(SQL["speaking_again"])]

    async def silent(self) -> int:
        return int(await self._connection.fetchval(SQL["silent"]))

    async def listed(self, source: str | None = None) -> list[Feed]:
        rows = await self._connection.fetch(SQL["listed"], source)
        return [
            Feed(**{
                **row,
                "usual_per_day": None if row["usual_per_day"] is None
                else float(row["usual_per_day"]),
            })
            for row in rows
        ]

    async def silent_of_case(self, case_id: UUID) -> dict[str, datetime]:
        await self._writes.before_reading("case_signals")
        rows = await self._connection.fetch(SQL["silent_of_case"], case_id)
        return {row["source"]: row["silent_since"] for row in rows}

    async def judge(self, case_id: UUID, now: datetime, *, were_right: bool) -> None:
        await self._writes.before_reading("case_signals")
        await self._connection.execute(SQL["judge"], case_id, now, were_right)

    async def verdicts(
        self, since: datetime
    ) -> Mapping[str, tuple[float, Sequence[Verdict]]]:
        rows = await self._connection.fetch(SQL["verdicts"], since)
        return {
            row["source"]: (
                row["trust"],
                [*(Verdict(at, True) for at in row["were_right"]),
                 *(Verdict(at, False) for at in row["were_wrong"])],
            )
            for row in rows
        }
