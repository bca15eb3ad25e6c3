"""Calls keep the pace that a far side allows, and who stops a sale goes first."""

import asyncio

from freezeguard.catalogues.registry import open_catalogue
from freezeguard.catalogues.throttle import Throttle
from freezeguard.ports.catalogues import in_haste
from tests.catalogues.standins import woocommerce

SOON = 5.0


async def test_a_burst_and_then_the_pace() -> None:
    """So many at once, then one by one; without a limit nobody waits."""
    throttle, loop = Throttle(50, 5), asyncio.get_running_loop()
    begun = loop.time()
    for _ in range(5):
        await throttle.turn()
    at_once = loop.time() - begun
    for _ in range(5):
        await throttle.turn()

    assert at_once < 0.02
    assert loop.time() - begun >= 0.09
    free = Throttle(None, 1)
    for _ in range(1_000):
        await free.turn()


async def test_stops_go_first() -> None:
    """Whoever only looks waits for whoever stops, though it came earlier."""
    throttle, order = Throttle(100, 1), list[str]()

    async def call(name: str, *, urgent: bool) -> None:
        await throttle.turn(urgent=urgent)
        order.append(name)

    await throttle.turn()
    looks = [asyncio.create_task(call(f"look {n}", urgent=False)) for n in range(2)]
    await asyncio.sleep(0)
    stops = [asyncio.create_task(call(f"stop {n}", urgent=True)) for n in range(2)]
    await asyncio.gather(*looks, *stops)

    assert ["stop 0", "stop 1", "look 0", "look 1"] == order


async def test_what_was_begun_first_is_done_first() -> None:
    """Work that was begun earlier goes on before other work begins: little would else end."""
    throttle, order = Throttle(100, 1), list[str]()

    async def call(name: str, rank: int) -> None:
        await throttle.turn(rank=rank)
        order.append(name)

    await throttle.turn()
    await asyncio.gather(call("new", 8), call("newer", 9), call("begun before", 5))

    assert ["begun before", "new", "newer"] == order


async def test_what_was_not_needed_is_given_back() -> None:
    """Whoever waits goes on at once, and never with more than the far side says is left."""
    throttle, loop = Throttle(1, 100), asyncio.get_running_loop()
    await throttle.turn(cost=100)
    waiting = asyncio.create_task(throttle.turn(cost=60))
    await asyncio.sleep(0)
    begun = loop.time()

    throttle.owes(90, unused=95)
    await waiting
    assert loop.time() - begun < 1
    throttle.owes(20, unused=100)
    throttle.no_faster_than(0.5)
    assert throttle._tokens <= 21
    assert throttle._rate == 0.5


async def test_a_restore_waits_for_a_stop_that_is_not_confirmed() -> None:
    """What serves such a stop goes first, a look too; a restore and a routine look come after."""
    shop = woocommerce.WooCommerce()
    number = str(shop._create({"type": "simple", "sku": "A", "regular_price": "5"})["id"])
    async with shop.serving() as url:
        catalogue = open_catalogue("shop", {
            "kind": "woocommerce", "base_url": url, "storefront": False, "burst": 1,
            "requests_per_second": 5, "consumer_key": woocommerce.KEY,
            "consumer_secret": woocommerce.SECRET,
        })

        async def stop() -> None:
            with in_haste():
                await catalogue.stop("A", number, "hard", revision=1, deadline=SOON)
                await catalogue.read_back("A", number, deadline=SOON)

        await catalogue.lookup("A", deadline=SOON)
        restore = catalogue.restore("A", number, {"status": "publish"}, revision=1, deadline=SOON)
        later = [asyncio.create_task(one) for one in (
            restore, catalogue.lookup("A", deadline=SOON))]
        await asyncio.sleep(0)
        await asyncio.gather(stop(), *later)
        await catalogue.close()

    written = f"/products/{number}?_fields=id"
    assert [f"PUT {written}", f"GET {written},status,stock_status", f"PUT {written}"] == [
        one.replace("/wp-json/wc/v3", "") for one in shop.requests[1:4]]
    assert "GET" == shop.requests[4].split()[0]


async def test_who_gives_up_takes_no_turn() -> None:
    """A call whose deadline is over leaves the queue; the next one is not kept waiting for it."""
    throttle, loop = Throttle(2, 1), asyncio.get_running_loop()
    await throttle.turn()
    given_up = asyncio.create_task(throttle.turn())
    await asyncio.sleep(0)
    given_up.cancel()
    begun = loop.time()

    await throttle.turn()
    assert loop.time() - begun < 0.9  # half a second, were there two turns to wait for a whole one


async def test_the_far_side_knows_better() -> None:
    """Fewer calls are left than we thought: we wait for them."""
    throttle, loop = Throttle(50, 100), asyncio.get_running_loop()
    await throttle.turn()
    throttle.owes(0)
    begun = loop.time()

    await throttle.turn()
    assert loop.time() - begun >= 0.015
