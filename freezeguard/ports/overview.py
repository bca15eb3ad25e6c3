"""What people look at to see whether all is well. Read only, each a few queries."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from freezeguard.ports.rows import Vendor


@dataclass(frozen=True, slots=True)
class Obeying:
    """What a catalogue has been told to stop or put back, by whether it obeys.

    `seen_at` is when any of it was last read back.
    """

    catalogue: str
    stopped: int = 0
    unconfirmed: int = 0
    releasing: int = 0
    degraded: int = 0
    drifted: int = 0
    seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """A stop that is wanted since a moment and not confirmed."""

    catalogue: str
    sku: str
    remote_id: str
    status: str
    detail: str
    attempts: int
    since: datetime
    case_id: UUID
    number: int


@dataclass(frozen=True, slots=True)
class Drifts:
    """How often something was put back on sale that is stopped, and when last."""

    catalogue: str
    drifts: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class OpenTask:
    """Something that a person is to stop or release by hand."""

    catalogue: str
    sku: str
    remote_id: str
    task: str
    instruction: str
    assigned_to: str | None
    opened_at: datetime
    case_id: UUID
    number: int


@dataclass(frozen=True, slots=True)
class Check:
    """A proof of a catalogue by its owner, of one configuration."""

    catalogue: str
    fingerprint: str
    passed_at: datetime
    passed_by: str


@dataclass(frozen=True, slots=True)
class Spending:
    """Automatic freezes of one lane, source, category and vendor."""

    lane: str
    source: str | None
    category: str | None
    vendor: str | None
    freezes: int


@dataclass(frozen=True, slots=True)
class VendorWave:
    """Items of a vendor that were stopped and in which no defect was found; of so many in all."""

    vendor: str
    skus: int
    of_vendor: int


@dataclass(frozen=True, slots=True)
class Answers:
    """How long a vendor took to answer in the median, and how often it was late."""

    answered: int
    late: int
    median_seconds: float


@dataclass(frozen=True, slots=True)
class VendorStanding:
    """How a vendor does: its open cases, the dates that it named, its answers and endpoints.

    `answers` are by what was waited for: `vendor_ack`, `vendor_plan`.
    """

    vendor: Vendor
    open_cases: int
    oldest_at: datetime | None
    kept: int
    broken: int
    moved: int
    waiting: int
    answers: dict[str, Answers]
    endpoints: int
    failing: int
    disabled: int


class Overview(Protocol):
    """Reads what is looked at as a whole."""

    async def obeying(self) -> list[Obeying]:
        """Return every catalogue in which something is to be stopped or put back."""
        ...

    async def oldest_unconfirmed(self) -> list[Unconfirmed]:
        """Return the stop of each catalogue that is unconfirmed for longest."""
        ...

    async def drifts(self, since: datetime) -> list[Drifts]:
        """Count what was put back on sale since a moment, in open cases."""
        ...

    async def open_tasks(self, limit: int) -> list[OpenTask]:
        """Return the tasks for people's hands, oldest first."""
        ...

    async def checks(self) -> list[Check]:
        """Return which catalogues were proved by their owners."""
        ...

    async def spent(self, since: datetime) -> list[Spending]:
        """Count the automatic freezes since a moment."""
        ...

    async def waves(self, since: datetime, limit: int) -> list[VendorWave]:
        """Return the vendors of whose items most were stopped since a moment."""
        ...

    async def vendors(self, after: str, limit: int, since: datetime) -> list[VendorStanding]:
        """Return the next vendors and how they do; dates and answers since a moment."""
        ...

    async def vendor(self, vendor: Vendor, since: datetime) -> VendorStanding:
        """Return how one vendor does."""
        ...

    async def sign_ins(self) -> dict[str, datetime]:
        """Return when people signed in last, as far back as sessions are kept."""
        ...


