"""Attach to the embedded server of a data directory, and keep it alive while we use it."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import asyncpg
import structlog

import freezeguard
from freezeguard.storage.embedded import binaries as programs
from freezeguard.storage.embedded import home as homes
from freezeguard.storage.embedded.errors import EmbeddedError, ServerNotReady
from freezeguard.storage.embedded.home import Home

log = structlog.get_logger()

_MONITOR_SECONDS = 0.5
_MONITOR_LIMIT_SECONDS = 5.0
_SPAWN_SECONDS = 20.0
_POLL_SECONDS = 0.03
_CONNECT_SECONDS = 5.0
_NOT_YET = (
    OSError,
    asyncpg.CannotConnectNowError,
    asyncpg.PostgresConnectionError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the server listens (`host` is a socket directory) and how its superuser signs in."""

    host: str
    port: int
    superuser: str
    password: str = field(repr=False)
    data_dir: Path

    def dsn(self, database: str, user: str | None = None, password: str | None = None) -> str:
        """A connection string for asyncpg and libpq alike; the superuser's unless told another."""
        name = quote(user or self.superuser, safe="")
        secret = quote(self.password if password is None else password, safe="")
        place = f"host={quote(self.host, safe='')}&port={self.port}"
        return f"postgresql://{name}:{secret}@/{quote(database, safe='')}?{place}"


class EmbeddedServer:
    """Our share in the server of one data directory; it ends with the last share.

    Use `attach`. Losing the process, however it ends, gives up the share as `close` does.
    """

    def __init__(self, endpoint: Endpoint, home: Home, starter: "_Starter", share: int) -> None:
        self.endpoint = endpoint
        self._home = home
        self._share = share
        self._monitor = _Monitor(starter)
        self._monitor.start()

    @classmethod
    async def attach(
        cls,
        data_dir: Path,
        *,
        binaries: Path | None = None,
        test_mode: bool = False,
        deadline: float = 60,
    ) -> Self:
        """Join the server of `data_dir`, starting it where it does not run.

        `binaries` is a directory with `postgres` and `initdb`; without it they are searched for.
        `test_mode` trades durability for speed, in a server that this call starts. `deadline` is
        in seconds and begins anew whenever a crash recovery shows progress.
        Raises `EmbeddedError` with a remedy in its text.
        """
        places = homes.FLEETING_PLACES if test_mode else homes.PERSISTENT_PLACES
        home = await asyncio.to_thread(_open_home, data_dir, places)
        starter = _Starter(home, binaries, places, test_mode=test_mode)
        patience = _Patience(deadline, asyncio.get_running_loop().time)
        share = homes.open_private(home, home.clients_lock, os.O_RDWR)
        try:
            while not homes.try_lock(share, exclusive=False):  # a keeper is just ending
                patience.check(home)
                await asyncio.sleep(_POLL_SECONDS)
            endpoint = await _wait_until_ready(home, starter, patience)
            return cls(endpoint, home, starter, share)
        except BaseException:
            os.close(share)
            raise

    async def close(self) -> None:
        """Give up our share; the server ends when nobody has one. Harmless when repeated."""
        await asyncio.to_thread(self._monitor.stop)
        if self._share >= 0:
            os.close(self._share)
            self._share = -1

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


def _open_home(data_dir: Path, places: Sequence[Path]) -> Home:
    home = homes.open_home(data_dir, elsewhere=places)
    if (data_dir / "postgres").is_symlink():
        log.info("embedded_home_elsewhere", data_dir=str(data_dir), home=str(home.path))
    return home


class _Patience:
    """A deadline that begins anew when the keeper reports progress of a recovery."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._until = clock() + seconds
        self._progress: Any = None

    def check(self, home: Home, facts: dict[str, Any] | None = None) -> None:
        """Raise `ServerNotReady` when the time is up."""
        facts = facts or {}
        if facts.get("progress") != self._progress:
            self._progress = facts.get("progress")
            self._until = self._clock() + self._seconds
        if self._clock() > self._until:
            raise ServerNotReady(
                f"PostgreSQL in {home.cluster} was not ready within {self._seconds:g} s; it is "
                f"{facts.get('state', 'unknown')}. {facts.get('error', '')} "
                f"See {home.server_log} and {home.keeper_log}."
            )


async def _wait_until_ready(home: Home, starter: "_Starter", patience: _Patience) -> Endpoint:
    started = False
    while True:
        started |= await asyncio.to_thread(starter.ensure)
        facts = homes.read_facts(home)
        if facts.get("state") == "ready":
            endpoint = _endpoint(home, facts)
            if await _is_ours(endpoint, home):
                log.info("embedded_attached", home=str(home.path), started=started)
                return endpoint
        if facts.get("final") and homes.is_locked(home.keeper_lock):
            raise ServerNotReady(
                f"PostgreSQL in {home.cluster} does not start: {facts.get('error')} "
                f"See {home.server_log}."
            )
        patience.check(home, facts)
        await asyncio.sleep(_POLL_SECONDS)


def _endpoint(home: Home, facts: dict[str, Any]) -> Endpoint:
    password = homes.read_passwords(home)[homes.SUPERUSER]
    return Endpoint(facts["host"], facts["port"], homes.SUPERUSER, password, home.cluster)


async def _is_ours(endpoint: Endpoint, home: Home) -> bool:
    """Whether a real connection reaches the server of this very cluster."""
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            connection = await asyncpg.connect(endpoint.dsn("postgres"))
            try:
                found = await connection.fetchval("SHOW data_directory")
            finally:
                await connection.close()
    except asyncpg.InvalidPasswordError as error:
        raise ServerNotReady(
            f"The passwords in {home.passwords} are not those of {home.cluster}; bring the file "
            f"back from a backup, or move {home.path} away to begin with an empty database"
        ) from error
    except (*_NOT_YET, TimeoutError):
        return False
    return bool(found == str(home.cluster))


class _Starter:
    """Starts a keeper where none is. Every call is quick and safe to repeat."""

    def __init__(
        self, home: Home, explicit: Path | None, places: Sequence[Path], *, test_mode: bool
    ) -> None:
        self.home = home
        self._explicit = explicit
        self._places = places
        self._test_mode = test_mode

    def ensure(self) -> bool:
        """See to it that a keeper runs; True where this call started it."""
        lock = self.home.keeper_lock
        if lock.exists() and homes.is_locked(lock):
            return False
        handle = homes.open_private(self.home, self.home.start_lock, os.O_RDWR)
        try:
            if not homes.try_lock(handle, exclusive=True):
                return False  # another process is about to
            if lock.exists() and homes.is_locked(lock):
                return False
            self._spawn()
            return True
        finally:
            os.close(handle)

    def _spawn(self) -> None:
        home = self.home
        version = home.cluster / "PG_VERSION"
        major = int(version.read_text()) if version.exists() else None
        found = programs.find(
            self._explicit, major=major, account=home.account, places=self._places
        )
        command = [sys.executable, "-m", "freezeguard.storage.embedded.keeper",
                   "--home", str(home.path), "--binaries", str(found.directory)]  # fmt: skip
        if home.account is not None:
            command += ["--account", f"{home.account.uid}:{home.account.gid}"]
        if self._test_mode:
            command.append("--test-mode")
        try:
            subprocess.run(  # noqa: S603 - our own module, no shell
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/",
                env=_environment(), timeout=_SPAWN_SECONDS, check=True,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            words = getattr(error, "stderr", None) or error
            raise ServerNotReady(
                f"The keeper of {home.path} did not start: {words} See {home.keeper_log}."
            ) from error


def _environment() -> dict[str, str]:
    """The keeper finds this very package and inherits nothing secret."""
    kept = ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "LANG")
    package = Path(freezeguard.__file__).resolve().parent.parent
    chosen = {name: os.environ[name] for name in kept if name in os.environ}
    return {**chosen, "PYTHONPATH": str(package)}


class _Monitor(threading.Thread):
    """Brings up a new keeper when ours was killed, even while the event loop is busy."""

    def __init__(self, starter: _Starter) -> None:
        super().__init__(name="embedded-server-monitor", daemon=True)
        self._starter = starter
        self._ended = threading.Event()

    def run(self) -> None:
        pause = _MONITOR_SECONDS
        while not self._ended.wait(pause):
            try:
                started = self._starter.ensure()
            except FileNotFoundError:
                log.warning("embedded_home_gone", home=str(self._starter.home.path))
                return
            except (OSError, subprocess.SubprocessError, EmbeddedError) as error:
                log.error("embedded_keeper_not_started", error=str(error))  # noqa: TRY400
                pause = min(pause * 2, _MONITOR_LIMIT_SECONDS)
                continue
            if started:
                log.warning("embedded_keeper_restarted", home=str(self._starter.home.path))
            pause = min(pause * 2, _MONITOR_LIMIT_SECONDS) if started else _MONITOR_SECONDS

    def stop(self) -> None:
        """End the thread; waits for a start under way."""
        self._ended.set()
        if self.is_alive():
            self.join(_SPAWN_SECONDS)
