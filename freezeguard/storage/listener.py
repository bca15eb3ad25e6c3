"""Hears NOTIFY: one connection that subscribes again for ever.

A notification only wakes; the tables tell. What was sent while nobody listened is lost, so every
new subscription counts as news of everything.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import structlog

from freezeguard.storage.connection import SERVER_SETTINGS
from freezeguard.storage.queries import queries

log = structlog.get_logger()

SQL = queries("transaction")

CHANNEL = "freezeguard"
EVERYTHING = ""
"""The topic that is heard after each subscription: anything may have happened."""

_CONNECT_SECONDS = 5.0
_LOST = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError,
         TimeoutError)  # fmt: skip


class Listener:
    """Calls `heard(topic)` for every notification, and `heard(EVERYTHING)` when it subscribes.

    Every `probe_every` seconds the connection must answer within as long; a lost one is replaced
    after `retry_after` seconds, for ever.
    """

    def __init__(
        self,
        dsn: str,
        heard: Callable[[str], None],
        *,
        probe_every: float = 2.0,
        retry_after: float = 0.25,
    ) -> None:
        self._dsn, self._heard = dsn, heard
        self._probe_every, self._retry_after = probe_every, retry_after
        self.subscribed = asyncio.Event()

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                await self._listen()
            except _LOST as error:
                log.warning("listener_lost", reason=type(error).__name__, error=str(error))
            finally:
                self.subscribed.clear()
            await asyncio.sleep(self._retry_after)

    async def _listen(self) -> None:
        connection = await asyncpg.connect(
            self._dsn, timeout=_CONNECT_SECONDS, server_settings=SERVER_SETTINGS
        )
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: lost.set())
            async with asyncio.timeout(self._probe_every):
                await connection.add_listener(CHANNEL, self._on_notify)
            self.subscribed.set()
            self._heard(EVERYTHING)
            await self._probe(connection, lost)
        finally:
            connection.terminate()

    async def _probe(
        self, connection: "asyncpg.Connection[asyncpg.Record]", lost: asyncio.Event
    ) -> None:
        """Return when the connection has ended; raise where it no longer answers."""
        while not lost.is_set():
            try:
                async with asyncio.timeout(self._probe_every):
                    await lost.wait()
            except TimeoutError:
                async with asyncio.timeout(self._probe_every):
                    await connection.fetchval(SQL["alive"])

    def _on_notify(self, *notification: Any) -> None:
        self._heard(notification[3])
