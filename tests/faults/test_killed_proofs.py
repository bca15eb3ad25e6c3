"""A check that proves a catalogue, killed before every single call: nothing stays stopped."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import asyncpg
import pytest

from freezeguard.bootstrap import cataloguechecks
from freezeguard.bootstrap.administration import Administration, open_administration
from freezeguard.bootstrap.building import open_service
from freezeguard.bootstrap.cataloguechecks import prove_catalogue
from freezeguard.bootstrap.service import Service
from freezeguard.bootstrap.settings import Settings
from freezeguard.catalogues.registry import open_catalogues
from freezeguard.sampleshop.client import ShopClient, running_shop
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.faults.mortal import CATALOGUE_CALLS, Mortal, MortalConnection, survives
from tests.rig import fast_settings, until

SKU, MOST_CALLS = "KETTLE-17", 200
LEASES_END = "UPDATE catalogue_objects SET lease_until = now(), next_at = now() WHERE true"


@asynccontextmanager
async def a_mortal_admin(settings: Settings) -> AsyncIterator[Administration]:
    """Open what a check works with, all of whose calls are counted."""
    pool = partial(asyncpg.create_pool, connection_class=MortalConnection)
    with patch("freezeguard.storage.database.asyncpg.create_pool", pool):
        opening = open_administration(settings)
        admin = await opening.__aenter__()
    try:
        yield admin
    finally:
        await opening.__aexit__(None, None, None)


def mortal_catalogues(tables: Mapping[str, Any]) -> dict[str, Any]:
    """Open catalogues whose calls are counted."""
    return {
        name: Mortal(one, *CATALOGUE_CALLS) for name, one in open_catalogues(tables).items()
    }


@pytest.mark.long
async def test_killed_before_every_call(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next check puts right what is left, or a replica does; the shop is as it was before.

    Nobody else's read-ahead and no freeze is kept waiting for longer than a lease.
    """
    monkeypatch.setattr(cataloguechecks, "open_catalogues", mortal_catalogues)
    async with running_shop(skus=(SKU,)) as shop:
        settings = Settings(**fast_settings(dsns, tmp_path, shop, 1))
        async with (
            open_service(settings) as replica, open_administration(settings) as living,
            a_mortal_admin(settings) as mortal,
        ):
            before, stopped = await shop.products(SKU), 0
            for calls in count():
                assert calls < MOST_CALLS
                done = await survives(prove_catalogue(mortal, settings, "shop", SKU), calls)
                stopped += SKU not in await shop.sellable()
                await living.database.run(lambda tx: tx.connection.execute(LEASES_END))
                if calls % 2:
                    await _replica_works(replica, shop, before)
                else:
                    proof = await prove_catalogue(living, settings, "shop", SKU)
                    assert proof.passed, (calls, proof.steps)
                assert before == await shop.products(SKU), calls
                if done:
                    break
            assert stopped > 3
            assert calls > 20


async def _replica_works(replica: Service, shop: ShopClient, before: Any) -> None:
    """Let a replica do what is due, until the shop is as it was."""

    async def as_before() -> bool:
        await replica.enforcement.work_due("shop")
        await replica.enforcement.drain(5)
        return before == await shop.products(SKU)

    await until(as_before, "as before", seconds=20)
