"""One shop with one replica per module; every test begins without faults."""

from collections.abc import AsyncIterator

import aiohttp
import pytest_asyncio

from tests.acceptance.conftest import options, place, rig, sku, take_sku
from tests.rig import Rig, until

__all__ = ["options", "place", "quiet_shop", "rig", "sku", "take_sku"]


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def quiet_shop(request) -> AsyncIterator[None]:
    """End every fault after a test, and wait until the breakers let calls through again."""
    yield
    if "rig" not in request.fixturenames:
        return
    running: Rig = request.getfixturevalue("rig")
    assert running.service is not None

    async def faultless() -> bool:
        try:
            await running.shop.no_faults()
        except aiohttp.ClientConnectionError:  # a shop that went offline is not back yet
            return False
        return True

    await until(faultless, "the shop without faults", seconds=20)
    breakers = running.service.enforcement.breakers

    async def closed() -> bool:
        return not any(one.is_open for one in breakers.values())

    await until(closed, "every breaker closed again", seconds=20)
