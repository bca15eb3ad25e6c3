"""My notices: by which channels I hear, my quiet hours, and what I was told last."""

import re

from aiohttp import web

from freezeguard.api.access import Access
from freezeguard.domain.errors import GuardFailed, InvalidInput
from freezeguard.notices.wording import Wording
from freezeguard.web.desk import Desk
from freezeguard.web.pages import Page, Visit

HERE, ME = "/console/me", "/v1/people/me"
CHATS = ("slack", "teams")
STATES = {
    "queued": "waits", "sent": "sent", "delivered": "arrived", "acknowledged": "read",
    "answered": "done before it was sent", "bounced": "did not arrive", "silent": "no address",
}
_PLACE = re.compile(r":? ?\{\w+\}")


class MyNotices:
    """Handlers of the page of one's own notices."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def show(self, visit: Visit) -> web.Response:
        """Show channels, quiet hours and the latest notices."""
        return await self._page(visit, "")

    async def set_chat(self, visit: Visit) -> web.Response:
        """Set or remove the address of a chat."""
        kind, url = visit.path["kind"], visit.form.text("url")
        removes = "remove" in visit.form
        method = "DELETE" if removes else "PUT"
        return await self._done(
            visit, f"{method} {ME}/chats/{{kind}}", "removed" if removes else "set",
            path={"kind": kind}, body=None if removes else {"url": url or ""},
        )

    async def set_quiet(self, visit: Visit) -> web.Response:
        """Set or remove quiet hours."""
        if "remove" in visit.form:
            return await self._done(visit, f"DELETE {ME}/quiet-hours", "loud")
        hours = {name: visit.form.text(name) or "" for name in ("begins", "ends")}
        return await self._done(visit, f"PUT {ME}/quiet-hours", "quiet", body=hours)

    async def test(self, visit: Visit) -> web.Response:
        """Send a test."""
        channel = {"channel": visit.form.text("channel") or ""}
        return await self._done(visit, f"POST {ME}/test", "tested", body=channel)

    async def _done(
        self, visit: Visit, name: str, done: str, *, path: dict[str, str] | None = None,
        body: dict[str, str] | None = None,
    ) -> web.Response:
        try:
            await self._desk.ask(visit.asker, name, path=path, body=body)
        except (GuardFailed, InvalidInput) as refused:
            return await self._page(visit, str(refused))
        return visit.go(f"{HERE}?done={done}")

    async def _page(self, visit: Visit, refused: str) -> web.Response:
        me = await self._desk.ask(visit.asker, f"GET {ME}")
        found = await self._desk.ask(visit.asker, f"GET {ME}/notices")
        return visit.show(
            "me.html", status=422 if refused else 200, me=me, notices=found.items,
            chats={one.channel: one for one in me.chats}, kinds=CHATS, refused=refused,
            done=visit.query.get("done", ""), titled=titled, states=STATES,
        )


def titled(words: Wording, kind: str) -> str:
    """Return what a kind of notice is called, without what is named in its subject."""
    return _PLACE.sub("", words.word("subject", kind))


def pages(desk: Desk) -> list[Page]:
    """Return the pages of one's own notices."""
    mine, staff = MyNotices(desk), Access.staff()
    return [
        Page(method="GET", path=HERE, handler=mine.show, who=staff),
        Page(method="POST", path=f"{HERE}/chats/{{kind}}", handler=mine.set_chat, who=staff),
        Page(method="POST", path=f"{HERE}/quiet-hours", handler=mine.set_quiet, who=staff),
        Page(method="POST", path=f"{HERE}/test", handler=mine.test, who=staff),
    ]
