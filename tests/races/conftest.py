"""Two replicas on one database and one shop, for all races of a test process."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from freezeguard.storage.embedded import EmbeddedServer
from tests.acceptance.conftest import fresh_database, options, place
from tests.rig import Rig, shop_with_replicas

__all__ = ["options", "place"]

WIDE = {"per_source": 10_000, "per_category": 10_000, "per_vendor": 10_000, "shop": 10_000}
AS_IN_SERVICE = {"workers": {"poll": 1.0, "sweep": 1.0}, "pace": {"verify_every": 30.0}}
"""Hundreds of frozen SKUs, each read back every 0.3 s, would be a load and not a race."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def replicas(postgres: EmbeddedServer) -> AsyncIterator[Rig]:
    """Run two replicas in processes of their own; `urls` has the address of each.

    The shop has no products but those of a test, and mails wait: this is about who comes first.
    """
    with tempfile.TemporaryDirectory(prefix="fg-r-") as directory:
        async with (
            fresh_database(postgres) as dsns,
            shop_with_replicas(
                dsns, Path(directory), seed=0, register=False, mail={"host": None}, budget=WIDE,
                policy={"probation_time": "1h", "probation_units": 0}, **AS_IN_SERVICE,
            ) as running,
        ):
            yield running
