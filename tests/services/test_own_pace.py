"""A pace of our own: stops go first, and who has to wait says nothing against the far side."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.catalogues.standins import woocommerce
from tests.rig import Rig, service_for

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


def crowd(rig: Rig, size: int) -> list[asyncio.Task[Any]]:
    """Begin so many routine looks at once, all of which have time."""
    assert rig.service is not None
    catalogue = rig.service.catalogues["shop"]
    return [asyncio.create_task(catalogue.lookup(WARM, deadline=120)) for _ in range(size)]


async def test_a_cold_stop_overtakes_a_crowd_of_routine_looks(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path,
    far_side: tuple[woocommerce.WooCommerce, dict[str, Any]],
) -> None:
    """Look-up, write and read-back all go first: it is frozen before the crowd is through."""
    table = {**far_side[1], "requests_per_second": 25, "burst": 1}
    async with service_for(dsns, tmp_path, {"shop": table}) as rig:
        looks = crowd(rig, 150)
        await rig.complain(COLD)
        await rig.in_state(COLD, "frozen", seconds=20)
        waiting = [one for one in looks if not one.done()]
        for one in looks:
            one.cancel()
        await asyncio.gather(*looks, return_exceptions=True)

    assert waiting
