"""What several SKUs are sold as: one object of a catalogue, stopped by the hold of any of them.

Each SKU has a row of its own. Who is released first leaves to the others what its stops wrote, and
the last puts everything back. Who is stopped later takes over how it was before the first stop.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from freezeguard.domain.enforcement import Status
from freezeguard.domain.images import joined, without_stop, written_by_both
from freezeguard.ports.rows import CatalogueRow, Json
from freezeguard.services.directory import Outlet

SKEW = timedelta(seconds=2)
"""By which the clocks of replicas and database may differ."""


@dataclass(frozen=True, slots=True)
class Sharer:
    """The row of another SKU for the same object; its stop may be in force `since` a moment."""

    row: CatalogueRow
    since: datetime | None

    @property
    def is_in_force(self) -> bool:
        """Say whether a stop is in force, or may be."""
        row = self.row
        at_rest = row.status in {Status.IDLE, Status.NOT_LISTED}
        return row.wanted != "sellable" or (row.may_be_stopped and not at_rest)

    def may_show_in(self, read_at: datetime) -> bool:
        """Say whether what was read at a moment may show its stop, which is in force now."""
        return self.since is None or read_at >= self.since - SKEW

    def may_have_shown_in(self, read_at: datetime) -> bool:
        """Say whether what was read at a moment may show a stop of its that is over."""
        over = self.row.restored_at
        return over is not None and read_at <= over + SKEW


def is_shared(outlet: Outlet) -> bool:
    """Say whether objects of a catalogue may be what several SKUs are sold as."""
    return outlet.catalogue.traits.finest == "product"


def image_beside(row: CatalogueRow, others: Iterable[Sharer]) -> CatalogueRow:
    """Return a row that was never stopped with the image from before the stops of others."""
    image, at = _image_of(row), row.before_at
    for other in others:
        theirs = with_inheritance(other.row)
        if not other.is_in_force or theirs.before_image is None:
            continue
        if at is None or other.may_show_in(at):
            image = without_stop(image, theirs.before_image, theirs.written)
            at = min(at or theirs.before_at, theirs.before_at) if theirs.before_at else at
    return replace(row, before_image=image, before_at=at)


def with_inheritance(row: CatalogueRow) -> CatalogueRow:
    """Return a row as if its own stops had written what others have left to it."""
    left = row.inherited
    if left is None:
        return row
    means = [one for one in left["fallbacks"] if one not in row.fallbacks]
    sent = [one for one in (row.sent_at, _moment(left["sent_at"])) if one is not None]
    return replace(
        row, before_image=_image_of(row),
        written=written_by_both(left["written"], row.written or {}),
        fallbacks=(*means, *row.fallbacks), sent_at=max(sent, default=None),
    )


def legacy_of(row: CatalogueRow, since: datetime | None, earlier: Json | None) -> Json:
    """Return what a row, stopped since a moment, leaves to another, where `earlier` was left."""
    written, image = dict(row.written or {}), dict(row.before_image or {})
    image = {name: image[name] for name in written if name in image}
    means, begun = list(row.fallbacks), _text(since)
    if earlier is not None:
        image = joined(image, earlier["image"], earlier["written"], trusted=True)
        written = written_by_both(earlier["written"], written)
        means = [*earlier["fallbacks"], *(one for one in means if one not in earlier["fallbacks"])]
        begun = min(begun, earlier["since"]) if begun and earlier["since"] else None
    return {"written": written, "image": image, "fallbacks": means, "since": begun,
            "sent_at": _text(row.sent_at)}


def _image_of(row: CatalogueRow) -> dict[str, Any]:
    """Return the image of a row with what others have left to it."""
    own, left = dict(row.before_image or {}), row.inherited
    if left is None:
        return own
    since = _moment(left["since"])
    trusted = since is not None and row.before_at is not None and row.before_at < since - SKEW
    return joined(own, left["image"], left["written"], trusted=trusted)


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
