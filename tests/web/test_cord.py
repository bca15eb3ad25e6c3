"""The cord on its page: an associate looks a SKU up, pauses its sale, and a second one stops it."""

import pytest
from playwright.async_api import Browser

from tests.acceptance.conftest import TakeSku
from tests.acceptance.steps import can_be_bought, cannot_be_bought
from tests.rig import Rig, until
from tests.web.chromium import PHONE, window
from tests.web.visiting import signed_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_one_pauses_and_another_stops(rig: Rig, sku: str) -> None:
    """A second person makes the stop last; who agrees with himself changes nothing."""
    alba, bert = await signed_in(rig, "alba"), await signed_in(rig, "bert")
    await can_be_bought(rig, sku)
    seen = await alba.get(f"/console/pull?sku={sku}")
    assert "Nobody has stopped it." in seen.words
    pulled = await alba.post("/console/pull", {
        "sku": sku, "reason_code": "defective", "comment": "The handle broke."})

    async def refused() -> bool:
        return not (await rig.shop.buy(sku)).ok

    await until(refused, "the shop refuses")
    own = await alba.get(f"/console/pull?sku={sku}")
    again = await alba.post("/console/pull", {"sku": sku, "reason_code": "defective"})
    agreed = await bert.get(f"/console/pull?sku={sku}")
    stopped = await bert.post("/console/pull", {"sku": sku, "reason_code": "defective"})
    await rig.in_state(sku, "frozen")

    assert "You paused the sale." in pulled.words
    assert "You paused the sale." in again.words
    assert "I agree: stop it" not in own.words
    assert "Say so once more" in own.words
    assert "I agree: stop it" in agreed.words
    assert "You paused the sale." not in stopped.words
    await cannot_be_bought(rig, sku)
    known = await bert.get(f"/console/pull?sku={sku}")
    assert "It is off sale already." in known.words


async def test_a_sku_that_is_misspelt(rig: Rig, sku: str) -> None:
    """Near ones are offered; a stop of one that nobody knows says that it may stop nothing."""
    alba = await signed_in(rig, "alba")
    wrong = f"{sku}x"
    seen = await alba.get(f"/console/pull?sku={wrong}")
    pulled = await alba.post("/console/pull", {"sku": wrong, "reason_code": "safety_hazard"})

    assert "This SKU is not registered. Did you mean one of these?" in seen.words
    assert f"/console/pull?sku={sku}" in seen.text
    assert "the stop may stop nothing" in pulled.words


@pytest.mark.parametrize("fields", [{"sku": "", "reason_code": "defective"},
                                    {"sku": "A", "reason_code": "because"},
                                    {"sku": "A", "reason_code": "other", "comment": "x" * 20001},
                                    {"sku": "A\x01", "reason_code": "defective"}])
async def test_what_does_not_fit_stops_nothing(rig: Rig, fields: dict[str, str]) -> None:
    """It is said on the page, and no case is opened."""
    alba = await signed_in(rig, "alba")
    await alba.get("/console/pull?sku=A")
    seen = await alba.post("/console/pull", fields)

    assert 422 == seen.status
    assert "Nothing was done." in seen.words or not fields["sku"]
    assert [] == await rig.cases("A")


@pytest.mark.parametrize("who", ["audi", "root", "vera"])
async def test_who_may_not_pull(rig: Rig, who: str) -> None:
    """Auditors, administrators and vendors are told whose it is."""
    browser = await signed_in(rig, who)

    assert 403 == (await browser.get("/console/pull")).status


async def test_with_the_keyboard_alone(
    chromium: Browser, rig: Rig, take_sku: TakeSku
) -> None:
    """Scan, Tab, arrow, Tab, Enter: no mouse, and every step can be seen."""
    sku = take_sku()
    async with window(chromium, rig, "alba", viewport=PHONE) as one:
        await one.open("/console/pull")
        await one.check("pull")
        await one.page.keyboard.type(sku)
        await one.page.keyboard.press("Enter")
        await one.page.get_by_role("heading", name=sku).wait_for()
        await one.check("pull-found")
        await one.page.get_by_label("It is defective").focus()
        await one.page.keyboard.press("Space")
        await one.page.keyboard.press("Tab")
        await one.page.keyboard.type("The third caller today.")
        await one.page.keyboard.press("Tab")
        await one.page.keyboard.press("Enter")
        await one.page.get_by_text("You paused the sale.").wait_for()
        await one.check("pulled")
    case = (await rig.cases(sku))[0]
    assert "suspected" == case["state"]
