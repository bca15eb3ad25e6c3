"""Erasing by age, batch by batch."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from freezeguard.ports.privacy import Batch, RetentionRun
from freezeguard.storage.connection import Statements
from freezeguard.storage.queries import queries
from freezeguard.storage.rows import affected

SQL = queries("retention")

NO_CASE = "00000000-0000-0000-0000-000000000000"
"""Lies before every case and every file."""


class PostgresRetention:
    """Implements `freezeguard.ports.privacy.Retention`."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def try_lock(self) -> bool:
        return bool(await self._connection.fetchval(SQL["try_lock"]))

    async def run_under_way(self) -> RetentionRun | None:
        return _run(await self._connection.fetchrow(SQL["run_under_way"]))

    async def begin_run(
        self, now: datetime, first_class: str, every: timedelta
    ) -> RetentionRun | None:
        return _run(await self._connection.fetchrow(SQL["begin_run"], now, first_class, every))

    async def note(self, run: RetentionRun, *, finished: bool) -> None:
        after = None if run.after is None else list(run.after)
        await self._connection.execute(
            SQL["note_progress"], run.id, run.of_class, after, run.counts, finished
        )

    async def erase(
        self, of_class: str, until: datetime, after: Sequence[str] | None, now: datetime
    ) -> Batch:
        match of_class:
            case "texts":
                source, one_id = after or ("", "")
                return await self._page("erase_texts", source, one_id, until)
            case "excerpts":
                (case_id,) = after or (NO_CASE,)
                return await self._page("erase_excerpts", UUID(case_id), until)
            case "customers":
                (sku,) = after or ("",)
                return await self._page("erase_customers", sku, until)
            case "messages":
                (seq,) = after or ("0",)
                return await self._page("erase_messages", int(seq), until)
            case "files":
                (file_id,) = after or (NO_CASE,)
                return await self._page("erase_files", UUID(file_id), until, now)
            case "rejected":
                return await self._some("erase_rejected", until)
            case "digests":
                return await self._some("erase_digests", until)
            case "mails":
                return await self._some("erase_mails", until)
            case _:
                raise ValueError(f"nothing is kept by the name of {of_class}")

    async def _some(self, query: str, until: datetime) -> Batch:
        """Erase some of what is due: it is not found again, so there is no place to go on from."""
        erased = affected(await self._connection.execute(SQL[query], until))
        return Batch(erased, ("",) if erased else None)

    async def _page(self, query: str, *arguments: object) -> Batch:
        """Erase what is due of one page; its last row, None behind the last page."""
        row = await self._connection.fetchrow(SQL[query], *arguments)
        if row is None:
            return Batch(0, None)
        erased, *last = row.values()
        return Batch(erased, tuple(map(str, last)))


def _run(row: asyncpg.Record | None) -> RetentionRun | None:
    return None if row is None else RetentionRun(*row.values())
