"""Emergency orders: how they stand in the journal, and what of them the database keeps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, Self
from uuid import UUID

from freezeguard.ports.catalogues import Level
from freezeguard.ports.rows import Hold

ORDER, IMAGE, STOPPED = "emergency", "before_image", "emergency_stop"
"""What lines of the journal are about: the order itself, and what was there before and after."""


@dataclass(frozen=True, slots=True)
class EmergencyOrder:
    """Stop a SKU now, without the database.

    `by` is who was at the command line, by the account of the machine; `person` is whom they said
    to act for, on their word. `level` is None where each catalogue stops as it is configured.
    """

    id: UUID
    at: datetime
    by: str
    person: str | None
    sku: str
    level: Level | None
    reason_code: str
    comment: str

    def as_line(self) -> dict[str, Any]:
        """Return the order as a line of the journal."""
        return {
            "what": ORDER, "order": str(self.id), "at": self.at.isoformat(), "by": self.by,
            "person": self.person, "sku": self.sku, "level": self.level,
            "reason_code": self.reason_code, "comment": self.comment,
        }

    @classmethod
    def of_line(cls, line: Mapping[str, Any]) -> Self:
        """Read an order from its line."""
        return cls(
            id=UUID(line["order"]), at=datetime.fromisoformat(line["at"]), by=line["by"],
            person=line["person"], sku=line["sku"], level=line["level"],
            reason_code=line["reason_code"], comment=line["comment"],
        )


@dataclass(frozen=True, slots=True)
class StoppedThen:
    """An object that an emergency order stopped: its image from before, and what was written.

    `image` is None where nobody knows how it was; `written` where the command did not come to
    note it. Both were seen `at` a moment.
    """

    remote_id: str
    image: Mapping[str, Any] | None
    written: Mapping[str, Any] | None
    takes_along: tuple[str, ...]
    at: datetime


class Emergencies(Protocol):
    """Emergency orders that have become cases."""

    async def is_known(self, order_id: UUID) -> bool:
        """Say whether an order has been dealt with."""
        ...

    async def add(self, order: EmergencyOrder, case_id: UUID, now: datetime) -> None:
        """Note that an order has become a case, or belongs to one."""
        ...

    async def later_known(self, sku: str, at: datetime) -> bool:
        """Say whether an order from before a moment became a case after it."""
        ...

    async def holds_at(self, sku: str, at: datetime) -> list[Hold]:
        """Return the holds of a SKU that were in force at a moment."""
        ...

    async def adopt(self, sku: str, catalogue: str, objects: Sequence[StoppedThen]) -> None:
        """Take over objects that were stopped before any hold of theirs.

        Their image counts where none is known, or where the one that is known may show the stop.
        """
        ...
