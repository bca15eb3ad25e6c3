"""Keys of repeated writes, each in a transaction of its own."""

from datetime import datetime, timedelta

from freezeguard.ports.idempotency import Finished, InFlight, Mismatch, Started
from freezeguard.storage.connection import Statements
from freezeguard.storage.database import PostgresDatabase
from freezeguard.storage.queries import queries
from freezeguard.storage.rows import affected

SQL = queries("idempotency")

LEASE = timedelta(seconds=60)
"""A request that has not answered for so long was killed with its process."""

KEPT = timedelta(hours=24)


class PostgresIdempotency:
    """Implements `freezeguard.ports.idempotency.IdempotencyStore`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def begin(
        self, actor_id: str, key: str, fingerprint: bytes, now: datetime
    ) -> Started | Finished | InFlight | Mismatch:
        return await self._database.run(
            lambda tx: _begin(tx.connection, actor_id, key, fingerprint, now)
        )

    async def finish(self, actor_id: str, key: str, answer: Finished, now: datetime) -> None:  # noqa: ARG002 - of the port; the start counts
        await self._database.run(
            lambda tx: tx.connection.execute(
                SQL["finish"], actor_id, key, answer.status, answer.headers, answer.body
            )
        )

    async def abandon(self, actor_id: str, key: str) -> None:
        await self._database.run(
            lambda tx: tx.connection.execute(SQL["abandon"], actor_id, key)
        )

    async def forget(self, now: datetime, limit: int = 1000) -> int:
        """Forget keys that are too old to matter; return how many."""
        return await self._database.run(lambda tx: _forget(tx.connection, now - KEPT, limit))


async def _begin(
    connection: Statements, actor_id: str, key: str, fingerprint: bytes, now: datetime
) -> Started | Finished | InFlight | Mismatch:
    claimed = await connection.fetchval(
        SQL["begin"], actor_id, key, fingerprint, now, now - LEASE, now - KEPT
    )
    if claimed:
        return Started()
    row = await connection.fetchrow(SQL["known"], actor_id, key)
    if row is None:  # freed between the two statements: the caller may try again
        return InFlight(0.0)
    if row["fingerprint"] != fingerprint:
        return Mismatch()
    if row["status"] is None:
        return InFlight()
    return Finished(row["status"], row["headers"], row["body"])


async def _forget(connection: Statements, before: datetime, limit: int) -> int:
    return affected(await connection.execute(SQL["forget"], before, limit))
