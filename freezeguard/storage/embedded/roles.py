"""Make a database with two roles: an owner that migrates and a runtime that owns nothing.

Row-level security and the guards of the schema are void for a superuser and for the owner of the
tables, so the service connects as the runtime role from the first start.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

import asyncpg
import structlog

from freezeguard.storage.embedded.home import OWNER_ROLE, RUNTIME_ROLE, Home, read_passwords
from freezeguard.storage.embedded.server import Endpoint

log = structlog.get_logger()

_Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
_LOCK = 0x66726565  # any number that nobody else uses in the database `postgres`
_SECONDS = 30.0
_ATTRIBUTES = "LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION"
_IS_RIGHT = """
    SELECT rolcanlogin AND NOT (rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole
           OR rolreplication) FROM pg_roles WHERE rolname = $1
"""


@dataclass(frozen=True, slots=True)
class OwnerAndRuntimeDsns:
    """Connection strings of one database for its two roles; they hold passwords."""

    owner: str = field(repr=False)
    runtime: str = field(repr=False)


async def prepare_database(
    endpoint: Endpoint, database: str, *, template: str | None = None
) -> OwnerAndRuntimeDsns:
    """Make the roles and `database` where they are missing; several processes may do so at once.

    A new database is a copy of `template` where one is named; nobody may be connected to that.
    """
    passwords = read_passwords(Home(endpoint.data_dir.parent, None))
    connection = await asyncpg.connect(
        endpoint.dsn("postgres"), timeout=_SECONDS, command_timeout=_SECONDS
    )
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        for role in (OWNER_ROLE, RUNTIME_ROLE):
            await _make_role(connection, role, passwords[role])
        await _make_database(connection, database, template)
    finally:
        await connection.close(timeout=_SECONDS)
    return OwnerAndRuntimeDsns(
        owner=endpoint.dsn(database, OWNER_ROLE, passwords[OWNER_ROLE]),
        runtime=endpoint.dsn(database, RUNTIME_ROLE, passwords[RUNTIME_ROLE]),
    )


async def _make_role(connection: _Connection, role: str, password: str) -> None:
    """Names are our constants and the password is URL-safe text, so quoting is plain."""
    right = await connection.fetchval(_IS_RIGHT, role)
    if right:
        return
    verb = "CREATE" if right is None else "ALTER"
    await connection.execute(f"{verb} ROLE {role} {_ATTRIBUTES} PASSWORD '{password}'")
    log.info("role_settled", role=role)


async def _make_database(connection: _Connection, database: str, template: str | None) -> None:
    quote = await connection.fetchval("SELECT quote_ident($1)", database)
    if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", database):
        copied = await connection.fetchval("SELECT quote_ident($1)", template or "template1")
        await connection.execute(f"CREATE DATABASE {quote} OWNER {OWNER_ROLE} TEMPLATE {copied}")
        log.info("database_created", database=database)
    await connection.execute(f"REVOKE ALL ON DATABASE {quote} FROM PUBLIC")
    await connection.execute(f"GRANT CONNECT, TEMPORARY ON DATABASE {quote} TO {RUNTIME_ROLE}")
