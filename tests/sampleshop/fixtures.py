"""One running sample shop for all tests, and a client per test that leaves no fault behind."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from freezeguard.sampleshop.client import ShopClient, ShopProcess

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def shop_process() -> Iterator[ShopProcess]:
    with ShopProcess() as process:
        yield process


@pytest.fixture
async def shop(shop_process: ShopProcess) -> AsyncIterator[ShopClient]:
    async with ShopClient(shop_process.url, shop_process.admin_token) as client:
        yield client
        await client.no_faults()
        await client.fences(on=False)


@pytest.fixture
def sku() -> str:
    """A SKU that no other test uses."""
    return f"T-{next(_numbers):06d}"


async def until(is_so: Callable[[], Awaitable[bool]], seconds: float = 5) -> None:
    """Ask again and again until it is so; fail after `seconds`."""
    async with asyncio.timeout(seconds):
        while not await is_so():
            pass
