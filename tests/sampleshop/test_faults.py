"""Faults that are switched on while the shop runs. What they hide, the log still tells."""

import asyncio
import random
import time

import aiohttp
import pytest

from freezeguard.sampleshop.client import ShopError
from freezeguard.sampleshop.faults import Call, FaultOrder, Faults
from tests.sampleshop.fixtures import until

STOP = {"published": False, "sale_stop": True}


@pytest.fixture
async def product_id(shop, sku):
    [product_id] = await shop.seed([{"sku": sku}])
    return product_id


async def test_error_n_times(shop, sku, product_id):
    """An error is answered so often as asked and nothing is done; then all is well again."""
    await shop.faults(error={"status": 503, "times": 2})

    assert [503, 503, 200] == [(await shop.change(product_id, STOP))[0] for _ in range(3)]
    assert ["fault:error", "fault:error", "applied"] == [e["outcome"] for e in await shop.log(sku)]


async def test_too_many(shop, sku, product_id):
    """429 carries the wanted Retry-After."""
    await shop.faults(too_many={"retry_after": 2, "times": 1})
    url = f"{shop.url}/admin/products/{product_id}"
    token = {"Authorization": f"Bearer {shop.admin_token}"}

    async with aiohttp.ClientSession(headers=token) as session, session.get(url) as response:
        assert (429, "2") == (response.status, response.headers["Retry-After"])


async def test_lie(shop, sku, product_id):
    """A lying shop answers a stop with 200 and the wanted fields, and goes on selling."""
    await shop.faults(lie=True)

    status, body = await shop.change(product_id, STOP)

    assert (200, True) == (status, body["sale_stop"])
    assert (await shop.buy(sku)).ok
    assert "fault:lie" == (await shop.log(sku))[0]["outcome"]
    assert not (await shop.product(sku))["sale_stop"]


async def test_lie_is_about_stops_only(shop, sku, product_id):
    """A restore is carried out by a shop that lies about stops."""
    await shop.change(product_id, STOP)
    await shop.faults(lie=True)

    await shop.change(product_id, {"sale_stop": False, "published": True})

    assert (await shop.buy(sku)).ok


async def test_apply_then_reset(shop, sku, product_id):
    """The stop is applied, the connection reset, and no answer comes."""
    await shop.faults(apply_then_reset=True)

    with pytest.raises(aiohttp.ClientOSError):
        await shop.change(product_id, STOP)

    assert "sale_stopped" == (await shop.buy(sku)).code
    entry = (await shop.log(sku))[0]
    assert ("applied", None) == (entry["outcome"], entry["status"])


async def test_warehouse_sync_undoes_a_stop(shop, sku, product_id):
    """The warehouse sync sets the product back after a stop, as often as asked."""
    await shop.faults(re_enable_after=0.05, times=1)
    await shop.change(product_id, STOP)

    async def is_sold_again():
        return (await shop.buy(sku)).ok

    await until(is_sold_again)
    synced = [e for e in await shop.log(sku) if e["kind"] == "warehouse"]
    assert [{"published": True, "sale_stop": False}] == [e["fields"] for e in synced]

    await shop.change(product_id, STOP)
    assert "sale_stopped" == (await shop.buy(sku)).code


async def test_switching_faults_off_forgets_the_sync(shop, sku, product_id):
    """A warehouse sync that has not run yet does not run once faults are off."""
    await shop.faults(re_enable_after=0.2)
    await shop.change(product_id, STOP)
    await shop.no_faults()
    await shop.faults(re_enable_after=0.3, times=1)
    [other] = await shop.seed([{"sku": f"{sku}-other"}])
    await shop.change(other, STOP)

    async def other_is_sold():
        return (await shop.buy(f"{sku}-other")).ok

    await until(other_is_sold)
    assert "sale_stopped" == (await shop.buy(sku)).code


async def test_refuse(shop, sku, product_id):
    """A refusing shop answers every write with the status; look-ups go on."""
    await shop.faults(refuse=422)

    assert 422 == (await shop.change(product_id, STOP))[0]
    assert not (await shop.product(sku))["sale_stop"]


async def test_freeze_admin_hangs_until_switched_off(shop, sku, product_id):
    """A frozen admin side never answers; buyers go on; switching off drops the hanging call."""
    await shop.faults(freeze_admin=True)
    hanging = asyncio.create_task(shop.change(product_id, STOP))

    async def hangs():
        return (await shop.log(sku)) != []

    await until(hangs)
    assert (await shop.buy(sku)).ok
    assert not hanging.done()
    await shop.no_faults()

    with pytest.raises(aiohttp.ClientConnectionError):
        await hanging
    assert not (await shop.product(sku))["sale_stop"]


async def test_slow_and_slow_answer(shop, sku, product_id):
    """A slow shop acts late; with a slow answer it acts at once and answers late."""
    await shop.faults(slow=0.1, times=1)
    began = time.monotonic()
    await shop.change(product_id, STOP)
    assert time.monotonic() - began >= 0.1

    await shop.faults(slow_answer=30, times=1)
    answer = asyncio.create_task(shop.change(product_id, {"sale_stop": False, "published": True}))

    async def is_sold():
        return (await shop.buy(sku)).ok

    await until(is_sold)
    assert not answer.done()
    answer.cancel()


async def test_garbled_oversized_and_redirecting(shop, sku, product_id):
    """Read-backs can be given another shape or too many bytes, and calls another address."""
    await shop.faults(garble=True, operations=["read_back"], times=1)
    assert "products" not in (await shop._ask("GET", f"/shop/products?sku={sku}"))[1]
    await shop.faults(oversize=2000, operations=["read_back"], times=1)
    assert 2000 == len((await shop._ask("GET", f"/shop/products?sku={sku}"))[1]["padding"])
    await shop.faults(redirect=f"{shop.url}/admin/orders", operations=["lookup"], times=1)
    assert "orders" in (await shop._ask("GET", f"/admin/products?sku={sku}"))[1]


async def test_offline(shop, sku, product_id):
    """An offline shop refuses connections for the time asked, and keeps its state."""
    await shop.change(product_id, STOP)
    await shop.faults(offline=0.2)

    async def is_back():
        try:
            return (await shop.product(sku))["sale_stop"]
        except aiohttp.ClientConnectionError:
            return False

    assert not await is_back()
    await until(is_back)


async def test_limits(shop, sku, product_id):
    """A fault limited to SKUs, methods or operations leaves everything else alone."""
    [other] = await shop.seed([{"sku": f"{sku}-other"}])
    await shop.faults(error={}, skus=[sku], operations=["stop"], methods=["PATCH"])

    assert 500 == (await shop.change(product_id, STOP))[0]
    assert 200 == (await shop.change(other, STOP))[0]
    assert 200 == (await shop.change(product_id, {"sale_stop": False}))[0]
    assert 200 == (await shop._ask("PUT", f"/admin/deny-list/{product_id}"))[0]
    assert ["fault:error", "applied", "applied"] == [e["outcome"] for e in await shop.log(sku)]


async def test_orders_that_are_refused(shop):
    """Unknown faults and values out of range are refused, by name."""
    for order, place in [
        ({"liar": True}, "liar"),
        ({"slow": -1}, "slow"),
        ({"refuse": 200}, "refuse"),
        ({"operations": ["sell"]}, "operations"),
        ({"times": 3}, "no fault"),
    ]:
        with pytest.raises(ShopError, match=place):
            await shop.faults(**order)


async def test_faults_are_shown_and_counted(shop, product_id):
    """The shop tells which faults are on and how often each has struck."""
    await shop.faults(error={"status": 502, "times": 5})
    await shop.change(product_id, STOP)

    _, body = await shop._ask("GET", "/admin/faults")

    assert [("error", 4, 1)] == [(f["effect"], f["times"], f["hits"]) for f in body["faults"]]


def test_probability():
    """A fault with probability one half strikes about every second call, the same each time."""

    def strikes() -> int:
        faults = Faults(random.Random(7))
        faults.switch_on(FaultOrder.model_validate({"error": {"probability": 0.5}}))
        call = Call("stop", "PATCH", "A")
        return sum(faults.strike("error", call) is not None for _ in range(1000))

    assert 450 < strikes() < 550
    assert strikes() == strikes()
