"""What the database says about its own health, over one connection of its own."""

from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg

from freezeguard.storage.connection import SERVER_SETTINGS, Connection
from freezeguard.storage.queries import queries

SQL = queries("health")
SIGNALS = queries("signals")
CONNECT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class RoleRights:
    """Whether a role is above the rules (superuser, bypasses row security), and owns tables."""

    above: bool
    owns: bool


@dataclass(frozen=True, slots=True)
class DatabaseHealth:
    """What was found. `clock_ahead` is in seconds, by which the database's clock is before ours."""

    version: int
    clock_ahead: float
    rights: RoleRights
    last_partition: str
    unplanned: int
    catalogues_in_use: dict[str, int]
    failing_evaluations: int
    late_notices: int
    chats_off: list[str]


async def role_rights(connection: Connection) -> RoleRights:
    """Return what the present role may do beyond what the service needs."""
    row = await connection.fetchrow(SQL["role"])
    return RoleRights(False, False) if row is None else RoleRights(row["above"], row["owns"])


async def examine(connection: Connection) -> DatabaseHealth:
    """Look at a database whose schema is current."""
    asked = datetime.now(UTC)
    server = await connection.fetchrow(SQL["server"])
    middle = asked + (datetime.now(UTC) - asked) / 2
    assert server is not None  # noqa: S101 - a SELECT without FROM has one row
    in_use = await connection.fetch(SQL["catalogues_in_use"])
    off = await connection.fetch(SQL["chats_switched_off"])
    return DatabaseHealth(
        version=server["version"],
        clock_ahead=(server["now"] - middle).total_seconds(),
        rights=await role_rights(connection),
        last_partition=await connection.fetchval(SQL["last_partition"]) or "",
        unplanned=await connection.fetchval(SIGNALS["unplanned"]),
        catalogues_in_use={row["catalogue"]: row["objects"] for row in in_use},
        failing_evaluations=await connection.fetchval(SQL["failing_evaluations"]),
        late_notices=await connection.fetchval(SQL["late_notices"]),
        chats_off=[f"{row['kind']} of {row['recipient']}" for row in off],
    )


async def connect(dsn: str) -> "asyncpg.Connection[asyncpg.Record]":
    """Open one connection. Raises what the driver raises."""
    return await asyncpg.connect(
        dsn, timeout=CONNECT_SECONDS, command_timeout=CONNECT_SECONDS,
        server_settings=SERVER_SETTINGS,
    )
