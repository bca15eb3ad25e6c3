"""One case on one screen: why, since when, what obeys, what comes next; and every command on it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from aiohttp import web

from freezeguard.api.access import Access
from freezeguard.api.models.answers.cases import CaseOut, CommandOut, EventOut
from freezeguard.api.models.commands import arguments_of
from freezeguard.domain.guards import NOT_THE_AUTHOR
from freezeguard.domain.transitions import FROZEN_PHASE, Command
from freezeguard.web.casedesk import CaseDesk, Read, Refusal, command_of, status_of, words_of
from freezeguard.web.commandforms import Input, inputs_of
from freezeguard.web.deeds import DEEDS, Deed
from freezeguard.web.desk import Desk
from freezeguard.web.pages import Page, Visit
from freezeguard.web.site import way_to_proof


@dataclass(frozen=True, slots=True)
class Offered:
    """A command that the reader may give: how it is offered, and what it would still lack."""

    command: str
    deed: Deed
    unmet: Sequence[str]
    votes: int


@dataclass(frozen=True, slots=True)
class Opened(Read):
    """A case as it was read for a page of the console."""

    offers: Sequence[Offered]

    @classmethod
    def of(cls, read: Read) -> "Opened":
        """Return a case with what may be done on it."""
        return cls(read.case, read.events, read.title, _offers(read.case))

    @property
    def loud(self) -> list[Offered]:
        """Return what usually comes next, and what stops the sale."""
        return [one for one in self.offers if one.deed.weight != "plain"]

    @property
    def plain(self) -> list[Offered]:
        """Return all else that may be done."""
        return [one for one in self.offers if one.deed.weight == "plain"]

    @property
    def is_stopped(self) -> bool:
        """Say whether the case keeps the item off sale."""
        return self.case.state in FROZEN_PHASE

    def since(self, moment: datetime | None) -> list[EventOut]:
        """Return what has happened after a moment; nothing where there was none."""
        return [
            one for one in self.events
            if moment is not None and one.at > moment and one.command != Command.REQUEST_APPROVAL
        ]

    def offer(self, command: str) -> Offered | None:
        """Return a command, where the reader may give it now."""
        return next((one for one in self.offers if one.command == command), None)


class CasePages:
    """Handlers of a case."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._cases = desk, CaseDesk(desk)

    async def show(self, visit: Visit) -> web.Response:
        """Show a case."""
        opened, case_id = Opened.of(await self._cases.read(visit)), {"id": visit.path["id"]}
        done = DEEDS.get(visit.query.get("done", ""))  # type: ignore[call-overload]
        chart = await self._desk.ask(visit.asker, "GET /v1/cases/{id}/chart", path=case_id)
        causes = await self._desk.ask(visit.asker, "GET /v1/cases/{id}/causes", path=case_id)
        diagnosis = await self._desk.ask(
            visit.asker, "GET /v1/cases/{id}/diagnosis", path=case_id
        )
        siblings = []
        if diagnosis.root_cause is not None:
            related = await self._desk.ask(
                visit.asker, "GET /v1/cases/{id}/siblings", path=case_id
            )
            siblings = related.items
        return visit.show(
            "case.html", opened=opened, case=opened.case, done=done, chart=chart, causes=causes,
            found=diagnosis.root_cause, siblings=siblings,
            pulls=self._desk.admits("POST /v1/freezes", visit.person),
        )

    async def form(self, visit: Visit) -> web.Response:
        """Show the form of a command, with what it does and what it would still lack."""
        command = command_of(visit, DEEDS)
        if DEEDS[command].lets_sell and not visit.is_proven:
            return visit.go(way_to_proof(str(visit.request.rel_url)))
        opened = Opened.of(await self._cases.read(visit))
        known = await self._cases.known_remedy(visit, command, opened.case)
        return await self._ask(
            visit, opened, command, {**known, **_at_first(visit, opened.case)}
        )

    async def give(self, visit: Visit) -> web.Response:
        """Give a command on the case as the reader saw it; what refuses it is told on the form."""
        command = command_of(visit, DEEDS)
        if DEEDS[command].lets_sell and not visit.is_proven:
            return visit.go(way_to_proof(visit.request.path))
        refused = await self._cases.give(visit, command)
        if refused is None:
            case_id = quote(visit.path["id"], safe="")
            return visit.go(f"/console/cases/{case_id}?done={command.value}")
        opened = Opened.of(await self._cases.read(visit))
        return await self._ask(
            visit, opened, command, {**visit.form, **_seen_now(opened.case)}, refused
        )

    async def _ask(
        self, visit: Visit, opened: Opened, command: Command, given: dict[str, Any],
        refused: Refusal | None = None,
    ) -> web.Response:
        """Show a form as it is filled in, on the case as it is now."""
        changed = opened.changed(refused, visit.form.get("version", ""))
        diagnosis = None
        if command in {Command.HAND_OFF, Command.ACCEPT_HAND_OFF}:
            diagnosis = await self._desk.ask(
                visit.asker, "GET /v1/cases/{id}/diagnosis", path={"id": visit.path["id"]}
            )
        return visit.show(
            "command.html", diagnosis=diagnosis, status=status_of(refused, changed),
            opened=opened, case=opened.case, command=command, deed=DEEDS[command],
            offer=opened.offer(command), inputs=_inputs(command, opened.case), given=given,
            refused=words_of(refused), changed=changed,
        )


def _offers(case: CaseOut) -> list[Offered]:
    order = list(DEEDS)
    found = [
        _offered(one) for one in case.available_commands
        if one.command in DEEDS and _is_of_use(Command(one.command), case)
    ]
    return sorted(found, key=lambda one: order.index(Command(one.command)))


def _is_of_use(command: Command, case: CaseOut) -> bool:
    """Say whether there is what a command is about: nothing to take over, nothing to wave off."""
    match command:
        case Command.UNWAIVE:
            return any(one.waived_by for one in case.enforcement)
        case Command.ACCEPT_HAND_OFF:
            return bool(case.hand_off)
        case Command.RESOLVE_TASK:
            return any(one.resolved_at is None for one in case.tasks)
        case Command.RECORD_ACTION:
            return any(one.law and one.stopped_at is None for one in case.clocks)
        case Command.ANSWER_CONTEST:
            return bool(case.contest)
        case Command.REGISTER_REVOCATION:
            return bool(case.authority_order)
        case _:
            return True


def _offered(one: CommandOut) -> Offered:
    """Return a command as a button; one that only somebody else may give is not a loud one."""
    command = Command(one.command)
    deed = DEEDS[command]
    if NOT_THE_AUTHOR in one.unmet:
        deed = replace(deed, weight="plain")
    return Offered(command.value, deed, one.unmet, one.votes)


def _inputs(command: Command, case: CaseOut) -> list[Input]:
    """Return the fields of a command; where every catalogue obeys there is nothing to name."""
    inputs = inputs_of(command, arguments_of(command))
    return [one for one in inputs if case.degraded or one.name != "unconfirmed"]


def _seen_now(case: CaseOut) -> dict[str, Any]:
    return {"version": str(case.version), "evidence_revision": str(case.evidence_revision)}


def _at_first(visit: Visit, case: CaseOut) -> dict[str, Any]:
    """Return what a form is filled in with: what the page says, and what its address names."""
    return {**visit.query, **_seen_now(case)}


def pages(desk: Desk) -> list[Page]:
    """Return the pages of a case."""
    case, staff = CasePages(desk), Access.staff()
    one, command = "/console/cases/{id}", "/console/cases/{id}/do/{command}"
    return [
        Page(method="GET", path=one, handler=case.show, who=staff),
        Page(method="GET", path=command, handler=case.form, who=staff),
        Page(method="POST", path=command, handler=case.give, who=staff),
    ]


