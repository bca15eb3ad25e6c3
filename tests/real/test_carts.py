"""A stop is not called hard while an order that stands at payment can still be paid."""

import pytest

from freezeguard.catalogues.registry import open_catalogue
from tests.real.hands import VendureShop
from tests.real.systems import FarSide

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]

SOON = 5.0


@pytest.mark.parametrize("kind", ["vendure"])
async def test_an_old_order_at_payment_is_seen(shop: VendureShop, side: FarSide) -> None:
    """It stood there long before the stop, and nobody swept it: seen, sent back, not paid."""
    await shop.offer("OLD-CART")
    cart = await shop.open_cart("OLD-CART")
    assert cart
    assert await shop.to_payment(cart)
    side.sql("""UPDATE "order" SET "updatedAt" = now() - interval '1 hour'""",
             database=side.database)
    catalogue = open_catalogue("shop", shop.table())
    known = await shop.known("OLD-CART")
    await shop.stop_by_hand(known)

    seen = await catalogue.read_back("OLD-CART", known, deadline=SOON)
    assert (False, True) == (seen.sellable, seen.open_carts)
    assert not seen.stopped("hard")

    await catalogue.stop("OLD-CART", known, "hard", revision=1, deadline=SOON)
    seen = await catalogue.read_back("OLD-CART", known, deadline=SOON)
    assert seen.stopped("hard")
    assert not await shop.pay_at_once(cart)
    await catalogue.close()
