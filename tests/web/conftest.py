"""One shop with one replica per test module, as in the acceptance tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from freezeguard.storage.embedded import EmbeddedServer
from tests.acceptance.conftest import fresh_database, place, sku, take_sku
from tests.rig import Rig, shop_with_service
from tests.web.chromium import chromium

__all__ = ["chromium", "place", "rig", "sku", "take_sku"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(
    request: pytest.FixtureRequest, postgres: EmbeddedServer, place: Path
) -> AsyncIterator[Rig]:
    """A shop with one replica, open in browsers; set up as the module's `SHOP` says."""
    wanted = getattr(request.module, "SHOP", {})
    async with (
        fresh_database(postgres) as dsns,
        shop_with_service(dsns, place, **wanted) as running,
    ):
        yield running
