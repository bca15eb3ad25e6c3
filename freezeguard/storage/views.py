"""Views of the queue that people named."""

from uuid import UUID

from freezeguard.ports.views import SavedView
from freezeguard.storage.connection import Statements
from freezeguard.storage.queries import queries
from freezeguard.storage.rows import affected

SQL = queries("views")


class PostgresViews:
    """Implements `freezeguard.ports.views.Views`."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def lock(self, person: str) -> None:
        await self._connection.execute(SQL["lock_views"], person)

    async def of(self, person: str) -> list[SavedView]:
        rows = await self._connection.fetch(SQL["views"], person)
        return [SavedView(*row.values()) for row in rows]

    async def add(self, person: str, view: SavedView) -> None:
        await self._connection.execute(
            SQL["add_view"], view.id, person, view.name, view.filters, view.saved_at
        )

    async def delete(self, person: str, view_id: UUID) -> bool:
        return affected(await self._connection.execute(SQL["delete_view"], view_id, person)) == 1
