"""Looks over all that is stopped in a catalogue with a few cheap requests, between the read-backs.

What does not look as a stop left it is read back at once; that read-back decides. So is what a
shop says by itself has changed (a *tip*): it is never believed, it only brings the look forward.
"""

from collections.abc import Sequence

import structlog

from freezeguard.ports.catalogues import CatalogueError, Watchful
from freezeguard.ports.storage import Database, Transaction
from freezeguard.services.directory import Directory
from freezeguard.services.enforcing.enforcement import Enforcement
from freezeguard.services.topics import TOPIC_OBJECTS

log = structlog.get_logger()

PAGE = 500
Key = tuple[str, str]
"""An object of a catalogue: SKU and remote id."""


class DriftWatch:
    """Finds what somebody has put back on sale, sooner than its turn would come."""

    def __init__(
        self, database: Database, directory: Directory, enforcement: Enforcement
    ) -> None:
        self._database, self._directory = database, directory
        self._enforcement = enforcement

    @property
    def catalogues(self) -> list[str]:
        """Return the names of the catalogues that can be looked over."""
        return [
            one.name for one in self._directory.outlets.values()
            if isinstance(one.catalogue, Watchful)
        ]

    async def look_over(self, name: str) -> int:
        """Look over one catalogue; return how many objects are to be read back at once.

        Once it has been looked over whole, read-backs need not bear all of the watch.
        """
        found, looked_over, is_whole = 0, 0, True
        page = await self._page(name, ("", ""))
        while page:
            if not self._enforcement.may_look_over(name):
                return found
            try:
                found += await self._look_over(name, page)
                looked_over += len(page)
            except CatalogueError as error:
                log.info("look_over_failed", catalogue=name, error=error.detail)
                is_whole = is_whole and not error.recoverable
            page = await self._page(name, page[-1])
        if is_whole:
            self._enforcement.note_looked_over(name, looked_over)
        return found

    async def heed(self, name: str, names: Sequence[str]) -> int:
        """Have what is stopped and so named read back soon; return how many objects."""
        async def work(tx: Transaction) -> int:
            woken = await tx.objects.wake_named(name, names)
            if woken:
                await tx.notify(TOPIC_OBJECTS)
            return woken

        return await self._database.run(work) if names else 0

    async def _page(self, name: str, after: Key) -> list[Key]:
        return await self._database.run(lambda tx: tx.objects.stopped(name, after, PAGE))

    async def _look_over(self, name: str, page: Sequence[Key]) -> int:
        """Look over some objects. Raises CatalogueError."""
        ids = sorted({remote_id for _, remote_id in page})
        astray = await self._enforcement.look_over(name, ids)
        keys = [key for key in page if key[1] in astray]
        if keys:
            log.warning("looks_put_back", catalogue=name, objects=len(keys), skus=keys[:5])
            await self._database.run(lambda tx: tx.objects.wake_these(name, keys))
        return len(keys)
