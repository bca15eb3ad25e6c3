"""The outbox of notices."""

from datetime import datetime, timedelta
from uuid import UUID

from freezeguard.ports.storage import Notice
from freezeguard.storage.connection import Connection
from freezeguard.storage.deferred import DeferredWrites
from freezeguard.storage.queries import queries

SQL = queries("notices")


class PostgresNotices:
    """Implements `freezeguard.ports.storage.Notices`."""

    def __init__(self, connection: Connection, writes: DeferredWrites) -> None:
        self._connection, self._writes = connection, writes

    async def add(self, notice: Notice, now: datetime) -> None:
        self._writes.add(
            "notices", id=notice.id, case_id=notice.case_id, sku=notice.sku,
            recipient=notice.recipient, channel=notice.channel, address=notice.address,
            kind=notice.kind, facts=notice.facts, language=notice.language,
            time_zone=notice.time_zone, state=notice.state, created_at=now,
        )  # fmt: skip

    async def claim_due(self, lease: timedelta, token: UUID, limit: int) -> list[Notice]:
        await self._writes.before_reading("notices")
        rows = await self._connection.fetch(SQL["claim_due"], lease, token, limit)
        return sorted((Notice(*row) for row in rows), key=lambda one: (one.n, one.id))

    async def seconds_until_due(self) -> float | None:
        seconds = await self._connection.fetchval(SQL["seconds_until_due"])
        return None if seconds is None else max(0.0, seconds)

    async def sent(self, notice: Notice, now: datetime) -> None:
        await self._connection.execute(SQL["sent"], notice.id, now)

    async def failed(self, notice: Notice, error: str, *, retry_in: float | None) -> bool:
        noted = await self._connection.fetchval(
            SQL["failed"], notice.id, notice.lease_token, error, retry_in
        )
        return noted is not None

    async def vendor_reacted(self, case_id: UUID, state: str) -> None:
        await self._writes.before_reading("notices")
        await self._connection.execute(SQL["vendor_reacted"], case_id, state)

    async def of_case(self, case_id: UUID) -> list[Notice]:
        await self._writes.before_reading("notices")
        return [Notice(*row) for row in await self._connection.fetch(SQL["of_case"], case_id)]
