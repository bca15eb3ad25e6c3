"""Which notices leave singly, and which with others as one mail."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from freezeguard.domain.quiet import QuietHours
from freezeguard.ports.outbox import MAIL
from freezeguard.ports.rows import Arrival, Digest, Notice
from freezeguard.storage.connection import Statements
from freezeguard.storage.deferred import DeferredWrites
from freezeguard.storage.notices import notice_of
from freezeguard.storage.queries import queries

SQL = queries("digests")


class PostgresDigests:
    """Implements `freezeguard.ports.outbox.Digests`."""

    def __init__(self, connection: Statements, writes: DeferredWrites) -> None:
        self._connection, self._writes = connection, writes

    async def arrivals(
        self, limit: int, window: timedelta, count_to: int, moment: datetime | None
    ) -> list[Arrival]:
        await self._writes.before_reading("notices")
        if not await self._connection.fetchval(SQL["has_arrivals"]):
            return []
        await self._connection.execute(SQL["lock_sorting"])
        rows = await self._connection.fetch(SQL["arrivals"], limit, window, moment, count_to)
        return [_arrival(row) for row in rows]

    async def sort_singly(self, notices: Sequence[UUID], moment: datetime | None) -> None:
        await self._connection.execute(SQL["sort_singly"], notices, moment)
        await self._connection.execute(SQL["take_along"], notices)

    async def join(
        self, new_id: UUID, reader: tuple[str, str, str], notices: Sequence[UUID],
        collect: timedelta, moment: datetime | None, until: datetime | None = None,
    ) -> None:
        digest = await self._connection.fetchval(
            SQL["open_digest"], new_id, *reader, collect, moment, until
        )
        await self._connection.execute(SQL["join_digest"], notices, digest, moment)

    async def claim_due(
        self, lease: timedelta, token: UUID, moment: datetime | None,
        channels: Sequence[str] = MAIL,
    ) -> Digest | None:
        row = await self._connection.fetchrow(
            SQL["claim_digest"], lease, token, moment, channels
        )
        if row is None:
            return None
        return Digest(**{**dict(row), "tried": tuple(row["tried"])})

    async def release_lone(self, digest: Digest) -> None:
        await self._connection.execute(SQL["release_lone"], digest.id, digest.lease_token)

    async def leave_out_answered(
        self, digest_id: UUID, asks: Mapping[str, str | None], closed_at: datetime
    ) -> None:
        await self._connection.execute(
            SQL["leave_out_answered"], digest_id, list(asks), list(asks.values()), closed_at
        )

    async def members(self, digest_id: UUID, *, sent: bool = False) -> list[Notice]:
        states = ["sent"] if sent else ["queued"]
        rows = await self._connection.fetch(SQL["members"], digest_id, states)
        return [notice_of(row) for row in rows]

    async def sent(self, digest_id: UUID, now: datetime) -> None:
        await self._connection.execute(SQL["digest_sent"], digest_id, now)

    async def failed(
        self, digest: Notice, error: str, retry_in: float, moment: datetime | None
    ) -> None:
        await self._connection.execute(
            SQL["digest_failed"], digest.id, digest.lease_token, error, retry_in, moment
        )

    async def redirect(
        self, digest: Notice, address: str, error: str, moment: datetime | None
    ) -> bool:
        noted = await self._connection.fetchval(
            SQL["redirect_digest"], digest.id, digest.lease_token, address, error, moment
        )
        return noted is not None

    async def dissolve(self, digest: Notice, error: str, moment: datetime | None) -> None:
        await self._connection.execute(
            SQL["dissolve_digest"], digest.id, digest.lease_token, error, moment
        )


def _arrival(row: asyncpg.Record) -> Arrival:
    values = dict(row)
    begins, ends = values.pop("begins"), values.pop("ends")
    quiet = None if begins is None else QuietHours(begins, ends)
    return Arrival(**values, quiet=quiet)
