"""The client of programs that are not asynchronous: the same, with a thread that follows."""

import asyncio
import threading
import time
from types import TracebackType
from typing import Self

from freezeguard.client.follower import stopped
from freezeguard.client.localcopy import LocalCopy
from freezeguard.client.states import State

DEADLINE = 10.0
"""Seconds for the thread to begin and to end."""


class Client(LocalCopy):
    """Follows in a thread of its own. Questions may come from any thread.

    Open it in the process that asks: a thread does not outlive a fork, and the copy would grow
    stale there.
    """

    _thread: threading.Thread | None = None
    _loop: asyncio.AbstractEventLoop | None = None
    _end: asyncio.Event | None = None

    def open(self) -> Self:
        """Read the copy on disk and begin to follow. Raises TimeoutError."""
        loaded = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._main(loaded)), name="freezeguard", daemon=True
        )
        self._thread.start()
        if not loaded.wait(DEADLINE):
            raise TimeoutError("the thread that follows freezeguard has not begun")
        return self

    def close(self) -> None:
        """Save the copy and stop following; the copy goes on answering, and grows stale."""
        loop, end, thread = self._loop, self._end, self._thread
        if loop is not None and end is not None and thread is not None and thread.is_alive():
            loop.call_soon_threadsafe(end.set)
            thread.join(DEADLINE)

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def _main(self, loaded: threading.Event) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        try:
            await self._follower.load()
        finally:
            loaded.set()
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
        """Let go of holds of an earlier history, from whatever thread; see `LocalCopy`."""
        if self._loop is None or self._loop.is_closed():
            return super().forget_carried(sku)
        return asyncio.run_coroutine_threadsafe(self._forget(sku), self._loop).result(DEADLINE)

    async def _forget(self, sku: str | None) -> int:
        return super().forget_carried(sku)
