"""How many signals a second one process judges, and what it keeps in memory for each SKU.

`python -m benchmarks.detection.throughput`. A stated population: signals of a year over SKUs whose
popularity follows Zipf's law, each signal from a customer of its own, units shipped in proportion.
Signals are made beforehand; what is timed is detection alone, beside a floor that takes the same
signals and does no more than any window must: put the newest in, drop the oldest. They take turns.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from freezeguard.detection.daybook import Background, Prior, Priors
from freezeguard.detection.evaluation import Spares
from freezeguard.detection.exposure import UnitsByDay
from freezeguard.detection.families import track
from freezeguard.detection.watch import Watch
from freezeguard.detection.windows import Exposure, Observed
from freezeguard.domain.rules import read_rule
from freezeguard.domain.scope import Scope
from freezeguard.domain.signals import Kind, Severity

DAYS = 365
START = datetime(2025, 1, 1, tzinfo=UTC)
RATE = 0.003
COUNT = read_rule({"id": "five", "family": "distinct_customers", "bound": 1e9, "mode": "armed"}, 1)
RISEN = read_rule({"id": "risen", "family": "likelihood", "bound": 10_000, "mode": "armed"}, 1)
PRIORS = Priors(units=Prior(2.0, 2.0 / RATE))

Streams = Mapping[str, Sequence[Observed]]


def population(skus: int, signals: int, seed: int) -> tuple[Streams, Mapping[str, UnitsByDay]]:
    """Return signals by SKU in order, and the units shipped a day that explain them."""
    chance = np.random.default_rng(seed)
    share = 1 / np.arange(1, skus + 1)
    share /= share.sum()
    of = chance.choice(skus, signals, p=share)
    at = np.sort(chance.random(signals)) * DAYS * 86_400
    streams: dict[str, list[Observed]] = {}
    for n, (sku, second) in enumerate(zip(of.tolist(), at.tolist(), strict=True)):
        name = f"SKU-{sku:06d}"
        streams.setdefault(name, []).append(
            Observed(
                Scope(name), START + timedelta(seconds=second), "shop", str(n), n, Kind.COMPLAINT,
                "defect", Severity.MAJOR, customer=n.to_bytes(8, "big"),
            )
        )
    first = START.toordinal()
    units = {
        name: UnitsByDay(_shipped(share[int(name[4:])] * signals / DAYS / RATE, first))
        for name in streams
    }
    return streams, units


def _shipped(a_day: float, first: int) -> dict[int, int]:
    """Return whole units on so many days that the mean is right."""
    every = max(1, round(1 / a_day)) if a_day < 1 else 1
    return {first + day: max(1, round(a_day * every)) for day in range(0, DAYS, every)}


def floor(streams: Streams) -> None:
    """Put the newest in, drop the oldest: what no window can do without."""
    length = timedelta(days=30)
    for stream in streams.values():
        window: deque[Observed] = deque()
        for one in stream:
            while window and one.occurred_at - window[0].occurred_at >= length:
                window.popleft()
            window.append(one)


def counting(streams: Streams) -> None:
    """Count different customers in a window of 30 days."""
    for stream in streams.values():
        tracker = track(COUNT, Exposure(()), Background(), 1.0)
        for one in stream:
            tracker.take(one)


def policy(units: Mapping[str, UnitsByDay]) -> Callable[[Streams], None]:
    """Return what runs the default policy: how likely a rise is, at every signal."""

    def judge(given: Streams) -> None:
        for name, stream in given.items():
            tracker = track(RISEN, Exposure(()), Background(PRIORS, units[name]), 1.0)
            for one in stream:
                tracker.take(one)

    return judge


def memory(streams: Streams, units: Mapping[str, UnitsByDay]) -> str:
    """Return what the watch keeps for a SKU beyond its key, once all signals have passed."""
    watch = Watch([read_rule({"id": "five", "family": "distinct_customers", "bound": 5,
                              "mode": "armed"}, 1), RISEN])  # fmt: skip
    for name, stream in streams.items():
        moments = [int(one.occurred_at.timestamp()) for one in stream]
        spares = Spares()
        tracker = track(RISEN, Exposure(()), Background(PRIORS, units[name]), 1.0)
        for one in stream:
            tracker.take(one)
        spares.take(tracker.spare())
        watch.learn(name, moments, 0, len(stream), spares.least)
    sizes = [watch.size_of(name) for name in streams]
    return (
        f"memory: mean {statistics.fmean(sizes):.0f} B for each of {len(sizes):,} tracked SKUs "
        f"beyond its key, at most {max(sizes)} B"
    )


def timed(work: Callable[[Streams], None], streams: Streams, signals: int) -> float:
    """Return signals a second."""
    begun = time.perf_counter()
    work(streams)
    return signals / (time.perf_counter() - begun)


async def run(rounds: int, skus: int, signals: int) -> None:
    """Print what each of them manages, and what is kept in memory."""
    streams, units = population(skus, signals, 1)
    kinds = {"floor": floor, "counting": counting, "default policy": policy(units)}
    found: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(rounds):
        for name, work in kinds.items():
            found[name].append(timed(work, streams, signals))
    print(f"detection: {signals:,} signals of a year over {len(streams):,} SKUs, Zipf; "
          f"{rounds} rounds")  # fmt: skip
    for name, rates in found.items():
        ratios = [one / other for one, other in zip(rates, found["floor"], strict=True)]
        print(f"{name}: {statistics.median(rates):,.0f} signals/s, "
              f"x{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) of the "
              "floor")  # fmt: skip
    print(memory(streams, units), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="throughput", description=__doc__)
    parser.add_argument("--skus", type=int, default=100_000)
    parser.add_argument("--signals", type=int, default=600_000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    asyncio.run(run(asked.rounds, asked.skus, asked.signals))
    return 0


if __name__ == "__main__":
    sys.exit(main())
