"""Each call of one freeze and release fails once; the database fails by chance; all converge."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from itertools import product
from typing import Any

import pytest

from freezeguard.domain.errors import Unavailable
from freezeguard.ports.catalogues import CatalogueError
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.acceptance.steps import approve, ask_for_approval
from tests.faults.observing import newest
from tests.rig import Rig, shop_with_service, until

CALLS = ("lookup", "stop", "read_back", "restore")
MODES = ("refused", "lost before", "lost after")
MOST_CALLS = 9
"""A freeze and a release make about so many calls; more of them verify."""


class EveryCall:
    """Fails one call of each SKU: the n-th, before or after the far side has acted."""

    def __init__(self, plans: dict[str, tuple[int, str]]) -> None:
        self._plans = plans
        self._made: dict[str, int] = dict.fromkeys(plans, 0)
        self.failed: set[str] = set()

    def around(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """Return the call, failing where that is planned."""

        async def planned(sku: str, *arguments: Any, **more: Any) -> Any:
            n, mode = self._plans.get(sku, (0, ""))
            self._made[sku] = self._made.get(sku, 0) + 1
            if self._made[sku] != n:
                return await call(sku, *arguments, **more)
            self.failed.add(sku)
            if mode == "refused":
                raise CatalogueError("planned refusal", recoverable=False)
            if mode == "lost after":
                await call(sku, *arguments, **more)
            raise CatalogueError("planned loss", recoverable=True)

        return planned


async def all_there_and_back(rig: Rig, skus: Iterable[str]) -> None:
    """Freeze and release every SKU, some at a time."""
    before = {sku: await rig.shop.product(sku) for sku in skus}
    room = asyncio.Semaphore(8)

    async def one(sku: str) -> None:
        async with room:
            await _there_and_back(rig, sku, before[sku])

    await asyncio.gather(*(one(sku) for sku in before))


async def _there_and_back(rig: Rig, sku: str, before: dict[str, Any]) -> None:
    """Freeze a SKU, see it refused, release it, see it as it was."""
    await rig.complain(sku)
    case = await rig.in_state(sku, "frozen", seconds=30)
    assert not (await rig.shop.buy(sku)).ok
    people = ("mara", "quin") if case["recurrence"] else ("mara",)
    await approve(rig, await ask_for_approval(rig, case), *people)
    await rig.in_state(sku, "probation", seconds=30)
    assert before == await rig.shop.product(sku)


@pytest.mark.parametrize("is_cold", [False, True], ids=["image at hand", "looked up first"])
async def test_whichever_call_fails_it_converges(
    dsns: OwnerAndRuntimeDsns, tmp_path, is_cold: bool
):
    """The n-th call of a freeze and release is refused or lost, for every n: all end well."""
    plans = {
        f"N-{n}-{MODES.index(mode)}": (n, mode)
        for n, mode in product(range(1, MOST_CALLS + 1), MODES)
    }
    async with shop_with_service(
        dsns, tmp_path, skus=tuple(plans), policy={"probation_time": "1h"}
    ) as rig:
        assert rig.service is not None
        if is_cold:
            query = "DELETE FROM catalogue_objects"
            await rig.service.database.run(lambda tx: tx.connection.execute(query))
        every = EveryCall(plans)
        catalogue = rig.service.catalogues["shop"]
        for name in CALLS:
            setattr(catalogue, name, every.around(getattr(catalogue, name)))
        await all_there_and_back(rig, plans)
        assert set(plans) == every.failed
        for sku in plans:
            assert 1 == len(await rig.cases(sku))


class Capricious:
    """The database as enforcement sees it: fails by chance, before its work or after its commit."""

    def __init__(self, database: Any, chance: random.Random) -> None:
        self._database, self._chance = database, chance
        self.failures = 0

    async def run(self, work: Any, **more: Any) -> Any:
        fate = self._chance.random()
        if fate < 0.06:
            self.failures += 1
            raise Unavailable("planned: before the work")
        result = await self._database.run(work, **more)
        if fate < 0.12:
            self.failures += 1
            raise Unavailable("planned: after the commit")
        return result


async def test_a_capricious_database_delays_and_breaks_nothing(
    dsns: OwnerAndRuntimeDsns, tmp_path
):
    """An eighth of enforcement's transactions fail, half of them after they were committed."""
    skus = tuple(f"CHANCE-{n}" for n in range(12))
    async with shop_with_service(
        dsns, tmp_path, skus=skus, policy={"probation_time": "1h"}
    ) as rig:
        assert rig.service is not None
        enforcement = rig.service.enforcement
        capricious = Capricious(rig.service.database, random.Random(7))
        for part in (enforcement._stopping, enforcement._releasing):
            part._database = capricious
        enforcement._calls.database = capricious
        await all_there_and_back(rig, skus)
        assert capricious.failures > len(skus)


# ------------------------------------------------------------------------------ the journal


@pytest.mark.parametrize(
    "sweep", [0.1, 10], ids=["journal replayed first", "looked up again first"]
)
async def test_images_survive_a_database_that_is_away(
    dsns: OwnerAndRuntimeDsns, tmp_path, sweep: float
):
    """Looked up, and then nothing can be saved: journalled, stopped all the same, restored exactly.

    Whoever comes first afterwards, the journal's image counts: what a look-up shows by then is
    the stop.
    """
    sku = "COLD"
    async with shop_with_service(
        dsns, tmp_path, skus=(sku,), register=False, workers={"sweep": sweep},
        policy={"probation_time": "1h"},
    ) as rig:
        assert rig.service is not None
        await rig.shop.seed([{"sku": sku, "stock": 4, "title": "The other one"}])
        before = await rig.shop.products(sku)
        row = {"sku": sku, "vendor": "acme", "category": "kitchen", "owner": "owen"}
        stopping = rig.service.enforcement._stopping
        present, stopping._database = stopping._database, Gone()
        rig.service.enforcement._calls.database = Gone()
        await rig.complain(sku)

        async def stopped() -> bool:
            return sku not in await rig.shop.sellable()

        await until(stopped, "stopped without a database")
        journal = (tmp_path / "journal.ndjson").read_text()
        assert 2 == journal.count('"before_image"')
        assert "freezing" == (await newest(rig, sku))["state"]

        stopping._database = present
        rig.service.enforcement._calls.database = present
        case = await rig.in_state(sku, "frozen", seconds=20)
        assert 2 == len(case["enforcement"])
        await rig.call("POST", "/v1/skus", "root", json=[row])
        owner = "UPDATE cases SET vendor = 'acme', category = 'kitchen' WHERE sku = $1"
        await rig.service.database.run(lambda tx: tx.connection.execute(owner, sku))
        await approve(rig, await ask_for_approval(rig, await rig.case(case["id"])), "mara")
        await rig.in_state(sku, "probation", seconds=20)
        assert before == await rig.shop.products(sku)


class Gone:
    """A database that can't be reached."""

    async def run(self, work: Any, **more: Any) -> Any:
        raise Unavailable("planned: gone")
