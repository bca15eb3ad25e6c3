"""Stops a SKU in the catalogues without the database, and leaves on disk what must not be lost.

First the order, then for each object its before-image, is in the journal before the stop goes out;
a replica makes a case of it once the database is back. Nothing here restores anything. To stop
comes before to write down: what the journal does not take is handed to the caller.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import structlog

from freezeguard.ports.catalogues import Catalogue, CatalogueError, Found, Level, Observation
from freezeguard.ports.clock import Now
from freezeguard.ports.emergencies import IMAGE, STOPPED, EmergencyOrder
from freezeguard.ports.journal import Journal
from freezeguard.services.directory import Outlet
from freezeguard.services.enforcing.claims import GRACE
from freezeguard.services.enforcing.pace import Pace
from freezeguard.services.enforcing.stopping import STILL_SOLD

log = structlog.get_logger()

T = TypeVar("T")

SILENT = "the connector kept no deadline"
TRIES = 3
"""For each call: a person waits, and may give the order again."""
Outcome = Literal["stopped", "still_sold", "refused", "unreachable", "not_listed"]


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of one object, by its read-back; without `remote_id` of a whole catalogue."""

    catalogue: str
    remote_id: str
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Stopped:
    """What was seen everywhere, and the lines that no journal holds: a person must keep them."""

    seen: tuple[Seen, ...]
    to_keep: tuple[Mapping[str, Any], ...]
    problem: str = ""

    @property
    def is_everywhere(self) -> bool:
        """Say whether the SKU is listed somewhere and stopped wherever it is."""
        outcomes = {one.outcome for one in self.seen}
        return "stopped" in outcomes and outcomes <= {"stopped", "not_listed"}


class _Notes:
    """Writes lines in their order; what failed is tried again with the next."""

    def __init__(self, journal: Journal) -> None:
        self._journal, self._lock = journal, asyncio.Lock()
        self.unwritten: list[Mapping[str, Any]] = []
        self.problem = ""

    async def write(self, *lines: Mapping[str, Any]) -> None:
        """Have lines on disk when this returns; those that can't be are kept."""
        async with self._lock:
            self.unwritten += lines
            while self.unwritten:
                try:
                    await self._journal.append(self.unwritten[0])
                except OSError as error:
                    self.problem = str(error)
                    return
                del self.unwritten[0]


class Emergency:
    """Carries out one order in some catalogues at once; none waits for another."""

    def __init__(
        self, outlets: Sequence[Outlet], journal: Journal, now: Now, pace: Pace, revision: int
    ) -> None:
        self._outlets, self._now, self._pace = outlets, now, pace
        self._notes, self._revision = _Notes(journal), revision

    async def stop(self, order: EmergencyOrder) -> Stopped:
        """Stop the sale; return what was seen. Never raises for a far side's fault."""
        await self._notes.write(order.as_line())
        seen = await asyncio.gather(*(self._in_catalogue(one, order) for one in self._outlets))
        await self._notes.write()
        return Stopped(
            tuple(one for of_outlet in seen for one in of_outlet),
            tuple(self._notes.unwritten), self._notes.problem,
        )

    async def _in_catalogue(self, outlet: Outlet, order: EmergencyOrder) -> list[Seen]:
        catalogue, deadline = outlet.catalogue, self._pace.call_deadline
        try:
            sku = outlet.called(order.sku)
            found = await self._ask(lambda: catalogue.lookup(sku, deadline=deadline))
        except CatalogueError as error:
            return [Seen(outlet.name, "", _outcome(error), error.detail)]
        if not found:
            return [Seen(outlet.name, "", "not_listed", "the catalogue lists no such SKU")]
        await self._notes.write(*(self._image(order, outlet.name, one) for one in found))
        levels = catalogue.traits.levels
        level = order.level if order.level in levels else outlet.full_level
        return list(await asyncio.gather(
            *(self._object(outlet, order, one.remote_id, level) for one in found)
        ))

    def _image(self, order: EmergencyOrder, catalogue: str, found: Found) -> dict[str, Any]:
        return {
            "what": IMAGE, "order": str(order.id), "sku": order.sku, "catalogue": catalogue,
            "remote_id": found.remote_id, "fields": dict(found.fields),
            "takes_along": list(found.takes_along), "at": self._now().isoformat(),
        }

    async def _object(
        self, outlet: Outlet, order: EmergencyOrder, remote_id: str, level: Level
    ) -> Seen:
        """Stop one object and read it back."""
        catalogue, deadline = outlet.catalogue, self._pace.call_deadline
        sku = outlet.called(order.sku)
        try:
            written = await self._ask(lambda: catalogue.stop(
                sku, remote_id, level, revision=self._revision, deadline=deadline))
        except CatalogueError as error:
            return await self._unanswered(catalogue, sku, remote_id, level, error)
        try:
            await self._notes.write({
                "what": STOPPED, "order": str(order.id), "sku": order.sku,
                "catalogue": catalogue.name, "remote_id": remote_id, "written": dict(written),
                "at": self._now().isoformat(),
            })
            seen = await self._seen(catalogue, sku, remote_id, level)
        except CatalogueError as error:
            return Seen(catalogue.name, remote_id, _outcome(error), error.detail)
        if seen.stopped(level):
            return Seen(catalogue.name, remote_id, "stopped", f"seen from the {seen.side}'s side")
        return Seen(catalogue.name, remote_id, "still_sold", STILL_SOLD)

    async def _unanswered(
        self, catalogue: Catalogue, sku: str, remote_id: str, level: Level, error: CatalogueError
    ) -> Seen:
        """Look whether it is stopped although the answer was lost."""
        if error.recoverable:
            try:
                seen = await self._seen(catalogue, sku, remote_id, level)
            except CatalogueError:  # then nobody can tell
                return Seen(catalogue.name, remote_id, "unreachable", error.detail)
            if seen.stopped(level):
                return Seen(catalogue.name, remote_id, "stopped", f"though {error.detail}")
        return Seen(catalogue.name, remote_id, _outcome(error), error.detail)

    async def _seen(
        self, catalogue: Catalogue, sku: str, remote_id: str, level: Level
    ) -> Observation:
        """Read an object back, a few times where it still sells: storefronts have caches."""
        attempts = 0
        while True:
            seen = await self._ask(lambda: catalogue.read_back(
                sku, remote_id, deadline=self._pace.call_deadline))
            attempts += 1
            if seen.stopped(level) or attempts >= TRIES:
                return seen
            await asyncio.sleep(self._pace.retry_in(attempts))

    async def _ask(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make one call, and again where it may succeed later. Raises CatalogueError."""
        attempts = 0
        while True:
            try:
                async with asyncio.timeout(self._pace.call_deadline + GRACE):
                    return await call()
            except TimeoutError:
                attempts += 1
                if attempts >= TRIES:
                    raise CatalogueError(SILENT, recoverable=True) from None
                pause = self._pace.retry_in(attempts)
            except CatalogueError as error:
                attempts += 1
                if attempts >= TRIES or not error.recoverable:
                    raise
                pause = self._pace.retry_in(attempts, error.retry_after)
            except Exception as error:  # a connector's own bug must not spare the other catalogues
                log.exception("connector_failed")
                reason = f"the connector itself failed: {type(error).__name__}"
                raise CatalogueError(reason, recoverable=False) from error
            await asyncio.sleep(min(pause, self._pace.call_deadline))


def _outcome(error: CatalogueError) -> Outcome:
    return "unreachable" if error.recoverable else "refused"
