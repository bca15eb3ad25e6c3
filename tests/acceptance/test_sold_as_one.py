"""Two SKUs that a catalogue sells as one object: it sells again with the last that is let go."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.acceptance.steps import approve, ask_for_approval, sql
from tests.catalogues.standins.saleor_running import RunningSaleorWorld
from tests.catalogues.standins.saleor_world import SaleorWorld, saleor_world
from tests.faults.observing import seen, statuses
from tests.rig import Rig, register_skus, service_for, until

SMALL, LARGE = "TEE-S", "TEE-L"
World = SaleorWorld | RunningSaleorWorld


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A shop whose finest stop is a product, with two sizes of one."""
    async with saleor_world() as world:
        await world.offer(SMALL, siblings=(LARGE,))
        yield world


@pytest.fixture
async def rig(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path, world: World
) -> AsyncIterator[Rig]:
    """A service in front of it."""
    async with service_for(dsns, tmp_path, {"shop": world.table}) as running:
        await register_skus(running, (SMALL, LARGE))
        yield running


async def _frozen(rig: Rig, sku: str) -> dict[str, Any]:
    await rig.complain(sku)
    await rig.in_state(sku, "frozen", seconds=30)
    return await seen(rig, sku, "stopped", lambda one: statuses(one) == ["confirmed"], seconds=30)


async def _read_anew(rig: Rig, sku: str) -> None:
    """Have the SKU read ahead now, as it is there now: not for sale, while its sibling is held."""
    await sql(rig, "UPDATE skus SET read_ahead_at = NULL WHERE sku = $1", sku)

    async def shows_the_stop() -> bool:
        [row] = await sql(
            rig, "SELECT before_image FROM catalogue_objects WHERE sku = $1", sku
        )
        return set(json.loads(row["before_image"])["available"].values()) == {None}

    await until(shows_the_stop, "read anew", seconds=30)


async def _both_frozen(rig: Rig) -> dict[str, dict[str, Any]]:
    small = await _frozen(rig, SMALL)
    await _read_anew(rig, LARGE)
    return {SMALL: small, LARGE: await _frozen(rig, LARGE)}


async def _let_go(rig: Rig, case: dict[str, Any], sku: str) -> None:
    await approve(rig, await ask_for_approval(rig, case), "mara")
    await rig.in_state(sku, "probation", seconds=30)


@pytest.mark.parametrize("first", [SMALL, LARGE])
async def test_it_sells_again_with_the_last(rig: Rig, world: World, first: str) -> None:
    """Let go in either order: not sold until both are, and then exactly as before."""
    before = await world.image(SMALL)
    cases = await _both_frozen(rig)
    [last] = cases.keys() - {first}

    await _let_go(rig, cases[first], first)
    assert not await world.buy(SMALL)
    assert not await world.buy(LARGE)
    case = await rig.case(cases[first]["id"])
    assert last in case["enforcement"][0]["detail"]

    await _let_go(rig, cases[last], last)

    async def sells() -> bool:
        return await world.buy(SMALL) and await world.buy(LARGE)

    await until(sells, "both are sold", seconds=10)
    assert before == await world.image(SMALL)


async def test_let_go_at_once(rig: Rig, world: World) -> None:
    """Both released at one moment: sold again, exactly, and nobody is asked."""
    before = await world.image(SMALL)
    cases = await _both_frozen(rig)
    asked = [await ask_for_approval(rig, case) for case in cases.values()]

    await asyncio.gather(*(approve(rig, one, "mara") for one in asked))
    for one in cases:
        await rig.in_state(one, "probation", seconds=30)

    assert before == await world.image(SMALL)
    assert await world.buy(SMALL)
    assert await world.buy(LARGE)
    for case in cases.values():
        assert (await rig.case(case["id"]))["tasks"] == []


async def test_an_image_that_was_read_while_the_other_was_stopped(
    rig: Rig, world: World
) -> None:
    """What was looked up during a stop of its sibling, and frozen later, is restored as it was."""
    before = await world.image(SMALL)
    first = await _frozen(rig, SMALL)
    await _read_anew(rig, LARGE)
    await _let_go(rig, first, SMALL)
    assert before == await world.image(SMALL)

    second = await _frozen(rig, LARGE)
    await _let_go(rig, second, LARGE)

    assert before == await world.image(SMALL)
    assert await world.buy(LARGE)
