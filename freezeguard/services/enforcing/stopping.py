"""Stops the sale of a catalogue object, reads back that it is stopped, and keeps it so.

Towards *frozen* it tries for ever: the stop itself, then the further means that the catalogue
knows, then a person. Somebody who puts the object back on sale finds it stopped again first, and
is asked afterwards.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from freezeguard.domain.enforcement import Status
from freezeguard.domain.errors import Unavailable
from freezeguard.ports.catalogues import CatalogueError, Found, Observation
from freezeguard.ports.journal import Journal
from freezeguard.ports.rows import CatalogueRow
from freezeguard.services.cases.holding import LEASE
from freezeguard.services.enforcing.claims import Calls, Claim, Paused, saw
from freezeguard.services.enforcing.sharing import Sharer, image_beside, is_shared

log = structlog.get_logger()

STILL_SOLD = "the catalogue said that the sale is stopped, and it still sells"
PUT_BACK = "somebody put it back on sale; it was stopped again"
NOTHING_TO_STOP = "there is no such object any more: nothing is there to be stopped"
UNSURE = "?"
"""Behind the name of a further means: it was tried, and nobody knows whether it is in force."""
MOST_LOOKED_UP = 50_000


class Stopping:
    """Brings one claimed object to a stop, or sees that it still is."""

    def __init__(self, calls: Calls, journal: Journal) -> None:
        self._calls, self._journal = calls, journal
        self._database, self._now, self._pace = calls.database, calls.now, calls.pace
        self._looked_up: dict[tuple[str, str], float] = {}

    async def work(self, claim: Claim) -> list[Claim]:
        """Take one turn; return the objects that a look-up found, to work on next.

        Raises Paused, LeaseLost and Unavailable.
        """
        row = claim.row
        if row.remote_id == "":
            return await self._resolve(claim)
        if row.status in {Status.CONFIRMED, Status.DRIFTED} or row.is_out_of_sight:
            await self._verify(claim)
        else:
            await self._stop(claim)
        return []

    # ----------------------------------------------------------------------------- resolving

    async def _resolve(self, claim: Claim) -> list[Claim]:
        """Cold: look up what the SKU is called there, and save the before-images."""
        asked_at = self._now()
        try:
            found = await self._look_up(claim)
        except CatalogueError as error:
            await self._failed(claim, error, by_other_means=False)
            return []
        if not found:
            claim.learn(status=Status.NOT_LISTED, attempts=0, failing_since=None,
                        detail="the catalogue lists no such SKU", seen_at=self._now())
            await self._calls.settle(claim, self._pace.relist_every)
            return []
        return await self._save_found(claim, found, asked_at)

    async def _look_up(self, claim: Claim) -> tuple[Found, ...]:
        row = claim.row
        found = await self._calls.ask(claim, lambda: claim.outlet.catalogue.lookup(
            claim.sku, deadline=self._pace.call_deadline))
        if len(self._looked_up) >= MOST_LOOKED_UP:
            self._looked_up.clear()
        self._looked_up[row.sku, row.catalogue] = asyncio.get_running_loop().time()
        return found

    async def _save_found(
        self, claim: Claim, found: tuple[Found, ...], now: datetime
    ) -> list[Claim]:
        """Save what a look-up found that was begun at a moment."""
        row = claim.row
        started_at = asyncio.get_running_loop().time()
        if row.sent_at is not None:
            found = await self._with_journaled_images(row, found)
        objects = [(one.remote_id, one.fields, one.takes_along) for one in found]
        try:
            rows = await self._database.run(
                lambda tx: tx.objects.replace_unresolved(row, objects, now, LEASE)
            )
        except Unavailable:
            # The images can't be saved where they belong; on disk will do. Stop all the same.
            await self._keep_in_journal(row, found)
            rows = [
                replace(row, remote_id=one.remote_id, before_image=one.fields, before_at=now)
                for one in found
            ]
        until = started_at + LEASE.total_seconds()
        return [
            Claim(claim.outlet, one, one, until, began_at=claim.began_at, rank=claim.rank)
            for one in rows
            if one.wanted != "sellable"
        ]

    async def _with_journaled_images(
        self, row: CatalogueRow, found: tuple[Found, ...]
    ) -> tuple[Found, ...]:
        """A stop may have gone out before: what is in the journal was seen before that."""
        images: dict[str, Any] = {}
        for line in await self._journal.lines():
            if (line["what"], line["sku"], line["catalogue"]) == (
                "before_image", row.sku, row.catalogue
            ):
                images.setdefault(line["remote_id"], line["fields"])
        return tuple(
            replace(one, fields=images.get(one.remote_id, one.fields)) for one in found
        )

    async def _keep_in_journal(self, row: CatalogueRow, found: Iterable[Found]) -> None:
        for one in found:
            line = {
                "what": "before_image", "sku": row.sku, "catalogue": row.catalogue,
                "remote_id": one.remote_id, "fields": dict(one.fields),
                "at": self._now().isoformat(),
            }
            try:
                await self._journal.append(line)
            except OSError as error:
                # The last resort: whoever reads this can put the object right by hand.
                log.error("journal_failed", error=str(error), line=line)  # noqa: TRY400

    # ------------------------------------------------------------------------------ stopping

    async def _stop(self, claim: Claim) -> None:
        """Send the stop and read it back."""
        if self._image_may_be_refreshed(claim) and not await self._refresh_image(claim):
            return
        if is_shared(claim.outlet) and not await self._look_beside(claim):
            return
        try:
            await self._send_stop(claim)
        except CatalogueError as error:
            await self._failed(claim, error, by_other_means=True)
            return
        try:
            seen = await self._read_back(claim)
        except CatalogueError as error:
            await self._failed(claim, error, by_other_means=False)
            return
        if seen.stopped(claim.level):
            if not claim.row.written:  # nothing was there to write to: made anew, it has another id
                await self._adopt_now(claim)
            await self._confirm(claim, seen, _detail(claim.row, seen))
        else:
            saw(claim, seen, self._now())
            refused = CatalogueError(STILL_SOLD, recoverable=False)
            await self._failed(claim, refused, by_other_means=True)

    async def _send_stop(self, claim: Claim) -> None:
        claim.has_sent = True
        claim.learn(sent_at=self._now())
        row, level = claim.row, claim.level
        written = await self._calls.ask(claim, lambda: claim.outlet.catalogue.stop(
            claim.sku, row.remote_id, level, revision=row.wanted_revision,
            deadline=self._pace.call_deadline))
        # Where nothing is there to be written to, an earlier stop of ours may have gone unanswered.
        if written or claim.before.sent_at is None:
            claim.learn(written={**(row.written or {}), **written})

    async def _read_back(self, claim: Claim) -> Observation:
        row = claim.row
        return await self._calls.ask(claim, lambda: claim.outlet.catalogue.read_back(
            claim.sku, row.remote_id, deadline=self._pace.call_deadline))

    async def _confirm(self, claim: Claim, seen: Observation, detail: str) -> None:
        now = self._now()
        if claim.before.status is Status.PENDING and claim.began_at is not None:
            seconds = (now - claim.began_at).total_seconds()
            name = claim.outlet.name
            self._calls.metrics.time("stop_confirmed_seconds", seconds, catalogue=name)
        saw(claim, seen, now)
        claim.learn(status=Status.CONFIRMED, detail=detail, attempts=0, failing_since=None)
        await self._calls.settle(claim, self._look_again_in(claim.row))

    def _look_again_in(self, row: CatalogueRow) -> float:
        now = self._now()
        return self._pace.look_again_in(
            now - (row.sent_at or now), troubled=row.attempts > 0,
            looked_over=self._calls.looked_over(row.catalogue),
        )

    # ------------------------------------------------------------------------- before-images

    def _image_may_be_refreshed(self, claim: Claim) -> bool:
        """Say whether the image is too old, and no stop of ours can be in it yet."""
        row = claim.row
        if row.written is not None or row.sent_at is not None:
            return False
        if row.before_image is None or row.before_at is None:
            return True
        return self._now() - row.before_at > claim.outlet.image_max_age

    async def _refresh_image(self, claim: Claim) -> bool:
        """Read the before-image again; False where there is nothing to stop for now."""
        row, now = claim.row, self._now()
        try:
            found = await self._look_up(claim)
        except CatalogueError as error:
            if row.before_image is not None:
                log.warning("old_image_used", sku=row.sku, catalogue=row.catalogue,
                            error=error.detail)
                return True
            await self._failed(claim, error, by_other_means=False)
            return False
        mine = [one for one in found if one.remote_id == row.remote_id]
        await self._adopt(row, found)
        if not mine and await self._is_gone(claim):
            return True  # a stop finds nothing to do, and a read-back sees that nobody can buy it
        if not mine:
            claim.learn(status=Status.NOT_LISTED, detail="it is listed there no longer",
                        attempts=0, failing_since=None, seen_at=now)
            await self._calls.settle(claim, self._pace.relist_every)
            return False
        try:
            await self._database.run(
                lambda tx: tx.objects.save_before_image(row, mine[0].fields, now)
            )
        except Unavailable:
            await self._keep_in_journal(row, mine)
        claim.learn(before_image=mine[0].fields, before_at=now)
        return True

    async def _look_beside(self, claim: Claim) -> bool:
        """Have the image from before the stops of other SKUs that are sold as this object.

        False where there is nothing to stop for now.
        """
        if claim.row.written is not None or claim.row.sent_at is not None:
            return True  # ours is in force already, and its image was seen before
        try:
            others = await self._sharers(claim)
            read_at = claim.row.before_at
            is_left = claim.row.inherited is not None
            if read_at and not is_left and any(one.may_have_shown_in(read_at) for one in others):
                if not await self._refresh_image(claim):
                    return False
                others = await self._sharers(claim)
            await self._take_over(claim, image_beside(claim.row, others))
        except Unavailable as error:
            log.warning("not_looked_beside", sku=claim.row.sku, error=str(error))
        return True

    async def _sharers(self, claim: Claim) -> list[Sharer]:
        own, others = await self._database.run(lambda tx: tx.objects.sold_as_one(claim.row))
        if own is not None:
            claim.learn(inherited=own.inherited)
        return [Sharer(row, since) for row, since in others]

    async def _take_over(self, claim: Claim, row: CatalogueRow) -> None:
        """Keep another image than the one that was read."""
        image, at = row.before_image, row.before_at
        if image is None or at is None or image == claim.row.before_image:
            return
        await self._database.run(lambda tx: tx.objects.save_before_image(row, image, at))
        claim.learn(before_image=image, before_at=at)

    async def _is_gone(self, claim: Claim) -> bool:
        """Say whether the far side knows no such object; what is only renamed is not gone."""
        seen = await self._glance(claim)
        return seen is not None and seen.is_gone

    async def _adopt(self, row: CatalogueRow, found: tuple[Found, ...]) -> None:
        """Have objects stopped that were listed under the SKU after it was."""
        objects = [(one.remote_id, one.fields, one.takes_along) for one in found]
        try:
            added = await self._database.run(
                lambda tx: tx.objects.add_found(row, objects, self._now())
            )
        except Unavailable as error:
            log.warning("listing_not_stored", sku=row.sku, error=str(error))
            return
        if added:
            log.warning("listed_anew", sku=row.sku, catalogue=row.catalogue, objects=added)

    async def _look_for_more(self, claim: Claim) -> None:
        """Now and then, look whether the SKU is listed under further ids by now."""
        row, now = claim.row, asyncio.get_running_loop().time()
        last = self._looked_up.get((row.sku, row.catalogue))
        if last is None or now - last >= self._pace.relist_every:
            await self._adopt_now(claim)

    async def _adopt_now(self, claim: Claim) -> None:
        row = claim.row
        try:
            await self._adopt(row, await self._look_up(claim))
        except (CatalogueError, Paused) as error:
            log.info("relisting_failed", sku=row.sku, catalogue=row.catalogue, error=str(error))

    # ----------------------------------------------------------------------------- verifying

    async def _verify(self, claim: Claim) -> None:
        """Look whether an object that was stopped still is."""
        try:
            seen = await self._read_back(claim)
        except CatalogueError as error:
            await self._not_seen(claim, error)
            return
        saw(claim, seen, self._now())
        if seen.stopped(claim.level):
            await self._look_for_more(claim)
            await self._still_stopped(claim, seen)
        else:
            await self._drifted(claim)

    async def _not_seen(self, claim: Claim, error: CatalogueError) -> None:
        """The last read-back stays the truth for a moment: one lost answer is no alarm."""
        row = claim.row
        attempts = row.attempts + 1
        if row.status is Status.CONFIRMED and attempts < self._pace.fall_back_after:
            claim.learn(attempts=attempts, detail=error.detail)
            pause = self._pace.retry_in(attempts, error.retry_after)
            await self._calls.settle(claim, pause)
            return
        await self._failed(claim, error, by_other_means=False)

    async def _still_stopped(self, claim: Claim, seen: Observation) -> None:
        row, now = claim.row, self._now()
        is_calm = (now - (row.sent_at or now)).total_seconds() >= self._pace.verify_every
        means_left = set(claim.outlet.catalogue.traits.fallbacks) - set(row.fallbacks)
        stubborn = row.attempts >= self._pace.fall_back_after and not means_left
        if row.status is Status.DRIFTED and stubborn and not is_calm:
            await self._calls.settle(claim, self._look_again_in(row))
            return
        claim.learn(status=Status.CONFIRMED, detail=_detail(row, seen),
                    attempts=0 if is_calm else row.attempts,
                    failing_since=None if is_calm else row.failing_since)
        await self._calls.settle(claim, self._look_again_in(claim.row))

    async def _drifted(self, claim: Claim) -> None:
        """Stop it again first; then let the case say so, and look at once whether it holds.

        Where it drifts again and again, every further time adds one more means.
        """
        row, last_seen = claim.row, claim.before.seen_at
        attempts, pause, instruction = row.attempts + 1, 0.0, None
        self._calls.metrics.count("catalogue_drift", catalogue=row.catalogue)
        log.warning("drift", sku=row.sku, catalogue=row.catalogue, remote_id=row.remote_id,
                    attempts=attempts)
        claim.learn(status=Status.DRIFTED, detail=PUT_BACK, attempts=attempts,
                    failing_since=row.failing_since or self._now())
        try:
            await self._send_stop(claim)
            claim.learn(detail=f"{PUT_BACK}{self._gap(claim, last_seen)}")
        except CatalogueError as error:
            detail = f"somebody put it back on sale, and stopping it again failed: {error.detail}"
            claim.learn(detail=detail)
            pause = self._pace.retry_in(attempts, error.retry_after)
        if attempts >= self._pace.fall_back_after:
            instruction = await self._add_means(claim)
        await self._calls.settle(claim, pause, instruction=instruction)

    def _gap(self, claim: Claim, last_seen: datetime | None) -> str:
        """Say for how long it may have been sold: from the last look that saw it stopped."""
        if last_seen is None or claim.before.seen_sellable is not False:
            return ""
        seconds = max(0.0, (self._now() - last_seen).total_seconds())
        self._calls.metrics.time("catalogue_gap_seconds", seconds, catalogue=claim.outlet.name)
        return f" (it may have been sold for {seconds:.1f} s)"

    async def _add_means(self, claim: Claim) -> str | None:
        """Apply the next further means; where none is left, return what a person must do."""
        for means in claim.outlet.catalogue.traits.fallbacks:
            if means not in claim.row.fallbacks:
                await self._try_means(claim, means)
                return None
        return by_hand(claim.row)

    # ----------------------------------------------------------------------- when it goes wrong

    async def refuse(self, claim: Claim, reason: str) -> None:
        """Send nothing, and say why: for a catalogue that is off."""
        error = CatalogueError(reason, recoverable=False)
        await self._failed(claim, error, by_other_means=False)

    async def _failed(
        self, claim: Claim, error: CatalogueError, *, by_other_means: bool
    ) -> None:
        """Note a failed attempt; after some of them try other means, then ask a person."""
        row = claim.row
        attempts = row.attempts + 1
        status = Status.UNREACHABLE if error.recoverable else Status.REFUSED
        claim.learn(status=status, detail=error.detail, attempts=attempts,
                    failing_since=row.failing_since or self._now())
        log.warning("catalogue_failed", sku=row.sku, catalogue=row.catalogue, attempts=attempts,
                    status=status.value, detail=error.detail, wanted=row.wanted)
        instruction = None
        if attempts >= self._pace.fall_back_after:
            may_try = by_other_means and error.retry_after is None
            if may_try and await self._stopped_otherwise(claim, error):
                return
            instruction = by_hand(claim.row)
        pause = self._pace.retry_in(attempts, error.retry_after)
        await self._calls.settle(claim, pause, instruction=instruction)

    async def _stopped_otherwise(self, claim: Claim, error: CatalogueError) -> bool:
        """Look whether it is stopped although the answer was lost; else try other means in order.

        What the far side refused is not in force, whatever a read-back happens to see.
        """
        if error.recoverable:
            seen = await self._glance(claim)
            if seen is not None and seen.stopped(claim.level):
                await self._confirm(claim, seen, f"stopped, though {error.detail}")
                return True
        for means in claim.outlet.catalogue.traits.fallbacks:
            seen = await self._try_means(claim, means)
            if seen is not None and seen.stopped(claim.level):
                log.warning("fallback_in_force", sku=claim.row.sku,
                            catalogue=claim.row.catalogue, means=means)
                await self._confirm(claim, seen, stopped_by(claim.row.fallbacks))
                return True
        return False

    async def _glance(self, claim: Claim) -> Observation | None:
        """Read back where a failure to do so is no news."""
        try:
            return await self._read_back(claim)
        except CatalogueError as error:
            log.info("glance_failed", sku=claim.row.sku, error=error.detail)
            return None

    async def _try_means(self, claim: Claim, means: str) -> Observation | None:
        """Apply one further means and read back; it is on record before it is sent."""
        before = claim.row.fallbacks
        present = await self._present_fields(claim, means)
        claim.learn(fallbacks=_with(before, means + UNSURE))
        await self._calls.renew(claim)
        claim.has_sent = True
        row = claim.row
        refused = False
        try:
            written = await self._calls.ask(claim, lambda: claim.outlet.catalogue.fall_back(
                means, claim.sku, row.remote_id, revision=row.wanted_revision,
                deadline=self._pace.call_deadline))
            await self._amend_image(claim, {key: present[key] for key in written if key in present})
            claim.learn(written={**(row.written or {}), **written},
                        fallbacks=_with(before, means), sent_at=self._now())
        except CatalogueError as error:
            log.warning("fallback_failed", sku=row.sku, catalogue=row.catalogue, means=means,
                        detail=error.detail)
            refused = not error.recoverable
        seen = await self._glance(claim)
        if refused and seen is not None and not seen.stopped(claim.level):
            claim.learn(fallbacks=before)
        return seen

    async def _present_fields(self, claim: Claim, means: str) -> Mapping[str, Any]:
        """Return the fields as they are just before a means writes them for the first time.

        A stock is sold down by the minute: what was read ahead is too old to be written back.
        Empty where our own commands may be in them already, or where nobody can tell.
        """
        row = claim.row
        if means in row.fallbacks or means + UNSURE in row.fallbacks:
            return {}
        try:
            found = await self._look_up(claim)
        except CatalogueError as error:
            log.info("glance_failed", sku=row.sku, error=error.detail)
            return {}
        fields = next((one.fields for one in found if one.remote_id == row.remote_id), {})
        if is_shared(claim.outlet):
            fields = await self._without_others(claim, fields)
        return {key: value for key, value in fields.items() if key not in (row.written or {})}

    async def _without_others(
        self, claim: Claim, fields: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Return fields as they were before the stops of other SKUs for the same object."""
        try:
            others = await self._sharers(claim)
        except Unavailable as error:
            log.warning("not_looked_beside", sku=claim.row.sku, error=str(error))
            return fields
        read = replace(claim.row, before_image=fields, before_at=self._now())
        return image_beside(read, others).before_image or {}

    async def _amend_image(self, claim: Claim, fields: Mapping[str, Any]) -> None:
        if not fields:
            return
        row = claim.row
        claim.learn(before_image={**(row.before_image or {}), **fields})
        try:
            await self._database.run(lambda tx: tx.objects.amend_image(row, fields))
        except Unavailable as error:
            log.warning("image_not_amended", sku=row.sku, error=str(error), fields=dict(fields))


def _with(means: tuple[str, ...], one: str) -> tuple[str, ...]:
    """Add a means; one that is known to be in force does not become unsure again."""
    sure = one.removesuffix(UNSURE)
    if sure in means:
        return means
    return (*(known for known in means if known != sure + UNSURE), one)


def _detail(row: CatalogueRow, seen: Observation) -> str:
    """Say what else is to be known of an object that a read-back saw stopped."""
    return NOTHING_TO_STOP if seen.is_gone else stopped_by(row.fallbacks)


def stopped_by(fallbacks: tuple[str, ...]) -> str:
    """Say by which further means an object is stopped; empty where none was needed."""
    return f"stopped by {', '.join(fallbacks)}" if fallbacks else ""


def by_hand(row: CatalogueRow) -> str:
    """Say what a person must do where freezeguard can't stop a sale."""
    where = f"object {row.remote_id}" if row.remote_id else "whatever carries this SKU"
    return f"Stop the sale of {row.sku} in {row.catalogue} by hand ({where}): {row.detail}"
