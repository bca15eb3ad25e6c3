"""Keeps the local copy by the stream, and the copy on disk by the local one.

One connection after the other: resume behind what was last confirmed, or take a snapshot. Every
wait has a deadline; a connection that was silent for too long is given up even if bytes wait in it,
for they may be as old as the silence.
"""

import asyncio
import contextlib
import logging
import math
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from freezeguard.client import copyfile
from freezeguard.client.errors import ClientError, CopyCorrupt, CopyMissing, StreamBroken
from freezeguard.client.events import Reader, Snapshot, understood
from freezeguard.client.gate import Clock, Gate
from freezeguard.client.heldset import Change, Confirmed
from freezeguard.client.states import Why

log = logging.getLogger("freezeguard.client")

MakeSession = Callable[[], aiohttp.ClientSession]


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to wait for what, in seconds.

    `silence` is more than two of the server's keep-alives; pauses between connections double from
    `first_retry` to `longest_retry`, each cut short by up to half.
    """

    connect: float = 10.0
    silence: float = 40.0
    first_retry: float = 0.5
    longest_retry: float = 30.0
    save_every: float = 30.0
    look_every: float = 1.0

    def retry(self, failures: int) -> float:
        """Return the pause after so many failures in a row, without its jitter."""
        return min(self.first_retry * 2.0 ** min(failures - 1, 30), self.longest_retry)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the held set is heard from, and where its copy is kept, if it is."""

    url: str
    key: str
    copy: Path | None


class Follower:
    """Feeds a gate. Everything happens in the event loop that runs `run`, but for writing files."""

    def __init__(
        self,
        gate: Gate,
        source: Source,
        *,
        pace: Pace,
        clock: Clock,
        make_session: MakeSession = aiohttp.ClientSession,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._gate, self._source, self._pace = gate, source, pace
        self._clock, self._make_session, self._jitter = clock, make_session, jitter
        self.confirmed = asyncio.Event()  # on the present connection
        self._dirty = asyncio.Event()
        self._saved_at = -math.inf
        self._failures = 0
        self._writing = threading.Lock()
        self._dumped = self._written = 0

    async def load(self) -> None:
        """Begin with the copy on disk; a damaged one is kept aside and never trusted."""
        path = self._source.copy
        if path is None:
            return
        try:
            self._gate.start_from(await asyncio.to_thread(copyfile.load, path))
        except CopyMissing:
            log.info("no copy of the held set on disk: %s", path)
        except ClientError as error:
            aside = await asyncio.to_thread(copyfile.set_aside, path)
            self._gate.counts["corrupt_copies"] += 1
            self._gate.last_error = f"{CopyCorrupt.__name__}: {error}"
            self._gate.start_without(Why.COPY_CORRUPT)
            log.exception("the copy on disk is not to be trusted; kept as %s", aside)

    async def run(self) -> None:
        """Follow, save and look at the clock until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._follow())
                tasks.create_task(self._save())
                tasks.create_task(self._look())
        finally:
            await self._save_now()

    # ------------------------------------------------------------------------------- following

    async def _follow(self) -> None:
        while True:
            try:
                async with self._make_session() as session:
                    await self._connection(session)
                self._failed("the server ended the stream")
            except (ClientError, aiohttp.ClientError, OSError) as error:  # time ran out too
                self._failed(f"{type(error).__name__}: {error}")
            except Exception as error:  # whatever it is, following must go on
                log.exception("following failed")
                self._failed(f"{type(error).__name__}: {error}")
            pause = self._pace.retry(self._failures)
            await asyncio.sleep(pause * (1 - self._jitter() / 2))

    def _failed(self, error: str) -> None:
        self.confirmed.clear()
        self._failures += 1
        self._gate.counts["disconnections"] += 1
        self._gate.last_error = error
        log.warning("not connected to freezeguard: %s", error)

    async def _connection(self, session: aiohttp.ClientSession) -> None:
        """Follow one stream until it ends. Raises StreamBroken, NotUnderstood, aiohttp's errors."""
        pace = self._pace
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=pace.connect, sock_read=pace.silence
        )
        url = f"{self._source.url.rstrip('/')}/v1/holds/stream"
        async with asyncio.timeout(pace.connect):
            answer = await session.get(
                url, headers=self._headers(), timeout=timeout, allow_redirects=False
            )
        async with answer:
            if answer.status != 200 or answer.content_type != "text/event-stream":
                raise StreamBroken(f"answered {answer.status} ({answer.content_type})")
            self._gate.held.begin()
            await self._read(answer.content)

    def _headers(self) -> dict[str, str]:
        headers = {
            "Authorization": f"Bearer {self._source.key}", "Accept": "text/event-stream",
            "Accept-Encoding": "identity",
        }
        held = self._gate.held
        if held.is_complete:
            headers["Last-Event-ID"] = str(held.revision)
        return headers

    async def _read(self, content: aiohttp.StreamReader) -> None:
        reader, heard = Reader(), self._clock()
        async for piece in content.iter_any():
            now = self._clock()
            if not 0 <= now - heard <= self._pace.silence:
                raise StreamBroken("what waited here may be as old as the silence before it")
            heard = now
            for block in reader.feed(piece):
                self._hear(understood(block))

    def _hear(self, told: Any) -> None:
        match told:
            case Snapshot():
                self._replace(told)
            case Change():
                if self._gate.held.take(told):
                    self._dirty.set()
            case None:
                pass
            case _:
                self._compare(told)

    def _replace(self, told: Snapshot) -> None:
        log.info("snapshot of revision %s after %s", told.revision, self._gate.held.revision)
        self._gate.replace(told.revision, told.holds)
        self._dirty.set()

    def _compare(self, sign: Any) -> None:
        before = self._gate.held.revision
        match self._gate.confirm(sign):
            case Confirmed.DIFFERS:
                self._dirty.set()
                raise StreamBroken("the server's held set differs from ours")
            case Confirmed.CURRENT:
                self._failures = 0
                self.confirmed.set()
                is_due = self._clock() - self._saved_at >= self._pace.save_every
                if is_due or before != self._gate.held.revision:
                    self._dirty.set()

    def forget_carried(self, sku: str | None) -> int:
        """Let go of holds of an earlier history; return how many they were."""
        gone = self._gate.held.forget_carried(sku)
        for one in gone:
            log.warning("let go of hold %s on %s, of an earlier history", one.id, one.sku)
        self._dirty.set()
        return len(gone)

    # ---------------------------------------------------------------------------------- saving

    async def _save(self) -> None:
        """Write the newest copy whenever there is one; many changes may share a write."""
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            self._saved_at = self._clock()
            await self._save_now()

    async def _save_now(self) -> None:
        dumped, path = self._gate.dump(), self._source.copy
        if path is None or dumped["revision"] is None:
            return
        self._dumped += 1
        try:
            await asyncio.shield(asyncio.to_thread(self._write, path, self._dumped, dumped))
        except OSError as error:
            self._gate.counts["failed_saves"] += 1
            self._gate.last_error = f"{type(error).__name__}: {error}"
            log.warning("the copy can't be written: %s", error)
        else:
            self._gate.counts["saves"] += 1

    def _write(self, path: Path, number: int, dumped: dict[str, Any]) -> None:
        """Write a copy, unless a newer one was written meanwhile by another thread."""
        with self._writing:
            if number > self._written:
                copyfile.save(path, dumped)
                self._written = number

    async def _look(self) -> None:
        """Notice what time alone brings about, also where nobody asks."""
        while True:
            self._gate.state()
            await asyncio.sleep(self._pace.look_every)


async def stopped(task: "asyncio.Task[None]") -> None:
    """End a task that runs `run`, and wait until it has."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
