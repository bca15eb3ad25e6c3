"""Rows that nobody reads in this transaction go out together, in one round trip.

A command writes to up to twelve tables; sent one by one, the waiting would cost more than the
writing. Whoever reads one of these tables in the same transaction flushes first, and so does the
commit: a deferred row is seen wherever a written one would be.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import asyncpg
from asyncpg.transaction import Transaction

from freezeguard.storage.connection import Connection
from freezeguard.storage.queries import queries
from freezeguard.storage.rows import in_json_types

SQL = queries("deferred")

TABLES = (
    "cases",
    "catalogue_objects",
    "holds",
    "hold_changes",
    "case_events",
    "case_signals",
    "clocks",
    "crossings",
    "automatic_freezes",
    "notices",
    "audit",
    "webhook_messages",
)
"""In the order of the parameters of `write_deferred`."""


class DeferredWrites:
    """Collects rows by table, and topics to notify."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: dict[str, list[Mapping[str, Any]]] = {}
        self._topics: dict[str, None] = {}

    def add(self, table: str, **row: Any) -> None:
        """Keep a row for a table."""
        self._rows.setdefault(table, []).append(in_json_types(row))

    def has(self, table: str, columns: Mapping[str, Any]) -> bool:
        """Say whether a row with these columns waits for a table."""
        rows = self._rows.get(table, ())
        return any(columns.items() <= one.items() for one in rows)

    async def before_statement(self) -> None:
        """Write what has been collected, where many a query would miss it: a case, an object."""
        await self.before_reading("cases", "catalogue_objects")

    def notify(self, topic: str) -> None:
        """Wake whoever listens to a topic, once, at the commit."""
        self._topics[topic] = None

    async def before_reading(self, *tables: str) -> None:
        """Write what has been collected, if any of it is for one of these tables."""
        if any(table in self._rows for table in tables):
            await self.flush()

    def discard(self) -> None:
        """Forget what has been collected: the work that added it was undone."""
        self._rows, self._topics = {}, {}

    async def flush(self) -> None:
        """Write what has been collected."""
        if not self._rows and not self._topics:
            return
        rows, topics = self._rows, list(self._topics)
        self._rows, self._topics = {}, {}
        batches = (_numbered(rows.get(table, ())) for table in TABLES)
        await self._connection.execute(SQL["write_deferred"], topics, *batches)


class InOrder:
    """A connection on which no statement overtakes a case or object that was added before."""

    def __init__(self, connection: Connection, writes: DeferredWrites) -> None:
        self._connection, self._writes = connection, writes

    async def execute(self, query: str, *args: Any) -> str:
        await self._writes.before_statement()
        return await self._connection.execute(query, *args)

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]:
        await self._writes.before_statement()
        return await self._connection.fetch(query, *args)

    async def fetchrow(self, query: str, *args: Any) -> asyncpg.Record | None:
        await self._writes.before_statement()
        return await self._connection.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: Any) -> Any:
        await self._writes.before_statement()
        return await self._connection.fetchval(query, *args)

    async def copy_records_to_table(
        self, table: str, *, records: Iterable[Any], columns: Sequence[str]
    ) -> str:
        await self._writes.before_statement()
        return await self._connection.copy_records_to_table(
            table, records=records, columns=columns
        )

    def transaction(self) -> Transaction:
        """Return a savepoint; whoever makes one has written what waits, or added nothing yet."""
        return self._connection.transaction()


def _numbered(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]] | None:
    """Return rows in JSON types with their place: numbers within a case follow the order."""
    if not rows:
        return None
    return [{**row, "place": place} for place, row in enumerate(rows)]
