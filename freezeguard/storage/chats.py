"""Where people and teams read notices in a chat, and when they want none."""

from datetime import datetime
from uuid import UUID

import asyncpg

from freezeguard.domain.quiet import QuietHours
from freezeguard.ports.chats import ChatAddress
from freezeguard.storage.connection import Statements
from freezeguard.storage.deferred import DeferredWrites
from freezeguard.storage.queries import queries

SQL = queries("chats")


class PostgresChats:
    """Implements `freezeguard.ports.chats.Chats`."""

    def __init__(self, connection: Statements, writes: DeferredWrites) -> None:
        self._connection, self._writes = connection, writes

    async def put(self, address: ChatAddress, now: datetime) -> ChatAddress:
        row = await self._connection.fetchrow(
            SQL["put"], address.id, address.recipient, address.kind, address.url, address.host,
            address.name, address.areas, address.language, address.time_zone, now,
            address.created_by,
        )  # fmt: skip
        assert row is not None  # noqa: S101 - what is inserted or updated is returned
        return _address(row)

    async def address(self, address_id: UUID) -> ChatAddress | None:
        row = await self._connection.fetchrow(SQL["address"], address_id)
        return None if row is None else _address(row)

    async def addresses(self, recipient: str | None = None) -> list[ChatAddress]:
        rows = await self._connection.fetch(SQL["addresses"], recipient)
        return [_address(row) for row in rows]

    async def count_teams(self) -> int:
        return int(await self._connection.fetchval(SQL["count_teams"]))

    async def disable(self, address: ChatAddress, why: str, now: datetime) -> bool:
        found = await self._connection.fetchval(
            SQL["disable"], address.id, address.url, why, now
        )
        return found is not None

    async def hold_off(
        self, address_id: UUID, seconds: float, moment: datetime | None = None
    ) -> None:
        await self._connection.execute(SQL["hold_off"], address_id, seconds, moment)

    async def remove(self, address_id: UUID, now: datetime) -> None:
        await self._writes.before_reading("notices")
        await self._connection.execute(SQL["remove"], address_id, now)

    async def quiet_hours(self, person: str) -> QuietHours | None:
        row = await self._connection.fetchrow(SQL["quiet_hours"], person)
        return None if row is None else QuietHours(*row)

    async def put_quiet_hours(self, person: str, hours: QuietHours, now: datetime) -> None:
        await self._connection.execute(
            SQL["put_quiet_hours"], person, hours.begins, hours.ends, now
        )

    async def remove_quiet_hours(self, person: str) -> None:
        await self._connection.execute(SQL["remove_quiet_hours"], person)


def _address(row: asyncpg.Record) -> ChatAddress:
    values = dict(row)
    return ChatAddress(**{**values, "areas": tuple(values["areas"])})
