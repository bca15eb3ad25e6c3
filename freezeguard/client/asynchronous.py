"""The client of asynchronous programs."""

import asyncio
import contextlib
from types import TracebackType
from typing import Self

from freezeguard.client.follower import stopped
from freezeguard.client.localcopy import LocalCopy
from freezeguard.client.states import State


class AsyncClient(LocalCopy):
    """Follows in the event loop in which it is entered, until it is left."""

    _task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._follower.load()
        self._task = asyncio.create_task(self._follower.run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._task is not None:
            await stopped(self._task)

    async def wait_until_ready(self, timeout: float) -> State:
        """Wait until the server has confirmed the copy, at most for so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._follower.confirmed.wait()
        return self.state()
