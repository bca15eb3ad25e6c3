"""Cases whose orders under way are announced by themselves."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from freezeguard.ports.orderlists import WantedList
from freezeguard.storage.connection import Statements
from freezeguard.storage.queries import queries

SQL = queries("orderlists")


class PostgresOrderLists:
    """Implements `freezeguard.ports.orderlists.OrderLists`."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def want(self, case_id: UUID, now: datetime) -> None:
        await self._connection.execute(SQL["want"], case_id, now)

    async def claim(self, lease: timedelta) -> WantedList | None:
        row = await self._connection.fetchrow(SQL["claim"], lease)
        return None if row is None else WantedList(**row)

    async def settle(
        self, claimed: WantedList, left: Sequence[str], again_in: timedelta | None
    ) -> bool:
        return bool(await self._connection.fetchval(
            SQL["settle"], claimed.case_id, claimed.wanted_at, claimed.attempts, list(left),
            again_in,
        ))  # fmt: skip
