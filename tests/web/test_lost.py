"""Addresses of which there is no page, and methods that no page knows: told in words, to people."""

import pytest

from freezeguard.web.guarding import HEADERS
from tests.rig import Rig
from tests.web.visiting import Browser, Seen, signed_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOST = ("/nothing", "/", "/cases", "/cases/1/do", "/cases/1/do/comment/more", "/%00", "/%2F..%2F")
WRONG = {
    "DELETE": "/cases/1", "PUT": "", "PATCH": "/cases/1/do/comment", "GET": "/sign-out",
    "OPTIONS": "/cases/1",
}


def wrong_with(seen: Seen, status: int, home: str) -> str | None:
    """Say what a page lacks that tells somebody that they are lost."""
    if seen.status != status or not seen.headers["Content-Type"].startswith("text/html"):
        return f"{seen.status} {seen.headers['Content-Type']}"
    if lacking := [name for name, one in HEADERS.items() if seen.headers.get(name) != one]:
        return f"lacks {lacking}"
    if f'href="{home}"' not in seen.text or "/docs" in seen.text:
        return f"no way back: {seen.words}"
    return None


@pytest.mark.parametrize("who", [None, "mara", "vera"])
async def test_whoever_is_lost_reads_a_page(rig: Rig, who: str | None) -> None:
    """Below /console and /portal, signed in or not: 404 or 405 in words, with a way back."""
    browser = Browser(rig.session, rig.url) if who is None else await signed_in(rig, who)
    wrong = []
    for home in ("/console", "/portal"):
        for address in LOST:
            seen = await browser.get(home + address, follow=False)
            wrong.append((home, address, wrong_with(seen, 404, home)))
        for method, address in WRONG.items():
            seen = await browser._send(method, home + address, False, {})
            fault = wrong_with(seen, 405, home)
            wrong.append((home, f"{method} {address}", fault))
            if fault is None and method in seen.headers["Allow"]:
                wrong.append((home, method, "is refused and allowed"))

    assert [] == [one for one in wrong if one[2]]


async def test_programs_are_still_answered_as_programs(rig: Rig) -> None:
    """What only begins like a page's address is none."""
    for address in ("/consoles", "/v1/console", "/portals/cases"):
        answer = await rig.call("GET", address)
        assert (404, "unknown_route") == (answer.status, answer.body["code"])
