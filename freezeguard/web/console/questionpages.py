"""The questions of a case: who is waited for, what is known, and a form to ask."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from aiohttp import web

from freezeguard.api.access import Access
from freezeguard.api.models.answers.cases import CaseOut
from freezeguard.api.models.questions import QuestionList
from freezeguard.domain.errors import GuardFailed, IllegalTransition, InvalidInput, NotFound
from freezeguard.domain.transitions import OPEN
from freezeguard.web.casedesk import words_of
from freezeguard.web.desk import Desk
from freezeguard.web.pages import Page, Visit

PAGE = "/console/cases/{id}/questions"
DEEDS: Mapping[str, str] = {"answer": "text", "withdraw": "reason"}
"""What is done with a question, and the field of the form that holds the words."""
PERSON = "person:"
_NOTHING = {"id": "", "deed": "", "text": "", "whom": "vendor"}


class QuestionPages:
    """Handlers of questions."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def show(self, visit: Visit) -> web.Response:
        """Show what is asked, what is known, and whom one can ask."""
        return await self._page(visit, {**_NOTHING, **_named(visit)}, ())

    async def ask(self, visit: Visit) -> web.Response:
        """Ask a question."""
        whom, text = visit.form.get("whom", ""), visit.form.get("text", "")
        body = {"of": whom, "text": text}
        if whom.startswith(PERSON):
            body = {"of": "person", "person": whom.removeprefix(PERSON), "text": text}
        return await self._do(
            visit, "POST /v1/cases/{id}/questions", body,
            {**_NOTHING, "deed": "ask", "text": text, "whom": whom},
        )

    async def settle(self, visit: Visit) -> web.Response:
        """Answer a question, or take it back. Raises NotFound for anything else."""
        deed, question = visit.path["deed"], visit.path["question"]
        if deed not in DEEDS:
            raise NotFound("This is not done with questions.")
        text = visit.form.get(DEEDS[deed], "")
        return await self._do(
            visit, f"POST /v1/cases/{{id}}/questions/{{question}}/{deed}", {DEEDS[deed]: text},
            {**_NOTHING, "id": question, "deed": deed, "text": text},
        )

    async def _do(
        self, visit: Visit, route: str, body: Mapping[str, Any], given: Mapping[str, str]
    ) -> web.Response:
        try:
            await self._desk.ask(visit.asker, route, path=dict(visit.path), body=body)
        except (GuardFailed, InvalidInput, IllegalTransition) as refused:
            return await self._page(visit, given, words_of(refused))
        case_id = quote(visit.path["id"], safe="")
        return visit.go(f"/console/cases/{case_id}/questions?done=yes")

    async def _page(
        self, visit: Visit, given: Mapping[str, str], refused: Sequence[str]
    ) -> web.Response:
        path = {"id": visit.path["id"]}
        case: CaseOut = await self._desk.ask(visit.asker, "GET /v1/cases/{id}", path=path)
        found: QuestionList = await self._desk.ask(
            visit.asker, "GET /v1/cases/{id}/questions", path=path
        )
        return visit.show(
            "casequestions.html", status=422 if refused else 200, case=case, questions=found,
            given=given, refused=refused, done="done" in visit.query,
            whom=_whom(case, found, visit.person.id), may_ask=case.state in OPEN,
        )


def _named(visit: Visit) -> dict[str, str]:
    """Return whom and what an address names, as a link elsewhere may."""
    named = {key: visit.query[key] for key in ("whom", "text") if key in visit.query}
    return {**named, "deed": "ask"} if "text" in named else named


def _whom(case: CaseOut, found: QuestionList, asker: str) -> list[tuple[str, str]]:
    """Return who can be asked: those who most likely know first."""
    roles = []
    if case.vendor and case.frozen_at:
        roles.append(("vendor", f"The vendor ({case.vendor})"))
    if case.owner and case.owner != asker:
        roles.append(("owner", f"The owner ({case.owner})"))
    return [
        *roles, *((f"{PERSON}{one.id}", one.name) for one in found.askable if one.id != asker)
    ]


def pages(desk: Desk) -> list[Page]:
    """Return the pages of questions."""
    questions, staff = QuestionPages(desk), Access.staff()
    return [
        Page(method="GET", path=PAGE, handler=questions.show, who=staff),
        Page(method="POST", path=PAGE, handler=questions.ask, who=staff),
        Page(method="POST", path=f"{PAGE}/{{question}}/{{deed}}", handler=questions.settle,
             who=staff),
    ]
