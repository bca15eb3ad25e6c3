"""One shop with one replica per test module; each test takes SKUs that no other test touches."""

import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from freezeguard.storage.embedded import EmbeddedServer, OwnerAndRuntimeDsns, prepare_database
from tests.conftest import TEMPLATE
from tests.rig import Rig, shop_with_service

SAFETY = {"id": "one-is-enough", "family": "safety", "window": "30d", "mode": "armed"}

TakeSku = Callable[[], str]


@asynccontextmanager
async def fresh_database(postgres: EmbeddedServer) -> AsyncIterator[OwnerAndRuntimeDsns]:
    """Make a migrated database for as long as the block lasts."""
    name = f"fg_{uuid4().hex[:16]}"
    yield await prepare_database(postgres.endpoint, name, template=TEMPLATE)
    connection = await asyncpg.connect(postgres.endpoint.dsn("postgres"))
    try:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """Return a directory for the journal and the settings of a module's replicas."""
    with tempfile.TemporaryDirectory(prefix="fg-a-") as made:
        yield Path(made)


@pytest.fixture(scope="module")
def options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return how a module wants its shop: the dictionary `SHOP` in it."""
    wanted = getattr(request.module, "SHOP", {})
    return {"seed": 50, "pace": {"verify_every": 5.0}, **wanted}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(
    postgres: EmbeddedServer, place: Path, options: dict[str, Any]
) -> AsyncIterator[Rig]:
    """Run a shop, a mail server and one replica for a module."""
    async with (
        fresh_database(postgres) as dsns,
        shop_with_service(dsns, place, **options) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def take_sku() -> TakeSku:
    """Hand out each of the shop's numbered SKUs once."""
    numbers = iter(range(1, 10_000))
    return lambda: f"SKU-{next(numbers):06d}"


@pytest.fixture
def sku(take_sku: TakeSku) -> str:
    """Return a SKU of a test's own."""
    return take_sku()
