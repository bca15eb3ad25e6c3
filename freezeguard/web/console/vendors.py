"""Vendors: how they do, and whom to write to."""

from urllib.parse import urlencode

from aiohttp import web

from freezeguard.api.access import Access
from freezeguard.web.desk import Desk
from freezeguard.web.pages import Page, Visit

LIMIT = 50
ANSWERS = {"vendor_ack": "to acknowledge", "vendor_plan": "to say what they will do"}


class VendorPages:
    """Handlers of vendors."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def show(self, visit: Visit) -> web.Response:
        """List vendors in the order of their names."""
        found = await self._desk.ask(
            visit.asker, "GET /v1/vendors",
            query={"limit": LIMIT, "after": visit.query.get("after") or None},
        )
        return visit.show(
            "vendors.html", vendors=found.items, answers=ANSWERS,
            next_page=found.next and f"/console/vendors?{urlencode({'after': found.next})}",
        )

    async def one(self, visit: Visit) -> web.Response:
        """Show one vendor."""
        wanted = {"vendor": visit.path["vendor"]}
        known = await self._desk.ask(visit.asker, "GET /v1/vendors/{vendor}", path=wanted)
        standing = await self._desk.ask(
            visit.asker, "GET /v1/vendors/{vendor}/standing", path=wanted
        )
        return visit.show("vendor.html", known=known, standing=standing, answers=ANSWERS)


def pages(desk: Desk) -> list[Page]:
    """Return the pages of vendors."""
    vendors, staff = VendorPages(desk), Access.staff()
    return [
        Page(method="GET", path="/console/vendors", handler=vendors.show, who=staff),
        Page(method="GET", path="/console/vendors/{vendor}", handler=vendors.one, who=staff),
    ]
