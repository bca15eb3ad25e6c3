"""Two people at once, in real browsers: what one does the other sees; old data never looks new."""

import asyncpg
import pytest
from playwright.async_api import Browser, expect

from tests.acceptance.conftest import TakeSku
from tests.badinput.conftest import further_replica
from tests.rig import Rig
from tests.web.chromium import DESK, PHONE, ZOOMED, Window, window

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = {"limits": {"keep_alive_seconds": 0.3}, "policy": {"probation_time": "1d"}}
LOOKS = pytest.mark.parametrize(
    "look",
    [{"viewport": DESK}, pytest.param({"viewport": PHONE, "dark": True}, marks=pytest.mark.long),
     pytest.param({"viewport": ZOOMED}, marks=pytest.mark.long)],
    ids=["desk", "phone-dark", "zoomed"],
)


async def listens(one: Window) -> None:
    """Wait for the first sign of life."""
    await one.page.locator("#live[data-alive]").wait_for(state="attached")


async def approve(one: Window, case: dict) -> None:
    """Approve a case by its form."""
    await one.open(f"/console/cases/{case['id']}/do/approve")
    await one.page.get_by_label("A word for the record").fill("Convincing.")
    await one.page.get_by_role("button", name="Approve").click()
    await one.page.get_by_text("Done: “Approve”.").wait_for()


@LOOKS
async def test_two_managers_see_each_others_decisions(
    chromium: Browser, rig: Rig, take_sku: TakeSku, look: dict
) -> None:
    """The case and the queue of the one follow what the other does; focus stays where it was."""
    case = await rig.to_awaiting_approval(take_sku())
    address = f"/console/cases/{case['id']}"
    async with (
        window(chromium, rig, "owen", **look) as case_window,
        window(chromium, rig, "miro", **look) as queue,
        window(chromium, rig, "mara", **look) as mara,
    ):
        await case_window.open(address)
        await queue.open(f"/console?sku={case['scope']['sku']}")
        for one in (case_window, queue):
            await listens(one)
        link = case_window.page.get_by_role("link", name="Comment", exact=True)
        await case_window.page.get_by_text("More", exact=True).click()
        await link.focus()
        await approve(mara, case)
        await case_window.page.locator(".timeline").get_by_text("Convincing.").wait_for()
        await queue.page.locator(".entry .mark", has_text="probation").wait_for()
        await expect(case_window.page.get_by_role("status").first).to_contain_text("up to date")
        await expect(link).to_be_focused()
        if look["viewport"] != DESK:
            await case_window.check("live-case")
            await queue.check("live-queue")


@LOOKS
async def test_nobody_is_disturbed_while_writing(
    chromium: Browser, rig: Rig, take_sku: TakeSku, look: dict
) -> None:
    """A field that is filled in, a tick, an open dialog: only a hint comes, and nothing is lost."""
    sku = take_sku()
    await rig.complain(sku)
    case = await rig.in_state(sku, "frozen")
    async with window(chromium, rig, "mara", **look) as one:
        await one.open(f"/console?sku={sku}")
        await listens(one)
        tick = one.page.get_by_label(f"Tick {sku}, case {case['number']}")
        await tick.check()
        await rig.done(case, "accept_ownership", "owen")
        hint = one.page.get_by_text("The queue has changed.")
        await hint.wait_for()
        assert await one.page.locator(".entry .mark", has_text="stopped, confirmed").count()
        await one.check("live-hint")
        await one.page.get_by_role("button", name="Bring up to date").click()
        await one.page.locator(".entry .mark", has_text="the cause is being looked for").wait_for()
        await expect(tick).to_be_checked()
        if look["viewport"] != DESK:
            await one.page.get_by_text("Keep this view").click()
            await one.page.get_by_label("Name", exact=True).fill(f"Of {sku}")
            await one.page.get_by_role("button", name="Keep it").click()
            await one.page.get_by_role("link", name=f"Of {sku}").wait_for()
            await one.check("view")
            await tick.check()
            await one.page.get_by_role("button", name="Comment on them").click()
            await one.page.get_by_label("A word for the record").wait_for()
            await one.check("bulk")


async def test_what_is_lost_never_looks_fresh(
    chromium: Browser, rig: Rig, take_sku: TakeSku
) -> None:
    """A lost stream and a lost session are told with the second of what is shown."""
    sku = take_sku()
    await rig.complain(sku)
    await rig.in_state(sku, "frozen")
    async with window(chromium, rig, "quin", viewport=PHONE) as one:
        async with further_replica(rig) as replica:
            await one.page.goto(f"{replica.url}/console?sku={sku}")
            await listens(one)
        lost = one.page.get_by_text("The connection is lost. Data as of")
        await lost.wait_for()
        drawn = await one.page.locator("[data-clock]").text_content()
        await one.picture("live-lost")
        assert drawn in (await one.page.get_by_role("status").first.text_content())
        await one.open(f"/console?sku={sku}")
        await listens(one)
        owner = await asyncpg.connect(rig.dsns.owner)
        await owner.execute("UPDATE sessions SET ended_at = now() WHERE person = 'quin'")
        await owner.close()
        await one.page.get_by_text("You are signed out. Data as of").wait_for()
        one.amiss.clear()  # another address, and a stream that breaks


async def test_a_vendor_sees_nothing_of_another(
    chromium: Browser, rig: Rig, take_sku: TakeSku
) -> None:
    """The page of a vendor asks for no stream, and stays as it was."""
    case = await rig.to_awaiting_approval(take_sku())
    async with window(chromium, rig, "vito") as one:
        asked: list[str] = []
        one.page.on("request", lambda sent: asked.append(sent.url))
        await one.open("/portal")
        before = await one.page.content()
        await rig.done(case, "reject_approval", "mara", reason="Not of this lot.")
        async with window(chromium, rig, "owen") as owen:
            await owen.open(f"/console/cases/{case['id']}")
            await owen.page.get_by_text("Not of this lot.").first.wait_for()
        assert before == await one.page.content()
        assert not [each for each in asked if "live" in each]


async def test_many_cases_without_a_script(
    chromium: Browser, rig: Rig, take_sku: TakeSku
) -> None:
    """Tick, say it once, and read what became of each; the page tells from when it is."""
    skus = [take_sku() for _ in range(3)]
    for sku in skus:
        await rig.complain(sku)
    cases = [await rig.in_state(sku, "frozen") for sku in skus]
    async with window(chromium, rig, "owen", viewport=PHONE, script=False) as one:
        await one.open("/console?state=frozen")
        for case in cases:
            label = f"Tick {case['scope']['sku']}, case {case['number']}"
            await one.page.get_by_label(label).check()
        await one.picture("bulk-queue")
        await one.page.get_by_role("button", name="Comment on them").click()
        await one.page.get_by_label("A word for the record").fill("Asked the test house.")
        await one.picture("bulk-form")
        await one.page.get_by_role("button", name="Comment").click()
        await one.page.get_by_role("heading", name="Done: 3").wait_for()
        assert await one.page.get_by_text("As of").count()
        await one.picture("bulk-done")
