"""The embedded server lives exactly as long as somebody uses it, whoever is killed."""

import asyncio
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import pytest

from freezeguard.storage.embedded import EmbeddedServer, Endpoint, binaries, prepare_database
from freezeguard.storage.embedded import home as homes
from freezeguard.storage.embedded.errors import HomeUnusable, ServerNotReady, WrongMajorVersion
from freezeguard.storage.embedded.server import _Patience
from tests.storage.conftest import Client, ended, scratch, server_pids, wait_until

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change to another account")
StartClient = Callable[..., Client]
LOST = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


@asynccontextmanager
async def attached(data_dir: Path, **options: object) -> AsyncIterator[EmbeddedServer]:
    server = await EmbeddedServer.attach(data_dir, **{"test_mode": True, **options})
    try:
        yield server
    finally:
        await server.close()


async def ask(endpoint: Endpoint, question: str) -> object:
    connection = await asyncpg.connect(endpoint.dsn("postgres"), timeout=5)
    try:
        return await connection.fetchval(question)
    finally:
        await connection.close()


async def ask_until_answered(endpoint: Endpoint, question: str) -> object:
    """Ask again while the server comes back."""
    async with asyncio.timeout(20):
        while True:
            with suppress(*LOST):
                return await ask(endpoint, question)
            await asyncio.sleep(0.05)


def facts(data_dir: Path) -> dict[str, int]:
    return json.loads((data_dir / "postgres" / "server.json").read_text())


async def comes(condition: Callable[[], bool], what: str) -> None:
    await asyncio.to_thread(wait_until, condition, what)


async def ends(data_dir: Path) -> None:
    await comes(lambda: ended(data_dir), "the server ended")


def run_as(uid: int, *command: str | Path, **environment: str) -> subprocess.Popen[bytes]:
    account = {"user": uid, "extra_groups": []} if os.geteuid() == 0 else {}
    return subprocess.Popen(command, cwd="/", env=environment, stderr=subprocess.DEVNULL, **account)


async def test_first_start_is_private(data_dir: Path) -> None:
    """A new server listens on no network, asks for passwords, and ends with its last user."""
    async with attached(data_dir) as server:
        found = server.endpoint
        assert await ask(found, "SHOW listen_addresses") == ""
        assert await ask(found, "SHOW data_checksums") == "on"
        assert await ask(found, "SHOW server_encoding") == "UTF8"
        assert await ask(found, "SELECT datcollate FROM pg_database LIMIT 1") == "C"
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(found.dsn("postgres", password="wrong"))
        home = data_dir / "postgres"
        for name in ("passwords.json", "server.json", "postgres.log", "keeper.log"):
            assert stat.S_IMODE((home / name).stat().st_mode) == 0o600, name
        assert stat.S_IMODE((home / "run").stat().st_mode) == 0o700
        assert found.host == str(home / "run")
        assert found.password not in repr(found)
    await ends(data_dir)
    assert not (home / "server.json").exists()


def test_four_processes_share_one_server(data_dir: Path, start_client: StartClient) -> None:
    """Processes that start at once on an empty directory get one server; the last one ends it."""
    clients = [start_client() for _ in range(4)]
    assert len({client.facts()["started"] for client in clients}) == 1
    for client in clients[:2]:
        client.end(kill=True)
    clients[2].end()
    pids = server_pids(data_dir)
    assert pids
    clients[3].end(kill=True)
    wait_until(lambda: ended(data_dir), "the server ended after the last client was killed")


async def test_killed_client_leaves_the_server_to_others(
    data_dir: Path, start_client: StartClient
) -> None:
    """Kill -9 of the client that started the server takes the database from nobody."""
    starter = start_client()
    began = await asyncio.to_thread(starter.facts)
    async with attached(data_dir) as server:
        connection = await asyncpg.connect(server.endpoint.dsn("postgres"))
        starter.end(kill=True)
        await asyncio.to_thread(_let_keeper_look, data_dir)
        now = await connection.fetchval("SELECT pg_postmaster_start_time()")
        assert str(now) == began["started"]
        await connection.close()


def _let_keeper_look(data_dir: Path) -> None:
    """Wait until the keeper has woken up three times."""
    status = Path(f"/proc/{facts(data_dir)['keeper']}/status")

    def naps() -> int:
        return int(status.read_text().partition("\nvoluntary_ctxt_switches:")[2].split()[0])

    before = naps()
    wait_until(lambda: naps() >= before + 3, "the keeper looked around")


async def test_returning_users_meet_no_race(data_dir: Path) -> None:
    """Who arrives in any moment of the server's end gets a working server."""
    file = data_dir / "postgres" / "server.json"
    moments = {
        "at once": lambda: True,
        "as it stops": lambda: not file.exists() or "stopping" in file.read_text(),
        "as it has stopped": lambda: not file.exists(),
        "after the end": lambda: ended(data_dir),
    }
    for name, has_come in moments.items():
        async with attached(data_dir) as server:
            assert await ask(server.endpoint, "SELECT 1") == 1, name
        await comes(has_come, name)


@pytest.mark.parametrize("victims", ["postmaster", "all servers", "keeper", "keeper and servers"])
async def test_acknowledged_rows_survive_kill(data_dir: Path, victims: str) -> None:
    """After kill -9 the server is back on the same address, with each acknowledged row."""
    async with attached(data_dir, test_mode=False) as server:
        settings = "fsync", "synchronous_commit", "full_page_writes", "max_connections"
        durable = [await ask(server.endpoint, f"SHOW {name}") for name in settings]
        assert durable == ["on", "on", "on", "100"]
        await ask(server.endpoint, "CREATE TABLE t (i bigint)")
        acknowledged: set[int] = set()
        writer = asyncio.create_task(_write(server.endpoint, acknowledged))
        for enough in (100, 200) if victims == "all servers" else (100,):
            await comes(lambda: len(acknowledged) >= enough, "rows")  # noqa: B023 - awaited here
            found = facts(data_dir)
            if "keeper" in victims:
                os.kill(found["keeper"], signal.SIGKILL)
            if victims == "postmaster":
                os.kill(found["postmaster"], signal.SIGKILL)
            elif "servers" in victims:
                for pid in server_pids(data_dir):
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            await comes(lambda: _is_back(data_dir, found["postmaster"]), "back")  # noqa: B023
        writer.cancel()
        with suppress(asyncio.CancelledError):
            await writer
        stored = await ask_until_answered(server.endpoint, "SELECT array_agg(i) FROM t")
        assert acknowledged - set(stored) == set()


def _is_back(data_dir: Path, before: int) -> bool:
    with suppress(FileNotFoundError):
        found = facts(data_dir)
        return found["state"] == "ready" and found["postmaster"] != before
    return False


async def _write(endpoint: Endpoint, acknowledged: set[int]) -> None:
    """Write numbers for ever; remember those that were acknowledged."""
    number = 0
    while True:
        with suppress(*LOST):
            connection = await asyncpg.connect(endpoint.dsn("postgres"), timeout=5)
            try:
                while True:
                    number += 1
                    await connection.execute("INSERT INTO t VALUES ($1)", number)
                    acknowledged.add(number)
            finally:
                connection.terminate()
        await asyncio.sleep(0.02)


def test_nothing_outlives_killed_client_and_keeper(
    data_dir: Path, start_client: StartClient
) -> None:
    """Kill -9 of the last client and of the keeper leaves no server behind."""
    client = start_client()
    client.facts()
    os.kill(facts(data_dir)["keeper"], signal.SIGKILL)
    client.end(kill=True)
    wait_until(lambda: ended(data_dir), "the server ended without its keeper")


async def test_smart_shutdown_by_a_stranger_is_cut_short(data_dir: Path) -> None:
    """A SIGTERM to the server, which would wait for our pool for ever, only restarts it."""
    async with attached(data_dir) as server:
        connection = await asyncpg.connect(server.endpoint.dsn("postgres"))
        before = facts(data_dir)["postmaster"]
        os.kill(before, signal.SIGTERM)
        await comes(lambda: _is_back(data_dir, before), "the server is back")
        connection.terminate()
        assert await ask_until_answered(server.endpoint, "SELECT 1") == 1


def programs_in_reach(place: Path) -> Path:
    """Return where PostgreSQL's programs are for whoever runs them below this place."""
    found, account = binaries.find(), homes._account(place)
    return (found if account is None else binaries.within_reach(found, account)).directory


async def test_cut_off_initdb_is_made_good(data_dir: Path) -> None:
    """Kill -9 in the middle of the first start: the next start has a whole cluster."""
    real = programs_in_reach(data_dir)
    programs, cut_off = data_dir / "bin", data_dir / "open" / "cut_off"
    programs.mkdir()
    cut_off.parent.mkdir()
    cut_off.parent.chmod(0o777)
    cut = f"[ $1 = --version ] || [ -e {cut_off} ] || {{ touch {cut_off}; exec sleep 60; }}"
    scripts = {
        "postgres": f'exec {real}/postgres "$@"',
        "initdb": f'{real}/initdb "$@"\n{cut}',
    }
    for name, script in scripts.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    first = asyncio.create_task(EmbeddedServer.attach(data_dir, binaries=programs, test_mode=True))
    home = data_dir / "postgres"
    await comes(cut_off.exists, "a cluster that is made but not in place")
    os.kill(facts(data_dir)["keeper"], signal.SIGKILL)
    assert not (home / "cluster").exists()
    server = await first
    assert await ask(server.endpoint, "SELECT 1") == 1
    assert list(home.glob("*draft*")) == []
    await server.close()


async def test_lock_file_of_a_stranger_or_zombie_is_no_obstacle(data_dir: Path) -> None:
    """A lock file whose process id was given to another process, or to a zombie, is removed."""
    async with attached(data_dir):
        pass
    await ends(data_dir)
    home = data_dir / "postgres"
    uid = (home / "cluster").stat().st_uid
    for zombie in (False, True):
        stranger = run_as(uid, "sleep", "60")
        try:
            if zombie:
                stranger.kill()  # and not waited for
            content = f"{stranger.pid}\n{home / 'cluster'}\n1\n5432\n{home / 'run'}\n\n0 0\nready\n"
            (home / "cluster" / "postmaster.pid").write_text(content)
            async with attached(data_dir) as server:
                assert await ask(server.endpoint, "SELECT 1") == 1
            assert stranger.poll() is None or zombie
            await ends(data_dir)
        finally:
            stranger.kill()
            stranger.wait()
    assert "start_refused_by_lock" in (home / "keeper.log").read_text()


async def test_a_data_directory_that_cannot_be_made_says_what_helps(tmp_path):
    """Below a file nobody can make a directory: the message names it and the way out."""
    (tmp_path / "file").touch()
    with pytest.raises(HomeUnusable, match="FREEZEGUARD_DATA_DIR"):
        await EmbeddedServer.attach(tmp_path / "file" / "data", test_mode=True)


async def test_foreign_server_is_named_not_touched(data_dir: Path) -> None:
    """A server that somebody started by hand in our cluster is neither used nor stopped."""
    async with attached(data_dir):
        pass
    await ends(data_dir)
    home = homes.open_home(data_dir)
    sockets = homes.socket_directory(home, None)
    uid = home.cluster.stat().st_uid
    options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={sockets}"]
    program = programs_in_reach(data_dir) / "postgres"
    by_hand = run_as(uid, program, *options, PGDATA=str(home.cluster))
    try:
        pid_file = home.cluster / "postmaster.pid"
        wait_until(lambda: pid_file.exists() and "ready" in pid_file.read_text(), "by hand")
        with pytest.raises(ServerNotReady, match=f"process id {by_hand.pid}, uses .*; stop it"):
            await EmbeddedServer.attach(data_dir, deadline=3)
        assert by_hand.poll() is None
    finally:
        by_hand.send_signal(signal.SIGINT)
        by_hand.wait(20)


async def test_home_taken_away_ends_the_server(data_dir: Path) -> None:
    """Moving the home away under a running server ends that; who comes next gets a new one."""
    async with attached(data_dir) as server:
        await ask(server.endpoint, "CREATE TABLE t (i int)")
        pids = server_pids(data_dir)
        (data_dir / "postgres").rename(data_dir / "moved")
        async with attached(data_dir, deadline=15) as other:
            assert await ask(other.endpoint, "SELECT to_regclass('t')") is None
            await comes(lambda: not any(map(_alive, pids)), "the server ended with its home")
            assert await ask(other.endpoint, "SELECT 1") == 1


async def test_removed_home_stays_removed(data_dir: Path) -> None:
    """A client that lives on does not bring an empty home back."""
    async with attached(data_dir) as server:
        pids = server_pids(data_dir)
        (data_dir / "postgres").rename(data_dir / "moved")
        await comes(lambda: not any(map(_alive, pids)), "the server ended with its home")
        await comes(lambda: not server._monitor.is_alive(), "the monitor noticed")
    assert not (data_dir / "postgres").exists()


def _alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
    except FileNotFoundError:
        return False


async def test_other_major_version_is_refused(data_dir: Path) -> None:
    """A cluster of another major version is left alone and the text says what to do."""
    home = homes.open_home(data_dir)
    home.cluster.mkdir()
    (home.cluster / "PG_VERSION").write_text("14\n")
    with pytest.raises(WrongMajorVersion, match=r"made by PostgreSQL 14, here is only 1\d.*PG_BIN"):
        await EmbeddedServer.attach(data_dir)


async def test_refused_start_says_why(data_dir: Path) -> None:
    """A server that can't start is reported with PostgreSQL's own words, before the deadline."""
    async with attached(data_dir):
        pass
    await ends(data_dir)
    with (data_dir / "postgres" / "cluster" / "postgresql.conf").open("a") as file:
        file.write("work_mem = 'as you like'\n")
    with pytest.raises(ServerNotReady, match=r"work_mem.*postgres.log"):
        await EmbeddedServer.attach(data_dir, deadline=60)


async def test_lost_passwords_and_lost_home_are_explained(data_dir: Path) -> None:
    """A cluster is never silently replaced by an empty one."""
    home = homes.open_home(data_dir)
    home.cluster.mkdir()
    home.passwords.unlink()
    with pytest.raises(HomeUnusable, match=r"passwords.json is missing"):
        await EmbeddedServer.attach(data_dir)
    shutil.rmtree(home.path)
    home.path.symlink_to(data_dir / "gone")
    with pytest.raises(HomeUnusable, match="is gone; bring it back"):
        await EmbeddedServer.attach(data_dir)


async def test_roles_are_made_once_and_hold_their_limits(shared_server: EmbeddedServer) -> None:
    """Of several processes at once none fails; the runtime role owns and may make nothing."""
    made = await asyncio.gather(
        *(prepare_database(shared_server.endpoint, 'odd "name"') for _ in range(4))
    )
    assert len({(dsns.owner, dsns.runtime) for dsns in made}) == 1
    assert "postgresql://" not in repr(made[0])
    owner = await asyncpg.connect(made[0].owner)
    await owner.execute("CREATE TABLE secret (tenant text)")
    await owner.execute("ALTER TABLE secret ENABLE ROW LEVEL SECURITY")
    await owner.execute("INSERT INTO secret VALUES ('a')")
    await owner.execute("GRANT SELECT ON secret TO freezeguard_runtime")
    runtime = await asyncpg.connect(made[0].runtime)
    assert await runtime.fetch("SELECT * FROM secret") == []
    for forbidden in (
        "CREATE TABLE mine (i int)", "CREATE SCHEMA mine", "CREATE ROLE other",
        "DROP TABLE secret", "CREATE DATABASE other", "SET ROLE freezeguard_owner",
    ):  # fmt: skip
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await runtime.execute(forbidden)
    await owner.close()
    await runtime.close()


async def test_weakened_role_is_put_right(shared_server: EmbeddedServer) -> None:
    """A runtime role that somebody made stronger, or without a login, is as it should be again."""
    dsns = await prepare_database(shared_server.endpoint, "one")
    for weakness in ("NOLOGIN PASSWORD NULL", "BYPASSRLS", "SUPERUSER", "CREATEROLE"):
        await ask(shared_server.endpoint, f"ALTER ROLE freezeguard_runtime {weakness}")
        await prepare_database(shared_server.endpoint, "one")
        runtime = await asyncpg.connect(dsns.runtime)
        query = "SELECT rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = user"
        assert tuple(await runtime.fetchrow(query)) == (False, False, False), weakness
        await runtime.close()


async def test_database_from_template(shared_server: EmbeddedServer) -> None:
    """A test gets its database as a copy of a migrated one."""
    dsns = await prepare_database(shared_server.endpoint, "pattern")
    owner = await asyncpg.connect(dsns.owner)
    await owner.execute("CREATE TABLE t (i int)")
    await owner.close()
    copy = await prepare_database(shared_server.endpoint, "copy", template="pattern")
    owner = await asyncpg.connect(copy.owner)
    assert await owner.fetch("SELECT * FROM t") == []
    await owner.close()


@as_root
async def test_root_in_a_directory_of_its_own(
    monkeypatch: pytest.MonkeyPatch, start_client: StartClient
) -> None:
    """Where only root may enter, the home is placed elsewhere, found again, and nothing opened."""
    with scratch(0o700) as data_dir, scratch() as elsewhere:
        monkeypatch.setattr(homes, "FLEETING_PLACES", (elsewhere,))
        async with attached(data_dir) as server:
            await ask(server.endpoint, "CREATE TABLE t (i int)")
            home = (data_dir / "postgres").resolve()
            assert home.parent == elsewhere
            assert (home / "cluster").stat().st_uid != 0
        async with attached(data_dir) as server:
            assert await ask(server.endpoint, "SELECT count(*) FROM t") == 0
        await ends(data_dir)
        assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700


@as_root
def test_ordinary_user(start_client: StartClient) -> None:
    """An ordinary user needs no rights; a data directory with a long path gets a short socket."""
    if not homes.reachable(Path(homes.__file__).parent, homes.Account(65534, 65534)):
        pytest.skip("this code lies where only root may enter")
    with scratch() as place:
        deep = place / ("long" * 30)
        deep.mkdir()
        os.chown(deep, 65534, 65534)
        try:
            first, second = (start_client(*_ordinary(), at=deep) for _ in range(2))
            found = first.facts()
            assert second.facts()["started"] == found["started"]
            assert Path(found["host"]).parent == Path(tempfile.gettempdir())
            os.kill(facts(deep)["keeper"], signal.SIGKILL)
            wait_until(lambda: _is_back(deep, 0), "a new keeper")
            third = start_client(*_ordinary(), at=deep)
            assert third.facts()["host"] == found["host"]
            for client in (first, second, third):
                client.end()
            wait_until(lambda: ended(deep), "the server ended")
            assert not Path(found["host"]).exists()
            assert (deep / "postgres" / "cluster").stat().st_uid == 65534
        finally:
            wait_until(lambda: ended(deep), "the server ended")


@as_root
def test_home_of_root_is_refused_to_others(data_dir: Path, start_client: StartClient) -> None:
    """A user who meets another's data directory is told whose it is."""
    homes.open_home(data_dir)
    error = start_client(*_ordinary()).facts()["error"]
    assert "belongs to uid 0, you are uid 65534" in error


@as_root
def test_root_that_can_become_nobody_else(data_dir: Path, start_client: StartClient) -> None:
    """Root of a user namespace is told that it can't run PostgreSQL, and what helps."""
    if shutil.which("unshare") is None or subprocess.call(["unshare", "-r", "true"]):
        pytest.skip("no user namespaces here")
    error = start_client("unshare", "-r").facts()["error"]
    assert "this root can't switch to uid" in error
    assert "FREEZEGUARD_DATABASE_URL" in error


def _ordinary() -> tuple[str, ...]:
    """Run as nobody. Reading everything is allowed, for the interpreter may lie in root's home."""
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed")
    capability = "-all,+dac_read_search"
    return ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
            f"--inh-caps={capability}", f"--ambient-caps={capability}")  # fmt: skip


async def test_recovery_that_advances_is_waited_for(data_dir: Path) -> None:
    """The deadline begins anew with each sign of progress, and only then."""
    now = 0.0
    patience = _Patience(10, lambda: now)
    home = homes.open_home(data_dir)
    for now in (9.0, 18.0, 27.0):
        patience.check(home, {"state": "starting", "progress": now})
    now = 36.0
    patience.check(home, {"state": "starting", "progress": 27.0})
    now = 38.0
    with pytest.raises(ServerNotReady, match="not ready within 10 s; it is starting"):
        patience.check(home, {"state": "starting", "progress": 27.0})


def test_keeper_carries_the_standard_library_only() -> None:
    """The keeper lives as long as the server, so it loads neither the driver nor the logger."""
    script = (
        "import sys, freezeguard.storage.embedded.keeper\n"
        "print(sorted({'asyncpg', 'structlog', 'asyncio', 'aiohttp'} & {*sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
