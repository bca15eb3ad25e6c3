"""The canary: a SKU made for it is stopped in a catalogue and released again, all the time.

It goes the way of a real stop, by the same connector, breaker and number of calls at a time, and
makes no case, hold or notice to a vendor. What it is about to stop is in its row before it does: a
replica that is killed in the middle leaves it to another one to put back. One that is late or
fails alarms people, once, and says so when it is well again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import structlog

from freezeguard.domain.people import System
from freezeguard.ports.canaries import Canary, CanaryTerms, Flown
from freezeguard.ports.catalogues import CatalogueError, Found, Observation
from freezeguard.ports.clock import NewId, Now
from freezeguard.ports.emergencies import StoppedThen
from freezeguard.ports.metrics import Metrics
from freezeguard.ports.rows import Hold
from freezeguard.ports.storage import Database, Transaction
from freezeguard.services.directory import Directory, Outlet
from freezeguard.services.enforcing.enforcement import Enforcement
from freezeguard.services.enforcing.releasing import OUT_OF_REACH
from freezeguard.services.telling.telling import Telling
from freezeguard.services.topics import TOPIC_NOTICES

log = structlog.get_logger()

LEASE = timedelta(seconds=15)
"""Longer than a call and the pause after it; renewed before each try."""
LONGEST_PAUSE = 4.0
"""Seconds between two tries: far less than the lease."""
AGAIN = timedelta(seconds=30)
"""After so long a round goes on that could not put back what it had stopped."""

ASTRAY = "an object that it has stopped is not listed under the canary's SKU any more"

T = TypeVar("T")
Image = Mapping[str, Any]


class _Amiss(Exception):
    """A canary that is not well; `flown` says how."""

    def __init__(self, flown: Flown) -> None:
        super().__init__(flown.detail)
        self.flown = flown


class _Overtaken(Exception):
    """Somebody else holds the lease."""


@dataclass(slots=True)
class _Flight:
    """One round of ours: `written` is what its stops wrote, by remote id.

    `astray` are objects that a look-up of the SKU does not find any more, `gone` those of them that
    were deleted.
    """

    outlet: Outlet
    holder: UUID
    canary: Canary
    written: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    astray: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)

    @property
    def sku(self) -> str:
        return self.canary.sku

    @property
    def called(self) -> str:
        return self.outlet.called(self.canary.sku)


class Canaries:
    """Lets the canary of each catalogue fly when it is due, and knows how it went."""

    def __init__(
        self, database: Database, directory: Directory, enforcement: Enforcement,
        telling: Telling, metrics: Metrics, terms: CanaryTerms, now: Now, new_id: NewId,
    ) -> None:
        self._database, self._directory, self._enforcement = database, directory, enforcement
        self._telling, self._metrics, self._terms = telling, metrics, terms
        self._now, self._new_id = now, new_id
        self.known: dict[str, Canary] = {}
        """How canaries did lately, by catalogue, as far as this replica knows."""

    @property
    def catalogues(self) -> list[str]:
        """Return the catalogues that have a canary."""
        return [name for name in self._directory.outlets if name in self._terms.skus]

    # ---------------------------------------------------------------------------------- looking

    async def look(self) -> None:
        """Read how canaries did, whoever let them fly, and show it on the metrics page."""
        rows = await self._database.run(lambda tx: tx.canaries.listed())
        self.known = {one.catalogue: one for one in rows if one.catalogue in self.catalogues}
        for name, one in self.known.items():
            self._metrics.set("canary_late", float(one.alarmed_at is not None), catalogue=name)
            for what in ("stop_seconds", "release_seconds"):
                if (seconds := getattr(one, what)) is not None:
                    self._metrics.set(f"canary_{what}", seconds, catalogue=name)
            if one.succeeded_at is not None:
                age = (self._now() - one.succeeded_at).total_seconds()
                self._metrics.set("canary_last_success_age_seconds", age, catalogue=name)

    # ----------------------------------------------------------------------------------- flying

    async def fly_if_due(self, catalogue: str) -> int:
        """Let one canary fly where it is due and nobody else does; return how many rounds."""
        terms, holder = self._terms, self._new_id()
        canary = await self._database.run(lambda tx: tx.canaries.claim(
            catalogue, terms.skus[catalogue], self._now(), holder, every=terms.every,
            again=min(AGAIN, terms.every), lease=LEASE,
        ))  # fmt: skip
        if canary is None:
            return 0
        flight = _Flight(self._directory.outlets[catalogue], holder, canary)
        try:
            await self._land(flight, await self._flown(flight))
        except _Overtaken:
            log.warning("canary_overtaken", catalogue=catalogue)
        return 1

    async def _flown(self, flight: _Flight) -> Flown:
        try:
            return await self._round(flight)
        except _Amiss as amiss:
            return amiss.flown

    async def _round(self, flight: _Flight) -> Flown:
        """Put back what was left behind, then stop and release. Raises _Amiss and _Overtaken."""
        if flight.canary.images is not None:
            await self._put_back(flight, flight.canary.images)
        await self._database.run(lambda tx: self._check_free(tx, flight.sku))
        images = await self._images(flight)
        revision = await self._prepare(flight, images)
        stopped, late = None, ""
        try:
            stopped = await self._insist(lambda: self._stop(flight, images, revision))
        except _Amiss as amiss:  # it is put back all the same
            late = f"not stopped: {amiss.flown.detail}"
        flight.astray.clear()  # what an earlier round has left is no matter of this one
        released = await self._put_back(flight, images)
        if stopped is None:
            return Flown("late", late, release_seconds=released)
        if flight.astray:
            return Flown("failed", ASTRAY)
        return Flown("well", "", stopped, released)

    async def _images(self, flight: _Flight) -> list[Image]:
        """Return the canary's objects as they are. Raises _Amiss where they are not on sale.

        Or where the catalogue is off; what an earlier round has stopped there is put back all
        the same.
        """
        if reason := self._enforcement.proofs.missing(flight.outlet.name):
            raise _Amiss(Flown("failed", reason))
        try:
            found = await self._look_up(flight)
            seen = [await self._read_back(flight, one.remote_id) for one in found]
        except CatalogueError as error:
            raise _Amiss(Flown("failed", error.detail)) from None
        if not found:
            raise _Amiss(Flown("failed", "the catalogue lists no such SKU"))
        if not all(one.sellable for one in seen):
            raise _Amiss(Flown("failed", "it is not on sale before the stop"))
        along = sorted({sku for one in found for sku in one.takes_along})
        if along:
            reason = f"its stop would take along {', '.join(along)}: give it an item of its own"
            raise _Amiss(Flown("failed", reason[:300]))
        at = self._now().isoformat()
        return [
            {"remote_id": one.remote_id, "fields": dict(one.fields), "at": at} for one in found
        ]

    async def _prepare(self, flight: _Flight, images: Sequence[Image]) -> int:
        """Note what is about to be stopped; return the revision of the stop.

        Raises _Amiss where a case or a hold is about the SKU.
        """
        async def work(tx: Transaction) -> int:
            await self._check_free(tx, flight.sku)
            if not await tx.canaries.keep_images(flight.outlet.name, flight.holder, images):
                raise _Overtaken
            return await tx.holds.next_revision()

        return await self._database.run(work)

    @staticmethod
    async def _check_free(tx: Transaction, sku: str) -> None:
        if await tx.cases.open_of_sku(sku) or await tx.holds.in_force(sku):
            raise _Amiss(Flown("skipped", "a case or a hold is about the canary's SKU"))

    async def _stop(
        self, flight: _Flight, images: Iterable[Image], revision: int
    ) -> str:
        """Send every stop and read it back; return what is amiss, empty where nothing is."""
        for image in images:
            remote_id = image["remote_id"]
            await self._send_stop(flight, remote_id, revision)
            seen = await self._read_back(flight, remote_id)
            if not seen.stopped(flight.outlet.full_level):
                return "the catalogue still sells it"
        return ""

    # ------------------------------------------------------------------------------ putting back

    async def _put_back(self, flight: _Flight, images: Sequence[Image]) -> float:
        """Restore exactly and read back; return the seconds that it took.

        Raises _Amiss where a case has come to hold the SKU, or where it is late; it then stays in
        the row and is tried again.
        """
        revision = await self._database.run(lambda tx: self._may_restore(tx, flight, images))
        if revision is None:
            raise _Amiss(Flown("skipped", "a hold has come to cover the canary's SKU"))
        try:
            seconds = await self._insist(lambda: self._restore(flight, images, revision))
        except _Amiss as amiss:
            late = f"not released: {amiss.flown.detail}"
            raise _Amiss(Flown("late", late)) from None
        if not await self._database.run(
            lambda tx: tx.canaries.keep_images(flight.outlet.name, flight.holder, None)
        ):
            raise _Overtaken
        return seconds

    async def _may_restore(
        self, tx: Transaction, flight: _Flight, images: Sequence[Image]
    ) -> int | None:
        """Return the revision of the release; None where a hold wants the SKU stopped by now.

        The images are then the hold's: it must not take our stop for what was there before.
        """
        name = flight.outlet.name
        await tx.signals.lock_sku(flight.sku)
        if not await tx.canaries.renew(name, flight.holder, LEASE):
            raise _Overtaken
        if not _covered(flight.outlet, await tx.holds.in_force(flight.sku)):
            return await tx.holds.next_revision()
        await tx.emergencies.adopt(flight.sku, name, [
            StoppedThen(one["remote_id"], one["fields"], flight.written.get(one["remote_id"]), (),
                        datetime.fromisoformat(one["at"]))
            for one in images
        ])  # fmt: skip
        await tx.canaries.keep_images(name, flight.holder, None)
        return None

    async def _restore(self, flight: _Flight, images: Iterable[Image], revision: int) -> str:
        """Write every image back and look whether it is there; return what is amiss."""
        for image in images:
            fields = await self._fields_of(flight, image, revision)
            try:
                await self._send_restore(flight, image["remote_id"], fields, revision)
            except CatalogueError:
                if not await self._is_gone(flight, image["remote_id"], revision):
                    raise
                flight.gone.add(image["remote_id"])
        return await self._unlike(flight, images)

    async def _is_gone(self, flight: _Flight, remote_id: str, revision: int) -> bool:
        """Say whether an object was deleted: nothing of ours is left then.

        Where the far side can't be asked by id, a stop tells: one that wrote fields before, and
        now finds nothing to write to. What it has stopped again is put back like the first time.
        """
        if any(one.remote_id == remote_id for one in await self._look_up(flight)):
            return False
        if (await self._read_back(flight, remote_id)).is_gone:
            return True
        before = flight.written[remote_id]
        await self._send_stop(flight, remote_id, revision)
        is_gone = bool(before) and not flight.written[remote_id]
        flight.written[remote_id] = {**before, **flight.written[remote_id]}
        return is_gone

    async def _fields_of(
        self, flight: _Flight, image: Image, revision: int
    ) -> dict[str, Any]:
        """Return the part of an image that our stop has written.

        Who takes over from somebody learns it by repeating the stop: its answer names the fields.
        """
        remote_id = image["remote_id"]
        if remote_id not in flight.written:
            await self._send_stop(flight, remote_id, revision)
        return {
            key: image["fields"][key]
            for key in flight.written[remote_id] if key in image["fields"]
        }

    async def _unlike(self, flight: _Flight, images: Iterable[Image]) -> str:
        """Say what is not as it was before; empty where all is, and sells."""
        present = {one.remote_id: one.fields for one in await self._look_up(flight)}
        for image in images:
            remote_id = image["remote_id"]
            seen, written = await self._read_back(flight, remote_id), flight.written[remote_id]
            if remote_id not in present:
                flight.astray.add(remote_id)
                if seen.is_gone or remote_id in flight.gone:
                    continue  # nothing of ours is left
                if any(key not in seen.fields for key in written):
                    return OUT_OF_REACH
            fields = present.get(remote_id, seen.fields)
            if any(fields.get(key) != image["fields"].get(key) for key in written):
                return "the catalogue said that it is restored, and it is not"
            if not seen.sellable:
                return "restored, and the catalogue does not sell it"
        return ""

    # ---------------------------------------------------------------------------------- calling

    async def _insist(self, attempt: Callable[[], Awaitable[str]]) -> float:
        """Try until nothing is amiss; return the seconds that it took.

        Raises _Amiss once it is late.
        """
        loop, tries, amiss = asyncio.get_running_loop(), 0, ""
        begun, late_after = loop.time(), self._terms.late_after.total_seconds()
        while True:
            try:
                amiss = await attempt()
            except CatalogueError as error:
                amiss = error.detail
            took = loop.time() - begun
            if not amiss and took <= late_after:
                return took
            tries += 1
            pause = min(self._enforcement.pace.retry_in(tries), LONGEST_PAUSE)
            if not amiss or took + pause > late_after:
                raise _Amiss(Flown("late", amiss or f"after {took:.1f} s"))
            await asyncio.sleep(pause)

    async def _look_up(self, flight: _Flight) -> tuple[Found, ...]:
        return await self._ask(flight, lambda: flight.outlet.catalogue.lookup(
            flight.called, deadline=self._enforcement.pace.call_deadline))

    async def _send_stop(self, flight: _Flight, remote_id: str, revision: int) -> None:
        flight.written[remote_id] = await self._ask(flight, lambda: flight.outlet.catalogue.stop(
            flight.called, remote_id, flight.outlet.full_level, revision=revision,
            deadline=self._enforcement.pace.call_deadline))

    async def _read_back(self, flight: _Flight, remote_id: str) -> Observation:
        return await self._ask(flight, lambda: flight.outlet.catalogue.read_back(
            flight.called, remote_id, deadline=self._enforcement.pace.call_deadline))

    async def _send_restore(
        self, flight: _Flight, remote_id: str, fields: Mapping[str, Any], revision: int
    ) -> None:
        await self._ask(flight, lambda: flight.outlet.catalogue.restore(
            flight.called, remote_id, fields, revision=revision,
            deadline=self._enforcement.pace.call_deadline))

    async def _ask(self, flight: _Flight, call: Callable[[], Awaitable[T]]) -> T:
        """Make one call as ours. Raises CatalogueError and _Overtaken."""
        name, holder = flight.outlet.name, flight.holder
        if not await self._database.run(lambda tx: tx.canaries.renew(name, holder, LEASE)):
            raise _Overtaken
        return await self._enforcement.probe(flight.outlet, call)

    # ---------------------------------------------------------------------------------- landing

    async def _land(self, flight: _Flight, flown: Flown) -> None:
        """Note how it went, and tell people where that is news, in one transaction."""
        canary, name = flight.canary, flight.outlet.name
        log.info("canary_flown", catalogue=name, result=flown.result, detail=flown.detail)
        self._measure(name, flown)

        async def work(tx: Transaction) -> None:
            now = self._now()
            is_ill = flown.result in {"late", "failed"}
            alarmed_at = canary.alarmed_at
            if is_ill and alarmed_at is None:
                alarmed_at = now
                await self._tell(tx, "canary_late", canary, flown, now)
            elif flown.result == "well" and alarmed_at is not None:
                await self._tell(tx, "canary_well", canary, flown, now)
                alarmed_at = None
            if not await tx.canaries.finish(name, flight.holder, flown, now, alarmed_at):
                raise _Overtaken

        await self._database.run(work)

    def _measure(self, name: str, flown: Flown) -> None:
        self._metrics.count("canary_rounds", catalogue=name, result=flown.result)
        for step, seconds in (("stop", flown.stop_seconds), ("release", flown.release_seconds)):
            if seconds is not None:
                self._metrics.time("canary_seconds", seconds, catalogue=name, step=step)

    async def _tell(
        self, tx: Transaction, kind: str, canary: Canary, flown: Flown, now: datetime
    ) -> None:
        log.warning(kind, catalogue=canary.catalogue, detail=flown.detail)
        await tx.record.write(now, System.TIMER.value, kind, f"catalogue:{canary.catalogue}")
        facts = {
            "catalogue": canary.catalogue, "sku": canary.sku,
            "detail": flown.detail, "late_after": self._terms.late_after.total_seconds(),
            "stop_seconds": flown.stop_seconds, "release_seconds": flown.release_seconds,
            "since": None if canary.alarmed_at is None else canary.alarmed_at.isoformat(),
            "succeeded_at":
                None if canary.succeeded_at is None else canary.succeeded_at.isoformat(),
        }
        await self._telling.tell_shop(tx, kind, {"canary": facts}, now)
        await tx.notify(TOPIC_NOTICES)


def _covered(outlet: Outlet, holds: Iterable[Hold]) -> bool:
    return any(one.state == "active" and outlet.concerns(one.scope) for one in holds)
