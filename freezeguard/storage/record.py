"""The audit record."""

from collections.abc import Sequence
from datetime import datetime

from freezeguard.domain.people import Actor, actor_name
from freezeguard.ports.rows import CaseChange, Json
from freezeguard.storage.connection import Statements
from freezeguard.storage.deferred import DeferredWrites
from freezeguard.storage.queries import queries
from freezeguard.storage.rows import in_json_types

SQL = queries("record")


class PostgresRecord:
    """Implements `freezeguard.ports.record.Record`."""

    def __init__(self, connection: Statements, writes: DeferredWrites) -> None:
        self._connection, self._writes = connection, writes

    async def write(
        self, at: datetime, actor: Actor | str, action: str, subject: str, *, why: str = "",
        details: Json | None = None,
    ) -> None:  # fmt: skip
        # System is a str too, and its name is its value
        name = actor if isinstance(actor, str) else actor_name(actor)
        self._writes.add(
            "audit", at=at, actor=name, action=action, subject=subject, why=why,
            details=details or {},
        )  # fmt: skip

    async def entries(
        self, subject: str | None, before: int | None, limit: int
    ) -> list[Json]:
        await self._writes.before_reading("audit")
        rows = await self._connection.fetch(SQL["entries"], subject, before, limit)
        return [in_json_types(row) for row in rows]

    async def highest(self) -> int:
        return int(await self._connection.fetchval(SQL["highest"]))

    async def changes_of_cases(
        self, after: int, missing: Sequence[int], limit: int
    ) -> list[CaseChange]:
        rows = await self._connection.fetch(SQL["changes_of_cases"], after, missing, limit)
        return [CaseChange(*row) for row in rows]
