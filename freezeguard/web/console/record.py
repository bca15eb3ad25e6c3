"""The audit record: who did what, and why."""

from urllib.parse import urlencode

from aiohttp import web

from freezeguard.web.desk import Desk
from freezeguard.web.pages import Page, Visit
from freezeguard.web.readers import AUDITORS

LINES = 100


class Record:
    """The handler of the record."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def show(self, visit: Visit) -> web.Response:
        """Show a page of the record, newest first; of one subject where one is named."""
        subject, cursor = visit.query.get("subject", "").strip(), visit.query.get("cursor")
        page = await self._desk.ask(
            visit.asker, "GET /v1/audit",
            query={"subject": subject or None, "cursor": cursor, "limit": LINES},
        )
        following = {"subject": subject, "cursor": page.next or ""}
        return visit.show(
            "record.html", entries=page.items, subject=subject, has_more=page.next is not None,
            next_page=f"/console/record?{urlencode({k: v for k, v in following.items() if v})}",
        )


def pages(desk: Desk) -> list[Page]:
    """Return the page of the record."""
    record = Record(desk)
    return [Page(method="GET", path="/console/record", handler=record.show, who=AUDITORS)]
