"""What a look-up finds: nothing, one, many, later, elsewhere; and catalogues that come and go."""

from pathlib import Path
from typing import Any

import pytest

from freezeguard.bootstrap.building import open_service
from freezeguard.bootstrap.settings import Settings
from freezeguard.sampleshop.client import running_shop, sample_configuration
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.acceptance.steps import approve, ask_for_approval, cannot_be_bought, is_sold_again, pull
from tests.faults.observing import newest, seen, statuses, told
from tests.rig import Rig, fast_settings, register_skus, shop_with_service, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = {"seed": 20, "policy": {"probation_time": "1h"}}


async def released(rig: Rig, sku: str) -> dict[str, Any]:
    """Have a frozen SKU diagnosed, approved and sold again."""
    await approve(rig, await ask_for_approval(rig, await rig.in_state(sku, "frozen")), "mara")
    return await rig.in_state(sku, "probation")


async def test_a_sku_that_nobody_lists_is_an_alarm(rig: Rig):
    """Readers hear frozen, the case does not: degraded, its owner told; once listed, stopped."""
    sku = "LATER/1"
    await rig.complain(sku)
    case = await seen(rig, sku, "not listed", lambda one: statuses(one) == ["not_listed"])
    assert ("freezing", True) == (case["state"], case["degraded"])
    assert 1 == told(case, "degraded")
    assert "frozen" == await rig.status(sku)

    await rig.shop.seed([{"sku": sku}])
    case = await seen(rig, sku, "stopped", lambda one: statuses(one) == ["confirmed"])
    await cannot_be_bought(rig, sku)
    assert False is case["degraded"]
    await rig.in_state(sku, "frozen")


async def test_many_objects_are_all_stopped_and_all_restored(rig: Rig):
    """Three products carry the SKU, one of them out of stock: each is as it was afterwards."""
    sku = "THRICE"
    await rig.shop.seed([{"sku": sku}, {"sku": sku, "stock": 0}, {"sku": sku, "title": "Third"}])
    await register_skus(rig, (sku,))
    before = await rig.shop.products(sku)
    await rig.complain(sku)
    case = await rig.in_state(sku, "frozen")
    assert ["confirmed"] * 3 == statuses(case)
    await cannot_be_bought(rig, sku)
    await released(rig, sku)
    assert before == await rig.shop.products(sku)


async def test_one_of_many_that_refuses_keeps_the_case_from_frozen(rig: Rig):
    """Two of three stopped is not stopped: the case stays freezing, degraded and names the one."""
    sku = "TWO-OF-THREE"
    ids = await rig.shop.seed([{"sku": sku}, {"sku": sku}, {"sku": sku}])
    await rig.shop.faults(operations=["stop"], methods=["PATCH", "PUT"], refuse=422, times=30)
    await rig.complain(sku)
    case = await seen(rig, sku, "degraded", lambda one: one["degraded"])
    assert "freezing" == case["state"]
    assert set(ids) == {one["remote_id"] for one in case["enforcement"]}
    await rig.shop.no_faults()
    await rig.in_state(sku, "frozen")
    await cannot_be_bought(rig, sku)


async def test_a_second_listing_after_the_freeze_is_stopped_too(rig: Rig, sku: str):
    """Listing the same SKU anew is no way around a hold."""
    await rig.complain(sku)
    await rig.in_state(sku, "frozen")
    (new,) = await rig.shop.seed([{"sku": sku, "title": "The same thing again"}])
    case = await seen(rig, sku, "both stopped", lambda one: (
        statuses(one) == ["confirmed", "confirmed"]))
    assert new in {one["remote_id"] for one in case["enforcement"]}
    await cannot_be_bought(rig, sku)
    await released(rig, sku)
    await is_sold_again(rig, sku)


async def test_a_softer_hold_stays_when_the_harder_ends(rig: Rig, sku: str):
    """An associate's pull of one lot and a manager's of another: the last one out restores."""
    before = await rig.shop.product(sku)
    first = await pull(rig, "owen", sku, scope={"lot": "L-1"})
    await seen(rig, sku, "stopped", lambda one: statuses(one) == ["confirmed"])
    second = await pull(rig, "alba", sku, scope={"lot": "L-2"})
    frozen = await rig.case(first["id"])
    declared = await rig.done(
        frozen, "declare_false_alarm", "owen", reason_code="wrong_item", comment="Other lot."
    )

    async def closed() -> bool:
        return (await rig.case(declared["id"]))["state"] == "closed_false_alarm"

    await until(closed, "the first case closed")
    assert not (await rig.shop.buy(sku)).ok
    soft = await rig.case(second["id"])
    assert "suspected" == soft["state"]
    assert ["hide"] == [one["wanted"] for one in soft["enforcement"]]
    await rig.done(soft, "dismiss", "owen", reason="nothing found")
    await is_sold_again(rig, sku)
    assert before == {**await rig.shop.product(sku), "stock": before["stock"]}


async def test_a_catalogue_configured_later_is_stopped_as_well(
    rig: Rig, sku: str, tmp_path: Path
):
    """A hold covers what is sold today and what is connected tomorrow; what it left is restored."""
    await rig.complain(sku)
    await rig.in_state(sku, "frozen")
    assert rig.dsns is not None
    async with running_shop(skus=[sku]) as second:
        assert (await second.buy(sku)).ok
        before = await second.product(sku)
        settings = _with_second(rig, rig.dsns, tmp_path, second)
        async with open_service(settings) as replica, replica.serving():
            async def stopped() -> bool:
                return not (await second.buy(sku)).ok

            await until(stopped, "stopped in the second shop")
            whole = await rig.call("GET", f"/v1/cases/{(await newest(rig, sku))['id']}", "owen",
                                   url=replica.url)
            assert {"shop", "second"} == {one["catalogue"] for one in whole.body["enforcement"]}

        # The second catalogue is not configured while the SKU is released …
        await released(rig, sku)
        assert not (await second.buy(sku)).ok
        # … and finds its way back to the shelf when it is configured again.
        async with open_service(settings) as replica, replica.serving():
            async def as_before() -> bool:
                present = await second.product(sku)
                return {**before, "stock": present["stock"]} == present

            await until(as_before, "restored in the second shop")


def _with_second(rig: Rig, dsns: OwnerAndRuntimeDsns, place: Path, second: Any) -> Settings:
    assert rig.service is not None
    mail = rig.service.settings.mail.port
    shops = {"second": sample_configuration(second.url, second.admin_token)}
    return Settings(**fast_settings(dsns, place, rig.shop, mail, catalogues=shops))


async def test_one_slow_catalogue_never_delays_another(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path
):
    """Twenty freezes while one shop hangs: the other has stopped all of them long before."""
    skus = tuple(f"BOTH-{n:02}" for n in range(20))
    async with running_shop(skus=skus) as slow:
        shops = {"slow": sample_configuration(slow.url, slow.admin_token)}
        async with shop_with_service(
            dsns, tmp_path, skus=skus, catalogues=shops, pace={"call_deadline": 2.0},
        ) as rig:
            await slow.faults(freeze_admin=True)
            for sku in skus:
                await rig.complain(sku)

            async def stopped() -> bool:
                return not set(skus) & set(await rig.shop.sellable())

            await until(stopped, "all stopped in the sound shop", seconds=5)
            case = await seen(rig, skus[-1], "read back", lambda one: (
                statuses(one, "shop") == ["confirmed"]))
            assert "freezing" == case["state"]
            assert ["confirmed"] != statuses(case, "slow")
            await slow.no_faults()
            for sku in skus:
                await rig.in_state(sku, "frozen", seconds=20)
            assert not set(skus) & set(await slow.sellable())
