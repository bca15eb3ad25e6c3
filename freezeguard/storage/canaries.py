"""Canaries: who is at which, what it has stopped, and how its rounds went."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from freezeguard.ports.canaries import Canary, Flown
from freezeguard.storage.connection import Statements
from freezeguard.storage.queries import queries

SQL = queries("canaries")


class PostgresCanaries:
    """Implements `freezeguard.ports.canaries.Canaries`."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def claim(
        self, catalogue: str, sku: str, now: datetime, holder: UUID, *, every: timedelta,
        again: timedelta, lease: timedelta,
    ) -> Canary | None:  # fmt: skip
        row = await self._connection.fetchrow(
            SQL["claim"], catalogue, sku, now, holder, every, again, lease
        )
        return None if row is None else Canary(**row)

    async def renew(self, catalogue: str, holder: UUID, lease: timedelta) -> bool:
        return bool(await self._connection.fetchval(SQL["renew"], catalogue, holder, lease))

    async def keep_images(
        self, catalogue: str, holder: UUID, images: Sequence[Mapping[str, Any]] | None
    ) -> bool:
        kept = None if images is None else list(images)
        return bool(await self._connection.fetchval(SQL["keep_images"], catalogue, holder, kept))

    async def finish(
        self, catalogue: str, holder: UUID, flown: Flown, now: datetime,
        alarmed_at: datetime | None,
    ) -> bool:  # fmt: skip
        return bool(await self._connection.fetchval(
            SQL["finish"], catalogue, holder, now, flown.result, flown.detail,
            flown.stop_seconds, flown.release_seconds, alarmed_at,
        ))  # fmt: skip

    async def listed(self) -> list[Canary]:
        return [Canary(**row) for row in await self._connection.fetch(SQL["listed"])]
