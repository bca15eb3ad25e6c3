"""What the watch costs: memory per SKU is held to its budget, times are printed."""

import gc
import tracemalloc
from datetime import timedelta
from statistics import quantiles
from sys import getsizeof
from time import perf_counter_ns

from freezeguard.detection.watch import Watch
from tests.detection.streams import rule
from tests.detection.test_watch import BASE

SKUS = 100_000
BUDGET = {1: 80, 15: 130}
"""Bytes per SKU by complaints about each, everything counted: with what else a replica keeps, that
is within the design's 250 MB per million."""

DAY = 86_400
DEFAULT = rule(bound=5.0, window=timedelta(days=30))


def _fill(watch: Watch, complaints: int, skus: int = SKUS) -> None:
    """Tell of complaints about each SKU, two months apart; each name is a text of its own."""
    for number in range(skus):
        moments = [BASE + visit * 60 * DAY + number % DAY for visit in range(complaints)]
        watch.might_cross(f"SKU-{number:010d}", moments, complaints)


def _held(watch: Watch) -> int:
    """Return the bytes that a watch holds: its shelves, each as allocated, and their table."""
    grain, shelves = 16, watch._entries._shelves
    sizes = (getsizeof(one) for one in shelves if one)
    return getsizeof(shelves) + sum(-(-size // grain) * grain for size in sizes)


def test_memory_per_sku_stays_within_its_budget():
    """With one complaint each, and with more than are ever kept."""
    per_sku = {}
    for complaints in BUDGET:
        watch = Watch([DEFAULT], capacity=SKUS)
        _fill(watch, complaints)
        assert SKUS == len(watch)
        per_sku[complaints] = _held(watch) / SKUS

    for complaints, size in per_sku.items():
        print(f"watch: {size:.0f} bytes per SKU after {complaints} complaints each")  # noqa: T201
    assert [] == [one for one, size in per_sku.items() if size > BUDGET[one]]


def test_nothing_is_held_beside_the_shelves():
    """The sum over shelves is what the allocator was asked for, to a few per cent."""
    gc.collect()
    tracemalloc.start()
    try:
        watch = Watch([DEFAULT], capacity=3_000)
        _fill(watch, 15, 3_000)
        gc.collect()
        traced = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert 0.9 < traced / _held(watch) < 1.05


def test_time_per_call():
    """Printed, not judged: a call for a known SKU, and one beyond capacity."""
    known, full = Watch([DEFAULT]), Watch([DEFAULT], capacity=10_000)
    _fill(known, 1, 20_000)
    times: dict[str, list[int]] = {"known SKU": [], "beyond capacity": []}

    for number in range(20_000):
        for name, watch, sku, total in (
            ("known SKU", known, f"SKU-{number:010d}", 2),
            ("beyond capacity", full, f"SKU-{number:010d}", 1),
        ):
            started = perf_counter_ns()
            watch.might_cross(sku, [BASE + 60 * DAY], total)
            times[name].append(perf_counter_ns() - started)

    for name, taken in times.items():
        cuts = quantiles(taken, n=100)
        print(  # noqa: T201
            f"watch: {name}: p50 {cuts[49] / 1000:.2f} us, p99 {cuts[98] / 1000:.2f} us, "
            f"worst {max(taken) / 1000:.0f} us"
        )
    assert {20_000} == {len(taken) for taken in times.values()}
