"""How fast signals are stored, beside a raw COPY of the same rows into the same three tables.

Run it with `python -m benchmarks.store`. Both sides take turns in one run on an embedded
PostgreSQL with durable commits; medians with their spread are printed, and ratios to COPY.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from random import Random

from freezeguard.domain.signals import Kind, Severity, Signal
from freezeguard.ports.storage import Transaction
from freezeguard.storage.database import PostgresDatabase
from freezeguard.storage.embedded import EmbeddedServer, prepare_database
from freezeguard.storage.migrations import migrate
from freezeguard.storage.signals import (
    _IDENTITY_COLUMNS,
    _SIGNAL_COLUMNS,
    _TEXT_COLUMNS,
    _identity_row,
    _signal_row,
    _text_row,
)
from freezeguard.storage.transaction import PostgresTransaction

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TEXT = "The handle came off after two days and hot water ran over my hand. " * 3

Batch = list[Signal]


class Feed:
    """Signals as a shop sends them: skewed over SKUs, most with a text, no two alike."""

    def __init__(self, skus: int, seed: int, skew: float = 3) -> None:
        self._random, self._skus, self._made = Random(seed), skus, 0
        self._skew = skew

    def batch(self, size: int) -> Batch:
        return [self._one() for _ in range(size)]

    def _one(self) -> Signal:
        self._made += 1
        number = int(self._skus * self._random.random() ** self._skew)
        return Signal(
            source="contact-centre", id=f"T-{self._made:012}", kind=Kind.COMPLAINT,
            sku=f"SKU-{number:08}", severity=Severity.MAJOR, intent="defect",
            occurred_at=NOW - timedelta(seconds=self._random.randrange(86400)),
            customer=self._random.randbytes(16), order=f"O-{self._made:09}", lot="L-7",
            channel="web", country="DE", text=TEXT,
        )  # fmt: skip


def prints(batch: Batch) -> list[bytes]:
    return [blake2b(one.id.encode(), digest_size=16).digest() for one in batch]


async def store(tx: Transaction, batch: Batch) -> None:
    await tx.signals.store(batch, prints(batch), NOW)


async def copy(tx: PostgresTransaction, batch: Batch) -> None:
    """The same rows by COPY: no identity is checked, nothing is counted."""
    identities = [_identity_row(*pair) for pair in zip(batch, prints(batch), strict=True)]
    tables = (
        ("signal_identities", identities, _IDENTITY_COLUMNS),
        ("signals", [_signal_row(one, NOW) for one in batch], _SIGNAL_COLUMNS),
        ("signal_texts", [_text_row(one) for one in batch], _TEXT_COLUMNS),
    )
    for table, records, columns in tables:
        await tx.connection.copy_records_to_table(table, records=records, columns=columns)


@dataclass
class Figures:
    """What one way took: signals per second by round, seconds by batch, CPU seconds per signal."""

    rates: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def cpu_seconds(backend: int) -> float:
    """CPU of this process and of its one backend: what a busy machine does not distort."""
    schedstat = Path(f"/proc/{backend}/schedstat")
    server = int(schedstat.read_text().split()[0]) / 1e9 if schedstat.exists() else 0.0
    return server + time.process_time()


async def go(
    database: PostgresDatabase,
    way: Callable[[PostgresTransaction, Batch], Awaitable[None]],
    batches: list[Batch],
    backend: int,
) -> Figures:
    """Send batches one after another."""
    took = []
    begun, cpu = time.perf_counter(), cpu_seconds(backend)
    for batch in batches:
        start = time.perf_counter()
        await database.run(lambda tx, batch=batch: way(tx, batch))
        took.append(time.perf_counter() - start)
    signals = sum(map(len, batches))
    elapsed, spent = time.perf_counter() - begun, cpu_seconds(backend) - cpu
    return Figures([signals / elapsed], took, [spent / signals])


def report(size: int, ways: dict[str, Figures]) -> None:
    copied = ways["copy"]
    for name, one in ways.items():
        middle, cpu = statistics.median(one.rates), statistics.median(one.cpu)
        times = sorted(one.took)
        print(
            f"{size:5} {name:6} {middle:9.0f}/s ({min(one.rates):.0f} to {max(one.rates):.0f})"
            f"  x{middle / statistics.median(copied.rates):.2f} of copy"
            f"  p50 {times[len(times) // 2] * 1e3:.3f} ms"
            f"  p99 {times[int(len(times) * 0.99)] * 1e3:.3f} ms"
            f"  CPU {cpu * 1e6:.1f} us each, x{statistics.median(copied.cpu) / cpu:.2f} of copy"
        )


async def measure(place: Path, sizes: list[int], rounds: int, per_round: int, skus: int) -> None:
    async with await EmbeddedServer.attach(place) as server:
        dsns = await prepare_database(server.endpoint, "bench")
        await migrate(dsns.owner)
        database = await PostgresDatabase.connect(dsns.owner, min_size=1, max_size=1)
        feed = Feed(skus, seed=1)
        for size in sizes:
            await compare(database, feed, size, rounds, max(20, per_round // size))
        await database.close()


async def compare(
    database: PostgresDatabase, feed: Feed, size: int, rounds: int, count: int
) -> None:
    """Both ways take turns; the first round warms caches and statements and does not count."""
    ways = {"copy": Figures(), "store": Figures()}
    backend = await database.run(backend_of)
    for turn in range(rounds + 1):
        for name, way in (("copy", copy), ("store", store)):
            batches = [feed.batch(size) for _ in range(count)]
            found = await go(database, way, batches, backend)
            if turn:
                ways[name].rates += found.rates
                ways[name].took += found.took
                ways[name].cpu += found.cpu
    report(size, ways)


async def backend_of(tx: PostgresTransaction) -> int:
    return tx.connection.get_server_pid()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 8, 16, 32, 100, 500])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--per-round", type=int, default=10_000)
    parser.add_argument("--skus", type=int, default=100_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fgb-") as place:
        Path(place).chmod(0o711)
        asyncio.run(measure(Path(place), chosen.sizes, chosen.rounds, chosen.per_round,
                            chosen.skus))  # fmt: skip


if __name__ == "__main__":
    main()
