"""A vendor's webhooks on pages: what was sent, tests, keys, what was missed, one message again."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser as Chromium

from freezeguard.storage.embedded import EmbeddedServer
from tests.acceptance.conftest import fresh_database
from tests.rig import Rig, shop_with_service, until
from tests.web.chromium import ZOOMED, window
from tests.web.visiting import Browser, signed_in
from tests.webhooks.farm import Receiver, receiving

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOOKS = "/portal/webhooks"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def receiver() -> AsyncIterator[Receiver]:
    """A vendor's own system."""
    async with receiving() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(postgres: EmbeddedServer, place: Path, receiver: Receiver) -> AsyncIterator[Rig]:
    """A shop with one replica that may send to this machine."""
    opened = {"allow_private": True, "ports": [receiver.port]}
    async with (
        fresh_database(postgres) as dsns,
        shop_with_service(dsns, place, seed=20, webhooks=opened) as running,
    ):
        yield running


async def added(browser: Browser, receiver: Receiver, **fields: str) -> str:
    """Add an endpoint on the page; return the address of its own."""
    await browser.get(HOOKS)
    seen = await browser.post(HOOKS, {"url": receiver.url, "scheme": "v1a", **fields})
    assert 200 == seen.status, seen.words
    return re.findall(rf'href="({HOOKS}/[0-9a-f-]+)"', seen.text)[-1]


async def log_of(browser: Browser, page: str, wanted: str) -> Any:
    """Wait until the log on a page says something; return the page."""

    async def there() -> Any:
        seen = await browser.get(page)
        return seen if wanted in seen.words else None

    return await until(there, f"{wanted} on {page}")


async def test_a_test_a_resend_and_a_replay(rig: Rig, receiver: Receiver, sku: str) -> None:
    """Each is a click; the log shows every attempt with its answer, and ids stay the same."""
    vera = await signed_in(rig, "vera")
    page = await added(vera, receiver, description="<b>Our system</b>")
    await vera.get(page)
    seen = await vera.post(f"{page}/test")
    assert "A test message is on its way" in seen.words
    seen = await log_of(vera, page, ": 200, after")
    assert re.search(r": 200, after \d+\.\d\d s", seen.words)
    assert "<b>" not in seen.text

    await rig.complain(sku)
    await rig.in_state(sku, "frozen")
    seen = await log_of(vera, page, "case.frozen_confirmed")
    fields = re.search(
        r'name="since" value="([^"]+)"><input type="hidden" name="until" value="([^"]+)"', seen.text
    )
    before = list(receiver.ids)
    again = await vera.post(
        f"{page}/replay", {"since": fields[1], "until": fields[2], "also_sent": "yes"}
    )
    assert "1 message is on its way again." in again.words

    async def twice() -> bool:
        return len(receiver.ids) == len(before) + 1 and receiver.ids[-1] in before

    await until(twice, "the same message once more")
    await vera.get(page)
    seen = await vera.post(f"{page}/replay", {"since": "2026-01-01T00:00"})
    assert (422, True) == (seen.status, "Nothing was done." in seen.words)
    seen = await vera.post(f"{page}/replay", {"since": "soon"})
    assert 422 == seen.status
    seen = await vera.post(f"{page}/remove")
    assert "The endpoint is deleted." in seen.words


async def test_a_new_key_is_shown_once(rig: Rig, receiver: Receiver) -> None:
    """A secret stands on the page that answers, and on no other; switched off, it can be put on."""
    vera = await signed_in(rig, "vera")
    await vera.get(HOOKS)
    seen = await vera.post(HOOKS, {"url": receiver.url, "scheme": "v1"})
    first = re.search(r"<code>(whsec_[^<]+)</code>", seen.text)[1]
    page = re.findall(rf'href="({HOOKS}/[0-9a-f-]+)"', seen.text)[-1]
    assert first not in (await vera.get(page)).text
    seen = await vera.post(f"{page}/rotate", {"overlap_hours": "0"})
    second = re.search(r"<code>(whsec_[^<]+)</code>", seen.text)[1]
    assert first != second
    assert second not in (await vera.get(page)).text
    assert 422 == (await vera.post(f"{page}/rotate", {"overlap_hours": "many"})).status
    seen = await vera.post(f"{page}/switch", {"state": "disabled"})
    assert "switched off" in seen.words
    refused = await vera.post(f"{page}/test")
    assert "Switch the endpoint on first." in refused.words
    seen = await vera.post(f"{page}/switch", {"state": "active"})
    assert "takes what is sent" in seen.words
    await vera.post(f"{page}/remove")


async def test_nobody_elses_endpoints(rig: Rig, receiver: Receiver) -> None:
    """Another vendor finds none of it, and can do nothing with it; a private address is refused."""
    vera, vito = await signed_in(rig, "vera"), await signed_in(rig, "vito")
    page = await added(vera, receiver, description="only acme's")
    assert "only acme's" not in (await vito.get(HOOKS)).words
    assert 404 == (await vito.get(page)).status
    await vito.get(HOOKS)
    fields = {"since": "2026-11-01T00:00", "overlap_hours": "1"}
    for deed in ("test", "rotate", "replay", "switch", "remove"):
        seen = await vito.post(f"{page}/{deed}", fields)
        assert 404 == seen.status, deed
        await vito.get(HOOKS)
    await vera.get(HOOKS)
    assert 422 == (await vera.post(HOOKS, {"url": "http://127.0.0.1:1/x"})).status
    await vera.get(page)
    await vera.post(f"{page}/remove")


async def test_webhooks_seen(
    chromium: Chromium, rig: Rig, receiver: Receiver
) -> None:
    """Empty, with a message that was taken over, after a new key, switched off."""
    async with window(chromium, rig, "vera", viewport=ZOOMED) as one:
        page = one.page
        await one.open(HOOKS)
        await one.check("portal-webhooks-none")
        await page.locator("#url").fill(receiver.url)
        await page.get_by_role("button", name="Add it").click()
        await page.get_by_role("status").wait_for()
        await one.check("portal-webhooks")
        await page.locator("ol.queue a").last.click()
        await page.get_by_role("button", name="Send a test message").click()
        await page.get_by_role("status").wait_for()

        path = f"/v1/webhook-endpoints/{urlsplit(page.url).path.rpartition('/')[2]}/deliveries"

        async def taken() -> bool:
            sent = await rig.call("GET", path, "vera")
            return [one["state"] for one in sent.body["items"]] == ["sent"]

        await until(taken, "the test was taken over")
        await page.reload()
        await page.locator("td .mark.well").wait_for()
        await one.check("portal-webhook")
        await page.get_by_role("button", name="New key").click()
        await page.get_by_role("status").wait_for()
        await one.check("portal-webhook-key")
        await page.get_by_role("button", name="Switch it off").click()
        await page.get_by_role("status").wait_for()
        await one.check("portal-webhook-off")
        await page.locator("summary").click()
        await page.get_by_role("button", name="Delete it").click()
        await page.get_by_role("status").wait_for()
