"""The client of programs that are not asynchronous: the same, with a thread that follows."""

import asyncio
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from freezeguard.client.follower import Follower, MakeSession, Pace, Source, stopped
from freezeguard.client.gate import Clock, Gate, running_clock
from freezeguard.client.policy import Policy
from freezeguard.client.states import State, Transition

DEADLINE = 10.0
"""Seconds for the thread to begin and to end."""


class Client(Gate):
    """A local copy of the held set; a thread of its own follows freezeguard.

    Takes what `AsyncClient` takes. Open it in the process that asks: a thread does not outlive a
    fork, and the copy would grow stale there. Questions may come from any thread.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        policy: Policy,
        copy: Path | str | None,
        stale_after: float = 60.0,
        pace: Pace = Pace(),  # noqa: B008 - it is frozen
        clock: Clock = running_clock,
        wall: Clock = time.time,
        on_transition: Callable[[Transition], None] | None = None,
        make_session: MakeSession = aiohttp.ClientSession,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        super().__init__(
            policy, stale_after=stale_after, clock=clock, wall=wall, on_transition=on_transition
        )
        self._follower = Follower(
            self, Source(url, key, None if copy is None else Path(copy)), pace=pace, clock=clock,
            make_session=make_session, jitter=jitter,
        )
        self._thread = threading.Thread(target=self._run, name="freezeguard", daemon=True)
        self._loaded = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None

    def open(self) -> Self:
        """Read the copy on disk and begin to follow."""
        self._thread.start()
        if not self._loaded.wait(DEADLINE):
            raise TimeoutError("the thread that follows freezeguard has not begun")
        return self

    def close(self) -> None:
        """Save the copy and stop following; the copy goes on answering, and grows stale."""
        if self._loop is not None and self._end is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join(DEADLINE)

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        try:
            await self._follower.load()
        finally:
            self._loaded.set()
        task = asyncio.create_task(self._follower.run())
        await self._end.wait()
        await stopped(task)

    def wait_until_ready(self, timeout: float) -> State:
        """Wait until it is ready, or time is over (in seconds); return the state."""
        until = time.monotonic() + timeout
        while self.state() is not State.READY and time.monotonic() < until:
            time.sleep(0.01)
        return self.state()

    def forget_carried(self, sku: str | None = None) -> int:
        """Let go of holds of an earlier history, of one SKU or of all; return how many they were.

        For an operator who has looked into what the restored server has lost.
        """
        if self._loop is None or not self._thread.is_alive():
            return self._follower.forget_carried(sku)

        async def within() -> int:
            return self._follower.forget_carried(sku)

        return asyncio.run_coroutine_threadsafe(within(), self._loop).result(DEADLINE)
