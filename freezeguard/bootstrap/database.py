"""Finds the database, migrates the embedded one, and checks the role that serves."""

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from socket import gaierror
from urllib.parse import parse_qs, urlsplit

import structlog

from freezeguard.bootstrap.settings import Settings
from freezeguard.detection.defaultpolicy import BODIES
from freezeguard.domain.errors import Unavailable
from freezeguard.ports.storage import Transaction
from freezeguard.storage.database import PostgresDatabase
from freezeguard.storage.embedded import EmbeddedServer, prepare_database
from freezeguard.storage.health import connect, role_rights
from freezeguard.storage.migrations import Migration, migrate, pending, verify_current

log = structlog.get_logger()

DATABASE_NAME = "freezeguard"


class DatabaseUnfit(Exception):
    """The database can't be served from as it is; the text says what to do about it."""


class NoDatabase(Exception):
    """There is no database yet, and this is not the command that makes one."""


@dataclass(frozen=True, slots=True)
class Dsns:
    """How to reach the database: as its owner (None where nobody said) and as the service."""

    owner: str | None
    runtime: str


def require_database(settings: Settings) -> None:
    """Raise NoDatabase where the embedded database would have to be made first.

    A mistyped directory must not become a second, empty installation: only `serve`, `demo` and
    `migrate` make one.
    """
    if settings.database_url is None and not os.path.lexists(settings.data_dir / "postgres"):
        raise NoDatabase(
            f"no database in {settings.data_dir.absolute()}; set FREEZEGUARD_DATA_DIR or start "
            "`freezeguard serve`"
        )


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
    async with _as_owner(settings) as owner, _named(owner):
        return await migrate(owner)


async def plan_migrations(settings: Settings) -> list[Migration]:
    """Return what `apply_migrations` would apply."""
    async with _as_owner(settings) as owner, _named(owner):
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


@asynccontextmanager
async def _named(dsn: str) -> AsyncIterator[None]:
    """Name the host where a connection fails in the words of the system. Raises Unavailable."""
    try:
        yield
    except (OSError, TimeoutError) as error:
        raise Unavailable(
            f"The database at {_host_of(dsn)} can't be reached: {_in_words(error)}. "
            "`freezeguard doctor` looks closer; the setting is FREEZEGUARD_DATABASE_URL."
        ) from error


def _host_of(dsn: str) -> str:
    parts = urlsplit(dsn)
    said = parse_qs(parts.query).get("host", ["this machine"])
    return parts.netloc.rpartition("@")[2] or said[0]


def _in_words(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    if isinstance(error, gaierror):
        return "there is no host of this name"
    if isinstance(error, TimeoutError):
        return "it does not answer"
    return str(error) or type(error).__name__


async def check_role(dsn: str, *, allow_owner: bool) -> None:
    """Raise DatabaseUnfit where the schema is not current or the role may do too much.

    Raises Unavailable where nobody answers.
    """
    async with _named(dsn):
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


async def ensure_instance(database: PostgresDatabase, now: datetime, settings: Settings) -> bytes:
    """Return the key that customer references are hashed with, made at the first start.

    So are the rules of the default policy, unless the settings say otherwise.
    """

    async def begin(tx: Transaction) -> None:
        created = await tx.people.create_instance(secrets.token_bytes(32), now)
        for body in BODIES if created and settings.default_policy else ():
            await tx.detection.put_rule(dict(body), "freezeguard", now)
            await tx.record.write(now, "freezeguard", "put_rule", f"rule:{body['id']}",
                                  details=dict(body))  # fmt: skip

    await database.run(begin)
    instance = await database.run(lambda tx: tx.people.instance())
    return bytes(instance["customer_key"])
