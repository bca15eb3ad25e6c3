"""A SKU that gets another name, or goes, while it is stopped: its object is not forgotten."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from freezeguard.bootstrap.building import open_service
from freezeguard.bootstrap.settings import Settings
from freezeguard.sampleshop.client import ShopClient, running_shop, sample_configuration
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.faults.observing import open_tasks, seen, statuses
from tests.rig import Rig, hasty_settings, register_skus, service_for

SKU, NEW = "KETTLE-17", "KETTLE-17-OLD"
STOPPED = {"published": False, "sale_stop": True}

Table = dict[str, Any]


def by_sku(shop: ShopClient) -> Table:
    """Read back as a buyer does, who asks for a SKU: the way of the example in the documents."""
    return sample_configuration(shop.url, shop.admin_token)


def by_id(shop: ShopClient) -> Table:
    """Read back by the id of the object, with the fields that a stop writes."""
    return {**by_sku(shop), "read_back": {
        "side": "admin", "path": "/admin/products/{id}", "objects": "$", "id": "$.id",
        "sellable": {"$.published": True, "$.sale_stop": False},
        "fields": ["published", "sale_stop"],
    }}


@asynccontextmanager
async def again(
    rig: Rig, dsns: OwnerAndRuntimeDsns, place: Path, table: Table
) -> AsyncIterator[Rig]:
    """Run the next replica of a service, after a change of its settings."""
    settings = Settings(**hasty_settings(dsns, place, {"shop": table}, 1))
    async with (
        open_service(settings) as service, service.serving(), aiohttp.ClientSession() as session
    ):
        yield replace(rig, url=service.url, session=session, service=service)


AGED = "UPDATE catalogue_objects SET before_at = before_at - interval '1 day' WHERE sku = $1"


async def frozen(rig: Rig) -> dict[str, Any]:
    await register_skus(rig, (SKU,))
    await rig.complain(SKU)
    return await rig.in_state(SKU, "frozen")


async def let_go(rig: Rig, case: dict[str, Any]) -> None:
    now = await rig.case(case["id"])
    await rig.done(now, "declare_false_alarm", "owen", reason_code="rule_error")


async def asked(rig: Rig) -> dict[str, Any]:
    """Wait until a person is asked to put it back on sale; return the case."""
    return await seen(rig, SKU, "a task", lambda one: open_tasks(one) == [("release", "shop")])


async def resolve(rig: Rig, case: dict[str, Any]) -> None:
    [task] = [one for one in case["tasks"] if one["resolved_at"] is None]
    await rig.done(
        case, "resolve_task", "owen", catalogue="shop", remote_id=task["remote_id"], note="Done.")


async def test_a_sku_renamed_in_the_shop_is_put_back_by_its_id(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path
):
    """Stopped under one SKU, sold again under another: every field as it was."""
    async with running_shop(skus=[SKU]) as shop:
        before = await shop.product(SKU)
        async with service_for(dsns, tmp_path, {"shop": by_id(shop)}) as rig:
            case = await frozen(rig)
            await shop.rename(before["id"], NEW)
            await let_go(rig, case)
            case = await rig.in_state(SKU, "closed_false_alarm")

        assert [] == case["tasks"]
        assert {**before, "sku": NEW} == await shop.product(NEW)


async def test_a_renamed_sku_that_somebody_has_changed_is_a_persons(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path
):
    """As ever: where a field is neither as we wrote it nor as before, nobody is overruled."""
    async with running_shop(skus=[SKU]) as shop:
        product = await shop.product(SKU)
        table = by_id(shop)
        table["stop"] = {**table["stop"], "hard": {**STOPPED, "stock": 0}}
        table["read_back"]["fields"].append("stock")
        async with service_for(dsns, tmp_path, {"shop": table}) as rig:
            case = await frozen(rig)
            await shop.rename(product["id"], NEW)
            await shop.change(product["id"], {"stock": 7})  # counted anew
            await let_go(rig, case)
            case = await asked(rig)

        assert "stock is 7, the stop wrote 0" in case["enforcement"][0]["detail"]
        assert {**product, "sku": NEW, **STOPPED, "stock": 7} == await shop.product(NEW)


async def test_where_nobody_can_look_by_id_a_person_is_asked(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path
):
    """Readers hear frozen until somebody has seen to it; nothing is written meanwhile."""
    async with running_shop(skus=[SKU]) as shop:
        product = await shop.product(SKU)
        async with service_for(dsns, tmp_path, {"shop": by_sku(shop)}) as rig:
            case = await frozen(rig)
            await shop.rename(product["id"], NEW)
            await let_go(rig, case)
            case = await asked(rig)
            assert "frozen" == await rig.status(SKU)
            assert "it may still be stopped" in case["enforcement"][0]["detail"]
            assert {**product, "sku": NEW, **STOPPED} == await shop.product(NEW)

            await shop.change(product["id"], {"published": True, "sale_stop": False})
            await resolve(rig, case)
            await rig.in_state(SKU, "closed_false_alarm")


async def test_another_name_in_our_settings_forgets_nothing(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path
):
    """Where what `called_as` says is found nowhere, the object is read by its id and restored."""
    async with running_shop(skus=[SKU]) as shop:
        before, table = await shop.product(SKU), by_id(shop)
        async with service_for(dsns, tmp_path, {"shop": table}) as rig:
            case = await frozen(rig)
        async with again(rig, dsns, tmp_path, {**table, "called_as": "DE-{sku}"}) as rig:
            await let_go(rig, case)
            await rig.in_state(SKU, "closed_false_alarm")

        assert before == await shop.product(SKU)


async def test_what_the_shop_says_is_gone_is_gone(dsns: OwnerAndRuntimeDsns, tmp_path: Path):
    """Asked for by its id, and not there: there is nothing to put back, and nobody is asked."""
    async with running_shop(skus=[SKU]) as shop:
        product = await shop.product(SKU)
        async with service_for(dsns, tmp_path, {"shop": by_id(shop)}) as rig:
            case = await frozen(rig)
            await shop.remove(product["id"])
            await let_go(rig, case)
            case = await rig.in_state(SKU, "closed_false_alarm")

        assert [] == case["tasks"]
        assert "there is no such object any more" == case["enforcement"][0]["detail"]


@pytest.mark.parametrize("read_back", [by_id, by_sku])
async def test_what_is_deleted_before_its_stop_ends_as_nothing_to_stop(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path, read_back: Callable[[ShopClient], Table]
):
    """Known, and deleted by its merchant a moment before: nobody can buy it, so it is frozen."""
    async with running_shop(skus=[SKU]) as shop:
        product = await shop.product(SKU)
        async with service_for(dsns, tmp_path, {"shop": read_back(shop)}) as rig:
            await register_skus(rig, (SKU,))
            await shop.remove(product["id"])
            await rig.complain(SKU)
            case = await rig.in_state(SKU, "frozen")
            assert ([], False) == (case["tasks"], case["degraded"])

            await let_go(rig, case)
            await rig.in_state(SKU, "closed_false_alarm")


async def test_what_is_deleted_and_made_anew_before_its_stop(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path
):
    """Known by an id that is gone: it is not called frozen while the new object sells."""
    async with running_shop(skus=[SKU]) as shop:
        product = await shop.product(SKU)
        calm = {"relist_every": 600.0, "verify_every": 600.0}
        async with service_for(dsns, tmp_path, {"shop": by_id(shop)}, pace=calm) as rig:
            await register_skus(rig, (SKU,))
            await shop.remove(product["id"])
            await shop.seed([{"sku": SKU, "stock": 5}])
            await rig.complain(SKU)
            await rig.in_state(SKU, "frozen")
            assert not (await shop.buy(SKU)).ok


async def test_what_was_deleted_long_ago_ends_so_too(dsns: OwnerAndRuntimeDsns, tmp_path: Path):
    """Its image is too old to be used, and a look-up finds nothing: it is asked for by its id."""
    async with running_shop(skus=[SKU]) as shop:
        product = await shop.product(SKU)
        async with service_for(dsns, tmp_path, {"shop": by_id(shop)}) as rig:
            await register_skus(rig, (SKU,))
            await shop.remove(product["id"])
            assert rig.service is not None
            await rig.service.database.run(lambda tx: tx.connection.execute(AGED, SKU))
            await rig.complain(SKU)
            case = await rig.in_state(SKU, "frozen")

        [seen] = case["enforcement"]
        assert ("confirmed", product["id"]) == (seen["status"], seen["remote_id"])
        assert "nothing is there to be stopped" in seen["detail"]


async def test_what_is_listed_under_another_name_is_not_called_stopped(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path
):
    """Not found by its SKU, and there by its id: the case stays as it is, and says so."""
    async with running_shop(skus=[SKU]) as shop:
        product = await shop.product(SKU)
        async with service_for(dsns, tmp_path, {"shop": by_id(shop)}) as rig:
            await register_skus(rig, (SKU,))
            await shop.rename(product["id"], NEW)
            assert rig.service is not None
            await rig.service.database.run(lambda tx: tx.connection.execute(AGED, SKU))
            await rig.complain(SKU)
            case = await seen(rig, SKU, "not listed", lambda one: one["degraded"])

        assert ("freezing", ["not_listed"]) == (case["state"], statuses(case))
