"""A pace of our own: stops go first, and who has to wait says nothing against the far side."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.catalogues.standins import woocommerce
from tests.rig import Rig, service_for, until

COLD, WARM = "COLD-1", "WARM-1"


@pytest.fixture
async def far_side() -> AsyncIterator[tuple[woocommerce.WooCommerce, dict[str, Any]]]:
    """A shop that sells two SKUs, and its table."""
    shop = woocommerce.WooCommerce()
    for sku in (COLD, WARM):
        shop._create({"type": "simple", "sku": sku, "regular_price": "5"})
    async with shop.serving() as url:
        yield shop, {
            "kind": "woocommerce", "base_url": url, "consumer_key": woocommerce.KEY,
            "consumer_secret": woocommerce.SECRET,
        }


@asynccontextmanager
async def crowd(rig: Rig, size: int) -> AsyncIterator[list[asyncio.Task[Any]]]:
    """Begin so many routine looks at once, all of which have time."""
    assert rig.service is not None
    catalogue = rig.service.catalogues["shop"]
    looks = [asyncio.create_task(catalogue.lookup(WARM, deadline=120)) for _ in range(size)]
    yield looks
    for one in looks:
        one.cancel()
    await asyncio.gather(*looks, return_exceptions=True)


async def test_a_cold_stop_overtakes_a_crowd_of_routine_looks(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path,
    far_side: tuple[woocommerce.WooCommerce, dict[str, Any]],
) -> None:
    """Look-up, write and read-back all go first: it is frozen before the crowd is through."""
    table = {**far_side[1], "requests_per_second": 25, "burst": 1}
    async with service_for(dsns, tmp_path, {"shop": table}) as rig, crowd(rig, 150) as looks:
        await rig.complain(COLD)
        await rig.in_state(COLD, "frozen", seconds=20)
        waiting = [one for one in looks if not one.done()]

    assert waiting


async def test_who_finds_no_turn_opens_no_breaker(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path,
    far_side: tuple[woocommerce.WooCommerce, dict[str, Any]],
) -> None:
    """The far side did nothing wrong: it was not even asked. It goes on being asked."""
    table = {**far_side[1], "requests_per_second": 0.5, "burst": 1}
    async with service_for(
        dsns, tmp_path, {"shop": table}, pace={"call_deadline": 0.4}
    ) as rig:
        assert rig.service is not None
        enforcement, outlet = rig.service.enforcement, rig.service.directory.outlets["shop"]
        looks = [enforcement.look_ahead(outlet, WARM) for _ in range(12)]
        results = await asyncio.gather(*looks, return_exceptions=True)
        breaker = enforcement.breakers["shop"]

        assert 11 <= sum("no turn within" in str(one) for one in results)
        assert (0, False) == (breaker.failures, breaker.is_open)
        page = await rig.call("GET", "/metrics")
        assert 'outcome="not_sent"' in page.body.decode()


async def test_what_is_stopped_is_not_stopped_anew_for_want_of_a_turn(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path,
    far_side: tuple[woocommerce.WooCommerce, dict[str, Any]],
) -> None:
    """Read-backs that come to nothing are postponed: no task for a person, no further stop."""
    shop, table = far_side
    table |= {"requests_per_second": 4, "burst": 12, "storefront": False}
    async with service_for(dsns, tmp_path, {"shop": table}, pace={"call_deadline": 0.4}) as rig:
        await rig.complain(COLD)
        case = await rig.in_state(COLD, "frozen")
        metrics = 'catalogue_requests_total{catalogue="shop",outcome="not_sent"}'

        async def unsent() -> bool:
            page = (await rig.call("GET", "/metrics")).body.decode()
            lines = [one for one in page.splitlines() if metrics in one]
            return any(float(one.split()[-1]) >= 6 for one in lines)

        async with crowd(rig, 200):
            await until(unsent, "read-backs that found no turn", seconds=20)
        case = await rig.case(case["id"])

    assert [] == case["tasks"]
    assert 1 == sum(one.startswith("PUT") for one in shop.requests)
