"""How every connection to the database is set up."""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from asyncpg.transaction import Transaction

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"


class Statements(Protocol):
    """What may be asked of a connection inside a transaction."""

    async def execute(self, query: str, *args: Any) -> str: ...

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]: ...

    async def fetchrow(self, query: str, *args: Any) -> asyncpg.Record | None: ...

    async def fetchval(self, query: str, *args: Any) -> Any: ...

    async def copy_records_to_table(
        self, table: str, *, records: Iterable[Any], columns: Sequence[str]
    ) -> str: ...

    def transaction(self) -> Transaction: ...


STATEMENT_SECONDS = 5.0
"""The longest that one statement may take, unless a transaction has a longer deadline."""

SERVER_SETTINGS = {
    "application_name": "freezeguard",
    "timezone": "UTC",
    "default_transaction_isolation": "read committed",
    "statement_timeout": f"{STATEMENT_SECONDS:g}s",
    "lock_timeout": "2s",
    # a process that was stopped in the middle must not keep its locks: others freeze meanwhile
    "idle_in_transaction_session_timeout": "4s",
    # our statements are short: compiling them costs more than it saves
    "jit": "off",
    # planning anew costs more than most of our statements; tests/storage/test_plans.py looks at
    # what is planned
    "plan_cache_mode": "force_generic_plan",
    # a statement whose client was killed must not keep its locks
    "client_connection_check_interval": "1s",
}

_JSONB_VERSION = b"\x01"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON type")


_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain
).encode


def is_lost(connection: Connection) -> bool:
    """Say whether a connection is of no use any more; the pool takes back one that has died."""
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        return True


def drop(connection: Connection) -> None:
    """Cut a connection off without asking the server."""
    with suppress(asyncpg.InterfaceError):  # the pool has taken it back already
        connection.terminate()


async def prepare_connection(connection: Connection) -> None:
    """Read and write jsonb as JSON types, in the binary form that COPY asks for."""
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        format="binary",
        encoder=lambda value: _JSONB_VERSION + _encode(value).encode(),
        decoder=lambda raw: json.loads(raw[1:]),
    )
