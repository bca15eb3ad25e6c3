"""Each call of one freeze and release fails once; the database fails by chance; all converge."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest

from freezeguard.domain.errors import Unavailable
from freezeguard.ports.catalogues import CatalogueError
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.acceptance.steps import approve, ask_for_approval, sql
from tests.faults.observing import newest
from tests.rig import Rig, shop_with_service, until

CALLS = ("lookup", "stop", "read_back", "restore")
MODES = ("refused", "lost before", "lost after")
CALLS_OF_A_STOP = 3
"""Stop, read back, verify; where nothing is known beforehand, one look-up more."""
CALLS_OF_A_RELEASE = 4
"""Look how it is, restore, look again, read back as a buyer."""


@dataclass(frozen=True)
class Plan:
    """Which call of which phase fails, and how."""

    phase: str
    n: int
    mode: str


class EveryCall:
    """Fails one call of each SKU: the n-th of a phase, before or after the far side has acted."""

    def __init__(self, plans: dict[str, Plan]) -> None:
        self._plans = plans
        self._made: dict[str, int] = dict.fromkeys(plans, 0)
        self._phase = dict.fromkeys(plans, "stop")
        self.failed: set[str] = set()

    def around(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """Return the call, failing where that is planned."""

        async def planned(sku: str, *arguments: Any, **more: Any) -> Any:
            plan = self._plans[sku]
            self._made[sku] += 1
            if (self._phase[sku], self._made[sku]) != (plan.phase, plan.n):
                return await call(sku, *arguments, **more)
            self.failed.add(sku)
            if plan.mode == "refused":
                raise CatalogueError("planned refusal", recoverable=False)
            if plan.mode == "lost after":
                await call(sku, *arguments, **more)
            raise CatalogueError("planned loss", recoverable=True)

        return planned

    async def release_next(self, sku: str) -> None:
        """Wait for a failure that was planned for the stop; then count the calls of the release."""

        async def over() -> bool:
            return self._plans[sku].phase != "stop" or sku in self.failed

        await until(over, f"the planned call of {sku} made", seconds=20)
        self._phase[sku], self._made[sku] = "release", 0


async def at_once(_: str) -> None:
    """Nothing to wait for between freeze and release."""


async def all_there_and_back(
    rig: Rig, skus: Iterable[str], between: Callable[[str], Awaitable[None]] = at_once
) -> None:
    """Freeze and release every SKU, some at a time; `between` the two something may be awaited."""
    before = {sku: await rig.shop.product(sku) for sku in skus}
    room = asyncio.Semaphore(8)

    async def one(sku: str) -> None:
        async with room:
            await _there_and_back(rig, sku, before[sku], between)

    await asyncio.gather(*(one(sku) for sku in before))


async def _there_and_back(
    rig: Rig, sku: str, before: dict[str, Any], between: Callable[[str], Awaitable[None]]
) -> None:
    """Freeze a SKU, see it refused, release it, see it as it was."""
    await rig.complain(sku)
    await rig.in_state(sku, "frozen", seconds=30)
    await between(sku)
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
    """The n-th call of a stop or a release is refused or lost, for every n: all end well."""
    phases = {"stop": CALLS_OF_A_STOP + is_cold, "release": CALLS_OF_A_RELEASE}
    every_plan = [
        Plan(phase, n + 1, mode)
        for phase, calls in phases.items() for n, mode in product(range(calls), MODES)
    ]
    plans = {
        f"{one.phase}-{one.n}-{MODES.index(one.mode)}".upper(): one for one in every_plan
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
        await all_there_and_back(rig, plans, every.release_next)
        assert set(plans) == every.failed
        for sku in plans:
            assert 1 == len(await rig.cases(sku))


class Capricious:
    """The database as enforcement sees it: every fifth transaction fails.

    In turn before its work and after its commit.
    """

    def __init__(self, database: Any) -> None:
        self._database, self._runs = database, 0
        self.failures = {"before the work": 0, "after the commit": 0}

    async def run(self, work: Any, **more: Any) -> Any:
        self._runs += 1
        fate = self._runs % 10
        if fate == 5:
            self._fail("before the work")
        result = await self._database.run(work, **more)
        if fate == 0:
            self._fail("after the commit")
        return result

    def _fail(self, where: str) -> None:
        self.failures[where] += 1
        raise Unavailable(f"planned: {where}")


async def test_a_capricious_database_delays_and_breaks_nothing(
    dsns: OwnerAndRuntimeDsns, tmp_path
):
    """Every fifth of enforcement's transactions fails, half of them after they were committed."""
    skus = tuple(f"CAPRICE-{n}" for n in range(12))
    async with shop_with_service(
        dsns, tmp_path, skus=skus, policy={"probation_time": "1h"}
    ) as rig:
        assert rig.service is not None
        enforcement = rig.service.enforcement
        capricious = Capricious(rig.service.database)
        for part in (enforcement._stopping, enforcement._releasing):
            part._database = capricious
        enforcement._calls.database = capricious
        await all_there_and_back(rig, skus)
        assert min(capricious.failures.values()) >= 3


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
        assert 2 == len(await kept(rig, (tmp_path / "journal.ndjson").read_text(), sku))
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


async def kept(rig: Rig, journal: str, sku: str) -> set[str]:
    """Return the objects whose before-images are in the journal, or were brought in from there."""
    lines = [json.loads(one) for one in journal.splitlines()]
    saved = await sql(
        rig, "SELECT remote_id FROM catalogue_objects WHERE sku = $1 AND before_image IS NOT NULL",
        sku,
    )
    return {one["remote_id"] for one in (*lines, *saved)}


class Gone:
    """A database that can't be reached."""

    async def run(self, work: Any, **more: Any) -> Any:
        raise Unavailable("planned: gone")
