"""Erases by age what is no longer needed: once a day, in small batches, each of which is kept.

Any replica goes on where the last one stopped: progress stands in the row of the run, written with
what was erased.
"""

from dataclasses import replace
from datetime import timedelta

import structlog

from freezeguard.detection.windows import moment_before
from freezeguard.ports.clock import Now
from freezeguard.ports.privacy import Periods, RetentionRun
from freezeguard.ports.storage import Database, Transaction

log = structlog.get_logger()

EVERY = timedelta(days=1)
DEADLINE = 60.0
"""Seconds for one batch: a SKU may have very many signals."""
BY = "retention"
"""The name in the record."""


class Retention:
    """Works on one run at a time."""

    def __init__(self, database: Database, periods: Periods, now: Now) -> None:
        self._database, self._now = database, now
        self._kept = periods.by_class()

    async def step(self) -> int:
        """Erase one batch; return 0 where nothing is to do now, or another replica does it."""
        return int(await self._database.run(self._step, deadline=DEADLINE))

    async def _step(self, tx: Transaction) -> bool:
        if not await tx.retention.try_lock():
            return False
        run = await tx.retention.run_under_way() or await tx.retention.begin_run(
            self._now(), next(iter(self._kept)), EVERY
        )
        if run is None:
            return False
        so_far, is_over = await self._batch(tx, run)
        await tx.retention.note(so_far, finished=is_over)
        if is_over:
            await self._tell(tx, so_far)
        return True

    async def _batch(self, tx: Transaction, run: RetentionRun) -> tuple[RetentionRun, bool]:
        """Erase one batch of a run; return how far it got, and whether that is its end."""
        until = moment_before(run.measured_at, self._kept[run.of_class])
        batch = await tx.retention.erase(run.of_class, until, run.after, self._now())
        counts = {**run.counts, run.of_class: run.counts.get(run.of_class, 0) + batch.erased}
        run = replace(run, after=batch.after, counts=counts)
        if batch.after is not None:
            return run, False
        classes = list(self._kept)
        following = classes[classes.index(run.of_class) + 1 :]
        return (replace(run, of_class=following[0]), False) if following else (run, True)

    async def _tell(self, tx: Transaction, run: RetentionRun) -> None:
        details = {"measured_at": run.measured_at.isoformat(), **run.counts}
        await tx.record.write(self._now(), BY, "retain", f"retention:{run.id}", details=details)
        log.info("retention_done", run=run.id, **run.counts)
