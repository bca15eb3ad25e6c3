"""A real browser: headless Chromium, one window per person, and what each window must never do."""

import os
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
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
LOOKS: Mapping[str, tuple[Any, Literal["light", "dark"]]] = {
    "1280": (DESK, "light"), "1280-dark": (DESK, "dark"), "phone-dark": (PHONE, "dark"),
    "320": (ZOOMED, "light"),
}
"""Each page is judged in all of them: colours by both, room where there is most and least."""
PICTURES = os.environ.get("FREEZEGUARD_PICTURES")
LOST = """() => [...document.body.querySelectorAll("*")].filter(one => {
    const look = getComputedStyle(one), box = one.getBoundingClientRect();
    const cuts = /hidden|clip/.test(look.overflowX + look.overflowY) && box.width > 1
        && !(one instanceof SVGElement)
        && (one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1);
    const covers = /fixed|sticky/.test(look.position) && box.height > innerHeight / 2
        && !one.matches("dialog[open]");
    return cuts || covers;
}).map(one => one.outerHTML.slice(0, 200))"""
AXE = """wanted => axe.run(document, wanted).then(found => found.violations.map(
    one => [one.id, one.nodes.map(node => node.html)]))"""
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

    async def picture(self, name: str, look: str = "") -> None:
        """Take a picture of the whole page, where pictures are wanted."""
        if PICTURES:
            await self.page.screenshot(
                path=f"{PICTURES}/{name}-{look or self.name}.png", full_page=True
            )

    async def check(self, name: str) -> None:
        """In every look: find nothing that keeps somebody out (axe-core), and nothing lost.

        What runs no script can't be judged; there a picture has to do.
        """
        if not self.has_script:
            return await self.picture(name)
        usual = self.page.viewport_size, await self.page.evaluate(
            "matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'")
        await self.page.evaluate(Axe().axe_script)
        for look, (viewport, scheme) in LOOKS.items():
            await self._put_on(viewport, scheme)
            await self.picture(name, look)
            await self._judge(f"{name}, {look}")
        return await self._put_on(*usual)

    async def _put_on(self, viewport: Any, scheme: Any) -> None:
        await self.page.set_viewport_size(viewport)
        await self.page.emulate_media(color_scheme=scheme)
        await self.settle()

    async def _judge(self, name: str) -> None:
        """Find nobody kept out and nothing lost in the page as it is drawn now.

        Reading in two directions is what WCAG 2.2 asks nobody to do (1.4.10). Text that its box
        cuts off is lost, and so is what lies behind a bar that fills the window.
        """
        violations = await self.page.evaluate(
            AXE, {"runOnly": WCAG, "resultTypes": ["violations"]})
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
