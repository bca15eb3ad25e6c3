"""Real Vendure and Medusa servers, one each for a run, and a service in front of them."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from freezeguard.storage.embedded import EmbeddedServer, OwnerAndRuntimeDsns
from tests.real.hands import MedusaShop, Shop, VendureShop
from tests.real.systems import FarSide, missing_programs, running
from tests.rig import Rig, service_for

KINDS = ("vendure", "medusa")
PACE = {"first_retry": 0.5, "longest_retry": 30.0, "verify_every": 30.0, "relist_every": 60.0}
"""As in production, where tests elsewhere are in a hurry."""


@pytest.fixture(scope="session")
def vendure_side(
    postgres: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FarSide]:
    """A running Vendure."""
    with _running("vendure", postgres, tmp_path_factory.mktemp("vendure")) as side:
        yield side


@pytest.fixture(scope="session")
def medusa_side(
    postgres: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FarSide]:
    """A running Medusa."""
    with _running("medusa", postgres, tmp_path_factory.mktemp("medusa")) as side:
        yield side


def _running(kind: str, server: EmbeddedServer, place: Path):
    if missing := missing_programs():
        pytest.skip(f"{missing} missing: the real {kind} is installed and run by node and npm")
    return running(kind, server, place)


@pytest.fixture
def side(kind: str, request: pytest.FixtureRequest) -> FarSide:
    """The system under test."""
    return request.getfixturevalue(f"{kind}_side")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """The kinds that are run for real."""
    return str(request.param)


_FURNISHED: dict[str, MedusaShop] = {}


@pytest.fixture
async def shop(side: FarSide) -> AsyncIterator[Shop]:
    """The hands of owner and buyer in the system under test."""
    wire = aiohttp.TCPConnector(force_close=True)  # a far side that restarts drops what is open
    async with aiohttp.ClientSession(
        connector=wire, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        if side.kind == "vendure":
            yield VendureShop(side, session)
            return
        shop = MedusaShop(side, session)
        if (known := _FURNISHED.get(side.url)) is None:
            await shop.furnish()
            _FURNISHED[side.url] = shop
        else:
            shop.premises = known.premises
        yield shop


@pytest.fixture
async def rig(dsns: OwnerAndRuntimeDsns, tmp_path: Path, shop: Shop) -> AsyncIterator[Rig]:
    """A service whose one catalogue is the shop under test."""
    async with service_for(dsns, tmp_path, {"shop": shop.table()}, pace=PACE) as running_rig:
        yield running_rig
