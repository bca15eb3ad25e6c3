"""Mails that reach us."""

from datetime import datetime
from uuid import UUID

from freezeguard.storage.connection import Statements
from freezeguard.storage.queries import queries

SQL = queries("mails")


class PostgresMails:
    """Implements `freezeguard.ports.outbox.Mails`."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def receive(
        self, message_id: str, case_id: UUID | None, outcome: str, now: datetime
    ) -> bool:
        noted = await self._connection.fetchval(
            SQL["receive"], message_id, now, case_id, outcome
        )
        return noted is not None

    async def case_numbered(self, number: int) -> UUID | None:
        found: UUID | None = await self._connection.fetchval(SQL["case_numbered"], number)
        return found
