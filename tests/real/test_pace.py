"""How soon a real shop refuses a buyer, beside the same calls sent by hand; and many at once."""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

import pytest

from freezeguard.storage.embedded import EmbeddedServer, OwnerAndRuntimeDsns, prepare_database
from tests.conftest import TEMPLATE
from tests.real.conftest import PACE
from tests.real.hands import Shop
from tests.rig import Rig, register_skus, service_for, until

pytestmark = [pytest.mark.real, pytest.mark.timeout(1500)]

Record = Callable[[str, object], None]
TRIALS, ROUNDS, AT_ONCE = 200, 5, 200
MOST, MOST_BESIDE = 1.3, 1.2
"""How many times the calls by hand it may take, by the median; and a shop beside a dead one."""


def spread(seconds: list[float]) -> str:
    """Return median and 95 % point in milliseconds."""
    return f"p50 {median(seconds) * 1000:.1f} ms, p95 {_p95(seconds) * 1000:.1f} ms"


def _p95(seconds: list[float]) -> float:
    return quantiles(seconds, n=20)[-1]


async def nearly_crossed(rig: Rig, sku: str) -> None:
    """Have four customers complain: one more is the fifth."""
    batch = [rig.complaint(sku, f"early-{n}") for n in range(4)]
    answer = await rig.call("POST", "/v1/signals", "source", json=batch)
    assert answer.status == 202, answer.body


async def test_a_complaint_stops_a_real_sale(rig: Rig, shop: Shop, record_property: Record) -> None:
    """From the POST of the crossing complaint until a buyer is refused, beside the calls alone."""
    ours, hands = [f"OURS-{n}" for n in range(TRIALS)], [f"HAND-{n}" for n in range(TRIALS)]
    for sku in (*ours, *hands):
        await shop.offer(sku)
    await register_skus(rig, tuple(ours))
    by_us, by_hand = list[float](), list[float]()
    for one, other in zip(ours, hands, strict=True):
        by_us.append(await complained(rig, shop, one))
        known = await shop.known(other)
        begun = time.perf_counter()
        await shop.stop_by_hand(known)
        by_hand.append(await shop.refuses(known, begun))

    ratio = median(by_us) / median(by_hand)
    figure = (f"{shop.kind}, {TRIALS} trials: complaint to refused buyer {spread(by_us)}; "
              f"by hand {spread(by_hand)}; x{ratio:.2f} of it by the median")
    record_property("figure", figure)
    assert ratio <= MOST, figure


async def test_two_hundred_at_once(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path, shop: Shop, record_property: Record
) -> None:
    """All are frozen, none is forgotten, and the pace that is set is kept."""
    skus = tuple(f"MANY-{n}" for n in range(AT_ONCE))
    for sku in skus:
        await shop.offer(sku)
    table = {**shop.table(), "requests_per_second": 100, "burst": 20}
    async with service_for(dsns, tmp_path, {"shop": table}, pace=PACE) as rig:
        await register_skus(rig, skus)
        batch = [rig.complaint(sku, f"c-{n}") for sku in skus for n in range(5)]
        begun = time.monotonic()
        for start in range(0, len(batch), 500):
            answer = await rig.call(
                "POST", "/v1/signals", "source", json=batch[start:start + 500])
            assert answer.status == 202, answer.body

        async def all_frozen() -> bool:
            answer = await rig.call(
                "GET", "/v1/cases", "owen", params={"state": "frozen", "limit": "200"})
            return len(answer.body["items"]) == AT_ONCE

        await until(all_frozen, "all are frozen", seconds=180)
        after = time.monotonic() - begun
        carts = [await shop.open_cart(sku) for sku in skus]
    assert [None] * AT_ONCE == carts
    record_property("figure", f"{shop.kind}: {AT_ONCE} SKUs frozen and read back in {after:.1f} s")


async def test_a_dead_catalogue_delays_no_other(
    postgres: EmbeddedServer, tmp_path: Path, shop: Shop, record_property: Record,
) -> None:
    """Two services take turns: one has a dead catalogue beside the real one, the other has not.

    Each round begins with fresh ones: a shop gets slower with every stop that is looked after, and
    the 95 % point would be that of the last round.
    """
    seconds: dict[str, list[float]] = {"ALONE": [], "BESIDE": []}
    for number in range(ROUNDS):
        names = [f"fg_{name}_{shop.kind}_{number}" for name in ("alone", "beside")]
        first, second = [
            await prepare_database(postgres.endpoint, name, template=TEMPLATE) for name in names
        ]
        with TemporaryDirectory(dir=tmp_path) as place:
            await one_round(shop, number, (first, second), Path(place), seconds)

    ratio = _p95(seconds["BESIDE"]) / _p95(seconds["ALONE"])
    figure = (f"{shop.kind}: alone {spread(seconds['ALONE'])}; beside a dead one "
              f"{spread(seconds['BESIDE'])}: x{ratio:.2f} by the 95 % point")
    record_property("figure", figure)
    assert ratio < MOST_BESIDE, figure


async def one_round(
    shop: Shop, number: int, dsns: tuple[OwnerAndRuntimeDsns, OwnerAndRuntimeDsns], place: Path,
    seconds: dict[str, list[float]],
) -> None:
    """Take turns with fresh services, and add what each stop has taken."""
    dead = {**shop.table(), "base_url": "http://127.0.0.1:9"}
    alone = service_for(dsns[0], place / "a", {"shop": shop.table()}, pace=PACE)
    beside = service_for(
        dsns[1], place / "b", {"shop": shop.table(), "dead": dead}, pace=PACE)
    async with alone as one, beside as other:
        turns = [("ALONE", one), ("BESIDE", other)]
        for n in range(TRIALS // ROUNDS):
            for name, rig in turns[::1 if n % 2 else -1]:
                sku = f"{name}-{number}-{n}"
                await shop.offer(sku)
                await register_skus(rig, (sku,))
                seconds[name].append(await complained(rig, shop, sku))


async def complained(rig: Rig, shop: Shop, sku: str) -> float:
    """Have the fifth customer complain; return the seconds until a buyer is refused."""
    await nearly_crossed(rig, sku)
    known = await shop.known(sku)
    begun = time.perf_counter()
    await rig.complain(sku, 1)
    return await shop.refuses(known, begun)
