"""Two hundred SKUs are frozen at once, in each system within what it lets us ask.

The limits are those that the systems' documents name. Shopify: points, by its stand-in. Saleor:
none in production, 120 requests in each minute for a sandbox, which its page has one set a pace
for. WooCommerce: none; it is asked as fast as it answers. Meanwhile other SKUs are read ahead.
"""

import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from freezeguard.ports.rows import Sku
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.catalogues.standins import saleor, shopify, woocommerce
from tests.rig import CATEGORY, OWNER, VENDOR, Rig, service_for, until

pytestmark = [pytest.mark.long, pytest.mark.timeout(2400)]

FROZEN = [f"HELD-{number:03d}" for number in range(200)]
SANDBOX = 1.9
"""Requests a second: a little less than 120 in each minute, whose minutes begin when they like."""
OTHERS = [f"SOLD-{number:03d}" for number in range(400)]
CALM = {"first_retry": 0.5, "longest_retry": 30, "verify_every": 30, "relist_every": 60}


@dataclass
class FarSide:
    """A system with its limit: its table, what it sells, how often it has said "too many"."""

    table: dict[str, Any]
    sells: Callable[[str], bool]
    refused: Callable[[], int]
    within: float
    """Seconds until all are frozen, at the longest."""
    lets_us_watch: bool = True
    """Whether we may ask often enough to read two hundred back all the time."""


@asynccontextmanager
async def a_shopify(restored: float, within: float) -> AsyncIterator[FarSide]:
    """A shop with a plan that restores so many points a second; every request takes 50 ms."""
    shop = shopify.Shopify(restored=restored)
    for sku in (*FROZEN, *OTHERS):
        shop.add(sku)
    shop.latency = 0.05
    variants = {one["sku"]: one for one in shop.things.values() if "sku" in one}
    async with shop.serving() as url:
        table = {
            "kind": "shopify", "base_url": url, "token": shopify.TOKEN, "level": "hide",
            "storefront_token": shopify.STOREFRONT_TOKEN,
        }
        yield FarSide(
            table, lambda sku: bool(shop.places(variants[sku])), lambda: shop.throttled, within,
            restored >= shopify.STANDARD,
        )


@asynccontextmanager
async def a_saleor(*, is_sandbox: bool, within: float) -> AsyncIterator[FarSide]:
    """A Saleor in production, or a sandbox with the pace that our page says for it."""
    shop = saleor.Saleor()
    shop.per_minute = 120 if is_sandbox else None
    for sku in (*FROZEN, *OTHERS):
        shop.add(sku)
    variants = {one["sku"]: one for one in shop.variants.values()}

    def sells(sku: str) -> bool:
        listed = variants[sku]["product"]["channelListings"]
        return any(one["isAvailableForPurchase"] for one in listed)

    async with shop.serving() as url:
        table: dict[str, Any] = {"kind": "saleor", "base_url": url, "token": saleor.TOKEN}
        if is_sandbox:
            table |= {"requests_per_second": SANDBOX, "burst": 1, "storefront": False}
        yield FarSide(table, sells, lambda: shop.throttled, within, not is_sandbox)


@asynccontextmanager
async def a_woocommerce(within: float) -> AsyncIterator[FarSide]:
    """A shop at the connector's default, which is no pace of its own."""
    shop = woocommerce.WooCommerce()
    products = {
        sku: shop._create({"type": "simple", "sku": sku, "regular_price": "5"})
        for sku in (*FROZEN, *OTHERS)
    }
    async with shop.serving() as url:
        table = {
            "kind": "woocommerce", "base_url": url, "consumer_key": woocommerce.KEY,
            "consumer_secret": woocommerce.SECRET,
        }
        yield FarSide(
            table, lambda sku: products[sku]["status"] == "publish", lambda: 0, within
        )


FAR_SIDES: dict[str, Callable[[], AbstractAsyncContextManager[FarSide]]] = {
    "shopify, standard plan": lambda: a_shopify(100.0, 240),
    "shopify, half of that": lambda: a_shopify(50.0, 480),
    "saleor": lambda: a_saleor(is_sandbox=False, within=60),
    "saleor, sandbox": lambda: a_saleor(is_sandbox=True, within=900),
    "woocommerce": lambda: a_woocommerce(60),
}


@pytest.mark.parametrize("name", FAR_SIDES)
async def test_two_hundred_at_once(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path, name: str
) -> None:
    """All are frozen, the system hardly ever had to refuse, and what is routine came later."""
    async with FAR_SIDES[name]() as shop, service_for(
        dsns, tmp_path, {"shop": shop.table}, pace=CALM
    ) as rig:
        assert rig.service is not None
        await _is_proved(rig)
        await _register(rig, *FROZEN, *OTHERS)
        begun = time.monotonic()
        sent = [rig.complaint(sku, f"customer-{n}") for sku in FROZEN for n in range(5)]
        answer = await rig.call("POST", "/v1/signals", "source", json=sent)
        assert 202 == answer.status, answer.body

        async def stopped() -> bool:
            return not any(map(shop.sells, FROZEN))

        await until(stopped, "all stopped", seconds=shop.within)
        stopped_after = time.monotonic() - begun
        read_ahead = await _count(rig, "before_image IS NOT NULL AND wanted = 'sellable'")

        async def frozen() -> bool:
            return len(FROZEN) == await _count_cases(rig, "frozen")

        await until(frozen, "all frozen", seconds=shop.within)
        frozen_after, at = time.monotonic() - begun, rig.service.now()

        async def seen_again() -> bool:
            waiting = f"wanted <> 'sellable' AND seen_at < '{at.isoformat()}'"
            return 0 == await _count(rig, waiting)

        if shop.lets_us_watch:
            await until(seen_again, "all read back once more", seconds=120)
            say(f"all read back anew {time.monotonic() - begun - frozen_after:.0f} s later")
        say(f"{name}: all stopped after {stopped_after:.0f} s, frozen after {frozen_after:.0f} s")
        say(f"refused {shop.refused()} times")
        say(f"{read_ahead} of {len(OTHERS)} others read ahead when all were stopped")
        assert shop.refused() <= 10
        assert all(map(shop.sells, OTHERS))
        assert 0 == await _count(rig, "attempts > 2")


def say(line: str) -> None:
    sys.stdout.write(f"\n{line}")


async def _register(rig: Rig, *skus: str) -> None:
    """Register SKUs, and wait for nothing: they are read ahead while the test goes on."""
    assert rig.service is not None
    rows = [Sku(sku, f"Item {sku}", VENDOR, CATEGORY, owner=OWNER) for sku in skus]
    await rig.service.database.run(
        lambda tx: tx.master.put_skus(rows, rig.service.now()), deadline=30
    )


async def _is_proved(rig: Rig) -> None:
    """Have the catalogue on, as its owner's proof would."""
    service = rig.service
    assert service is not None
    mark = service.directory.outlets["shop"].fingerprint
    await service.database.run(
        lambda tx: tx.objects.note_check("shop", mark, "X", "cli:test", service.now())
    )
    await service.enforcement.proofs.refresh()


async def _count(rig: Rig, condition: str) -> int:
    return await _number(rig, f"SELECT count(*) FROM catalogue_objects WHERE {condition}")


async def _count_cases(rig: Rig, state: str) -> int:
    return await _number(rig, f"SELECT count(*) FROM cases WHERE state = '{state}'")


async def _number(rig: Rig, query: str) -> int:
    assert rig.service is not None
    return int(await rig.service.database.run(lambda tx: tx.connection.fetchval(query)))
