"""Does each catalogue obey? Wanted against seen, per catalogue object."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from freezeguard.domain.scope import Scope

Wanted = Literal["sellable", "hide", "hard"]


class Status(StrEnum):
    """What is known of one catalogue object. Truth is the last read-back with its time."""

    IDLE = "idle"
    PENDING = "pending"
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    DRIFTED = "drifted"
    NOT_LISTED = "not_listed"
    WAIVED = "waived"


TROUBLED = frozenset({Status.REFUSED, Status.UNREACHABLE, Status.DRIFTED})
SETTLED_STOPPED = frozenset({Status.CONFIRMED, Status.NOT_LISTED, Status.WAIVED})


@dataclass(frozen=True, slots=True)
class Waiver:
    """Somebody takes it upon themselves that a case overlooks an object, until a moment."""

    catalogue: str
    remote_id: str
    by: str
    until: datetime
    why: str


@dataclass(frozen=True, slots=True)
class ObjectState:
    """One catalogue object as a case sees it.

    `held_by_other` names the case whose hold keeps the object stopped while this one's releases;
    `enforced_scope` is the wider scope that is stopped here, None where it is exactly the case's.
    `waiver` is the case's own, in force; the status is `waived` while it makes a difference.
    """

    catalogue: str
    remote_id: str
    wanted: Wanted
    status: Status
    seen_sellable: bool | None = None
    seen_at: datetime | None = None
    detail: str = ""
    held_by_other: str | None = None
    enforced_scope: Scope | None = None
    waiver: Waiver | None = None

    @property
    def name(self) -> str:
        """Return how people call it: the catalogue and the remote id."""
        return f"{self.catalogue}/{self.remote_id}" if self.remote_id else self.catalogue

    @property
    def is_waived(self) -> bool:
        """Say whether a waiver of the case is in force, also one that makes no difference now."""
        return self.waiver is not None or self.status is Status.WAIVED

    @property
    def is_stopped(self) -> bool:
        """Say whether the sale is known to be stopped, or need not be."""
        if self.status is Status.CONFIRMED:
            return self.wanted != "sellable" and self.seen_sellable is False
        return self.status in SETTLED_STOPPED

    @property
    def is_read_back(self) -> bool:
        """Say whether it was seen not to be sold, which no waiver stands for."""
        return self.is_stopped and self.status is not Status.WAIVED

    @property
    def is_released(self) -> bool:
        """Say whether this case no longer keeps the object from being sold."""
        if self.held_by_other is not None:
            return True
        return self.status in {Status.IDLE, Status.NOT_LISTED}


def is_degraded(objects: Iterable[ObjectState]) -> bool:
    """Say whether enforcement falls short: something troubled, or nobody lists the SKU at all."""
    known = tuple(objects)
    if any(one.status in TROUBLED for one in known):
        return True
    return listed_nowhere(known)


def are_stopped(objects: Iterable[ObjectState]) -> bool:
    """Say whether the sale is known to be stopped wherever the SKU is listed, and it is so."""
    known = tuple(objects)
    return all(one.is_stopped for one in known) and not listed_nowhere(known)


def listed_nowhere(objects: Iterable[ObjectState]) -> bool:
    """Say whether catalogues were asked for the SKU, and not one of them lists it."""
    known = tuple(objects)
    return bool(known) and all(one.status is Status.NOT_LISTED for one in known)


def strictest(levels: Iterable[Wanted]) -> Wanted:
    """Return the union of what several holds want of one object."""
    return max(levels, key=("sellable", "hide", "hard").index, default="sellable")
