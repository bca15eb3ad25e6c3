"""Who goes first in one replica: a decision to stop a sale, before work in bulk.

All of a replica's work shares one thread. A crossing complaint makes a dozen round trips to the
database; without this it would wait at each of them for a slice of somebody's thousand signals.
"""

import asyncio

PATIENCE = 0.02
"""Seconds for which work in bulk gives way at most: a storm of decisions must not starve it."""
ON_ITS_WAY = 0.003
"""Seconds after the commit in which the stop leaves for the catalogue."""


class Courtesy:
    """Knows whether a decision is under way."""

    def __init__(self) -> None:
        self._calm = asyncio.Event()
        self._calm.set()

    def begin(self) -> None:
        """Say that a decision is under way."""
        self._calm.clear()

    def end(self) -> None:
        """Say that it is made; what it ordered is still on its way for a moment."""
        if not self._calm.is_set():
            asyncio.get_running_loop().call_later(ON_ITS_WAY, self._calm.set)

    async def give_way(self) -> None:
        """Let others run; wait where a decision is under way, but never for long."""
        if self._calm.is_set():
            await asyncio.sleep(0)
            return
        try:
            async with asyncio.timeout(PATIENCE):
                await self._calm.wait()
        except TimeoutError:
            pass
