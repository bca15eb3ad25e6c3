"""My notices: channels, quiet hours, tests, and what came of the latest."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from freezeguard.storage.embedded import EmbeddedServer
from tests.acceptance.conftest import fresh_database
from tests.chats.chat import a_chat
from tests.rig import Rig, shop_with_service, until
from tests.web.chromium import ZOOMED, window
from tests.web.visiting import signed_in

pytestmark = pytest.mark.asyncio(loop_scope="module")



@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with a_chat() as listening:
        yield listening


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(postgres: EmbeddedServer, place: Path, port: int) -> AsyncIterator[Rig]:
    """A shop whose notices may go to a chat on this machine."""
    opened = {"allow_private": True, "ports": [port]}
    async with (
        fresh_database(postgres) as dsns,
        shop_with_service(dsns, place, webhooks=opened) as running,
    ):
        yield running


async def test_everything_is_set_and_tried_on_one_page(rig: Rig, port: int) -> None:
    """A chat and quiet hours are set, tried and removed; an address is never shown again."""
    owen = await signed_in(rig, "owen")
    await owen.get("/console/me")
    address = f"http://127.0.0.1:{port}/services/T/B/top-secret"
    refused = await owen.post("/console/me/chats/slack", {"url": "https://10.0.0.1:22/"})
    chosen = await owen.post("/console/me/chats/slack", {"url": address})
    await owen.post("/console/me/test", {"channel": "slack"})
    await owen.post("/console/me/test", {"channel": "mail"})
    quiet = await owen.post("/console/me/quiet-hours", {"begins": "23:30", "ends": "06:00"})
    wrong = await owen.post("/console/me/quiet-hours", {"begins": "late", "ends": "06:00"})

    async def arrived() -> str | None:
        seen = await owen.get("/console/me")
        return seen.text if {"Slack, sent", "Mail, sent"} <= {
            one for one in ("Slack, sent", "Mail, sent") if one in seen.words
        } else None

    shown = await until(arrived, "both tests arrived")
    loud = await owen.post("/console/me/quiet-hours", {"remove": "yes"})
    gone = await owen.post("/console/me/chats/slack", {"remove": "yes"})
    none = await owen.post("/console/me/test", {"channel": "slack"})

    assert [422, 422, 404] == [refused.status, wrong.status, none.status]
    assert "Nothing was changed." in refused.words
    assert "The address is set." in chosen.words
    assert "From 23:30 to 06:00" in quiet.words
    assert "top-secret" not in chosen.text + shown
    assert "A test: notices reach" in shown
    assert "You have none." in loud.words
    assert "The address is removed." in gone.words


async def test_it_can_be_read(
    chromium: Browser, rig: Rig, port: int, take_sku
) -> None:
    """By everybody, on everything: with a chat that works, one that does not, and notices."""
    stopped = take_sku()
    for kind, name in (("slack", "a"), ("teams", "b")):
        path = "services/T/B/a" if kind == "slack" else f"workflows/{name}/gone"
        answer = await rig.call("PUT", f"/v1/people/me/chats/{kind}", "owen", json={
            "url": f"http://127.0.0.1:{port}/{path}"})
        assert 200 == answer.status
    await rig.complain(stopped)
    await rig.in_state(stopped, "frozen")

    async def switched_off() -> bool:
        me = await rig.read("/v1/people/me", "owen")
        return {"active", "disabled"} == {one["state"] for one in me["chats"]}

    await until(switched_off, "the wrong address is switched off")
    async with window(chromium, rig, "owen", viewport=ZOOMED) as one:
        await one.open("/console/me")
        await one.check("me")
