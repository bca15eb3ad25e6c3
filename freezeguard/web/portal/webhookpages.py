"""A vendor's webhooks: what was sent and what came of it, tests, keys, what was missed."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from aiohttp import web

from freezeguard.api.models.webhooks import NewWebhookKey
from freezeguard.domain.errors import GuardFailed, InvalidInput
from freezeguard.web.casedesk import words_of
from freezeguard.web.desk import Desk
from freezeguard.web.pages import PORTAL, Page, Visit
from freezeguard.web.portal.casepages import VENDORS

HOOKS = f"{PORTAL}/webhooks"
ONE = f"{HOOKS}/{{id}}"
API = "/v1/webhook-endpoints"
LINES = 50
A_MOMENT = timedelta(microseconds=1)


class VendorsWebhooks:
    """Handlers of webhook endpoints. All of it is refused by the API where it is not theirs."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def listed(self, visit: Visit) -> web.Response:
        """Show the vendor's endpoints, and a form for one more."""
        return await self._listed(visit)

    async def _listed(
        self, visit: Visit, *, refused: Sequence[str] = (), new: NewWebhookKey | None = None
    ) -> web.Response:
        found = await self._desk.ask(visit.asker, f"GET {API}")
        return visit.show(
            "portal/webhooks.html", status=422 if refused else 200, endpoints=found.items,
            refused=refused, new=new, given=visit.form, done=visit.query.get("done", ""),
        )

    async def add(self, visit: Visit) -> web.Response:
        """Register an endpoint; its key is on the page that answers, and a secret nowhere else."""
        form = visit.form
        body = {
            "url": form.get("url", "").strip(), "description": form.get("description", "").strip(),
            "scheme": form.get("scheme", "v1a"),
        }
        try:
            new = await self._desk.ask(visit.asker, f"POST {API}", body=body)
        except (GuardFailed, InvalidInput) as refused:
            return await self._listed(visit, refused=words_of(refused))
        return await self._listed(visit, new=new)

    async def show(self, visit: Visit) -> web.Response:
        """Show an endpoint and what became of its messages."""
        return await self._shown(visit)

    async def _shown(
        self, visit: Visit, *, refused: Sequence[str] = (), new: NewWebhookKey | None = None
    ) -> web.Response:
        path = {"id": visit.path["id"]}
        endpoint = await self._desk.ask(visit.asker, f"GET {API}/{{id}}", path=path)
        sent = await self._desk.ask(
            visit.asker, f"GET {API}/{{id}}/deliveries", path=path,
            query={"limit": LINES, "cursor": visit.query.get("cursor") or None},
        )
        done = visit.query.get("done", "")
        return visit.show(
            "portal/webhook.html", status=422 if refused else 200, one=endpoint, sent=sent,
            refused=refused, new=new, given=visit.form, a_moment=A_MOMENT,
            done=done if done in {"tested", "switched"} else "",
            replayed=int(done) if done.isdecimal() and len(done) < 10 else None,
        )

    async def test(self, visit: Visit) -> web.Response:
        """Send a test message."""
        return await self._do(visit, f"POST {API}/{{id}}/test", None, lambda _: "tested")

    async def replay(self, visit: Visit) -> web.Response:
        """Send again what was missed, or one message."""
        form = visit.form
        body = {
            "since": _moment(form.get("since", "")), "also_sent": form.get("also_sent") == "yes",
        }
        if until := form.text("until"):
            body["until"] = _moment(until)
        return await self._do(
            visit, f"POST {API}/{{id}}/replay", body, lambda done: str(done.messages)
        )

    async def switch(self, visit: Visit) -> web.Response:
        """Switch an endpoint off, or on again."""
        state = "active" if visit.form.get("state") == "active" else "disabled"
        return await self._do(
            visit, f"PATCH {API}/{{id}}", {"state": state}, lambda _: "switched"
        )

    async def rotate(self, visit: Visit) -> web.Response:
        """Give an endpoint a new key, and show it."""
        hours = visit.form.get("overlap_hours", "").strip()
        body = {"overlap_hours": int(hours) if hours.isdecimal() and len(hours) < 6 else hours}
        path = {"id": visit.path["id"]}
        try:
            new = await self._desk.ask(
                visit.asker, f"POST {API}/{{id}}/rotate", path=path, body=body
            )
        except (GuardFailed, InvalidInput) as refused:
            return await self._shown(visit, refused=words_of(refused))
        return await self._shown(visit, new=new)

    async def remove(self, visit: Visit) -> web.Response:
        """Delete an endpoint."""
        await self._desk.ask(visit.asker, f"DELETE {API}/{{id}}", path={"id": visit.path["id"]})
        return visit.go(f"{HOOKS}?done=removed")

    async def _do(
        self, visit: Visit, route: str, body: dict[str, Any] | None, done: Any
    ) -> web.Response:
        endpoint_id = visit.path["id"]
        try:
            answer = await self._desk.ask(visit.asker, route, path={"id": endpoint_id}, body=body)
        except (GuardFailed, InvalidInput) as refused:
            return await self._shown(visit, refused=words_of(refused))
        return visit.go(f"{HOOKS}/{quote(endpoint_id, safe='')}?done={done(answer)}")

    def pages(self) -> list[Page]:
        """Return the pages of webhooks."""
        found = [
            Page(method="GET", path=HOOKS, handler=self.listed, who=VENDORS),
            Page(method="POST", path=HOOKS, handler=self.add, who=VENDORS),
            Page(method="GET", path=ONE, handler=self.show, who=VENDORS),
        ]
        deeds = {
            "test": self.test, "rotate": self.rotate, "replay": self.replay,
            "switch": self.switch, "remove": self.remove,
        }
        return found + [
            Page(method="POST", path=f"{ONE}/{name}", handler=handler, who=VENDORS)
            for name, handler in deeds.items()
        ]


def _moment(text: str) -> str:
    """Return a moment of a form's field, which has no zone and may have no seconds, in UTC."""
    given = text.strip()
    if "T" not in given:
        given = f"{given}T00:00:00"
    if given.count(":") == 1:
        given = f"{given}:00"
    return given if given.endswith("Z") or "+" in given else f"{given}Z"
