"""Emergency orders become cases: what was stopped without the database is then held by it.

An order that nobody known put their name to is carried out all the same, in the name of the
operator, and looked at later like a freeze by few. What the catalogues were like before the stop
comes from the journal, so that a reinstatement restores it exactly.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog

from freezeguard.domain.people import Actor, System
from freezeguard.domain.reasons import PullReason
from freezeguard.domain.scope import Scope
from freezeguard.ports.clock import Now
from freezeguard.ports.emergencies import IMAGE, ORDER, STOPPED, EmergencyOrder, StoppedThen
from freezeguard.ports.rows import Hold
from freezeguard.ports.storage import Transaction
from freezeguard.services.cases.aftermath import Aftermath
from freezeguard.services.commands.freezes import Freezes
from freezeguard.services.directory import Directory

log = structlog.get_logger()

Line = Mapping[str, Any]


@dataclass(slots=True)
class Journaled:
    """All that the journal says of emergencies of one SKU, oldest first."""

    orders: list[EmergencyOrder] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    def of(self, what: str, orders: Iterable[EmergencyOrder]) -> list[Line]:
        """Return the lines of one sort that belong to some orders."""
        wanted = {str(one.id) for one in orders}
        return [one for one in self.lines if one["what"] == what and one["order"] in wanted]

    def late_images(self, orders: Iterable[EmergencyOrder]) -> list[Line]:
        """Return the images that belong to none of some orders."""
        others = {str(one.id) for one in orders}
        return [one for one in self.lines if one["what"] == IMAGE and one["order"] not in others]


def emergencies_in(lines: Iterable[Line]) -> dict[str, Journaled]:
    """Return what a journal says of emergencies, by SKU."""
    found: dict[str, Journaled] = {}
    for line in sorted(lines, key=lambda one: str(one["at"])):
        if "order" not in line:
            continue
        of_sku = found.setdefault(line["sku"], Journaled())
        of_sku.lines.append(line)
        if line["what"] == ORDER:
            of_sku.orders.append(EmergencyOrder.of_line(line))
    return found


class Emergencies:
    """Makes cases of emergency orders, each once."""

    def __init__(self, freezes: Freezes, directory: Directory, now: Now) -> None:
        self._freezes, self._directory, self._now = freezes, directory, now

    async def reconcile(
        self, tx: Transaction, sku: str, journaled: Journaled
    ) -> list[Aftermath]:
        """Have every order of a SKU that is not known yet become a hold; return what follows.

        One transaction: killed before its commit nothing has happened, after it all has.
        """
        await tx.signals.lock_sku(sku)
        orders = [one for one in journaled.orders if not await tx.emergencies.is_known(one.id)]
        await self._save_late(tx, sku, journaled.late_images(orders))
        if not orders:
            return []
        await self._adopt(tx, sku, orders, journaled)
        return [await self._freeze(tx, one) for one in orders]

    async def _freeze(self, tx: Transaction, order: EmergencyOrder) -> Aftermath:
        """Pull the cord as ordered, and put the order itself on record."""
        reason = _reason_of(order)
        actor = await self._actor(tx, order, reason)
        aftermath, is_new = await self._freezes.pull(
            tx, Scope(order.sku), reason, reason.lane, actor
        )
        now, case = self._now(), aftermath.case
        await tx.emergencies.add(order, case.id, now)
        await tx.record.write(
            now, order.by, "emergency_freeze", f"case:{case.id}",
            details={"order": str(order.id), "at": order.at.isoformat(), "person": order.person,
                     "opened": is_new},
        )
        log.warning("emergency_reconciled", sku=order.sku, case_id=str(case.id))
        return aftermath

    async def _actor(
        self, tx: Transaction, order: EmergencyOrder, reason: PullReason
    ) -> Actor:
        """Return the person for whom it was ordered, where their pull alone stops a sale."""
        found = None if order.person is None else await tx.people.person(order.person)
        if found is not None and found[1] and self._freezes.judges_alone(found[0], reason):
            return found[0]
        return System.OPERATOR

    # ------------------------------------------------------------------------- before-images

    async def _adopt(
        self, tx: Transaction, sku: str, orders: Sequence[EmergencyOrder], journaled: Journaled
    ) -> None:
        """Take over what the orders stopped, catalogue by catalogue.

        Where a hold of the SKU had stopped a catalogue already, its own images are the truth.
        """
        at = orders[0].at
        held_then = await tx.emergencies.holds_at(sku, at)
        held_now = await tx.holds.in_force(sku)
        released_since = not held_now and await tx.emergencies.later_known(sku, at)
        images = journaled.of(IMAGE, orders)
        for catalogue in sorted({str(one["catalogue"]) for one in images}):
            mine = [one for one in images if one["catalogue"] == catalogue]
            if self._concerns(catalogue, held_then):
                if self._concerns(catalogue, held_now):
                    await save_journaled(tx, sku, catalogue, mine, self._now())
            elif not released_since:
                stops = journaled.of(STOPPED, orders)
                await tx.emergencies.adopt(sku, catalogue, stopped_then(mine, stops))

    async def _save_late(self, tx: Transaction, sku: str, images: Sequence[Line]) -> None:
        """An order may become a hold while its command still runs: images that come later count."""
        held = await tx.holds.in_force(sku) if images else []
        for catalogue in sorted({str(one["catalogue"]) for one in images}):
            if self._concerns(catalogue, held):
                mine = [one for one in images if one["catalogue"] == catalogue]
                await save_journaled(tx, sku, catalogue, mine, self._now())

    def _concerns(self, catalogue: str, holds: Iterable[Hold]) -> bool:
        outlet = self._directory.get(catalogue)
        return outlet is not None and any(outlet.concerns(one.scope) for one in holds)


def stopped_then(images: Sequence[Line], stops: Sequence[Line]) -> list[StoppedThen]:
    """Return the objects of one catalogue that were stopped, each as it was before.

    Of several images the earliest counts that does not show a stop: an order that was repeated
    because the journal could not be written first sees what the first one did.
    """
    found = []
    for remote_id in dict.fromkeys(str(one["remote_id"]) for one in images):
        mine = [one for one in images if one["remote_id"] == remote_id]
        where = (mine[0]["catalogue"], remote_id)
        written = {
            one["order"]: one["written"]
            for one in stops if (one["catalogue"], one["remote_id"]) == where
        }
        before = next((one for one in mine if not _shows_stop(one, written)), None)
        latest = [written[one["order"]] for one in mine if one["order"] in written]
        found.append(StoppedThen(
            remote_id, None if before is None else before["fields"],
            latest[-1] if latest else None, tuple(mine[0].get("takes_along", ())),
            datetime.fromisoformat((before or mine[0])["at"]),
        ))  # fmt: skip
    return found


def _shows_stop(image: Line, written: Mapping[str, Line]) -> bool:
    """Say whether every field was already as the stop that followed wrote it."""
    wrote = written.get(image["order"], {})
    return bool(wrote) and all(image["fields"].get(key) == wrote[key] for key in wrote)


def _reason_of(order: EmergencyOrder) -> PullReason:
    named = "nobody named" if order.person is None else f"for {order.person}, on their word"
    said = f": {order.comment}" if order.comment else ""
    return PullReason(
        order.reason_code, f"Emergency order by {order.by} ({named}){said}", order.by,
        extra={"emergency": {"order": str(order.id), "at": order.at.isoformat(),
                             "person": order.person}},
    )


async def save_journaled(
    tx: Transaction, sku: str, catalogue: str, lines: Sequence[Line], now: datetime
) -> None:
    """Save the journal's images of one SKU; of several for one object the earliest is the truth.

    The caller holds the lock of the SKU.
    """
    rows = [one for one in await tx.objects.of_sku(sku) if one.catalogue == catalogue]
    earliest: dict[str, Mapping[str, Any]] = {}
    for line in sorted(lines, key=lambda one: str(one["at"])):
        earliest.setdefault(line["remote_id"], line)
    unresolved = next((one for one in rows if one.remote_id == ""), None)
    if unresolved is not None:
        found = [
            (remote_id, line["fields"], tuple(line.get("takes_along", ())))
            for remote_id, line in earliest.items()
        ]
        await tx.objects.replace_unresolved(unresolved, found, now, timedelta(0))
        return
    for row in rows:
        journaled = earliest.get(row.remote_id)
        if journaled is None:
            continue
        at = datetime.fromisoformat(journaled["at"])
        if not await tx.objects.save_before_image(row, journaled["fields"], at):
            await tx.objects.keep_earlier_image(row, journaled["fields"], at)
