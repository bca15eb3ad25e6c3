"""Finds what somebody left behind: every replica looks, so that no single rescuer can fail."""

import asyncio
import math
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog

from freezeguard.domain.enforcement import ObjectState, Status, Wanted, are_stopped
from freezeguard.domain.errors import Unavailable
from freezeguard.domain.record import Case
from freezeguard.domain.transitions import State
from freezeguard.ports.catalogues import CatalogueError
from freezeguard.ports.clock import Now
from freezeguard.ports.emergencies import IMAGE
from freezeguard.ports.journal import Journal
from freezeguard.ports.metrics import Metrics
from freezeguard.ports.rows import CaseFilter, CatalogueRow, Hold
from freezeguard.ports.storage import Database, Transaction
from freezeguard.services.cases.aftermath import Aftermath
from freezeguard.services.cases.casework import Casework
from freezeguard.services.commands.emergencies import (
    Emergencies,
    Journaled,
    emergencies_in,
    save_journaled,
)
from freezeguard.services.detecting.ingestion import Ingestion
from freezeguard.services.directory import Directory, Outlet
from freezeguard.services.enforcing.enforcement import Enforcement
from freezeguard.services.enforcing.reconciliation import Reconciliation

log = structlog.get_logger()

ABANDONED_AFTER = timedelta(seconds=1)
PAGE = 200
EVALUATIONS = 32
"""Few at a time: other replicas sweep as well, and the list is soon out of date."""
MOMENT = 1.0
"""Seconds for which a round of reading ahead waits for catalogues slower than the fastest."""
MOST_LEFT = 50_000
"""SKUs still to be read in a catalogue; of more, the oldest are looked up when they are stopped."""


class Aftercare:
    """What happens right after a commit: stops go out; cases with nothing to stop go on."""

    def __init__(
        self,
        database: Database,
        enforcement: Enforcement,
        reconciliation: Reconciliation,
        metrics: Metrics,
    ) -> None:
        self._database, self._enforcement = database, enforcement
        self._reconciliation, self._metrics = reconciliation, metrics
        self._running: set[asyncio.Task[None]] = set()

    def take(self, aftermaths: Iterable[Aftermath]) -> None:
        """Send the stops of what was just committed."""
        for aftermath in aftermaths:
            self._enforcement.start(aftermath.claims)
            if aftermath.stops_sale:
                self._metrics.count("freezes", lane=aftermath.case.lane)
            if aftermath.case.state is State.FREEZING and not aftermath.claims:
                task = asyncio.create_task(self._advance_soon(aftermath.case.id))
                self._running.add(task)
                task.add_done_callback(self._running.discard)

    async def _advance_soon(self, case_id: UUID) -> None:
        try:
            await self.advance(case_id)
        except Exception:  # the sweeper comes by again
            log.exception("advance_failed", case_id=str(case_id))

    async def advance(self, case_id: UUID) -> bool:
        """Confirm the freeze or the release of a case where that is due."""

        async def work(tx: Transaction) -> bool:
            case = await tx.cases.get(case_id)
            if case is None:
                return False
            await tx.signals.lock_sku(case.scope.sku)
            locked = await tx.cases.get(case_id, lock=True)
            return locked is not None and await self._reconciliation.advance(tx, locked)

        return await self._database.run(work)


class Sweeper:
    """Evaluations that nobody made, cases that nobody advanced, images that nobody saved."""

    def __init__(
        self, database: Database, directory: Directory, ingestion: Ingestion,
        aftercare: Aftercare, journal: Journal, emergencies: Emergencies, now: Now,
    ) -> None:
        self._database, self._directory = database, directory
        self._ingestion, self._aftercare = ingestion, aftercare
        self._journal, self._emergencies, self._now = journal, emergencies, now
        self._reached: dict[State, tuple[datetime, UUID] | None] = {}
        self._released_until = 0

    async def sweep_evaluations(self) -> int:
        """Evaluate SKUs whose request has waited too long; return how many were."""
        skus = await self._database.run(
            lambda tx: tx.signals.pending_skus(ABANDONED_AFTER, EVALUATIONS)
        )
        done = [await self._evaluated(sku) for sku in skus]
        if any(done):
            log.info("evaluations_swept", number=sum(done))
        return sum(done)

    async def _evaluated(self, sku: str) -> bool:
        """Evaluate one SKU; one that fails, however oddly, must not keep the others waiting."""
        try:
            return await self._ingestion.evaluate_pending(sku, wait=False)
        except Unavailable:
            raise
        except Exception as error:
            log.exception("evaluation_failed", sku=sku)
            name = f"{type(error).__name__}: {error}"
            await self._database.run(lambda tx: tx.signals.note_failure(sku, name))
            return False

    async def sweep_cases(self) -> int:
        """Advance cases that wait for a read-back which has long been made.

        Those whose objects are still on their way are only looked at, all at once: while a
        catalogue is dead there may be hundreds, and healthy ones want the time.
        """
        waiting = await self._database.run(self._may_go_on)
        return sum([await self._advanced(one) for one in waiting])

    async def _advanced(self, case_id: UUID) -> bool:
        try:
            return await self._aftercare.advance(case_id)
        except Unavailable:
            raise
        except Exception:  # the others have their turn all the same
            log.exception("advance_failed", case_id=str(case_id))
            return False

    async def _may_go_on(self, tx: Transaction) -> list[UUID]:
        """Return the cases of this round without those that surely have to wait."""
        waiting = await self._waiting(tx)
        objects = await tx.objects.of_cases([one.id for one in waiting])
        return [one.id for one in waiting if not self._must_wait(one, objects.get(one.id, []))]

    async def _waiting(self, tx: Transaction) -> list[Case]:
        """Return the cases of this round; where there are many, the next round goes on."""
        found: dict[UUID, Case] = {}
        for state in (State.FREEZING, State.REINSTATING):
            before = self._reached.get(state)
            cases = await tx.cases.listed(
                CaseFilter(states=(state.value,), before=before, limit=PAGE)
            )
            more = len(cases) == PAGE
            self._reached[state] = (cases[-1].opened_at, cases[-1].id) if more else None
            found |= {one.id: one for one in cases}
        released = await tx.holds.releasing_cases(self._released_until, PAGE)
        self._released_until = released[-1][1] if len(released) == PAGE else 0
        ids = {case_id for case_id, _ in released} | {*await tx.cases.narrowing(PAGE)}
        return [*found.values(), *await tx.cases.several([*(ids - found.keys())])]

    def _must_wait(self, case: Case, objects: Iterable[ObjectState]) -> bool:
        """Say whether an object that a case looks at is surely not where the case wants it."""
        known = [one for one in objects if self._concerns(one.catalogue, case)]
        if case.state is State.FREEZING:
            return not are_stopped(known)
        if case.keeps_its_hold or case.state is State.DELISTED:
            return False  # it is being narrowed: few are at a time
        return not all(one.is_released for one in known)

    def _concerns(self, catalogue: str, case: Case) -> bool:
        outlet = self._directory.get(catalogue)
        return outlet is not None and any(outlet.concerns(one) for one in case.scopes)

    # ------------------------------------------------------------------------------- journal

    async def replay_journal(self) -> int:
        """Bring to the database what could only be written to disk while it was away.

        Before-images are saved, and emergency orders become holds. What fails stays for the next
        time: no order is ever dropped.
        """
        lines = await self._journal.lines()
        images: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
        for line in lines:
            if line["what"] == IMAGE and "order" not in line:
                images.setdefault((line["sku"], line["catalogue"]), []).append(line)
        for (sku, catalogue), mine in images.items():
            await self._database.run(partial(self._save, sku, catalogue, mine))
        emergencies = emergencies_in(lines)
        left = {sku for sku, one in emergencies.items() if not await self._is_held(sku, one)}
        done = [one for one in lines if "order" not in one or one["sku"] not in left]
        if done:
            await self._journal.drop(done)
            log.warning("journal_replayed", lines=len(done))
        return len(done)

    async def _is_held(self, sku: str, journaled: Journaled) -> bool:
        """Make holds of the emergency orders of a SKU; one that fails must not stop the others."""
        try:
            aftermaths = await self._database.run(
                lambda tx: self._emergencies.reconcile(tx, sku, journaled)
            )
        except Unavailable:
            raise
        except Exception:
            log.exception("emergency_not_reconciled", sku=sku)
            return False
        self._aftercare.take(aftermaths)
        return True

    async def _save(
        self, sku: str, catalogue: str, lines: list[Mapping[str, Any]], tx: Transaction
    ) -> None:
        await tx.signals.lock_sku(sku)
        await save_journaled(tx, sku, catalogue, lines, self._now())


class WantedSweep:
    """Compares what holds want with what is asked of catalogues.

    They differ where a catalogue was configured, or configured otherwise, while a hold was in
    force.
    """

    def __init__(
        self, database: Database, directory: Directory, casework: Casework,
        enforcement: Enforcement,
    ) -> None:
        self._database, self._directory = database, directory
        self._casework, self._enforcement = casework, enforcement

    async def run_once(self) -> int:
        """Ask again where something differs; return for how many SKUs."""
        _, holds = await self._database.run(lambda tx: tx.holds.all_in_force())
        by_sku: dict[str, list[Hold]] = {}
        for hold in holds:
            by_sku.setdefault(hold.scope.sku, []).append(hold)
        skus, asked = sorted(by_sku), 0
        for start in range(0, len(skus), PAGE):
            page = skus[start : start + PAGE]
            rows = await self._database.run(partial(self._wanted_of, page))
            differing = [sku for sku in page if self._differs(by_sku[sku], rows.get(sku, {}))]
            asked += sum([await self._asked(sku) for sku in differing])
        return asked

    async def _asked(self, sku: str) -> bool:
        """Ask for one SKU; one that fails, however oddly, must not keep the others waiting."""
        try:
            await self._ask_again(sku)
        except Unavailable:
            raise
        except Exception:
            log.exception("wanted_again_failed", sku=sku)
            return False
        return True

    @staticmethod
    async def _wanted_of(skus: list[str], tx: Transaction) -> dict[str, dict[str, set[Wanted]]]:
        found: dict[str, dict[str, set[Wanted]]] = {}
        for sku, catalogue, wanted in await tx.objects.wanted_of(skus):
            found.setdefault(sku, {}).setdefault(catalogue, set()).add(wanted)
        return found

    def _differs(self, holds: list[Hold], asked: Mapping[str, set[Wanted]]) -> bool:
        for outlet in self._directory.outlets.values():
            wanted = outlet.wanted(holds)
            known: set[Wanted] = asked.get(outlet.name) or {"sellable"}
            if known != {wanted}:
                return True
        return False

    async def _ask_again(self, sku: str) -> None:
        async def work(tx: Transaction) -> list[CatalogueRow]:
            await tx.signals.lock_sku(sku)
            return await self._casework.holding.want_again(tx, sku)

        claims = await self._database.run(work)
        log.warning("wanted_again", sku=sku, stops=len(claims))
        self._enforcement.start(claims)


@dataclass(slots=True)
class _Round:
    """One round of reading ahead: it ends, on the event loop's clock, soon after the first."""

    ends_at: float = math.inf


class ReadAhead:
    """Looks up before-images before they are needed, so that a stop can go out at once.

    A round waits only a moment for catalogues that are slower than the fastest: what they had no
    time for is left over, and caught up with while further rounds go on.
    """

    def __init__(
        self, database: Database, directory: Directory, enforcement: Enforcement, now: Now,
        *, parallel: int = 4,
    ) -> None:
        self._database, self._directory = database, directory
        self._enforcement, self._now, self._parallel = enforcement, now, parallel
        self._left = {name: deque[str](maxlen=MOST_LEFT) for name in directory.outlets}
        self._reading = {name: asyncio.Lock() for name in directory.outlets}

    async def run_once(self, limit: int = PAGE) -> int:
        """Read ahead for the SKUs whose images are oldest; return how many SKUs that were."""
        outlets = list(self._directory.outlets.values())
        if not outlets:
            return 0
        age = min(one.image_max_age for one in outlets)
        older_than = self._now() - age * 0.8
        skus = await self._database.run(
            lambda tx: tx.objects.skus_to_read_ahead(older_than, limit)
        )
        this = _Round()
        await asyncio.gather(*(self._read_page(outlet, skus, this) for outlet in outlets))
        await asyncio.gather(*(self._mark(sku) for sku in skus))
        return len(skus)

    async def catch_up(self, catalogue: str) -> int:
        """Read for a moment what rounds have left over; return how many SKUs that were."""
        this = _Round(asyncio.get_running_loop().time() + MOMENT)
        async with self._reading[catalogue]:
            return await self._read_left(self._directory.outlets[catalogue], this)

    async def _mark(self, sku: str) -> None:
        await self._database.run(lambda tx: tx.objects.mark_read_ahead(sku, self._now()))

    async def _read_page(self, outlet: Outlet, skus: Iterable[str], this: _Round) -> None:
        left, reading = self._left[outlet.name], self._reading[outlet.name]
        is_behind = bool(left) or reading.locked()
        left.extend(skus)
        if is_behind:
            return
        async with reading:
            await self._read_left(outlet, this)
        this.ends_at = min(this.ends_at, asyncio.get_running_loop().time() + MOMENT)

    async def _read_left(self, outlet: Outlet, this: _Round) -> int:
        return sum(await asyncio.gather(
            *(self._read_some(outlet, this) for _ in range(self._parallel))
        ))

    async def _read_some(self, outlet: Outlet, this: _Round) -> int:
        left, number = self._left[outlet.name], 0
        now = asyncio.get_running_loop().time
        while left and now() < this.ends_at and self._enforcement.may_look_ahead(outlet.name):
            await self._read(left.popleft(), outlet)
            number += 1
        return number

    async def _read(self, sku: str, outlet: Outlet) -> None:
        """Read one SKU in one catalogue; one that fails, however oddly, stops no other."""
        try:
            await self._look_up(sku, outlet)
        except CatalogueError as error:
            log.info("read_ahead_failed", sku=sku, catalogue=outlet.name, error=error.detail)
        except Unavailable:
            raise
        except Exception:
            log.exception("read_ahead_failed", sku=sku, catalogue=outlet.name)

    async def _look_up(self, sku: str, outlet: Outlet) -> None:
        revision = await self._database.run(partial(self._revision_at_rest, sku, outlet.name))
        if revision is None:
            return
        asked_at = self._now()
        found = await self._enforcement.look_ahead(outlet, sku)
        objects = [(one.remote_id, one.fields, one.takes_along) for one in found]
        await self._database.run(
            lambda tx: tx.objects.refresh_image(
                sku, outlet.name, objects, asked_at, revision=revision
            )
        )

    @staticmethod
    async def _revision_at_rest(sku: str, catalogue: str, tx: Transaction) -> int | None:
        """Return the revision of a SKU's objects; None where some are, or may be, stopped."""
        rows = [one for one in await tx.objects.of_sku(sku) if one.catalogue == catalogue]
        at_rest = {Status.IDLE, Status.NOT_LISTED}
        if any(one.wanted != "sellable" or one.status not in at_rest for one in rows):
            return None
        return max((one.wanted_revision for one in rows), default=0)
