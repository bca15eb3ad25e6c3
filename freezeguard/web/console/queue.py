"""The queue: open cases, those that hurt most and have waited longest first."""

from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from freezeguard.api.access import Access
from freezeguard.domain.transitions import FINAL, OPEN
from freezeguard.web.desk import Desk
from freezeguard.web.pages import Page, Visit

FILTERS = (
    "state", "lane", "sku", "vendor", "owner", "category", "mine", "my_areas", "degraded",
    "overdue",
)
LIMIT = 50
LANES = ("safety", "authority", "quality")
CLOSED = sorted(FINAL)


class Queue:
    """Handlers of the queue."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def show(self, visit: Visit) -> web.Response:
        """Show the cases that the filters of the address name."""
        filters = {name: visit.query.get(name, "").strip() for name in FILTERS}
        cases = await self._desk.ask(
            visit.asker, "GET /v1/cases", query={**_wanted(filters), **_place(visit)}
        )
        return visit.show(
            "queue.html", cases=cases, filters=filters, states=sorted(OPEN), closed=CLOSED,
            lanes=LANES,
            is_filtered=any(filters.values()),
            is_narrowed=any(one for name, one in filters.items() if name != "sku"),
            next_page="/console?" + urlencode(
                {**{name: one for name, one in filters.items() if one}, "cursor": cases.next or ""}
            ),
        )


def _wanted(filters: dict[str, str]) -> dict[str, Any]:
    wanted: dict[str, Any] = {name: one for name, one in filters.items() if one}
    if wanted.get("state") not in FINAL:
        wanted.setdefault("open", "true")
        wanted["order"] = "harm"  # closed cases have a date, and nothing that presses
    return wanted


def _place(visit: Visit) -> dict[str, Any]:
    cursor = visit.query.get("cursor")
    return {"limit": LIMIT, **({"cursor": cursor} if cursor else {})}


def pages(desk: Desk) -> list[Page]:
    """Return the pages of the queue."""
    queue = Queue(desk)
    return [Page(method="GET", path="/console", handler=queue.show, who=Access.staff())]
