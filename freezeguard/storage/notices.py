"""The outbox of notices."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from freezeguard.ports.outbox import MAIL
from freezeguard.ports.rows import Notice
from freezeguard.storage.connection import Statements
from freezeguard.storage.deferred import DeferredWrites
from freezeguard.storage.queries import queries

SQL = queries("notices")


class PostgresNotices:
    """Implements `freezeguard.ports.outbox.Notices`."""

    def __init__(self, connection: Statements, writes: DeferredWrites) -> None:
        self._connection, self._writes = connection, writes

    async def add(self, notice: Notice, now: datetime) -> None:
        self._writes.add(
            "notices", id=notice.id, case_id=notice.case_id, sku=notice.sku,
            recipient=notice.recipient, channel=notice.channel, address=notice.address,
            kind=notice.kind, facts=notice.facts, language=notice.language,
            time_zone=notice.time_zone, state=notice.state, created_at=now, team=notice.team,
        )  # fmt: skip

    async def claim_due(
        self, lease: timedelta, token: UUID, limit: int, moment: datetime | None = None,
        channels: Sequence[str] = MAIL,
    ) -> list[Notice]:
        await self._writes.before_reading("notices")
        rows = await self._connection.fetch(
            SQL["claim_due"], lease, token, limit, moment, channels
        )
        return sorted((notice_of(row) for row in rows), key=lambda one: (one.n, one.id))

    async def seconds_until_due(self) -> float | None:
        seconds = await self._connection.fetchval(SQL["seconds_until_due"])
        return None if seconds is None else max(0.0, seconds)

    async def sent(self, notice: Notice, now: datetime) -> None:
        await self._connection.execute(SQL["sent"], notice.id, now)

    async def failed(
        self, notice: Notice, error: str, *, retry_in: float | None, moment: datetime | None = None
    ) -> bool:
        noted = await self._connection.fetchval(
            SQL["failed"], notice.id, notice.lease_token, error, retry_in, moment
        )
        return noted is not None

    async def came_back(self, notice: Notice, error: str) -> bool:
        noted = await self._connection.fetchval(
            SQL["came_back"], notice.id, notice.address, error
        )
        return noted is not None

    async def redirect(
        self, notice: Notice, address: str, error: str, *, left: bool,
        moment: datetime | None = None,
    ) -> bool:
        token = None if left else notice.lease_token
        noted = await self._connection.fetchval(
            SQL["redirect"], notice.id, notice.address, token, address, error, moment
        )
        return noted is not None

    async def vendor_reacted(self, case_id: UUID, state: str) -> None:
        await self._writes.before_reading("notices")
        await self._connection.execute(SQL["vendor_reacted"], case_id, state)

    async def of_case(self, case_id: UUID) -> list[Notice]:
        await self._writes.before_reading("notices")
        return [notice_of(row) for row in await self._connection.fetch(SQL["of_case"], case_id)]

    async def of_recipient(self, recipient: str, limit: int) -> list[Notice]:
        rows = await self._connection.fetch(SQL["of_recipient"], recipient, limit)
        return [notice_of(row) for row in rows]

    async def untold(self, limit: int) -> list[Notice]:
        await self._writes.before_reading("notices")
        return [notice_of(row) for row in await self._connection.fetch(SQL["untold"], limit)]

    async def get(self, notice_id: UUID) -> Notice | None:
        await self._writes.before_reading("notices")
        row = await self._connection.fetchrow(SQL["notice"], notice_id)
        return None if row is None else notice_of(row)


def notice_of(row: asyncpg.Record) -> Notice:
    """Return a row as a notice."""
    known = dict(row)
    return Notice(**{**known, "tried": tuple(known["tried"])})
