"""A catalogue that is down goes last: its failing again is written while nobody waits for it."""

import asyncio
from pathlib import Path

from freezeguard.sampleshop.client import ShopClient, running_shop, sample_configuration
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.rig import Rig, register_skus, service_for, until

SKU = "KETTLE-1"


async def moments(shop: ShopClient) -> list[int]:
    """Return when a shop received what its admins sent about the SKU, in nanoseconds."""
    return [one["received_ns"] for one in await shop.log(SKU) if one["kind"] == "admin"]


def opened_breaker(rig: Rig, name: str) -> None:
    """Have a breaker open as if the catalogue had been down until a moment ago."""
    assert rig.service is not None
    for _ in range(5):
        rig.service.enforcement.breakers[name].failed(asyncio.get_running_loop().time(), None)


async def test_what_was_down_a_moment_ago_is_stopped_after_the_others(
    dsns: OwnerAndRuntimeDsns, tmp_path: Path
) -> None:
    """Its stop goes out once the other one was read back, though its name comes first."""
    async with running_shop(skus=(SKU,)) as first, running_shop(skus=(SKU,)) as second:
        tables = {
            name: sample_configuration(shop.url, shop.admin_token)
            for name, shop in (("a-down", first), ("b-sound", second))
        }
        slow = {"verify_every": 60.0, "first_retry": 30.0, "longest_retry": 60.0}
        async with service_for(dsns, tmp_path, tables, pace=slow) as rig:
            await register_skus(rig, (SKU,))
            known = [len(await moments(one)) for one in (first, second)]
            await rig.complain(SKU, 4)
            opened_breaker(rig, "a-down")
            await rig.complain(SKU, 1)
            await rig.in_state(SKU, "frozen")

        down, sound = [
            (await moments(one))[number:]
            for one, number in zip((first, second), known, strict=True)
        ]
    assert down
    assert sound
    assert max(sound) < min(down)


async def test_it_waits_for_a_moment_only(dsns: OwnerAndRuntimeDsns, tmp_path: Path) -> None:
    """Where the other one hangs, what was down is stopped all the same, long before that ends."""
    async with running_shop(skus=(SKU,)) as first, running_shop(skus=(SKU,)) as second:
        tables = {
            name: sample_configuration(shop.url, shop.admin_token)
            for name, shop in (("a-down", first), ("b-hangs", second))
        }
        async with service_for(dsns, tmp_path, tables, pace={"call_deadline": 4.5}) as rig:
            await register_skus(rig, (SKU,))
            await rig.complain(SKU, 4)
            await second.faults(skus=[SKU], freeze_admin=True)
            opened_breaker(rig, "a-down")
            await rig.complain(SKU, 1)

            async def is_stopped() -> bool:
                return not (await first.buy(SKU)).ok

            await until(is_stopped, "stopped where it was down", seconds=3)
            assert (await second.buy(SKU)).ok
            await second.no_faults()
            await rig.in_state(SKU, "frozen", seconds=20)
