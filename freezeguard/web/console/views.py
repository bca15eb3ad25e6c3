"""Views of the queue that somebody named: kept, and deleted, from the queue."""

from urllib.parse import parse_qs, urlencode

from aiohttp import web

from freezeguard.api.access import Access
from freezeguard.domain.errors import InvalidInput
from freezeguard.web.console.queue import FILTERS
from freezeguard.web.desk import Desk
from freezeguard.web.pages import Page, Visit


class ViewPages:
    """Handlers of the forms."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def save(self, visit: Visit) -> web.Response:
        """Keep the filters of the queue, as it was shown, under a name."""
        name, shown = visit.form.text("name"), parse_qs(visit.form.get("filters", ""))
        if name is None:
            raise InvalidInput("Give the view a name.")
        filters = {one: shown[one][0] for one in FILTERS if one in shown}
        asked = {one: value == "true" if value in {"true", "false"} else value
                 for one, value in filters.items()}
        await self._desk.ask(
            visit.asker, "POST /v1/views", body={"name": name, "filters": asked}
        )
        return visit.go("/console?" + urlencode(filters))

    async def delete(self, visit: Visit) -> web.Response:
        """Delete a view; the queue stays as it was shown."""
        await self._desk.ask(
            visit.asker, "DELETE /v1/views/{id}", path={"id": visit.path["id"]}
        )
        return visit.go("/console")


def pages(desk: Desk) -> list[Page]:
    """Return the pages of views."""
    views, staff = ViewPages(desk), Access.staff()
    return [
        Page(method="POST", path="/console/views", handler=views.save, who=staff),
        Page(method="POST", path="/console/views/{id}/delete", handler=views.delete, who=staff),
    ]
