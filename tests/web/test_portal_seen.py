"""Vendors' pages in a real browser: light and dark, on a phone, in German, without scripts.

What a person with a screen reader or a keyboard can't use is found by axe-core in every state.
"""

import re

import pytest
from playwright.async_api import Browser

from tests.files import PDF
from tests.rig import Rig
from tests.web.chromium import PHONE, ZOOMED, Window, window
from tests.web.test_portal import (
    codes_to,
    hostile_case,
    link_of,
    next_code,
    stopped,
    unhurried,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOOKS = pytest.mark.parametrize(
    "look",
    [
        pytest.param({"viewport": ZOOMED, "locale": "de-DE"}, id="zoomed-de"),
        pytest.param({"viewport": PHONE, "script": False}, id="phone-no-script"),
    ],
)


async def come_in(one: Window, rig: Rig, case: dict) -> None:
    """Open the link of the mail, have a code sent, and type it in."""
    await unhurried(rig)
    page, link, before = one.page, await link_of(rig, case), len(codes_to(rig))
    await one.open(link)
    await one.check("portal-door")
    await page.locator("main form button").first.click()
    code = page.locator("input[name=code]")
    await code.fill("0000 0000")
    await one.check("portal-code")
    await page.locator("form[action$='/enter'] button").click()
    await page.get_by_role("alert").wait_for()
    one.amiss.clear()  # browsers write a line for an answer that is no 200
    await one.check("portal-code-wrong")
    await code.fill(await next_code(rig, before))
    await page.locator("form[action$='/enter'] button").click()
    await page.wait_for_url(lambda address: address.endswith(case["id"]))


async def do(one: Window, case: dict, command: str) -> None:
    """Follow a link of the case to the form of a command."""
    await one.page.locator(f"a[href$='/do/{command}']").click()
    await one.page.wait_for_url(lambda address: address.endswith(f"/do/{command}"))
    await one.check(f"portal-{command}")


async def sent(one: Window, name: str) -> None:
    """Send the form of a command; the case says that it was done."""
    await one.page.locator("form.stack button.main").click()
    await one.page.get_by_role("status").wait_for()
    await one.check(name)


async def write(one: Window, **fields: str) -> None:
    """Fill in fields of a form by their names, with two underscores for a dot."""
    for name, text in fields.items():
        await one.page.locator(f"[name='{name.replace('__', '.')}']").fill(text)


@LOOKS
async def test_a_vendor_answers(chromium: Browser, rig: Rig, take_sku, look: dict) -> None:
    """From the mail to the remedy, and the remedy that came back: nothing is asked twice."""
    sku = take_sku()
    case = await stopped(rig, sku, lot="L-7")
    async with window(chromium, rig, **look) as one:
        page = one.page
        await come_in(one, rig, case)
        await one.check("portal-case")
        await page.locator("form[action$='/acknowledge'] button").click()
        await page.get_by_role("status").wait_for()
        await do(one, case, "commit_date")
        await page.locator("[name=date]").fill("2031-01-01")
        await page.locator("form.stack button.main").click()
        await page.get_by_role("alert").wait_for()
        one.amiss.clear()
        await one.check("portal-date-too-late")
        latest = re.search(r"(\d{4}-\d\d-\d\d)", await page.get_by_role("alert").inner_text())[1]
        await page.locator("[name=date]").fill(latest[:8] + "01" if latest[8:] > "10" else latest)
        await page.locator("form.stack button.main").click()
        await page.locator("main").wait_for()
        one.amiss.clear()
        await one.open(f"/portal/cases/{case['id']}")
        await page.locator("#note").fill("Lot L-8")
        await page.locator("#file").set_input_files(
            {"name": "tear-test.pdf", "mimeType": "application/pdf", "buffer": PDF}
        )
        await page.locator("form[action$='/files'] button").click()
        await page.get_by_role("status").wait_for()
        await one.check("portal-file")

        await rig.done(await rig.case(case["id"]), "accept_ownership", "owen")
        await one.open(f"/portal/cases/{case['id']}")
        await do(one, case, "propose_remedy")
        assert "L-7" == await page.locator("[name='remedy.affected_lots']").input_value()
        await page.locator("select").select_option("material")
        await write(
            one, remedy__cause__description="Brittle resin.", remedy__cause__proof="Tear test.",
            remedy__cause__whys="It tore.\nIt was brittle.", remedy__containment__own_stock="40.",
            remedy__containment__vendor_stock="None.", remedy__containment__in_transit="None.",
            remedy__corrective_action="Other resin.", remedy__preventive_action="Tear tests.",
        )
        await sent(one, "portal-remedy-sent")
        await rig.done(
            await rig.case(case["id"]), "return_remedy", "owen", missing=["a test of lot L-8"]
        )
        await one.open(f"/portal/cases/{case['id']}")
        await one.check("portal-returned")
        await do(one, case, "propose_remedy")
        assert "Brittle resin." == await page.locator(
            "[name='remedy.cause.description']"
        ).input_value()
        await sent(one, "portal-remedy-again")
        await one.open(f"/portal/cases/{case['id']}")
        await do(one, case, "contest")
        await one.open("/portal")
        await one.check("portal-cases")
        await one.open("/portal?all=yes")
        await one.check("portal-all-cases")
        await one.open("/portal/cases/no-such")
        one.amiss.clear()
        await one.check("portal-refusal")
        await page.locator("form[action='/portal/sign-out'] button").click()
        await page.locator("h1").wait_for()
        await one.check("portal-closed")


async def test_hostile_words_run_nowhere(chromium: Browser, rig: Rig, take_sku) -> None:
    """What was written as a script is read as text: in the case, in a form, in the list."""
    sku = take_sku()
    case = await hostile_case(rig, sku)
    async with window(chromium, rig, "vera", viewport=PHONE) as one:
        for address in (
            f"/portal/cases/{case['id']}", f"/portal/cases/{case['id']}/do/propose_remedy",
            "/portal",
        ):
            await one.open(address)
            await one.check("portal-hostile")
            assert await one.page.evaluate("window.pwned === undefined")
