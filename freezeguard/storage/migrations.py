"""Bring a database's schema up to the level of this code.

Migrations are plain SQL files `sql/migrations/NNNN_name.sql` in dbmate's format: the first line is
`-- migrate:up`, or `-- migrate:up transaction:false` for what can't run inside a transaction; a
part after `-- migrate:down` is ignored. They go forward only, each in its own transaction together
with its row in `schema_migrations`. Of several replicas that start at once one migrates and the
others wait.

A file with `transaction:false` may be cut off half-way, so it must be fit to run again: its indexes
are made with IF NOT EXISTS, and an invalid index that a cut-off run left is dropped first.
"""

import asyncio
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import asyncpg
import structlog

from freezeguard.storage.sqlfiles import Statement, split, sql_directory

log = structlog.get_logger()

_Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_LOCK = 0x6D696772617465  # session advisory lock; only migrations of one database share it
_CONNECT_SECONDS = 15.0
_POLL_SECONDS = 0.1
_FILE_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_UP = re.compile(r"-- migrate:up(?P<options>(?: +[a-z_]+:[a-z]+)*)\s*")
_TRANSACTION_WORDS = {"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT"}

_CREATE_LEDGER = """
    CREATE TABLE IF NOT EXISTS public.schema_migrations (version varchar(128) PRIMARY KEY);
    ALTER TABLE public.schema_migrations
        ADD COLUMN IF NOT EXISTS name text,
        ADD COLUMN IF NOT EXISTS checksum text,
        ADD COLUMN IF NOT EXISTS applied_at timestamptz NOT NULL DEFAULT now(),
        ADD COLUMN IF NOT EXISTS applied_by text NOT NULL DEFAULT current_user;
    GRANT SELECT ON public.schema_migrations TO PUBLIC
"""
_LEDGER_EXISTS = "SELECT to_regclass('public.schema_migrations') IS NOT NULL"
_READ_LEDGER = "SELECT version, to_jsonb(m)->>'checksum' FROM public.schema_migrations m"
_RECORD = "INSERT INTO public.schema_migrations (version, name, checksum) VALUES ($1, $2, $3)"
# Indexes of partitioned tables are invalid until each partition has theirs: not a fault.
_INVALID_INDEXES = """
    SELECT format('%I.%I', n.nspname, c.relname), c.relname
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE NOT i.indisvalid AND c.relkind = 'i' AND n.nspname !~ '^pg_'
       AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = c.oid)
     ORDER BY 1
"""


class MigrationError(Exception):
    """The schema could not be brought, or is not, up to date; the text has the remedy."""


class MigrationFileWrong(MigrationError):
    """A migration file, or the row of files, breaks a rule of the format."""


class ChecksumMismatch(MigrationError):
    """A file was changed after it had been applied."""


class DatabaseNewer(MigrationError):
    """The database has migrations that this code does not know."""


class DatabaseOlder(MigrationError):
    """The database lacks migrations that this code needs."""


class MigrationFailed(MigrationError):
    """A statement of a migration was refused by the database."""


class MigrationLocked(MigrationError):
    """Another migrator, or an open transaction, held a needed lock for too long."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file. `checksum` is the SHA-256 of its text with Unix line ends, in hex."""

    version: str
    name: str
    path: Path
    sql: str = field(repr=False)
    first_line: int
    transactional: bool
    checksum: str

    @property
    def statements(self) -> list[Statement]:
        """Its statements, each with its line in the file."""
        return split(self.sql, self.first_line)


def load(directory: Path | None = None) -> list[Migration]:
    """Read all migration files in order. Raises `MigrationFileWrong`."""
    directory = sql_directory() / "migrations" if directory is None else directory
    found = [_read(path) for path in sorted(directory.glob("*.sql"))]
    if not found:
        raise MigrationFileWrong(f"{directory} holds no migration; the installation is incomplete")
    for number, migration in enumerate(found, start=1):
        if int(migration.version) != number:
            raise MigrationFileWrong(
                f"{migration.path.name} should be number {number:04}: versions begin with 0001 "
                f"and neither repeat nor leave a gap"
            )
    return found


def _read(path: Path) -> Migration:
    match = _FILE_NAME.fullmatch(path.name)
    if match is None:
        raise MigrationFileWrong(f"{path.name} is not named NNNN_name.sql (small letters, _)")
    text = path.read_text(encoding="utf-8")  # any line end is read as \n
    head, _, rest = text.partition("\n")
    up = _UP.fullmatch(head)
    if up is None or up["options"].strip() not in {"", "transaction:false", "transaction:true"}:
        raise MigrationFileWrong(
            f"{path.name}: the first line must be '-- migrate:up' or "
            f"'-- migrate:up transaction:false', it is {head[:60]!r}"
        )
    sql = re.split(r"^-- migrate:down\b.*$", rest, maxsplit=1, flags=re.MULTILINE)[0]
    migration = Migration(
        version=match[1], name=match[2], path=path, sql=sql, first_line=2,
        transactional="transaction:false" not in up["options"],
        checksum=hashlib.sha256(text.encode()).hexdigest(),
    )  # fmt: skip
    _check_statements(migration)
    return migration


def _check_statements(migration: Migration) -> None:
    for statement in migration.statements:
        where = f"{migration.path.name}, line {statement.line}"
        if statement.words[0] in _TRANSACTION_WORDS:
            raise MigrationFileWrong(f"{where}: transactions are the runner's business")
        concurrently = "CONCURRENTLY" in statement.words and "INDEX" in statement.words
        if concurrently and migration.transactional:
            raise MigrationFileWrong(
                f"{where}: CONCURRENTLY needs '-- migrate:up transaction:false'"
            )
        if concurrently and statement.words[0] == "CREATE" and "EXISTS" not in statement.words:
            raise MigrationFileWrong(
                f"{where}: CREATE INDEX CONCURRENTLY needs IF NOT EXISTS, for it may run again"
            )


async def migrate(
    dsn: str,
    directory: Path | None = None,
    *,
    lock_timeout: float = 4.0,
    statement_timeout: float = 60.0,
    patience: float = 120.0,
) -> list[Migration]:
    """Apply what is pending, as the role of `dsn`, and return it.

    `lock_timeout` and `statement_timeout` (seconds) bound each statement, so that a migration that
    waits behind an open transaction does not hold up everybody behind itself; it is rolled back
    and tried again for `patience` seconds. As long we wait for another migrator.
    Raises `MigrationError`; what was applied before stays applied.
    """
    connection = await asyncpg.connect(dsn, timeout=_CONNECT_SECONDS)
    try:
        if not await pending(connection, directory):
            return []
        run = _Run(connection, lock_timeout, statement_timeout, patience)
        await _become_sole_migrator(connection, dsn, patience)
        await connection.execute(_CREATE_LEDGER)
        waiting = await pending(connection, directory)
        for migration in waiting:
            await run.apply(migration)
        return waiting
    finally:
        await connection.close(timeout=_CONNECT_SECONDS)


async def pending(
    conn_or_dsn: "_Connection | str", directory: Path | None = None
) -> list[Migration]:
    """The migrations that `migrate` would apply now, in order, with their SQL.

    Raises `ChecksumMismatch`, `DatabaseNewer` or `MigrationFileWrong`.
    """
    if isinstance(conn_or_dsn, str):
        connection = await asyncpg.connect(conn_or_dsn, timeout=_CONNECT_SECONDS)
        try:
            return await pending(connection, directory)
        finally:
            await connection.close(timeout=_CONNECT_SECONDS)
    known = load(directory)
    ledger: dict[str, str | None] = {}
    if await conn_or_dsn.fetchval(_LEDGER_EXISTS):
        ledger = dict(map(tuple, await conn_or_dsn.fetch(_READ_LEDGER)))
    return _compare(known, ledger)


def _compare(known: Sequence[Migration], ledger: dict[str, str | None]) -> list[Migration]:
    """What is pending; `ledger` is version -> checksum, None where another tool applied it."""
    newer = sorted(set(ledger) - {migration.version for migration in known})
    if newer:
        raise DatabaseNewer(
            f"The database has migration {', '.join(newer)}, this code ends with "
            f"{known[-1].version}. Start the newer release, or restore a backup from before it."
        )
    for migration in known:
        if ledger.get(migration.version) not in {None, migration.checksum}:
            raise ChecksumMismatch(
                f"{migration.path.name} was changed after it had been applied. Bring back the "
                f"released file and put the change into a new migration."
            )
    waiting = [migration for migration in known if migration.version not in ledger]
    done = [migration for migration in known if migration.version in ledger]
    if waiting and done and waiting[0].version < done[-1].version:
        raise MigrationFileWrong(
            f"{waiting[0].path.name} was not applied although {done[-1].version} was; number it "
            f"after the last one that was applied"
        )
    return waiting


async def verify_current(conn: _Connection, directory: Path | None = None) -> None:
    """Raise `MigrationError` unless the schema is exactly what this code expects.

    Needs no right but to read `schema_migrations`, which every role has.
    """
    missing = await pending(conn, directory)
    if missing:
        names = ", ".join(migration.path.name for migration in missing)
        raise DatabaseOlder(f"The database lacks {names}. Run: freezeguard migrate")


async def invalid_indexes(conn: _Connection) -> list[str]:
    """Indexes that a cut-off CREATE INDEX CONCURRENTLY left: they cost writes and serve nobody."""
    return [row[0] for row in await conn.fetch(_INVALID_INDEXES)]


async def _become_sole_migrator(conn: _Connection, dsn: str, patience: float) -> None:
    """Take the migration lock, which ends with the connection.

    It is polled, not waited for: a session that waits in a statement holds a snapshot, and an
    index made CONCURRENTLY by the present migrator would wait for that very snapshot.
    """
    clock = asyncio.get_running_loop().time
    until = clock() + patience
    while not await conn.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
        if clock() > until:
            raise MigrationLocked(
                f"Another process has been migrating this database for {patience:g} s. Wait for "
                f"it, or see pg_locks (locktype advisory) for its process id and end that."
            )
        await asyncio.sleep(_POLL_SECONDS)
    await _prove_exclusion(dsn)


async def _prove_exclusion(dsn: str) -> None:
    """Some databases accept advisory locks and do not lock; there migrating is refused."""
    other = await asyncpg.connect(dsn, timeout=_CONNECT_SECONDS)
    try:
        if await other.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
            raise MigrationLocked(
                "Advisory locks do not exclude here (a pooler in transaction mode, or no real "
                "PostgreSQL). Migrate over a direct connection to PostgreSQL."
            )
    finally:
        await other.close(timeout=_CONNECT_SECONDS)


class _Run:
    """Applies migrations one by one over a connection that holds the migration lock."""

    def __init__(
        self, conn: _Connection, lock_timeout: float, statement_timeout: float, patience: float
    ) -> None:
        self._conn = conn
        self._settings = (
            "RESET ALL; RESET ROLE;"
            f"SET lock_timeout = {int(lock_timeout * 1000)};"
            f"SET statement_timeout = {int(statement_timeout * 1000)};"
            # a killed migrator must not go on in the server and keep the lock
            "SET client_connection_check_interval = 1000"
        )
        self._patience = patience
        self._clock = asyncio.get_running_loop().time

    async def apply(self, migration: Migration) -> None:
        log.info("migration_started", version=migration.version, name=migration.name)
        begun = self._clock()
        if migration.transactional:
            await self._patiently(migration, begun + self._patience)
        else:
            await self._drop_left_overs(migration)
            await self._execute(migration)
            await self._conn.execute(self._settings)
            await self._record(migration)
        seconds = round(self._clock() - begun, 3)
        log.info("migration_applied", version=migration.version, seconds=seconds)

    async def _patiently(self, migration: Migration, until: float) -> None:
        """Try again while a lock is not to be had; each try lets those behind us pass first."""
        while True:
            try:
                async with self._conn.transaction():
                    await self._execute(migration)
                    await self._conn.execute("RESET ROLE")
                    await self._record(migration)
            except MigrationLocked as error:
                if self._clock() > until:
                    raise
                log.warning("migration_waits", version=migration.version, reason=str(error))
                await asyncio.sleep(min(1.0, self._patience / 10))
            else:
                return

    async def _execute(self, migration: Migration) -> None:
        await self._conn.execute(self._settings)
        for statement in migration.statements:
            try:
                await self._conn.execute(statement.text)
            except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
                raise MigrationLocked(_explain(migration, statement, error)) from error
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                raise MigrationFailed(_explain(migration, statement, error)) from error

    async def _record(self, migration: Migration) -> None:
        await self._conn.execute(_RECORD, migration.version, migration.name, migration.checksum)

    async def _drop_left_overs(self, migration: Migration) -> None:
        """Drop what a cut-off run of this file left, for IF NOT EXISTS would keep it."""
        for qualified, name in await self._conn.fetch(_INVALID_INDEXES):
            if re.search(rf"\b{re.escape(name)}\b", migration.sql):
                log.warning("invalid_index_dropped", index=qualified, version=migration.version)
                await self._conn.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {qualified}")
            else:
                log.warning("invalid_index_found", index=qualified)


def _explain(migration: Migration, statement: Statement, error: Exception) -> str:
    """File, line, statement and what the database said."""
    line = statement.line
    position = getattr(error, "position", None)
    if position:
        line += statement.text.count("\n", 0, int(position) - 1)
    begin = " ".join(statement.text.split())[:120]
    more = [text for text in (getattr(error, "detail", ""), getattr(error, "hint", "")) if text]
    said = " ".join([str(error).partition("\n")[0], *more])
    if isinstance(error, (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)):
        remedy = "An open transaction is in the way: see pg_stat_activity, then migrate again."
    elif migration.transactional:
        remedy = "Nothing of this file was applied."
    else:
        remedy = "This file runs without a transaction: statements before it were applied."
    return f"{migration.path.name}, line {line}: {said} (in: {begin}) {remedy}"
