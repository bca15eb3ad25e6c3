"""A browser without scripts: keeps its cookie, fills in forms, goes where it is sent."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp

from freezeguard.web.guarding import COOKIE, FIELD

_HIDDEN = re.compile(r'name="csrf" value="([^"]*)"')


@dataclass
class Seen:
    """A page as it came."""

    status: int
    address: str
    text: str
    headers: Any

    @property
    def words(self) -> str:
        """Return what a reader reads, without markup."""
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", self.text)).split())


@dataclass
class Browser:
    """One browser of one person."""

    session: aiohttp.ClientSession
    url: str
    cookies: dict[str, str] = field(default_factory=dict)
    last: Seen | None = None

    async def get(self, address: str, *, follow: bool = True, **headers: str) -> Seen:
        """Open a page, and where it sends on, that one."""
        return await self._send("GET", address, follow, headers)

    async def post(
        self, address: str, fields: Any = None, *, follow: bool = True, **headers: str
    ) -> Seen:
        """Send a form as the last page would have: with its hidden field, from its origin."""
        given = dict(fields or {})
        if FIELD not in given and self.last is not None:
            found = _HIDDEN.search(self.last.text)
            if found:
                given[FIELD] = unescape(found[1])
        own = {"Origin": self.url, "Sec-Fetch-Site": "same-origin", **headers}
        return await self._send("POST", address, follow, own, data=given)

    async def _send(
        self, method: str, address: str, follow: bool, headers: dict[str, str], **more: Any
    ) -> Seen:
        wanted = urljoin(self.url + "/", address)
        if self.cookies:
            headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items()), **headers}
        async with self.session.request(
            method, wanted, headers=headers, allow_redirects=False, **more
        ) as answer:
            for name, morsel in answer.cookies.items():
                self.cookies[name] = morsel.value
                if not morsel.value:
                    del self.cookies[name]
            seen = Seen(answer.status, urlsplit(wanted).path, await answer.text(), answer.headers)
        if follow and seen.status == 303:
            return await self.get(seen.headers["Location"])
        self.last = seen
        return seen

    async def begin(self, address: str) -> int:
        """Ask for what has no end; return the status, and go away."""
        async with self.following(address) as answer:
            if answer.status != 200:
                self.last = Seen(answer.status, address, await answer.text(), answer.headers)
            return answer.status

    @asynccontextmanager
    async def following(
        self, address: str, **headers: str
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Begin to read a stream, with the cookies of this browser."""
        cookie = {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        async with self.session.get(
            self.url + address, headers={**cookie, **headers}, allow_redirects=False
        ) as answer:
            yield answer

    @property
    def token(self) -> str | None:
        """Return the secret of the session."""
        return self.cookies.get(COOKIE)


async def signed_in(rig: Any, who: str) -> Browser:
    """Return a browser in which somebody has signed in with a personal token."""
    browser = Browser(rig.session, rig.url)
    await browser.get("/console/sign-in")
    seen = await browser.post("/console/sign-in", {"token": rig.secrets[who]}, follow=False)
    assert seen.status == 303, seen.words
    return browser
