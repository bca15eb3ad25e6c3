"""The audit record as a hash chain."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from freezeguard.domain.auditchain import AuditRow, Link
from freezeguard.storage.connection import Statements
from freezeguard.storage.deferred import DeferredWrites
from freezeguard.storage.queries import queries

SQL = queries("audit_chain")
LOWEST = -(2**63)
RECENT = 2000
"""So far below the frontier a row that commits late is looked for at each step."""


class PostgresAuditChain:
    """Implements `freezeguard.ports.auditchain.AuditChain`."""

    def __init__(self, connection: Statements, writes: DeferredWrites) -> None:
        self._connection, self._writes = connection, writes

    async def instance(self) -> UUID:
        return UUID(str(await self._connection.fetchval(SQL["instance"])))

    async def take_turn(self) -> datetime | None:
        moment: datetime | None = await self._connection.fetchval(SQL["take_turn"])
        return moment

    async def head(self) -> Link | None:
        row = await self._connection.fetchrow(SQL["head"])
        return None if row is None else Link(*row)

    async def highest_seq(self) -> int:
        return int(await self._connection.fetchval(SQL["highest_seq"]))

    async def frontier(self) -> int:
        return int(await self._connection.fetchval(SQL["frontier"]))

    async def end_of_next(self, after: int, limit: int) -> int | None:
        end: int | None = await self._connection.fetchval(SQL["end_of_next"], after, limit)
        return end

    async def unchained(self, after: int, until: int, limit: int) -> list[AuditRow]:
        rows = await self._connection.fetch(SQL["unchained"], after, until, limit)
        return [AuditRow(*row) for row in rows]

    async def append(self, links: Sequence[Link]) -> None:
        columns = zip(
            *((one.position, one.seq, one.chained_at, one.salt, one.digest, one.hash)
              for one in links),
            strict=True,
        )  # fmt: skip
        await self._connection.execute(SQL["append"], *map(list, columns))

    async def backlog(self) -> tuple[int, datetime | None]:
        after = max(LOWEST, await self.frontier() - RECENT)
        row = await self._connection.fetchrow(SQL["backlog"], after)
        return (0, None) if row is None else (row["rows"], row["oldest_at"])

    async def links(self, after: int, limit: int) -> list[tuple[Link, AuditRow | None]]:
        links = [Link(*row) for row in await self._connection.fetch(SQL["links"], after, limit)]
        # two statements: joined, a plan for all arguments would read the whole record
        rows = await self._connection.fetch(SQL["rows"], [one.seq for one in links])
        known = {row["seq"]: AuditRow(*row) for row in rows}
        return [(one, known.get(one.seq)) for one in links]

    async def stretch(self, first: int, last: int) -> list[Link]:
        return [Link(*row) for row in await self._connection.fetch(SQL["stretch"], first, last)]

    async def of_subject(self, subject: str) -> list[tuple[AuditRow, Link | None]]:
        await self._writes.before_reading("audit")
        rows = await self._connection.fetch(SQL["of_subject"], subject)
        return [
            (AuditRow(*row[:8]), None if row["position"] is None else Link(*row[8:]))
            for row in rows
        ]
