"""Emergency orders that have become cases, and the objects that they stopped before."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from freezeguard.ports.emergencies import EmergencyOrder, StoppedThen
from freezeguard.ports.rows import Hold
from freezeguard.storage.connection import Statements
from freezeguard.storage.holds import hold_of
from freezeguard.storage.queries import queries

SQL = queries("emergencies")


class PostgresEmergencies:
    """Implements `freezeguard.ports.emergencies.Emergencies`."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def is_known(self, order_id: UUID) -> bool:
        return bool(await self._connection.fetchval(SQL["is_known"], order_id))

    async def add(self, order: EmergencyOrder, case_id: UUID, now: datetime) -> None:
        await self._connection.execute(
            SQL["add"], order.id, order.sku, order.at, order.by, order.person, case_id, now
        )

    async def later_known(self, sku: str, at: datetime) -> bool:
        return bool(await self._connection.fetchval(SQL["later_known"], sku, at))

    async def holds_at(self, sku: str, at: datetime) -> list[Hold]:
        return [hold_of(row) for row in await self._connection.fetch(SQL["holds_at"], sku, at)]

    async def adopt(self, sku: str, catalogue: str, objects: Sequence[StoppedThen]) -> None:
        await self._connection.execute(SQL["forget_unlisted"], sku, catalogue)
        found = [{**asdict(one), "at": one.at.isoformat()} for one in objects]
        await self._connection.execute(SQL["adopt"], sku, catalogue, found)
