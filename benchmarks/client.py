"""The client's local check beside a bare look-up in a dictionary, both called as functions.

`python -m benchmarks.client`. One process; the sides take turns in slices, so that a busy moment
meets them alike; each round counts by the median of its slices.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Callable
from random import Random

from benchmarks.stage import spread
from freezeguard.client.gate import Gate
from freezeguard.client.heldset import Confirmed, Hold, Sign
from freezeguard.client.policy import Choice, Policy

SLICES = 30
GOAL, STRETCH = 1_000, 500
"""Nanoseconds of `may_sell`."""


def held(number: int) -> tuple[Gate, dict[str, bool]]:
    """Return a gate that is ready, with so many SKUs held, and a dictionary of the same."""
    gate = Gate(Policy(Choice.REFUSE), stale_after=86_400)
    holds = [
        Hold.read({"id": f"hold-{place}", "scope": {"sku": f"sku-{place:08}"}})
        for place in range(number)
    ]
    gate.replace(number, holds)
    checksum = 0
    for one in holds:
        checksum ^= one.bits()
    assert gate.confirm(Sign(number, number, checksum, 0.0)) is Confirmed.CURRENT
    return gate, {one.sku: True for one in holds}


def per_call(ask: Callable[[str], object], skus: list[str]) -> float:
    """Return the nanoseconds of a call, with those of the loop around it."""
    begun = time.perf_counter_ns()
    for sku in skus:
        ask(sku)
    return (time.perf_counter_ns() - begun) / len(skus)


async def main(rounds: int, calls: int, number: int) -> None:
    random = Random(11)
    gate, bare = held(number)

    def floor(sku: str) -> bool:
        return sku in bare

    asked = {
        "held": [f"sku-{random.randrange(number):08}" for _ in range(calls // SLICES)],
        "not held": [f"sku-{random.randrange(number, 100 * number):08}"
                     for _ in range(calls // SLICES)],
    }
    sides: dict[str, Callable[[str], object]] = {
        "may_sell": gate.may_sell, "check with its answer": gate.check, "a bare look-up": floor,
    }
    assert not any(map(gate.may_sell, asked["held"]))
    assert all(map(gate.may_sell, asked["not held"]))
    for kind, skus in asked.items():
        took: dict[str, list[float]] = {name: [] for name in sides}
        for turn in range(rounds + 1):
            slices: dict[str, list[float]] = {name: [] for name in sides}
            for _ in range(SLICES):
                for name, ask in sides.items():
                    slices[name].append(per_call(ask, skus))
            for name, values in slices.items():
                if turn:
                    took[name].append(statistics.median(values))
        report(kind, number, took)


def report(kind: str, number: int, took: dict[str, list[float]]) -> None:
    """Print a median over rounds for each side, and how often the floor that is."""
    floor = took.pop("a bare look-up")
    for name, values in took.items():
        ratios = [ours / theirs for ours, theirs in zip(values, floor, strict=True)]
        goal = f" (goal {GOAL}, stretch {STRETCH})" if name == "may_sell" else ""
        print(
            f"client, {name}, {kind}, {number} SKUs held: {statistics.median(values):.0f} ns a "
            f"call{goal}; x{spread(ratios)} of a bare look-up"
        )
    print(f"  a bare look-up: {statistics.median(floor):.0f} ns")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=300_000)
    parser.add_argument("--skus", type=int, default=10_000)
    given = parser.parse_args()
    asyncio.run(main(given.rounds, given.calls, given.skus))
