"""Puts a catalogue object back as it was before its first stop, exactly, or asks a person.

Towards *sold again* every command needs the newest order: a freeze that came meanwhile wins. Only
the fields that our stops wrote are touched, and only where they are still as the stops left them.
What several SKUs are sold as is put back with the last of them that is released.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog

from freezeguard.domain.enforcement import Status
from freezeguard.domain.errors import Unavailable
from freezeguard.domain.people import System
from freezeguard.ports.catalogues import CatalogueError, Level, Observation
from freezeguard.ports.emergencies import ORDER
from freezeguard.ports.journal import Journal
from freezeguard.ports.rows import CatalogueRow
from freezeguard.ports.storage import Transaction
from freezeguard.services.enforcing.claims import Calls, Claim, Paused, saw
from freezeguard.services.enforcing.sharing import is_shared, legacy_of, with_inheritance
from freezeguard.services.enforcing.stopping import UNSURE

log = structlog.get_logger()

NOT_RESTORED = "the catalogue said that it is restored, and it is not"
NOT_LIFTED = "the fields are restored, and the catalogue still does not sell it"
SOLD_OUT = "restored exactly; the shop itself does not sell it now"
OUT_OF_REACH = (
    "a look-up of the SKU does not find it any more, and what its fields are now can't be read by"
    " its id; it may still be stopped"
)
GONE = "there is no such object any more"
SOLD_AS_ONE = "it stays stopped for {}, sold there as the same object, and is sold again with that"
LATE = 2
"""Verifications after a stop was sent until it can't land any more."""


class _OutOfReach(Exception):
    """Nobody can say how the fields are that our stops wrote."""


class Releasing:
    """Releases one claimed object."""

    def __init__(self, calls: Calls, journal: Journal) -> None:
        self._calls, self._journal = calls, journal
        self._database, self._now, self._pace = calls.database, calls.now, calls.pace

    async def work(self, claim: Claim) -> None:
        """Take one turn. Raises Paused, LeaseLost and Unavailable."""
        if claim.row.remote_id == "" or not claim.row.may_be_stopped:
            await self._released(claim, "")
            return
        try:
            await self._release(claim)
        except _OutOfReach:
            await self._leave_to_others(claim, OUT_OF_REACH)
        except CatalogueError as error:
            if claim.before.status is Status.IDLE:
                await self._calls.settle(claim, self._pace.retry_in(1, error.retry_after))
                return
            status = Status.UNREACHABLE if error.recoverable else Status.REFUSED
            await self._refused(claim, status, error.detail, error.retry_after)

    async def _release(self, claim: Claim) -> None:
        if is_shared(claim.outlet) and await self._left_to_others(claim):
            return
        present = await self._present(claim)
        if present is None:
            await self._released(claim, GONE)
        elif conflict := conflict_in(claim.row, present):
            await self._leave_to_others(claim, conflict)
        elif _is_as_before(claim.row, present) and await self._is_lifted(claim):
            await self._look_as_buyer(claim)
        elif conflict := await self._conflict_in_hindsight(claim, present):
            await self._leave_to_others(claim, conflict)
        else:
            await self._restore(claim)

    async def _left_to_others(self, claim: Claim) -> bool:
        """Leave what our stops wrote to other SKUs for which the object has to stay stopped.

        Where there are none, what others have left to us is ours to put back, too.
        """
        own, others = await self._database.run(lambda tx: tx.objects.sold_as_one(claim.row))
        if own is not None:
            claim.learn(inherited=own.inherited)
        has_heirs = any(one.wanted != "sellable" for one, _ in others)
        if not has_heirs and claim.row.inherited is None:
            return False
        is_unknown = claim.row.written is None and claim.row.sent_at is not None
        if is_unknown or _unsure_means(claim.row):
            await self._learn_what_was_written(claim)
        claim.row = row = with_inheritance(claim.row)
        heirs = await self._database.run(lambda tx: tx.objects.leave_to_heirs(row, legacy_of))
        if heirs:
            await self._at_rest(claim, SOLD_AS_ONE.format(", ".join(heirs))[:300])
        return bool(heirs)

    async def _present(self, claim: Claim) -> Mapping[str, Any] | None:
        """Return the fields as they are; None where the far side says that the object is gone.

        It may be called otherwise by now, there or in our settings: what a look-up by SKU does not
        find is asked for by its id. Raises _OutOfReach where that does not tell all that we wrote.
        """
        row = claim.row
        found = await self._calls.ask(claim, lambda: claim.outlet.catalogue.lookup(
            claim.sku, deadline=self._pace.call_deadline))
        for one in found:
            if one.remote_id == row.remote_id:
                return one.fields
        seen = await self._read_back(claim)
        if seen.is_gone:
            return None
        if any(key not in seen.fields for key in _written_to(row)):
            raise _OutOfReach
        return seen.fields

    async def _is_lifted(self, claim: Claim) -> bool:
        """Say whether no further means is in force any more, as far as a buyer can see."""
        return not claim.row.fallbacks or (await self._read_back(claim)).sellable

    async def _read_back(self, claim: Claim) -> Observation:
        row = claim.row
        return await self._calls.ask(claim, lambda: claim.outlet.catalogue.read_back(
            claim.sku, row.remote_id, deadline=self._pace.call_deadline))

    async def _conflict_in_hindsight(self, claim: Claim, found: Mapping[str, Any]) -> str:
        """Learn what our unanswered commands wrote, and compare it with the fields as found.

        To learn it they are repeated. Where that went over what somebody else has written, the
        repetition is taken back.
        """
        if claim.row.written is not None and not _unsure_means(claim.row):
            return ""
        await self._learn_what_was_written(claim)
        conflict = conflict_in(claim.row, found)
        if conflict:
            await self._put_back_as_found(claim, found)
        return conflict

    async def _put_back_as_found(self, claim: Claim, found: Mapping[str, Any]) -> None:
        row, unsure = claim.row, _unsure_means(claim.row)
        fields = {key: found[key] for key in row.written or {} if key in found}
        try:
            await self._send_restore(claim, fields, unsure)
            claim.learn(fallbacks=tuple(one for one in row.fallbacks if not one.endswith(UNSURE)))
        except (CatalogueError, Paused) as error:
            # What stands there now is ours, so a later try restores it: to what was found.
            log.warning("not_put_back", sku=row.sku, catalogue=row.catalogue, error=str(error))
            theirs = {key: found[key] for key in _changed(row, found) if key in found}
            claim.learn(before_image={**(row.before_image or {}), **theirs})
            await self._database.run(lambda tx: tx.objects.amend_image(row, theirs))

    async def _learn_what_was_written(self, claim: Claim) -> None:
        """Repeat what may have been done and was never recorded: its answer names the fields."""
        row, catalogue = claim.row, claim.outlet.catalogue
        deadline = self._pace.call_deadline
        written = dict(row.written or {})
        if row.written is None:
            level: Level = "hard" if "hard" in catalogue.traits.levels else "hide"
            claim.has_sent = True
            written |= await self._calls.ask(claim, lambda: catalogue.stop(
                claim.sku, row.remote_id, level, revision=row.wanted_revision, deadline=deadline,
            ), restores=True)
        for means in _unsure_means(row):
            written |= await self._repeat_means(claim, means)
        claim.learn(written=written)

    async def _repeat_means(self, claim: Claim, means: str) -> Mapping[str, Any]:
        row = claim.row
        return await self._calls.ask(claim, lambda: claim.outlet.catalogue.fall_back(
            means, claim.sku, row.remote_id, revision=row.wanted_revision,
            deadline=self._pace.call_deadline), restores=True)

    async def _restore(self, claim: Claim) -> None:
        """Write the before-image back, and look whether it is there.

        Raises Unavailable where an emergency order waits to become a hold: it is looked at later.
        """
        row = claim.row
        if await self._is_ordered({row.sku, *row.takes_along}):
            raise Unavailable(f"an emergency order for {row.sku} is not reconciled yet")
        image = {key: (row.before_image or {})[key] for key in row.written or {}}
        claim.has_sent = True
        try:
            means = [one.removesuffix(UNSURE) for one in row.fallbacks]
            await self._send_restore(claim, image, means)
        finally:
            await self._wake_others(claim)
        present = await self._present(claim)
        if present is not None and any(present.get(key) != image[key] for key in image):
            raise CatalogueError(NOT_RESTORED, recoverable=False)
        await self._look_as_buyer(claim)

    async def _wake_others(self, claim: Claim) -> None:
        """A freeze of another SKU that is sold as this object may have come meanwhile."""
        if not is_shared(claim.outlet):
            return
        try:
            await self._database.run(lambda tx: tx.objects.wake_as_one(claim.row))
        except Unavailable as error:  # they are looked at again all the same, some seconds later
            log.warning("others_not_woken", sku=claim.row.sku, error=str(error))

    async def _is_ordered(self, skus: Collection[str]) -> bool:
        lines = await self._journal.lines()
        return any(one["what"] == ORDER and one["sku"] in skus for one in lines)

    async def _send_restore(
        self, claim: Claim, image: Mapping[str, Any], in_force: Sequence[str]
    ) -> None:
        """Lift the further means that are in force, the newest first, and write fields back."""
        row, catalogue = claim.row, claim.outlet.catalogue
        for means in reversed(in_force):
            await self._lift(claim, means, image)
        await self._calls.ask(claim, lambda: catalogue.restore(
            claim.sku, row.remote_id, image, revision=row.wanted_revision,
            deadline=self._pace.call_deadline), restores=True)

    async def _lift(self, claim: Claim, means: str, image: Mapping[str, Any]) -> None:
        row = claim.row
        await self._calls.ask(claim, lambda: claim.outlet.catalogue.lift_fall_back(
            means, claim.sku, row.remote_id, image, revision=row.wanted_revision,
            deadline=self._pace.call_deadline), restores=True)

    async def _look_as_buyer(self, claim: Claim) -> None:
        """The fields are as before; what a buyer sees is recorded, and may be "sold out".

        Where a further means was in force, "not sold" may also mean that it still is.
        """
        seen = await self._read_back(claim)
        saw(claim, seen, self._now())
        if seen.sellable:
            await self._released(claim, "")
        elif claim.row.fallbacks:
            await self._by_hand(claim, NOT_LIFTED)
        else:
            await self._released(claim, SOLD_OUT)

    # --------------------------------------------------------------------------------- outcomes

    async def _leave_to_others(self, claim: Claim, conflict: str) -> None:
        """Somebody else has written since: their values stay."""
        if claim.before.status is Status.IDLE:  # changed since it was released: not by us
            await self._at_rest(claim, claim.row.detail)
        else:
            await self._by_hand(claim, conflict)

    async def _by_hand(self, claim: Claim, reason: str) -> None:
        """A person decides, and says so by `resolve_task`."""
        if await self._database.run(lambda tx: self._is_settled_by_hand(tx, claim)):
            await self._released(claim, "put right by hand")
        else:
            await self._refused(claim, Status.REFUSED, reason, None)

    async def _is_settled_by_hand(self, tx: Transaction, claim: Claim) -> bool:
        """Say whether a task of this release, not of an earlier one, is done."""
        row = claim.row
        for hold in await tx.holds.in_force(row.sku):
            if hold.state != "releasing" or not claim.outlet.concerns(hold.scope):
                continue
            case = await tx.cases.get(hold.case_id)
            begun_at = None if case is None else case.reinstated_at or case.closed_at
            for task in await tx.cases.tasks(hold.case_id):
                mine = (task.catalogue, task.remote_id) == (row.catalogue, row.remote_id)
                by_hand = task.resolved_by not in {None, System.RECONCILER.value}
                is_done = task.task == "release" and by_hand
                if mine and is_done and (begun_at is None or task.opened_at >= begun_at):
                    return True
        return False

    async def _released(self, claim: Claim, detail: str) -> None:
        """It is as before. A stop that was sent a moment ago may still land: it is watched."""
        row = claim.row
        stopped_for = self._now() - (row.sent_at or datetime.min.replace(tzinfo=UTC))
        if row.remote_id == "" or stopped_for.total_seconds() > LATE * self._pace.verify_every:
            await self._at_rest(claim, detail)
            return
        claim.learn(status=Status.IDLE, fallbacks=(), attempts=0, failing_since=None,
                    detail=detail)
        pause = self._pace.look_again_in(stopped_for, troubled=False)
        await self._calls.settle_release(claim, pause, refused=False)

    async def _at_rest(self, claim: Claim, detail: str) -> None:
        """Nothing of ours is in force, or may still come to be."""
        status = Status.NOT_LISTED if claim.row.remote_id == "" else Status.IDLE
        claim.learn(status=status, written=None, sent_at=None, fallbacks=(), attempts=0,
                    failing_since=None, detail=detail)
        await self._calls.settle_release(claim, None, refused=False)

    async def _refused(
        self, claim: Claim, status: Status, detail: str, retry_after: float | None
    ) -> None:
        """A release did not go through: readers still see the SKU as frozen."""
        row = claim.row
        attempts = row.attempts + 1
        log.warning("release_failed", sku=row.sku, catalogue=row.catalogue, attempts=attempts,
                    status=status.value, detail=detail)
        claim.learn(status=status, detail=detail, attempts=attempts,
                    failing_since=row.failing_since or self._now())
        pause = self._pace.retry_in(attempts, retry_after)
        await self._calls.settle_release(claim, pause, refused=True)


def _unsure_means(row: CatalogueRow) -> list[str]:
    """Return the further means of which nobody knows whether they are in force."""
    return [one.removesuffix(UNSURE) for one in row.fallbacks if one.endswith(UNSURE)]


def _is_as_before(row: CatalogueRow, present: Mapping[str, Any]) -> bool:
    """Say whether the fields that were written, all where nobody knows which, are as before.

    A stop that wrote none, such as a deny list, is not seen in any field.
    """
    image, keys = row.before_image or {}, tuple(_written_to(row))
    return bool(keys) and all(present.get(key) == image.get(key) for key in keys)


def _written_to(row: CatalogueRow) -> Iterable[str]:
    """Return the names of the fields that our stops wrote; of all where nobody knows which."""
    return (row.before_image or {}) if row.written is None else row.written


def conflict_in(row: CatalogueRow, present: Mapping[str, Any]) -> str:
    """Name what keeps a person from being spared; empty where the image may be written back.

    That is a field that is neither as the stop left it nor as it was before, or whose state
    before the stop nobody knows.
    """
    if row.before_image is None:
        return "nobody knows how it was before the stop"
    return "; ".join(
        f"{key} is {present.get(key)!r}, the stop wrote {value!r}"
        for key, value in _changed(row, present).items()
    )


def _changed(row: CatalogueRow, present: Mapping[str, Any]) -> dict[str, Any]:
    """Return what our stops wrote into fields that are neither so any more nor as before."""
    image = row.before_image or {}
    return {
        key: value
        for key, value in sorted((row.written or {}).items())
        if key not in image or present.get(key) not in (value, image[key])
    }
