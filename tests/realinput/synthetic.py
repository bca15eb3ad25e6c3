"""A seeded file of the size of the real one, with every oddity that the real one lacks.

Customers repeat; ids come twice with the same body and with another; rows are late and out of
order; complaints share a moment; moments lie on the very edge of a window; SKUs are any text.
"""

import csv
import random
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

ROWS = 31_598
SKUS = 3_000
REPEATS, CONTRADICTIONS = 2_000, 1_500
COLUMNS = ("id", "source", "kind", "sku", "occurred_at", "severity", "customer", "text")
SOURCES = ("helpdesk", "Returns desk", "hotline/🇩🇪")
BEGIN = datetime(2022, 1, 1, tzinfo=UTC)
YEARS = timedelta(days=2 * 365)
WINDOW = timedelta(days=30)
TICK = timedelta(microseconds=1)

_NAMES: tuple[Callable[[int], str], ...] = (
    lambda n: f"KETTLE-{n:05d}",
    lambda n: f"kettle-{n - 1:05d}",  # the one before it in small letters
    lambda n: f"pan/{n}/blue",
    lambda n: f"..%2Fpan/{n}",
    lambda n: f"cup {n} large",
    lambda n: f"cup {n - 1} large ",  # the one before it with a space at its end
    lambda n: f"🍳👩‍🍳 {n}",
    lambda n: f"Grö\u00dfe é {n}",
    lambda n: unicodedata.normalize("NFD", f"Grö\u00dfe é {n - 1}"),  # the same to the eye
    lambda n: f"a+b&c={n}?d#e",
    lambda n: f"{n}% \"quoted\", 'and' \\back\\",
    lambda n: f"{n}" + "ü" * 90,
)


@dataclass(frozen=True)
class Row:
    """One row to be; `at` is the moment, `offset` the minutes that its text is written with."""

    id: str
    source: str
    sku: str
    at: datetime
    customer: str
    severity: str = "major"
    text: str = ""
    offset: int = 0


def names() -> list[str]:
    """Return the SKUs, all different."""
    return [_NAMES[n % len(_NAMES)](n) for n in range(SKUS)]


def write(path: Path, seed: int) -> None:
    """Write the file."""
    rows = _rows(random.Random(seed))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(_cells(row) for row in rows)


def _cells(row: Row) -> tuple[str, ...]:
    moment = row.at.astimezone(timezone(timedelta(minutes=row.offset))).isoformat()
    if row.offset == 0:
        moment = moment.replace("+00:00", "Z")
    return row.id, row.source, "complaint", row.sku, moment, row.severity, row.customer, row.text


def _rows(rng: random.Random) -> list[Row]:
    first = _first_told(rng, ROWS - REPEATS - CONTRADICTIONS)
    repeated = [replace(row, offset=rng.choice((0, 0, 60, -330))) for row in
                rng.sample(first, REPEATS)]
    contradicting = [_contradiction(rng, row, rng.choice(first)) for row in
                     rng.sample(first, CONTRADICTIONS)]
    return _as_they_arrive(rng, [*first, *repeated, *contradicting])


def _first_told(rng: random.Random, number: int) -> list[Row]:
    skus = names()
    rows = [row for sku in skus for row in _on_the_edge(rng, sku)]
    # a few SKUs get most complaints, most get a few
    weights = [1 / (rank + 20) for rank in range(len(skus))]
    rng.shuffle(skus)
    chosen = rng.choices(skus, weights, k=number - len(rows))
    rows += [_scattered(rng, sku) for sku in chosen]
    serials = [*range(number)]
    rng.shuffle(serials)
    # numbers without leading zeros: as text, 10 comes before 9; each source has its own 1, 2, 3
    counters = dict.fromkeys(SOURCES, 0)
    numbered = []
    for _, row in sorted(zip(serials, rows, strict=True), key=lambda pair: pair[0]):
        counters[row.source] += 1
        numbered.append(replace(row, id=str(counters[row.source])))
    return numbered


def _on_the_edge(rng: random.Random, sku: str) -> Iterable[Row]:
    """Make five customers for a few SKUs, the first and the last a window apart or a tick less."""
    if rng.random() > 0.06:
        return
    start = BEGIN + rng.random() * YEARS
    apart = rng.choice((WINDOW, WINDOW - TICK))
    moments = [start, *(start + rng.random() * apart for _ in range(3)), start + apart]
    if rng.random() < 0.5:
        moments[1:4] = [moments[4]] * 3  # all at one moment: only the order of ids tells them apart
    for n, moment in enumerate(moments):
        yield _row(rng, sku, moment, f"edge-{n}")


def _scattered(rng: random.Random, sku: str) -> Row:
    # days where several complaints share midnight, and moments to the microsecond
    moment = BEGIN + rng.random() * YEARS
    if rng.random() < 0.3:
        moment = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    customer = "" if rng.random() < 0.03 else f"customer {rng.randrange(6)} of {len(sku)}"
    return _row(rng, sku, moment, customer)


def _row(rng: random.Random, sku: str, moment: datetime, customer: str) -> Row:
    return Row(
        "", rng.choice(SOURCES), sku, moment, customer,
        rng.choice(("minor", "major", "critical")),
        rng.choice(("", "The handle broke.", 'It "smoked", then\nit stopped.')),
        rng.choice((0, 0, 120, -480)),
    )


def _contradiction(rng: random.Random, row: Row, other: Row) -> Row:
    """Return another body under the same id, the more tempting to count the better."""
    near = row.at + rng.random() * timedelta(days=3)
    return rng.choice((
        replace(row, customer=f"somebody else {rng.random()}"),
        replace(row, customer=f"somebody else {rng.random()}", at=near),
        replace(row, sku=other.sku, at=other.at, customer=f"somebody else {rng.random()}"),
        replace(row, text=f"{row.text} Again."),
    ))


def _as_they_arrive(rng: random.Random, rows: list[Row]) -> list[Row]:
    """Order rows by time, but a fifth late by up to a year, and neighbours mixed."""

    def arrival(row: Row) -> datetime:
        late = rng.random() * timedelta(days=365) if rng.random() < 0.2 else timedelta(0)
        return row.at + late + rng.random() * timedelta(days=2)

    return sorted(rows, key=arrival)
