"""The diagnosis of a case: suggested causes, where the complaints come from, and related items."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from aiohttp import web

from freezeguard.api.access import Access
from freezeguard.api.models.answers.cases import CaseOut
from freezeguard.api.models.diagnosis import AlikeOut, SuggestedOut
from freezeguard.domain.errors import GuardFailed
from freezeguard.domain.remedy import BRANCHES
from freezeguard.web.casedesk import words_of
from freezeguard.web.causeforms import CauseForms
from freezeguard.web.deeds import CODES
from freezeguard.web.desk import Desk
from freezeguard.web.pages import Page, Visit

PAGE = "/console/cases/{id}/diagnosis"
STANDINGS: Mapping[str, str] = {
    "open": "open", "supported": "supported", "ruled_out": "ruled out", "confirmed": "confirmed",
}
SHARES = ("intent", "lot", "channel")
"""What complaints are counted by, on the page."""


def likeness(one: AlikeOut) -> str:
    """Return in words why a case is taken to be like another one."""
    said = [f"the same {what if what != 'sku' else 'item'}" for what in one.same]
    if one.lots:
        said.append(f"lots {', '.join(one.lots)}")
    if one.intents:
        said.append(f"complaints about {', '.join(one.intents)}")
    return "; ".join(said)


def by_branch(causes: Sequence[SuggestedOut]) -> list[tuple[str, list[SuggestedOut]]]:
    """Return causes by branch, in the order of the diagram; branches without any are left out."""
    found = [(one, [cause for cause in causes if cause.branch == one]) for one in BRANCHES]
    return [(branch, some) for branch, some in found if some]


class DiagnosisPages:
    """Handlers of the diagnosis."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._forms = desk, CauseForms(desk)

    async def show(self, visit: Visit) -> web.Response:
        """Show the diagnosis."""
        return await self._page(visit, ())

    async def give(self, visit: Visit) -> web.Response:
        """Suggest, judge or argue; what refuses it is told on the page."""
        if refused := await self._forms.give(visit):
            return await self._page(visit, refused)
        return visit.go(f"{_here(visit)}?done=yes")

    async def tell(self, visit: Visit) -> web.Response:
        """Pass the confirmed cause on to the owners of related items."""
        path = {"id": visit.path["id"]}
        try:
            await self._desk.ask(visit.asker, "POST /v1/cases/{id}/siblings/tell", path=path)
        except GuardFailed as refused:
            return await self._page(visit, words_of(refused))
        return visit.go(f"{_here(visit)}?done=yes")

    async def _page(self, visit: Visit, refused: Sequence[str]) -> web.Response:
        path = {"id": visit.path["id"]}
        case: CaseOut = await self._desk.ask(visit.asker, "GET /v1/cases/{id}", path=path)
        shares = await self._desk.ask(visit.asker, "GET /v1/cases/{id}/causes", path=path)
        diagnosis = await self._forms.read(visit)
        siblings = await self._desk.ask(visit.asker, "GET /v1/cases/{id}/siblings", path=path)
        return visit.show(
            "diagnosis.html", status=422 if refused else 200, case=case, diagnosis=diagnosis,
            siblings=siblings.items, pulls=self._desk.admits("POST /v1/freezes", visit.person),
            shares=shares, fields=SHARES, branches=[(one, CODES[one]) for one in BRANCHES],
            standings=STANDINGS, by_branch=by_branch(diagnosis.causes), refused=refused,
            likeness=likeness, given=visit.form if refused else {},
            done=visit.query.get("done", ""),
        )


def _here(visit: Visit) -> str:
    return f"/console/cases/{quote(visit.path['id'], safe='')}/diagnosis"


def pages(desk: Desk) -> list[Page]:
    """Return the pages of the diagnosis."""
    diagnosis, staff = DiagnosisPages(desk), Access.staff()
    return [
        Page(method="GET", path=PAGE, handler=diagnosis.show, who=staff),
        Page(method="POST", path=PAGE, handler=diagnosis.give, who=staff),
        Page(method="POST", path="/console/cases/{id}/siblings", handler=diagnosis.tell,
             who=staff),
        Page(method="POST", path=f"{PAGE}/{{cause}}/{{deed}}", handler=diagnosis.give, who=staff),
    ]
