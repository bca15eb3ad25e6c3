"""Finds the database, migrates the embedded one, and checks the role that serves."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import structlog

from freezeguard.bootstrap.settings import Settings
from freezeguard.storage.database import PostgresDatabase
from freezeguard.storage.embedded import EmbeddedServer, prepare_database
from freezeguard.storage.health import connect, role_rights
from freezeguard.storage.migrations import Migration, migrate, pending, verify_current

log = structlog.get_logger()

DATABASE_NAME = "freezeguard"


class DatabaseUnfit(Exception):
    """The database can't be served from as it is; the text says what to do about it."""


@dataclass(frozen=True, slots=True)
class Dsns:
    """How to reach the database: as its owner (None where nobody said) and as the service."""

    owner: str | None
    runtime: str


@asynccontextmanager
async def reach_database(settings: Settings) -> AsyncIterator[Dsns]:
    """Give the addresses of the database; the embedded server runs while they are used."""
    if settings.database_url is not None:
        owner = settings.migration_url
        yield Dsns(
            None if owner is None else owner.get_secret_value(),
            settings.database_url.get_secret_value(),
        )
        return
    async with _embedded(settings) as dsns:
        if dsns.owner is not None:
            await migrate(dsns.owner)
        yield dsns


@asynccontextmanager
async def _embedded(settings: Settings) -> AsyncIterator[Dsns]:
    server = await EmbeddedServer.attach(settings.data_dir, binaries=settings.pg_bin)
    try:
        prepared = await prepare_database(server.endpoint, DATABASE_NAME)
        yield Dsns(prepared.owner, prepared.runtime)
    finally:
        await server.close()


async def apply_migrations(settings: Settings) -> list[Migration]:
    """Bring the schema up to date as the owner of the database; return what was applied."""
    async with _as_owner(settings) as owner:
        return await migrate(owner)


async def plan_migrations(settings: Settings) -> list[Migration]:
    """Return what `apply_migrations` would apply."""
    async with _as_owner(settings) as owner:
        return await pending(owner)


@asynccontextmanager
async def _as_owner(settings: Settings) -> AsyncIterator[str]:
    if settings.migration_url is not None:
        yield settings.migration_url.get_secret_value()
    elif settings.database_url is not None:
        raise DatabaseUnfit(
            "FREEZEGUARD_DATABASE_URL names a database and FREEZEGUARD_MIGRATION_URL does not say "
            "how to reach it as its owner; the service's own role may not change the schema."
        )
    else:
        async with _embedded(settings) as dsns:
            yield str(dsns.owner)


async def check_role(dsn: str, *, allow_owner: bool) -> None:
    """Raise DatabaseUnfit where the schema is not current or the role may do too much."""
    connection = await connect(dsn)
    try:
        await verify_current(connection)
        rights = await role_rights(connection)
    finally:
        await connection.close(timeout=5)
    if (rights.above or rights.owns) and not allow_owner:
        raise DatabaseUnfit(
            "The role of FREEZEGUARD_DATABASE_URL is a superuser or owns tables, so nothing would "
            "keep a fault in the service from changing history. Make a role for it: CREATE ROLE "
            "freezeguard_app LOGIN PASSWORD '…' IN ROLE freezeguard_runtime; and give the owner's "
            "URL as FREEZEGUARD_MIGRATION_URL to `freezeguard migrate`."
        )


async def ensure_instance(database: PostgresDatabase, now: datetime) -> bytes:
    """Return the key that customer references are hashed with, made at the first start."""
    await database.run(lambda tx: tx.people.create_instance(secrets.token_bytes(32), now))
    instance = await database.run(lambda tx: tx.people.instance())
    return bytes(instance["customer_key"])
