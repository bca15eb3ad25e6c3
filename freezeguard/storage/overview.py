"""What people look at to see whether all is well."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from freezeguard.ports.overview import (
    Answers,
    Check,
    Drifts,
    Obeying,
    OpenTask,
    Spending,
    Unconfirmed,
    VendorStanding,
    VendorWave,
)
from freezeguard.ports.rows import Vendor
from freezeguard.storage.connection import Statements
from freezeguard.storage.queries import queries

SQL = queries("overview")
_PROMISES = ("kept", "broken", "moved", "waiting")
_ENDPOINTS = ("endpoints", "failing", "disabled")


class PostgresOverview:
    """Implements `freezeguard.ports.overview.Overview`."""

    def __init__(self, connection: Statements) -> None:
        self._connection = connection

    async def _rows(self, name: str, *arguments: Any) -> Sequence[Any]:
        return await self._connection.fetch(SQL[name], *arguments)

    async def obeying(self) -> list[Obeying]:
        return [Obeying(**row) for row in await self._rows("obeying")]

    async def oldest_unconfirmed(self) -> list[Unconfirmed]:
        return [Unconfirmed(**row) for row in await self._rows("oldest_unconfirmed")]

    async def drifts(self, since: datetime) -> list[Drifts]:
        return [
            Drifts(**row) for row in await self._rows("drifts", since)
            if row["catalogue"] is not None
        ]

    async def open_tasks(self, limit: int) -> list[OpenTask]:
        return [OpenTask(**row) for row in await self._rows("open_tasks", limit)]

    async def checks(self) -> list[Check]:
        return [Check(**row) for row in await self._rows("checks")]

    async def spent(self, since: datetime) -> list[Spending]:
        return [Spending(**row) for row in await self._rows("spent", since)]

    async def waves(self, since: datetime, limit: int) -> list[VendorWave]:
        return [VendorWave(**row) for row in await self._rows("waves", since, limit)]

    async def vendors(self, after: str, limit: int, since: datetime) -> list[VendorStanding]:
        rows = await self._rows("vendors", after, limit)
        return await self._standing([Vendor(**row) for row in rows], since)

    async def vendor(self, vendor: Vendor, since: datetime) -> VendorStanding:
        return (await self._standing([vendor], since))[0]

    async def _standing(self, vendors: Sequence[Vendor], since: datetime) -> list[VendorStanding]:
        names = [one.vendor for one in vendors]
        cases = _by_vendor(await self._rows("vendors_cases", names))
        promises = _by_vendor(await self._rows("vendors_promises", names, since))
        endpoints = _by_vendor(await self._rows("vendors_endpoints", names))
        answers: dict[str, dict[str, Answers]] = {}
        for row in await self._rows("vendors_answers", names, since):
            answers.setdefault(row["vendor"], {})[row["kind"]] = Answers(
                row["answered"], row["late"], row["median_seconds"]
            )
        return [
            VendorStanding(
                vendor=one,
                open_cases=cases.get(one.vendor, {}).get("open_cases", 0),
                oldest_at=cases.get(one.vendor, {}).get("oldest_at"),
                answers=answers.get(one.vendor, {}),
                **{name: promises.get(one.vendor, {}).get(name, 0) for name in _PROMISES},
                **{name: endpoints.get(one.vendor, {}).get(name, 0) for name in _ENDPOINTS},
            )
            for one in vendors
        ]

    async def sign_ins(self) -> dict[str, datetime]:
        return {row["person"]: row["at"] for row in await self._rows("sign_ins")}


def _by_vendor(rows: Sequence[Any]) -> dict[str, dict[str, Any]]:
    return {row["vendor"]: dict(row) for row in rows}
