"""A real browser: headless Chromium, one window per person, and what each window must never do."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright

from tests.rig import Rig

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
PHONE = {"width": 360, "height": 640}
DESK = {"width": 1280, "height": 900}
ZOOMED = {"width": 320, "height": 256}
"""A window of 1280 × 1024 at 400 %: as narrow as the narrowest phone, and hardly higher."""
PICTURES = os.environ.get("FREEZEGUARD_PICTURES")
LOST = """() => [...document.body.querySelectorAll("*")].filter(one => {
    const look = getComputedStyle(one), box = one.getBoundingClientRect();
    const cuts = /hidden|clip/.test(look.overflowX + look.overflowY) && box.width > 1
        && !(one instanceof SVGElement)
        && (one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1);
    const covers = /fixed|sticky/.test(look.position) && box.height > innerHeight / 2;
    return cuts || covers;
}).map(one => one.outerHTML.slice(0, 200))"""
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """Headless Chromium; skipped where there is none."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("there is no Chromium here; on Debian: apt install chromium")
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Window:
    """A window of one person. `amiss` fills with what no page may do."""

    page: Page
    url: str
    name: str
    has_script: bool = True
    amiss: list[str] = field(default_factory=list)

    async def open(self, address: str) -> None:
        """Open a page of the service."""
        await self.page.goto(self.url + address)
        await self.settle()

    async def settle(self) -> None:
        """Wait until the page was drawn: what is pressed before that, browsers let fall."""
        if self.has_script:
            await self.page.evaluate(
                "() => new Promise(done => requestAnimationFrame("
                "() => requestAnimationFrame(() => done())))"
            )

    async def picture(self, name: str) -> None:
        """Take a picture of the whole page, where pictures are wanted."""
        if PICTURES:
            await self.page.screenshot(
                path=f"{PICTURES}/{name}-{self.name}.png", full_page=True
            )

    async def check(self, name: str) -> None:
        """Take a picture, and find nothing that keeps somebody out (axe-core), nothing lost.

        Reading in two directions is what WCAG 2.2 asks nobody to do (1.4.10). Text that its box
        cuts off is lost, and so is what lies behind a bar that fills the window.
        """
        await self.picture(name)
        found = await Axe().run(self.page, options={"runOnly": WCAG})
        violations = [
            (one["id"], [node["html"] for node in one["nodes"]])
            for one in found.response["violations"]
        ]
        wide, room = await self.page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )

        assert not violations, f"{name}: {violations}"
        assert wide <= room, f"{name}: {wide} wide in {room}"
        assert [] == await self.page.evaluate(LOST), name


@asynccontextmanager
async def window(
    chromium: Browser, rig: Rig, who: str | None = None, *, viewport: Any = None,
    dark: bool = False, script: bool = True, **options: Any,
) -> AsyncIterator[Window]:
    """Open a window, signed in as somebody; at its end nothing was amiss in it."""
    viewport = viewport or DESK
    if viewport == ZOOMED:
        options["device_scale_factor"] = 4
    context = await chromium.new_context(
        viewport=viewport, color_scheme="dark" if dark else "light",
        java_script_enabled=script, **options,
    )
    page = await context.new_page()
    page.set_default_timeout(15_000)
    size = "phone" if viewport == PHONE else f"{viewport['width']}"
    one = Window(page, rig.url, size + ("-dark" if dark else "") + ("" if script else "-noscript"),
                 script)
    own = urlsplit(rig.url).netloc
    page.on("request", lambda sent: _is_ours(one, own, sent.url))
    page.on("console", lambda said: one.amiss.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: one.amiss.append(str(error)))
    try:
        if who is not None:
            await enter(one, rig, who)
        yield one
        assert not one.amiss, one.amiss
    finally:
        await context.close()


def _is_ours(one: Window, own: str, address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme not in {"data", "blob"} and parts.netloc != own:
        one.amiss.append(f"asked {address}")


async def enter(one: Window, rig: Rig, who: str) -> None:
    """Sign somebody in by a link."""
    signing_in = rig.service.signing_in
    secret = await rig.service.database.run(lambda tx: signing_in.issue_link(tx, who, "test"))
    await one.open(f"/console/enter?link={secret}")
    await one.page.get_by_role("button").filter(has_text="Sign in as").click()
    await one.page.wait_for_url(lambda address: "/enter" not in address)
    await one.settle()
