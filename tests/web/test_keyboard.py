"""Without a mouse: from the queue to the shop selling again, and keys that can be turned off."""

import pytest
from playwright.async_api import Browser

from tests.acceptance.conftest import TakeSku
from tests.acceptance.steps import can_be_bought, cannot_be_bought, reaches
from tests.rig import Rig
from tests.web.chromium import DESK, PHONE, window

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
async def test_a_manager_approves_with_keys_alone(
    chromium: Browser, rig: Rig, take_sku: TakeSku, viewport: dict
) -> None:
    """/ finds the case, j and Enter open it, a asks; the shop refuses before and sells after."""
    sku = take_sku()
    case = await rig.to_awaiting_approval(sku)
    await cannot_be_bought(rig, sku)
    async with window(chromium, rig, "mara", viewport=viewport) as one:
        keys = one.page.keyboard
        await one.page.get_by_role("button", name="Keys").wait_for()  # the script runs
        await keys.press("/")
        await keys.type(sku)
        await keys.press("Enter")
        await one.page.wait_for_url("**sku=*")
        await one.settle()
        await keys.press("j")
        await keys.press("Enter")
        await one.page.get_by_role("heading", name="Why").wait_for()
        await one.settle()
        await keys.press("a")
        await one.page.get_by_role("heading", name="Approve").wait_for()
        await one.page.get_by_label("A word for the record").focus()
        await keys.type("Convincing, as far as ? and a go.")
        await keys.press("Tab")
        await keys.press("Enter")
        await one.page.get_by_text("Done: “Approve”.").wait_for()
    await reaches(rig, case, "probation")
    await can_be_bought(rig, sku)


async def test_keys_can_be_turned_off(chromium: Browser, rig: Rig) -> None:
    """The list of keys opens by ? and closes by Escape; off, only ? is left (WCAG 2.1.4)."""
    async with window(chromium, rig, "mara") as one:
        await one.page.get_by_role("button", name="Keys").wait_for()  # the script runs
        await one.page.keyboard.press("?")
        await one.page.get_by_role("heading", name="Keys").wait_for()
        await one.check("keys")
        await one.page.get_by_label("Keys are on").uncheck()
        await one.page.keyboard.press("Escape")
        await one.page.get_by_role("heading", name="Keys").wait_for(state="hidden")
        await one.page.keyboard.press("c")
        await one.page.keyboard.press("?")
        await one.page.get_by_role("heading", name="Keys").wait_for()
        assert one.page.url.rstrip("/").endswith("/console")
        await one.page.get_by_label("Keys are on").check()
        await one.page.get_by_role("button", name="Close").click()
        await one.page.get_by_role("heading", name="Keys").wait_for(state="hidden")
        await one.page.keyboard.press("c")
        await one.page.wait_for_url("**/console/pull")


async def test_decisions_need_no_script(chromium: Browser, rig: Rig, take_sku: TakeSku) -> None:
    """Read, reject and find the case changed, with JavaScript off."""
    sku = take_sku()
    case = await rig.to_awaiting_approval(sku)
    async with window(chromium, rig, "mara", viewport=PHONE, script=False) as one:
        await one.page.get_by_label("SKU", exact=True).fill(sku)
        await one.page.get_by_role("button", name="Show").click()
        await one.page.get_by_role("link", name=sku).click()
        await one.page.get_by_role("link", name="Reject").click()
        await one.page.get_by_label("Why").fill("The proof is of another lot.")
        await one.page.get_by_role("button", name="Reject").click()
        await one.page.get_by_text("Done: “Reject”.").wait_for()
        assert 0 == await one.page.get_by_role("button", name="Keys").count()
    await reaches(rig, case, "diagnosing")
