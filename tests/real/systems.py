"""Starts real shop systems beside the tests: installed from npm by name, on our own PostgreSQL.

What npm installs is kept between runs, in the user's cache or where FREEZEGUARD_REAL says.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import quote

import asyncpg

from freezeguard.storage.embedded import EmbeddedServer
from freezeguard.storage.embedded.server import Endpoint

HERE = Path(__file__).resolve().parent
ADMIN, PASSWORD = "admin@shop.example", "only-on-loopback-4711"
INSTALL_SECONDS, START_SECONDS, STOP_SECONDS = 900, 180, 20


def missing_programs() -> str:
    """Say what is not installed here that the real systems need; empty where nothing is."""
    return ", ".join(name for name in ("node", "npm") if shutil.which(name) is None)


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def install(kind: str) -> Path:
    """Install a system from npm unless it is there already; return its place."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    place = Path(os.environ.get("FREEZEGUARD_REAL") or cache / "freezeguard" / "real") / kind
    wanted = (HERE / kind / "package.json").read_text("utf-8")
    place.mkdir(parents=True, exist_ok=True)
    for file in (HERE / kind).iterdir():
        shutil.copy(file, place / file.name)
    done = place / "installed.json"
    if not done.exists() or done.read_text("utf-8") != wanted:
        subprocess.run(
            ["npm", "install", "--omit=dev", "--legacy-peer-deps", "--no-audit", "--no-fund",
             "--loglevel=error"],
            cwd=place, check=True, timeout=INSTALL_SECONDS, stdin=subprocess.DEVNULL,
        )
        done.write_text(wanted, "utf-8")
    return place


class Gate:
    """A port of loopback that leads to the socket of our PostgreSQL, which has no port."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._socket = f"{endpoint.host}/.s.PGSQL.{endpoint.port}"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._lines: set[asyncio.StreamWriter] = set()
        self._server = self._do(asyncio.start_server(self._lead, "127.0.0.1", 0))
        self.port = int(self._server.sockets[0].getsockname()[1])

    def _do(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(self._socket)
        self._lines |= {writer, far_writer}
        await asyncio.gather(_pass_on(reader, far_writer), _pass_on(far_reader, writer))
        self._lines -= {writer, far_writer}

    async def _cut(self) -> None:
        for one in self._lines:
            one.close()

    def close(self) -> None:
        """Cut what is open, and lead nobody any more."""
        self._loop.call_soon_threadsafe(self._server.close)
        self._do(self._cut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    writer.close()


@dataclass
class FarSide:
    """One running system and its database. `start` and `stop` may be called again and again."""

    kind: str
    place: Path
    server: EmbeddedServer
    gate: Gate
    log: IO[bytes]
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    seeded: bool = False
    session: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> str:
        return f"far_side_{self.kind}"

    def sql(self, *statements: str, database: str = "postgres") -> None:
        """Carry out statements as the superuser of our PostgreSQL."""

        async def work() -> None:
            connection = await asyncpg.connect(self.server.endpoint.dsn(database), timeout=30)
            try:
                for one in statements:
                    await connection.execute(one)
            finally:
                await connection.close()

        thread = threading.Thread(target=lambda: asyncio.run(work()))
        thread.start()
        thread.join(60)
        assert not thread.is_alive(), "PostgreSQL did not answer within 60 s"

    def start(self) -> None:
        """Start the system and wait until it answers."""
        command, environment = COMMANDS[self.kind](self)
        self.process = subprocess.Popen(
            command, cwd=self.place, env={**os.environ, "NODE_ENV": "production", **environment},
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True,
        )
        until = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self.process.poll() is None, f"{self.kind} ended: see {self.log.name}"
            assert time.monotonic() < until, f"{self.kind} does not answer: see {self.log.name}"
            time.sleep(0.2)
        self.seeded = True

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except OSError:
            return False

    def stop(self) -> None:
        """End the system and whatever it started: by request, and by force after a while."""
        process, self.process = self.process, None
        if process is None:
            return
        for wanted in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, wanted)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
                break

    def keep(self, name: str) -> None:
        """Keep a copy of the database, as a backup does. The system is stopped meanwhile."""
        self.stop()
        self.sql(f"CREATE DATABASE {name} TEMPLATE {self.database}")
        self.start()

    def bring_back(self, name: str) -> None:
        """Put the copy in the place of the database: what came since is gone."""
        self.stop()
        self.sql(
            f"DROP DATABASE {self.database} WITH (FORCE)",
            f"ALTER DATABASE {name} RENAME TO {self.database}",
        )
        self.start()


def _vendure(side: FarSide) -> tuple[list[str], Mapping[str, str]]:
    endpoint = side.server.endpoint
    settings = {
        "port": side.port, "user": ADMIN, "password": PASSWORD, "seed": not side.seeded,
        "session": side.session or "1y",
        "database": {
            "host": "127.0.0.1", "port": side.gate.port, "database": side.database,
            "username": endpoint.superuser, "password": endpoint.password,
        },
    }
    file = Path(side.log.name).with_suffix(".json")
    file.write_text(json.dumps(settings), "utf-8")
    return ["node", "start.cjs", str(file)], {"VENDURE_DISABLE_TELEMETRY": "true"}


def _medusa(side: FarSide) -> tuple[list[str], Mapping[str, str]]:
    endpoint = side.server.endpoint
    secret = quote(endpoint.password, safe="")
    address = f"{endpoint.superuser}:{secret}@127.0.0.1:{side.gate.port}"
    environment = {
        "DATABASE_URL": f"postgres://{address}/{side.database}?sslmode=disable",
        "MEDUSA_DISABLE_TELEMETRY": "true",
        **({"SESSION": side.session} if side.session else {}),
    }
    medusa = "node_modules/.bin/medusa"
    if not side.seeded:
        for step in (["db:migrate", "--skip-scripts"], ["user", "-e", ADMIN, "-p", PASSWORD]):
            subprocess.run(
                [medusa, *step], cwd=side.place, check=True, timeout=START_SECONDS,
                env={**os.environ, "NODE_ENV": "production", **environment},
                stdin=subprocess.DEVNULL, stdout=side.log, stderr=side.log,
            )
    command = [medusa, "start", "--host", "127.0.0.1", "--port", str(side.port)]
    return command, environment


COMMANDS = {"vendure": _vendure, "medusa": _medusa}


@contextlib.contextmanager
def running(kind: str, server: EmbeddedServer, place: Path):
    """Run a system with an empty database; yield its `FarSide`."""
    gate = Gate(server.endpoint)
    with (place / f"{kind}.log").open("wb") as log:
        side = FarSide(kind, install(kind), server, gate, log)
        side.sql(f"CREATE DATABASE {side.database}")
        try:
            side.start()
            yield side
        finally:
            side.stop()
            gate.close()
