"""Where much is stopped it is looked over as often as ever, and read back less often."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from freezeguard.bootstrap.metrics import PrometheusMetrics
from freezeguard.ports.catalogues import CatalogueError
from freezeguard.services.enforcing.breaker import Breaker
from freezeguard.services.enforcing.claims import Calls
from freezeguard.services.enforcing.pace import Pace
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.catalogues.standins import woocommerce
from tests.rig import Rig, service_for, until

SKUS = tuple(f"MUG-{n}" for n in range(20))
PACE = {"verify_every": 0.2, "verify_per_second": 0.5, "look_over_every": 2.0}
"""Twenty stops, one read back every two seconds: each comes every forty seconds."""
OWN_PACE = 0.2


@pytest.fixture
async def rig(dsns: OwnerAndRuntimeDsns, tmp_path: Path) -> AsyncIterator[Rig]:
    """A service in front of a shop in which twenty SKUs are stopped."""
    shop = woocommerce.WooCommerce()
    for sku in SKUS:
        shop._create({"type": "simple", "sku": sku, "regular_price": "5"})
    async with shop.serving() as url:
        table = {
            "kind": "woocommerce", "base_url": url, "consumer_key": woocommerce.KEY,
            "consumer_secret": woocommerce.SECRET,
        }
        async with service_for(dsns, tmp_path, {"shop": table}, pace=PACE) as running:
            batch = [running.complaint(sku, f"c-{n}") for sku in SKUS for n in range(5)]
            answer = await running.call("POST", "/v1/signals", "source", json=batch)
            assert answer.status == 202, answer.body
            await until(lambda: _reads_back_every(running, 40), "all are looked over", seconds=30)
            yield running


async def _reads_back_every(rig: Rig, seconds: float) -> bool:
    [shop] = (await rig.read("/v1/catalogues", "owen"))["items"]
    return bool(shop["verify_every"] == seconds)


async def test_read_backs_leave_the_shop_room(rig: Rig) -> None:
    """Each stop is read back once more when its turn has come, and not before."""
    assert rig.service is not None
    database = rig.service.database

    async def are_all_calm() -> bool:
        nearest = await database.run(lambda tx: tx.objects.seconds_until_due("shop"))
        return nearest is not None and nearest > 10 * OWN_PACE

    await until(are_all_calm, "nothing is due for long", seconds=30)


async def test_a_catalogue_that_is_down_was_looked_over(rig: Rig) -> None:
    """A stop is not out of sight because its turn has not come when the calls begin to fail."""
    assert await _after_failing(rig, CatalogueError("it is away", recoverable=True)) == 40


async def test_what_was_looked_over_long_ago_is_read_back_as_often_as_ever() -> None:
    """Three look-overs may fail; but a pause that was asked for is no such failure."""
    breaker, now = Breaker(), asyncio.get_running_loop().time()
    pace = Pace(look_over_every=10)
    calls = Calls(None, None, {"shop": breaker}, lambda: None, pace, PrometheusMetrics())  # type: ignore[arg-type]
    calls.note_looked_over("shop", 400)
    assert calls.looked_over("shop") == 400
    calls._looked_over["shop"] = 400, now - 31
    assert calls.looked_over("shop") == 0
    breaker.failed(now, 60)
    assert calls.looked_over("shop") == 400
    assert calls.looked_over("configured no longer") == 0


async def test_a_catalogue_that_refuses_is_not_looked_over(rig: Rig) -> None:
    """Where nothing looks over it any more, what is stopped is read back as often as ever."""
    refusal = CatalogueError("you may not list products", recoverable=False)
    assert await _after_failing(rig, refusal) == OWN_PACE


async def _after_failing(rig: Rig, error: CatalogueError) -> float:
    """Look over once more, in vain; return how often stops are read back from then on."""
    assert rig.service is not None
    service = rig.service
    await service.drift_watch.look_over("shop")

    async def fails(*_: Any, **__: Any) -> frozenset[str]:
        raise error

    service.catalogues["shop"].look_over = fails  # type: ignore[attr-defined]
    await service.drift_watch.look_over("shop")
    return service.enforcement.verify_every("shop")
