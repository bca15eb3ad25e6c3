"""A naive count, written from the words of the task alone: it knows nothing of the program.

Five different customers within (t - 30 days, t], complaints taken in the order (occurred_at,
source, id) as text. Slow on purpose: every window is gathered anew.
"""

import csv
import gzip
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

WINDOW = timedelta(days=30)
CUSTOMERS = 5


@dataclass(frozen=True)
class Complaint:
    """One row. `rest` is whatever else stands in it, so that two bodies can be compared."""

    sku: str
    occurred_at: datetime
    source: str
    id: str
    customer: str | None
    rest: tuple[str, ...] = ()

    @property
    def place(self) -> tuple[str, str, str]:
        """Return where it stands in the order of counting, as text."""
        moment = self.occurred_at.astimezone(UTC).isoformat(timespec="microseconds")
        return moment, self.source, self.id


@dataclass(frozen=True)
class Sorted:
    """Rows of a file, told apart by what should become of them; order as in the file."""

    accepted: tuple[Complaint, ...]
    duplicates: tuple[Complaint, ...]
    conflicts: tuple[Complaint, ...]


def told_apart(rows: Iterable[Complaint]) -> Sorted:
    """Accept the first row of each (source, id); the same again repeats it, another contradicts."""
    first: dict[tuple[str, str], Complaint] = {}
    duplicates, conflicts = [], []
    for row in rows:
        known = first.setdefault((row.source, row.id), row)
        if known is row:
            continue
        (duplicates if known == row else conflicts).append(row)
    return Sorted(tuple(first.values()), tuple(duplicates), tuple(conflicts))


def first_crossings(
    complaints: Iterable[Complaint], *, window: timedelta = WINDOW, customers: int = CUSTOMERS
) -> dict[str, Complaint]:
    """Return, for each SKU that has one, the first complaint at which the bound is reached.

    Complaints that name no customer count as one customer together.
    """
    by_sku: dict[str, list[Complaint]] = {}
    for one in complaints:
        by_sku.setdefault(one.sku, []).append(one)
    found = {}
    for sku, made in by_sku.items():
        crossing = _first(sorted(made, key=lambda one: one.place), window, customers)
        if crossing is not None:
            found[sku] = crossing
    return found


def _first(made: Sequence[Complaint], window: timedelta, customers: int) -> Complaint | None:
    for number, newest in enumerate(made, start=1):
        edge = newest.occurred_at - window
        inside = {one.customer for one in made[:number] if one.occurred_at > edge}
        if len(inside) >= customers:
            return newest
    return None


def read_caers(path: Path) -> list[Complaint]:
    """Read the stream of the FDA: counted by the day of receipt, a case is a customer."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
        return [_of_caers(row) for row in csv.DictReader(text)]


def _of_caers(row: Mapping[str, str]) -> Complaint:
    day = datetime.strptime(row["received_at"], "%Y-%m-%d").replace(tzinfo=UTC)
    return Complaint(row["sku"], day, "caers", row["event_id"], row["case_id"])


def read_plain(path: Path) -> list[Complaint]:
    """Read a CSV whose columns have the names of the contract."""
    with path.open(encoding="utf-8", newline="") as text:
        return [_of_plain(row) for row in csv.DictReader(text)]


def _of_plain(row: Mapping[str, str]) -> Complaint:
    moment = datetime.fromisoformat(row["occurred_at"])
    rest = (row["kind"], row["severity"], row["text"])
    customer = row["customer"] or None
    return Complaint(row["sku"], moment, row["source"], row["id"], customer, rest)
