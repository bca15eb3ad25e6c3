"""Orders under way in real systems: exactly those that can still be held, and all of them."""

from typing import Any

import pytest

from freezeguard.catalogues import orderbook
from tests.real.hands import Shop, buys
from tests.rig import Rig, register_skus

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


async def orders(rig: Rig, case: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
    """Return the orders under way of a case, as its owner sees them."""
    told = await rig.read(f"/v1/cases/{case['id']}/orders{query}", "owen")
    [said] = told["lists"]
    assert said["outcome"] == "answered", said
    assert said["cut_at"] is None
    return list(said["orders"])


async def test_exactly_what_can_still_be_held(rig: Rig, shop: Shop) -> None:
    """Paid and not shipped, since the first complaint; no cart, no sibling, nothing that left."""
    sku, other = f"UNDERWAY-{shop.kind}".upper(), f"BESIDE-{shop.kind}".upper()
    for one in (sku, other):
        await shop.offer(one)
    await register_skus(rig, (sku, other))
    assert await buys(shop, sku)  # before anybody complained
    await rig.complain(sku, 1)
    assert await buys(shop, sku)
    await shop.ship_newest()
    assert await buys(shop, sku)
    assert await buys(shop, other)
    cart = await shop.open_cart(sku)
    assert cart is not None
    assert await shop.to_payment(cart)
    await rig.complain(sku, 4)
    case = await rig.in_state(sku, "frozen", seconds=30)

    [found] = await orders(rig, case)
    further_back = await orders(rig, case, "?since=2020-01-01T00:00:00Z")

    assert (1, True, "bea@example.com") == (
        found["quantity"], found["is_paid"], found["customer"])
    assert 2 == len(further_back)
    assert found == further_back[-1]


async def test_more_orders_than_a_page(
    rig: Rig, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All are found, each once, in the order in which they were placed."""
    monkeypatch.setattr(orderbook, "PAGE", 2)
    sku = f"PAGES-{shop.kind}".upper()
    await shop.offer(sku)
    await register_skus(rig, (sku,))
    await rig.complain(sku, 1)
    for _ in range(5):
        assert await buys(shop, sku)
    await rig.complain(sku, 4)
    case = await rig.in_state(sku, "frozen", seconds=30)

    found = await orders(rig, case)

    placed = [one["placed_at"] for one in found]
    assert 5 == len({one["order_id"] for one in found}) == len(found)
    assert sorted(placed) == placed
