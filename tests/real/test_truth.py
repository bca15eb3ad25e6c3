"""What a stop holds back in real systems: each way to list a SKU, each age of a cart.

The table that these tests fill is written into the docs: it is what was seen, not what was hoped.
"""

import pytest

from tests.real.hands import MedusaShop, Shop, buys
from tests.real.truth import note, write
from tests.rig import Rig, register_skus
from tests.truthpage import VARIETIES


@pytest.fixture(scope="module", autouse=True)
def _page():
    yield
    write()


pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]


async def _items(shop: Shop) -> set[str]:
    """Return what Medusa has in its inventory: a stop is to leave nothing behind."""
    return await shop.items() if isinstance(shop, MedusaShop) else set()


@pytest.mark.parametrize("variety", VARIETIES)
async def test_every_cart_is_held_back_and_all_is_as_before(
    rig: Rig, shop: Shop, variety: str
) -> None:
    """Before it sells; frozen it is refused to new carts, open carts, and carts at payment.

    Reinstated it sells to all of them, and every field and stock figure is as it was.
    """
    sku = f"TRUTH-{variety}".upper()
    await shop.offer(sku, variety)
    await register_skus(rig, (sku,))
    assert await buys(shop, sku)
    opened, arranged = await shop.open_cart(sku), await shop.open_cart(sku)
    assert opened
    assert arranged
    assert await shop.to_payment(arranged)
    before, items = await shop.image(sku), await _items(shop)

    await rig.complain(sku)
    case = await rig.in_state(sku, "frozen", seconds=30)

    cells = {
        "new cart": not await buys(shop, sku),
        "open cart": not await shop.pay(opened),
        "cart at payment": not await shop.pay_at_once(arranged),
    }
    note(shop.kind, variety, cells)
    assert all(cells.values()), cells
    if variety == "multi-variant":
        assert await buys(shop, f"{sku}-sibling")

    await rig.done(case, "declare_false_alarm", "owen", reason_code="rule_error")
    await rig.in_state(sku, "closed_false_alarm", seconds=30)
    assert (before, items) == (await shop.image(sku), await _items(shop))
    assert await buys(shop, sku)
    assert await shop.pay(opened)
    assert await shop.pay(arranged)
