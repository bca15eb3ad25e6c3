"""The schema reaches the level of the code once, whole, and in order, whoever starts it."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncpg
import pytest

from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from freezeguard.storage.migrations import (
    ChecksumMismatch,
    DatabaseNewer,
    DatabaseOlder,
    MigrationError,
    MigrationFailed,
    MigrationFileWrong,
    MigrationLocked,
    invalid_indexes,
    load,
    migrate,
    pending,
    verify_current,
)
from tests.storage.conftest import ROOT

Write = Callable[..., Path]
CREATE_INDEX = "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS t_i ON t (i);"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a migration file; returns the directory."""

    def file(name: str, sql: str, head: str = "-- migrate:up") -> Path:
        (tmp_path / name).write_text(f"{head}\n{sql}\n")
        return tmp_path

    return file


@pytest.fixture
async def owner(dsns: OwnerAndRuntimeDsns) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(dsns.owner)
    yield connection
    await connection.close()


async def until(connection: "asyncpg.Connection[asyncpg.Record]", question: str) -> None:
    """Ask until the answer is true, with a deadline."""
    async with asyncio.timeout(20):
        while not await connection.fetchval(question):
            await asyncio.sleep(0.01)


def versions(migrations: list) -> list[str]:
    return [migration.version for migration in migrations]


async def test_own_schema(dsns: OwnerAndRuntimeDsns) -> None:
    """The migrations of this checkout build a database that the runtime role accepts."""
    runtime = await asyncpg.connect(dsns.runtime)
    with pytest.raises(DatabaseOlder, match=r"lacks 0001_.* Run: freezeguard migrate"):
        await verify_current(runtime)
    assert await pending(dsns.owner) == load()
    assert await migrate(dsns.owner) == load()
    assert await migrate(dsns.owner) == []
    await verify_current(runtime)
    await runtime.close()


async def test_order_and_ledger(dsns: OwnerAndRuntimeDsns, owner, write: Write) -> None:
    """Files are applied in order, once, and each leaves a row with its checksum."""
    write("0001_one.sql", "CREATE TABLE t (i int);\n-- migrate:down\nDROP TABLE t;")
    directory = write("0002_two.sql", "INSERT INTO t VALUES (1);")
    assert versions(await pending(owner, directory)) == ["0001", "0002"]
    assert versions(await migrate(dsns.owner, directory)) == ["0001", "0002"]
    write("0003_three.sql", "INSERT INTO t VALUES (2);")
    assert versions(await pending(owner, directory)) == ["0003"]
    assert versions(await migrate(dsns.owner, directory)) == ["0003"]
    assert await owner.fetchval("SELECT array_agg(i ORDER BY i) FROM t") == [1, 2]
    ledger = await owner.fetch("SELECT version, checksum FROM schema_migrations ORDER BY 1")
    assert [tuple(row) for row in ledger] == [
        (one.version, one.checksum) for one in load(directory)
    ]


async def test_four_replicas_at_once(dsns: OwnerAndRuntimeDsns, owner, write: Write) -> None:
    """Four that start at once give no error, and no file runs twice; CONCURRENTLY included."""
    write("0001_one.sql", "CREATE TABLE t (i int);\nCREATE TYPE colour AS ENUM ('red');")
    write("0002_two.sql", CREATE_INDEX, "-- migrate:up transaction:false")
    directory = write("0003_three.sql", "INSERT INTO t SELECT count(*) FROM t;")
    results = await asyncio.gather(*(migrate(dsns.owner, directory) for _ in range(4)))
    assert sorted(map(len, results)) == [0, 0, 0, 3]
    assert await owner.fetchval("SELECT count(*) FROM t") == 1


async def test_failure_names_the_line_and_leaves_nothing(
    dsns: OwnerAndRuntimeDsns, owner, write: Write
) -> None:
    """A refused statement undoes its whole file and nothing else, and the text says where."""
    write("0001_one.sql", "CREATE TABLE t (i int);")
    sql = "INSERT INTO t VALUES (1);\n\n-- the one that fails\nINSERT INTO t\n  VALUES (nowhere);"
    directory = write("0002_two.sql", sql)
    with pytest.raises(MigrationFailed, match=r"^0002_two.sql, line 6: column \"nowhere\" does"):
        await migrate(dsns.owner, directory)
    assert await owner.fetchval("SELECT count(*) FROM t") == 0
    assert versions(await pending(owner, directory)) == ["0002"]
    write("0002_two.sql", "INSERT INTO t VALUES (1);\nSELECT 1/0;")
    with pytest.raises(MigrationFailed, match=r"line 3: division by zero .*Nothing of this file"):
        await migrate(dsns.owner, directory)
    write("0002_two.sql", "SELECT pg_sleep(5);")
    with pytest.raises(MigrationFailed, match="statement timeout"):
        await migrate(dsns.owner, directory, statement_timeout=0.1)


async def test_changed_file_is_refused(dsns: OwnerAndRuntimeDsns, owner, write: Write) -> None:
    """A file changed after the event is named; Windows line ends are no change."""
    directory = write("0001_one.sql", "CREATE TABLE t (i int);")
    await migrate(dsns.owner, directory)
    file = directory / "0001_one.sql"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    await verify_current(owner, directory)
    write("0001_one.sql", "CREATE TABLE t (i bigint);")
    for call in (migrate(dsns.owner, directory), verify_current(owner, directory)):
        with pytest.raises(ChecksumMismatch, match=r"0001_one.sql was changed"):
            await call


async def test_newer_database_is_refused(dsns: OwnerAndRuntimeDsns, owner, write: Write) -> None:
    """An older release neither migrates nor serves a newer database."""
    write("0001_one.sql", "CREATE TABLE t (i int);")
    directory = write("0002_two.sql", "CREATE TABLE u (i int);")
    await migrate(dsns.owner, directory)
    (directory / "0002_two.sql").unlink()
    for call in (migrate(dsns.owner, directory), verify_current(owner, directory)):
        with pytest.raises(DatabaseNewer, match="has migration 0002, this code ends with 0001"):
            await call


async def test_skipped_file_is_refused(dsns: OwnerAndRuntimeDsns, owner, write: Write) -> None:
    """A file that slipped in below the applied ones is not applied out of order."""
    write("0001_one.sql", "CREATE TABLE t (i int);")
    directory = write("0002_two.sql", "CREATE TABLE u (i int);")
    await migrate(dsns.owner, directory)
    await owner.execute("DELETE FROM schema_migrations WHERE version = '0001'")
    with pytest.raises(MigrationFileWrong, match=r"0001_one.sql was not applied although 0002 was"):
        await migrate(dsns.owner, directory)


@pytest.mark.parametrize(
    ("name", "head", "sql", "complaint"),
    [
        ("0002_gap.sql", "-- migrate:up", "SELECT 1;", "should be number 0001"),
        ("1_short.sql", "-- migrate:up", "SELECT 1;", "not named NNNN_name.sql"),
        ("0001_Big.sql", "-- migrate:up", "SELECT 1;", "not named NNNN_name.sql"),
        ("0001_a.sql", "SELECT 1;", "", "first line must be"),
        ("0001_a.sql", "-- migrate:up transaction:maybe", "", "first line must be"),
        ("0001_a.sql", "-- migrate:up", "SELECT 1;\nCOMMIT;", "line 3: transactions are the"),
        ("0001_a.sql", "-- migrate:up", "DROP INDEX CONCURRENTLY i;", "needs '-- migrate:up tr"),
        ("0001_a.sql", "-- migrate:up transaction:false", "CREATE INDEX CONCURRENTLY i ON t (i);",
         "needs IF NOT EXISTS"),
    ],
)  # fmt: skip
def test_wrong_file_is_named(write: Write, name: str, head: str, sql: str, complaint: str) -> None:
    """A file that breaks a rule is found before anything is applied."""
    directory = write(name, sql, head)
    with pytest.raises(MigrationFileWrong, match=complaint):
        load(directory)


def test_missing_files_are_no_migrated_database(tmp_path: Path, write: Write) -> None:
    """An installation without its files, or with two of one number, does not pass as complete."""
    with pytest.raises(MigrationFileWrong, match="holds no migration"):
        load(tmp_path)
    write("0001_a.sql", "SELECT 1;")
    with pytest.raises(MigrationFileWrong, match=r"0001_b.sql should be number 0002"):
        load(write("0001_b.sql", "SELECT 1;"))


async def test_settings_of_a_file_end_with_it(
    dsns: OwnerAndRuntimeDsns, owner, write: Write
) -> None:
    """A file that changes role or search path does not change where the next one works."""
    write("0001_one.sql", "CREATE SCHEMA aside;\nSET search_path = aside;\nSET lock_timeout = 0;")
    sql = "CREATE TABLE t AS SELECT current_setting('lock_timeout') AS held, current_user AS me;"
    directory = write("0002_two.sql", sql)
    await migrate(dsns.owner, directory, lock_timeout=3)
    assert tuple(await owner.fetchrow("SELECT * FROM public.t")) == ("3s", "freezeguard_owner")


async def test_open_reader_delays_and_is_not_run_over(
    dsns: OwnerAndRuntimeDsns, owner, write: Write
) -> None:
    """A migration waits for an open reader in short turns; other readers pass in between."""
    write("0001_one.sql", "CREATE TABLE t (i int);")
    directory = write("0002_two.sql", "ALTER TABLE t ADD COLUMN j int;")
    (directory / "0002_two.sql").rename(directory / "held")
    await migrate(dsns.owner, directory)
    (directory / "held").rename(directory / "0002_two.sql")
    transaction = owner.transaction()
    await transaction.start()
    await owner.fetch("SELECT * FROM t")
    running = asyncio.create_task(migrate(dsns.owner, directory, lock_timeout=0.2, patience=20))
    other = await asyncpg.connect(dsns.owner)
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 't'::regclass"
    await until(other, waiting)
    async with asyncio.timeout(10):
        await other.fetch("SELECT * FROM t")  # behind the ALTER, until its turn ends
    assert not running.done()
    await transaction.rollback()
    assert versions(await running) == ["0002"]
    await other.close()


async def test_lock_that_never_comes_is_reported(
    dsns: OwnerAndRuntimeDsns, owner, write: Write
) -> None:
    """After `patience` the file and the remedy are named, and nothing was changed."""
    await owner.execute("CREATE TABLE t (i int)")
    directory = write("0001_one.sql", "ALTER TABLE t ADD COLUMN j int;")
    async with owner.transaction():
        await owner.fetch("SELECT * FROM t")
        with pytest.raises(MigrationLocked, match=r"0001_one.sql, line 2: .*lock timeout.*pg_stat"):
            await migrate(dsns.owner, directory, lock_timeout=0.05, patience=0.2)


async def test_other_migrator_is_waited_for(dsns: OwnerAndRuntimeDsns, owner, write: Write) -> None:
    """Who finds a migrator at work waits, and says so when the patience ends."""
    directory = write("0001_one.sql", "CREATE TABLE t (i int);")
    await owner.execute("SELECT pg_advisory_lock($1)", 0x6D696772617465)
    with pytest.raises(MigrationLocked, match="Another process has been migrating"):
        await migrate(dsns.owner, directory, patience=0.2)
    waiting = asyncio.create_task(migrate(dsns.owner, directory))
    asked = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND query LIKE '%try_advisory%' AND pid <> pg_backend_pid()"
    )
    await until(owner, asked)
    await owner.execute("SELECT pg_advisory_unlock_all()")
    assert versions(await waiting) == ["0001"]


async def test_locks_that_do_not_lock_are_noticed(
    dsns: OwnerAndRuntimeDsns, owner, write: Write
) -> None:
    """Where advisory locks are accepted and do nothing, migrating is refused."""
    directory = write("0001_one.sql", "CREATE TABLE t (i int);")
    await owner.execute(
        "CREATE FUNCTION public.pg_try_advisory_lock(bigint) RETURNS bool RETURN true"
    )
    await owner.execute(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, pg_catalog',"
        " current_database()); END $$"
    )
    with pytest.raises(MigrationLocked, match="Advisory locks do not exclude here"):
        await migrate(dsns.owner, directory)


async def test_invalid_index_is_neither_kept_nor_hidden(
    dsns: OwnerAndRuntimeDsns, owner, write: Write
) -> None:
    """An index build that broke off is reported, and its remains give way to the next run."""
    write("0001_one.sql", "CREATE TABLE t (i int);\nINSERT INTO t VALUES (1), (1);")
    directory = write("0002_two.sql", CREATE_INDEX, "-- migrate:up transaction:false")
    with pytest.raises(MigrationFailed, match=r"0002_two.sql, line 2: could not create unique .*"
                       r"Key \(i\)=\(1\) is duplicated. .*without a transaction"):  # fmt: skip
        await migrate(dsns.owner, directory)
    assert await invalid_indexes(owner) == ["public.t_i"]
    await owner.execute("DELETE FROM t")
    assert versions(await migrate(dsns.owner, directory)) == ["0002"]
    assert await invalid_indexes(owner) == []
    assert await owner.fetchval("SELECT to_regclass('t_i') IS NOT NULL") is True


async def test_killed_migrator_is_replaced(dsns: OwnerAndRuntimeDsns, owner, write: Write) -> None:
    """Kill -9 of a migrator amid a long statement: the next one takes over within seconds."""
    sql = "CREATE TABLE t (i int);\nSELECT pg_sleep(50 * (SELECT n FROM slow));"
    directory = write("0001_one.sql", sql)
    await owner.execute("CREATE TABLE slow AS SELECT 1 AS n")
    script = (
        "import asyncio, sys, pathlib; from freezeguard.storage.migrations import migrate; "
        "asyncio.run(migrate(sys.argv[1], pathlib.Path(sys.argv[2])))"
    )
    command = [sys.executable, "-c", script, dsns.owner, str(directory)]
    asleep = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event = 'PgSleep'"
    )
    migrator = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=subprocess.DEVNULL)
    await until(owner, asleep)
    migrator.kill()
    await migrator.wait()
    await owner.execute("UPDATE slow SET n = 0")
    async with asyncio.timeout(10):
        assert versions(await migrate(dsns.owner, directory)) == ["0001"]


async def test_ledger_of_dbmate_is_understood(
    dsns: OwnerAndRuntimeDsns, owner, write: Write
) -> None:
    """Files that an operator applied with dbmate count as applied."""
    await owner.execute("CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY)")
    await owner.execute("INSERT INTO schema_migrations VALUES ('0001')")
    write("0001_one.sql", "SELECT 1/0;")
    directory = write("0002_two.sql", "CREATE TABLE t (i int);")
    assert versions(await migrate(dsns.owner, directory)) == ["0002"]
    await verify_current(owner, directory)


def test_errors_have_one_base() -> None:
    """Who starts the service catches one class."""
    kinds = ChecksumMismatch, DatabaseNewer, DatabaseOlder, MigrationFailed, MigrationFileWrong
    assert all(issubclass(kind, MigrationError) for kind in (*kinds, MigrationLocked))


async def test_a_waiver_becomes_the_one_of_its_case(dsns: OwnerAndRuntimeDsns, owner, tmp_path):
    """It goes to the case whose clock ends it, and to none where people get hurt."""
    for one in load():
        if one.version < "0010":
            (tmp_path / one.path.name).write_bytes(one.path.read_bytes())
    await migrate(dsns.owner, tmp_path)
    for n, (sku, lane, lot, kind) in enumerate([
        ("kettle", "quality", "L-1", "waiver:shop/p1"), ("kettle", "quality", "L-2", "update"),
        ("toaster", "safety", None, "waiver:shop/p1"), ("lamp", "quality", None, "waiver:shop"),
    ]):
        await owner.execute(
            "INSERT INTO cases (id, sku, lane, lot, state, version, evidence_revision, opened_by,"
            " opened_at, reason) VALUES (md5($1::text)::uuid, $2, $3, $4, 'frozen', 1, 1, 'mara',"
            " now(), '{}')", str(n), sku, lane, lot,
        )
        await owner.execute(
            "INSERT INTO clocks (id, case_id, sku, kind, started_at, due_at) VALUES"
            " (md5($1::text)::uuid, md5($1::text)::uuid, $2, $3, now(), now())", str(n), sku, kind,
        )
    for sku, remote_id, until_ in (
        ("kettle", "p1", "now() + interval '1 day'"), ("toaster", "p1", "now()"),
        ("lamp", "", "now()"), ("lamp", "p9", "NULL"),
    ):
        await owner.execute(
            "INSERT INTO catalogue_objects (sku, catalogue, remote_id, wanted, status, waived_by,"
            f" waived_why, waived_until) VALUES ($1, 'shop', $2, 'hard', 'refused', 'mara', 'why',"
            f" {until_})", sku, remote_id,
        )

    await migrate(dsns.owner)

    found = await owner.fetch(
        "SELECT waivers.sku, lot, remote_id, waived_by, why FROM waivers JOIN cases ON id = case_id"
        " ORDER BY sku"
    )
    assert [("kettle", "L-1", "p1", "mara", "why"), ("lamp", None, "", "mara", "why")] == [
        tuple(row) for row in found
    ]
