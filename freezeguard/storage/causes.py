"""Suggested causes, and what is like or beside a case."""

from datetime import datetime
from uuid import UUID

import asyncpg

from freezeguard.domain.causes import Cause, Standing, statement_of
from freezeguard.domain.record import Case
from freezeguard.ports.causes import Alike, Beside
from freezeguard.storage.cases import case_of
from freezeguard.storage.connection import Statements
from freezeguard.storage.queries import queries

SQL = queries("causes")


class PostgresCauses:
    """Implements `freezeguard.ports.causes.Causes`."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def put(self, cause: Cause) -> None:
        await self._connection.execute(
            SQL["put"], cause.id, cause.case_id, cause.sku, cause.branch, cause.text,
            cause.standing, list(cause.whys), [one.as_dict() for one in cause.statements],
            cause.vendor, cause.made_by, cause.made_at, cause.changed_by, cause.changed_at,
            cause.version,
        )  # fmt: skip

    async def of_case(self, case_id: UUID) -> list[Cause]:
        return [_cause(row) for row in await self._connection.fetch(SQL["of_case"], case_id)]

    async def move(self, from_case: UUID, to_case: UUID) -> None:
        await self._connection.execute(SQL["move"], from_case, to_case)

    async def alike(self, case: Case, vendor: str | None, limit: int) -> list[Alike]:
        known = case.known_evidence
        rows = await self._connection.fetch(
            SQL["alike"], case.id, case.scope.sku, case.vendor, case.category, limit,
            list(known.get("intents", ())), list(known.get("lots", ())), vendor,
        )  # fmt: skip
        return [
            Alike(
                case_of(row), row["same_sku"], row["same_vendor"], row["same_category"],
                row["intents"], row["lots"], row["confirmed"],
            )
            for row in rows
        ]

    async def beside(
        self, case: Case, lots: list[str], since: datetime, limit: int
    ) -> list[Beside]:
        if case.vendor is None:
            return []
        rows = await self._connection.fetch(
            SQL["beside"], case.vendor, case.scope.sku, case.category, since, lots, limit
        )
        return [Beside(**row) for row in rows]


def _cause(row: asyncpg.Record) -> Cause:
    return Cause(
        id=row["id"], case_id=row["case_id"], sku=row["sku"], branch=row["branch"],
        text=row["description"], standing=Standing(row["state"]), whys=tuple(row["whys"]),
        statements=tuple(map(statement_of, row["evidence"])), vendor=row["vendor"],
        made_by=row["made_by"], made_at=row["made_at"], changed_by=row["changed_by"],
        changed_at=row["changed_at"], version=row["version"],
    )  # fmt: skip
