"""The queue: open cases, those that hurt most and have waited longest first."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from freezeguard.api.access import Access
from freezeguard.api.models.answers.people import ViewOut
from freezeguard.domain.transitions import FINAL, OPEN
from freezeguard.web.console.bulk import BULK
from freezeguard.web.desk import Desk
from freezeguard.web.pages import Page, Visit

FILTERS = (
    "state", "lane", "sku", "vendor", "owner", "category", "mine", "my_areas", "degraded",
    "overdue",
)
LIMIT = 50
LANES = ("safety", "authority", "quality")
CLOSED = sorted(FINAL)


@dataclass(frozen=True, slots=True)
class View:
    """A view that the reader named, as a link; `is_shown` where the page shows it."""

    id: str
    name: str
    address: str
    is_shown: bool

    @classmethod
    def of(cls, kept: ViewOut, shown: Mapping[str, str]) -> "View":
        """Return a view as the page needs it that shows what these filters name."""
        found = kept.filters.model_dump(mode="json", exclude_none=True)
        filters = {name: str(one).lower() if isinstance(one, bool) else str(one)
                   for name, one in found.items()}
        return cls(kept.id, kept.name, f"/console?{urlencode(filters)}", filters == shown)


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
        kept = await self._desk.ask(visit.asker, "GET /v1/views")
        shown = {name: one for name, one in filters.items() if one}
        return visit.show(
            "queue.html", cases=cases, bulk=BULK, shown=urlencode(shown),
            views=[View.of(one, shown) for one in kept.items], filters=filters,
            states=sorted(OPEN), closed=CLOSED, lanes=LANES,
            is_filtered=any(filters.values()),
            is_narrowed=any(one for name, one in filters.items() if name != "sku"),
            next_page="/console?" + urlencode(
                {**shown, "cursor": cases.next or ""}
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
