"""Every page in a real browser: nobody is kept out, nothing is lost, nothing leaves the house."""

import pytest
from playwright.async_api import Browser

from tests.rig import Rig
from tests.web.chromium import PHONE, window

pytestmark = pytest.mark.asyncio(loop_scope="module")

async def test_signing_in(chromium: Browser, rig: Rig) -> None:
    """The form, a wrong token, a link, a link that was used, and the proof."""
    async with window(chromium, rig, viewport=PHONE) as one:
        await one.open("/console/sign-in")
        await one.check("sign-in")
        await one.open("/console/enter?link=used")
        one.amiss.clear()  # browsers write a line for an answer that is no 200
        await one.check("link-used")
    async with window(chromium, rig, "mara", viewport=PHONE) as one:
        await one.open("/console/prove?next=/console")
        await one.check("prove")


async def test_the_queue(chromium: Browser, rig: Rig, take_sku) -> None:
    """Empty by its filters, and with cases in several states."""
    stopped = take_sku()
    await rig.complain(stopped)
    await rig.in_state(stopped, "frozen")
    async with window(chromium, rig, "mara", viewport=PHONE) as one:
        await one.check("queue")
        await one.page.get_by_label("SKU", exact=True).fill("no-such")
        await one.page.get_by_role("button", name="Show").click()
        await one.page.get_by_text("No case fits").wait_for()
        await one.check("queue-empty")


async def test_a_case(chromium: Browser, rig: Rig, take_sku) -> None:
    """Waiting for an approval, with a remedy and a history; the forms of its commands."""
    case = await rig.to_awaiting_approval(take_sku())
    async with window(chromium, rig, "mara", viewport=PHONE) as one:
        await one.open(f"/console/cases/{case['id']}")
        await one.check("case")
        for command in ("approve", "reject_approval", "waive", "declare_false_alarm"):
            await one.open(f"/console/cases/{case['id']}/do/{command}")
            await one.check(f"command-{command}")
    async with window(chromium, rig, "owen", viewport=PHONE) as one:
        await one.open(f"/console/cases/{case['id']}/do/propose_remedy")
        await one.check("command-not-now")
