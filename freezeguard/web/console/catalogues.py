"""Catalogues: whether each obeys, when it answered last, and what waits for people's hands."""

from aiohttp import web

from freezeguard.api.access import Access
from freezeguard.web.desk import Desk
from freezeguard.web.pages import Page, Visit

PROVEN = {
    "run": "run against the software itself", "stand-in": "run against a stand-in",
    "recipe": "written by its documentation, run by nobody",
}
CANARY = {
    "well": "in time", "late": "late", "failed": "failed", "skipped": "skipped", None: "under way",
}


class CataloguePages:
    """The handler of catalogues."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def show(self, visit: Visit) -> web.Response:
        """Show how every catalogue does, those first that do not obey."""
        found = await self._desk.ask(visit.asker, "GET /v1/catalogues")
        worst = sorted(
            found.items,
            key=lambda one: (not one.degraded, not one.breaker_open, not one.unconfirmed, one.name),
        )
        return visit.show(
            "catalogues.html", catalogues=worst, tasks=found.tasks, proven=PROVEN, canary=CANARY,
            verify_every=found.verify_every, call_deadline=found.call_deadline,
        )


def pages(desk: Desk) -> list[Page]:
    """Return the page of catalogues."""
    catalogues = CataloguePages(desk)
    return [
        Page(method="GET", path="/console/catalogues", handler=catalogues.show, who=Access.staff())
    ]
