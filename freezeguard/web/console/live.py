"""What an open page hears of: that the queue, or the case on it, has changed."""

from aiohttp import web

from freezeguard.api.access import Access
from freezeguard.web.desk import Desk
from freezeguard.web.pages import Page, Visit


class LivePages:
    """Handlers of the streams."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def of_queue(self, visit: Visit) -> web.StreamResponse:
        """Follow what happens to any case."""
        return await self._desk.fetch(
            visit.asker, "GET /v1/cases/stream", path={}, query={"after": visit.query.get("after")}
        )

    async def of_case(self, visit: Visit) -> web.StreamResponse:
        """Follow what happens to one case."""
        return await self._desk.fetch(
            visit.asker, "GET /v1/cases/{id}/stream", path={"id": visit.path["id"]},
            query={"after": visit.query.get("after")},
        )


def pages(desk: Desk) -> list[Page]:
    """Return the streams that pages read."""
    live, staff = LivePages(desk), Access.staff()
    return [
        Page(method="GET", path="/console/live", handler=live.of_queue, who=staff, is_stream=True),
        Page(method="GET", path="/console/cases/{id}/live", handler=live.of_case, who=staff,
             is_stream=True),
    ]
