"""The canary of a catalogue: stopped, seen, restored exactly and timed; late, it alarms once."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from freezeguard.ports.canaries import Canary
from freezeguard.services.enforcing.canary import ASTRAY, LEASE
from tests.acceptance.steps import sql
from tests.acceptance.test_feeds import subjects
from tests.acceptance.test_metrics import samples
from tests.cli.shell import Shell, bare_environment
from tests.faults.mortal import a_ward, survives
from tests.rig import Rig, shop_with_service, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

CANARY = "SKU-000001"
SHOP = {
    "canary": {"skus": {"shop": CANARY}, "every": "1h", "late_after": "2s"},
    "workers": {"sweep": 0.05, "poll": 0.1},
}
"""One round when the service starts, further ones where a test asks for them."""


async def canary(rig: Rig) -> Canary:
    """Return the canary's row."""
    assert rig.service is not None
    [found] = await rig.service.database.run(lambda tx: tx.canaries.listed())
    return found


async def flown(rig: Rig) -> Canary:
    """Have the canary fly once more; return how it went."""
    before = await _landed(rig)
    await sql(rig, "UPDATE canaries SET begun_at = begun_at - interval '2 hours'")

    async def landed() -> Canary | None:
        now = await canary(rig)
        return now if now.finished_at != before.finished_at else None

    return await until(landed, "the canary has flown", seconds=30)


async def _landed(rig: Rig) -> Canary:
    async def rests() -> Canary | None:
        found = await sql(rig, "SELECT 1 FROM canaries WHERE holder IS NULL")
        return await canary(rig) if found else None

    return await until(rests, "the canary rests", seconds=30)


async def test_a_round_stops_and_restores_exactly(rig: Rig):
    """In between it can't be bought; afterwards it is as before, and nobody was told anything."""
    await _landed(rig)
    before, mails = await rig.shop.products(CANARY), len(rig.mailbox.messages)
    held = (await rig.read("/v1/holds", "catalogue"))["items"]
    refused: list[str | None] = []

    async def buy() -> None:
        while True:
            bought = await rig.shop.open_cart(CANARY)
            if not bought.ok:
                refused.append(bought.code)
            await asyncio.sleep(0.002)

    await rig.shop.faults(skus=[CANARY], slow_answer=0.1, operations=["stop"])
    buying = asyncio.create_task(buy())
    went = await flown(rig)
    buying.cancel()
    await rig.shop.no_faults()

    assert ("well", "") == (went.result, went.detail)
    assert refused
    assert went.stop_seconds is not None
    assert 0.1 <= went.stop_seconds < 2
    assert before == await rig.shop.products(CANARY)
    assert (await rig.shop.buy(CANARY)).ok
    assert [] == await rig.cases(CANARY)
    assert held == (await rig.read("/v1/holds", "catalogue"))["items"]
    assert mails == len(rig.mailbox.messages)


async def test_what_it_took_is_shown(rig: Rig, place: Path):
    """On the metrics page, in `status` and in `doctor`."""
    went = await flown(rig)
    assert rig.service is not None
    await rig.service.canaries.look()
    page = await samples(rig)
    ready = await rig.read("/readyz", "owen")
    shell = Shell(place, bare_environment(place, FREEZEGUARD_URL=rig.url))
    status = await shell.run("status")

    assert went.stop_seconds == page["canary_stop_seconds", "shop"]
    assert went.release_seconds == page["canary_release_seconds", "shop"]
    assert 0 <= page["canary_last_success_age_seconds", "shop"] < 60
    assert 0 == page["canary_late", "shop"]
    assert 1 <= page["canary_rounds_total", "shop", "well"]
    assert 1 <= page["canary_seconds_count", "shop", "stop"]
    assert f"{CANARY} well" in ready["checks"]["canary shop"]["detail"]
    assert f"stopped in {went.stop_seconds:.2f} s" in status.out


async def test_a_shop_that_ignores_stops_alarms_once(rig: Rig):
    """Two rounds, one mail to each admin; it is put back; well again, one more mail."""
    await _landed(rig)
    before = await rig.shop.products(CANARY)
    await rig.shop.faults(skus=[CANARY], lie=True)
    for _ in range(2):
        went = await flown(rig)
        assert ("late", "not stopped: the catalogue still sells it") == (went.result, went.detail)
        assert went.images is None
    assert rig.service is not None
    await rig.service.canaries.look()
    assert 1 == (await samples(rig))["canary_late", "shop"]
    await rig.shop.no_faults()

    assert 2 == len(await subjects(rig, "The canary of catalogue shop is not well"))
    assert before == await rig.shop.products(CANARY)
    for _ in range(2):
        assert "well" == (await flown(rig)).result
    assert 2 == len(await subjects(rig, "The canary of catalogue shop is well again"))
    assert ["canary_late", "canary_well"] == [one["action"] for one in await sql(
        rig, "SELECT action FROM audit WHERE subject = 'catalogue:shop' ORDER BY seq")]


async def test_what_could_not_be_put_back_is_tried_again(rig: Rig):
    """A shop that refuses the release is late; soon after it obeys, the canary is as before."""
    await _landed(rig)
    before = await rig.shop.products(CANARY)
    await rig.shop.faults(skus=[CANARY], refuse=503, operations=["restore"])
    went = await flown(rig)
    assert "late" == went.result
    assert went.detail.startswith("not released: ")
    assert went.images is not None
    await rig.shop.no_faults()

    await sql(rig, "UPDATE canaries SET begun_at = begun_at - interval '31 seconds'")

    async def well() -> bool:
        return (await canary(rig)).result == "well"

    await until(well, "well again", seconds=20)
    assert before == await rig.shop.products(CANARY)


async def _in_the_middle(rig: Rig, change: Callable[[str], Awaitable[None]]) -> Canary:
    """Have the canary fly; change its object once it is stopped. Return how it went."""
    await _landed(rig)
    [product] = await rig.shop.products(CANARY)
    await rig.shop.faults(skus=[CANARY, "RENAMED"], slow=0.5, operations=["restore"])
    flying = asyncio.create_task(flown(rig))

    async def stopped() -> bool:
        return bool((await rig.shop.products(CANARY))[0]["sale_stop"])

    await until(stopped, "the canary is stopped")
    await change(product["id"])
    await rig.shop.no_faults()
    return await flying


async def test_renamed_in_the_middle_it_is_not_forgotten(rig: Rig):
    """Nobody can say whether it sells under its new name: late, until it has its old one back."""
    before = await rig.shop.products(CANARY)
    alarms = len(await subjects(rig, "is not well"))
    went = await _in_the_middle(rig, lambda product: rig.shop.rename(product, "RENAMED"))

    assert "late" == went.result
    assert "does not find it any more" in went.detail
    assert went.images is not None
    assert alarms + 2 == len(await subjects(rig, "is not well")), "owner and admin, once each"
    await rig.shop.rename(before[0]["id"], CANARY)
    await sql(rig, "UPDATE canaries SET begun_at = begun_at - interval '31 seconds'")

    async def well() -> bool:
        return (await canary(rig)).result == "well"

    await until(well, "well again", seconds=20)
    assert before == await rig.shop.products(CANARY)


async def test_what_a_case_is_about_is_no_canary(rig: Rig):
    """While a case of its SKU is open it does not fly, and says so; nobody is alarmed."""
    await _landed(rig)
    alarms = len(await subjects(rig, "is not well"))
    await rig.complain(CANARY)
    case = await rig.in_state(CANARY, "frozen")
    went = await flown(rig)

    assert ("skipped", "a case or a hold is about the canary's SKU") == (went.result, went.detail)
    assert alarms == len(await subjects(rig, "is not well"))
    assert not (await rig.shop.buy(CANARY)).ok
    await rig.done(case, "declare_false_alarm", "owen", reason_code="rule_error")
    await rig.in_state(CANARY, "closed_false_alarm")


async def test_a_hold_that_comes_in_between_keeps_the_image(rig: Rig):
    """Frozen in the middle of a round: the round leaves it stopped, and its release is exact."""
    await _landed(rig)
    before = await rig.shop.products(CANARY)
    fields = ("published", "sale_stop", "stock", "track_stock", "allow_backorder")
    image = {"remote_id": before[0]["id"], "at": "2026-01-01T00:00:00+00:00",
             "fields": {key: before[0][key] for key in fields}}
    await sql(rig, "UPDATE canaries SET images = jsonb_build_array($1::text::jsonb)",
              json.dumps(image))
    await rig.shop.change(before[0]["id"], {"published": False, "sale_stop": True})
    await sql(rig, "DELETE FROM catalogue_objects WHERE sku = $1", CANARY)
    await rig.call("POST", "/v1/freezes", "quin", json={
        "scope": {"sku": CANARY}, "reason_code": "defective", "comment": "It breaks."})
    case = await rig.in_state(CANARY, "frozen")
    went = await flown(rig)

    assert ("skipped", None) == (went.result, went.images)
    assert not (await rig.shop.buy(CANARY)).ok
    await rig.done(case, "declare_false_alarm", "owen", reason_code="rule_error")
    await rig.in_state(CANARY, "closed_false_alarm")
    assert before == await rig.shop.products(CANARY)


async def test_deleted_in_the_middle_and_made_anew(rig: Rig):
    """The round is not well, whatever it saw before; the next one finds the new object."""
    [before] = await rig.shop.products(CANARY)

    async def anew(product: str) -> None:
        await rig.shop.remove(product)
        await rig.shop.seed([{key: before[key] for key in ("sku", "stock", "price")
                              if key in before}])

    went = await _in_the_middle(rig, anew)
    assert ("failed", ASTRAY, None) == (went.result, went.detail, went.images)

    made = await rig.shop.products(CANARY)
    assert before["id"] != made[0]["id"]
    assert "well" == (await flown(rig)).result
    assert made == await rig.shop.products(CANARY)


async def test_of_many_replicas_one_lets_it_fly(rig: Rig):
    """Who looks at the same time, or again before it is due, does nothing."""
    await _landed(rig)
    assert rig.service is not None
    database = rig.service.database
    every, now = timedelta(hours=1), rig.service.now()

    async def claimed() -> bool:
        return await database.run(lambda tx: tx.canaries.claim(
            "bazaar", "SKU", now, uuid4(), every=every, again=every, lease=LEASE,
        )) is not None  # fmt: skip

    assert 1 == sum(await asyncio.gather(*(claimed() for _ in range(8))))
    await sql(rig, "UPDATE canaries SET lease_until = NULL, holder = NULL"
                   " WHERE catalogue = 'bazaar'")
    assert not await claimed()
    await sql(rig, "UPDATE canaries SET holder = $1, lease_until = now()"
                   " WHERE catalogue = 'bazaar'", uuid4())
    assert await claimed()
    assert 1 == len(await sql(rig, "UPDATE canaries SET catalogue = 'gone'"
                                   " WHERE catalogue = 'bazaar' RETURNING 1"))


async def test_killed_at_any_moment_another_replica_puts_it_back(
    dsns: Any, tmp_path: Path
):
    """Before each of its calls; the heir restores exactly, and its own round is well."""
    async with shop_with_service(
        dsns, tmp_path, seed=3, register=False, canary={"skus": {"shop": CANARY}, "every": "1h"}
    ) as rig:
        await _landed(rig)
        assert rig.service is not None
        settings = rig.service.settings
        await rig.service.crew.dismiss()
        before = await rig.shop.products(CANARY)
        async with a_ward(settings) as ward:
            for calls in range(1, 200):
                await _due(rig)
                if await survives(ward.newborn().canaries.fly_if_due("shop"), calls):
                    break
                await _due(rig)
                assert 1 == await ward.heir().canaries.fly_if_due("shop")
                went = await canary(rig)
                assert ("well", None) == (went.result, went.images), calls
                assert before == await rig.shop.products(CANARY)
            assert 10 < calls < 199


async def _due(rig: Rig) -> None:
    """Let an hour pass, and every lease of the dead run out."""
    await sql(rig, "UPDATE canaries SET begun_at = begun_at - interval '2 hours',"
                   " lease_until = now()")


async def test_there_are_none_unless_asked_for(dsns: Any, tmp_path: Path):
    """Without the setting no SKU is touched."""
    async with shop_with_service(dsns, tmp_path, seed=1) as rig:
        assert rig.service is not None
        assert [] == rig.service.canaries.catalogues
        assert [] == await rig.service.database.run(lambda tx: tx.canaries.listed())
