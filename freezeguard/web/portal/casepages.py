"""A vendor's cases: what is asked and by when, why, what is missing, and every answer to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from aiohttp import web

from freezeguard.api.access import Access
from freezeguard.api.models.answers.cases import ClockOut, EventOut, ListedCase, QuestionOut
from freezeguard.api.models.commands import arguments_of
from freezeguard.domain.clocks import is_of_question, sort_of
from freezeguard.domain.errors import GuardFailed, IllegalTransition, InvalidInput
from freezeguard.domain.people import Role
from freezeguard.domain.remedy import BRANCHES
from freezeguard.domain.transitions import FROZEN_PHASE, OPEN, Command, State
from freezeguard.services.vendorsview import ASKED_OF_VENDORS, THE_SHOP, THE_VENDOR
from freezeguard.web.casedesk import CaseDesk, Read, Refusal, command_of, status_of, words_of
from freezeguard.web.causeforms import CauseForms
from freezeguard.web.commandforms import WANTED, Input, inputs_of
from freezeguard.web.desk import Desk
from freezeguard.web.pages import PORTAL, Page, Visit
from freezeguard.web.portal.entering import ONE, Door

VENDORS = Access.staff(Role.VENDOR)
LIMIT = 30

DEEDS: Mapping[Command, str] = {
    Command.ACKNOWLEDGE: "main", Command.PROPOSE_REMEDY: "main", Command.APPEAL: "main",
    Command.COMMIT_DATE: "plain", Command.CONTEST: "plain", Command.COMMENT: "plain",
}
"""What a vendor may do on a page, in its order there, and how loud its button is."""
NEEDED = WANTED | {"date", "reason", "new_facts", "comment"}
"""What guards want of a vendor's commands, so that a form says it first."""
ALSO = frozenset({"acknowledge", "commit_date"})
"""Commands to which a comment may be added, and need not."""


@dataclass(frozen=True, slots=True)
class Opened(Read):
    """A case as it was read for a vendor's page, at a moment."""

    now: datetime

    @property
    def offers(self) -> list[Command]:
        """Return what the vendor may do now: a date is confirmed once, an appeal made once."""
        may = {one.command for one in self.case.available_commands}
        return [one for one in DEEDS if one in may and self._is_of_use(one)]

    def _is_of_use(self, command: Command) -> bool:
        match command:
            case Command.ACKNOWLEDGE:
                return self.case.vendor_status in {"unreached", "notified", "silent"}
            case Command.CONTEST:
                return not self.case.contest or bool(self.case.contest.get("answered_at"))
            case _:
                return True

    def running(self, kinds: Sequence[str] | None = None) -> list[ClockOut]:
        """Return clocks that run, those of some kinds or all others, the next first."""
        found = [
            one for one in self.case.clocks
            if one.stopped_at is None and one.paused_at is None
            and (sort_of(one.kind) in ASKED_OF_VENDORS) is (kinds is not None)
        ]
        return sorted(found, key=lambda one: one.due_at)

    @property
    def waiting(self) -> list[QuestionOut]:
        """Return the questions that wait for the vendor's answer."""
        return [one for one in self.case.questions if one.may_answer]

    @property
    def asked(self) -> list[ClockOut]:
        """Return the clocks that wait for the vendor."""
        found = self.running(ASKED_OF_VENDORS) if self.is_stopped else []
        return [one for one in found if not is_of_question(one.kind)]

    @property
    def is_stopped(self) -> bool:
        """Say whether the case keeps the item off sale."""
        return self.case.state in FROZEN_PHASE

    @property
    def missing(self) -> list[str]:
        """Return what the remedy lacks that came back, until another one is sent."""
        remedies = [
            one for one in self.events
            if one.command in {Command.PROPOSE_REMEDY, Command.RETURN_REMEDY}
        ]
        if self.case.state != State.DIAGNOSING or not remedies:
            return []
        return list(remedies[-1].arguments.get("missing") or ())

    @property
    def commitment(self) -> Mapping[str, Any] | None:
        """Return the vendor's date, as long as it is one for the remedy that comes next."""
        promised = self.case.commitment
        is_of_this_round = promised and promised["round"] == self.case.remedy_rounds
        return promised if is_of_this_round else None

    @property
    def since(self) -> datetime | None:
        """Return since when the item is off sale: of several stops, the last."""
        stops = [one.at for one in self.events if one.command == Command.FREEZE]
        return stops[-1] if stops else self.case.frozen_at


class VendorsCases:
    """Handlers of a vendor's cases."""

    def __init__(self, desk: Desk, door: Door, now: Any) -> None:
        self._desk, self._door, self._now = desk, door, now
        self._cases, self._causes = CaseDesk(desk), CauseForms(desk)

    async def listed(self, visit: Visit) -> web.Response:
        """Show the vendor's cases; whoever is not signed in reads how to come in."""
        if visit.session is None:
            return self._door.closed(visit)
        if visit.person.is_staff:
            return visit.go("/console")
        with_all, cursor = "all" in visit.query, visit.query.get("cursor")
        cases = await self._desk.ask(
            visit.asker, "GET /v1/cases",
            query={"limit": LIMIT, "cursor": cursor or None, "open": None if with_all else "true"},
        )
        further = {"cursor": cases.next or "", **({"all": "yes"} if with_all else {})}
        return visit.show(
            "portal/cases.html", cases=cases, with_all=with_all, turn=_turn,
            next_page=f"{PORTAL}?{urlencode(further)}",
        )

    async def show(self, visit: Visit) -> web.Response:
        """Show a case to its vendor; whoever is not signed in is offered a code."""
        if visit.session is None:
            return self._door.show(visit)
        if visit.person.is_staff:
            return visit.go(f"/console/cases/{quote(visit.path['id'], safe='')}")
        return await self.shown(visit)

    async def shown(
        self, visit: Visit, *, status: int = 200, refused: Sequence[str] = ()
    ) -> web.Response:
        """Show a case, with what was done last or could not be done."""
        opened = await self._open(visit)
        limit = self._desk.file_of("POST /v1/cases/{id}/evidence")
        return visit.show(
            "portal/case.html", status=status, opened=opened, case=opened.case, deeds=DEEDS,
            refused=refused, done=visit.query.get("done", ""), said_by=_said_by,
            file=visit.query.get("file", ""), types=limit.media_types,
            room=limit.limit / (1024 * 1024), Command=Command,
            may_ask=opened.case.state in OPEN, sort_of=sort_of,
        )

    async def ask(self, visit: Visit) -> web.Response:
        """Ask the shop a question."""
        return await self._said(visit, "POST /v1/cases/{id}/questions")

    async def answer(self, visit: Visit) -> web.Response:
        """Answer a question of the shop."""
        return await self._said(visit, "POST /v1/cases/{id}/questions/{question}/answer")

    async def _said(self, visit: Visit, route: str) -> web.Response:
        """Ask or answer; what refuses it is told on the case."""
        try:
            await self._desk.ask(
                visit.asker, route, path=dict(visit.path),
                body={"text": visit.form.get("text", "")},
            )
        except (GuardFailed, InvalidInput, IllegalTransition) as refused:
            return await self.shown(visit, status=422, refused=words_of(refused))
        return visit.go(f"{PORTAL}/cases/{quote(visit.path['id'], safe='')}?done=said")

    async def diagnosis(self, visit: Visit) -> web.Response:
        """Show the vendor's suggestions of a cause, and the one that is confirmed."""
        return await self._diagnosis(visit, ())

    async def suggest(self, visit: Visit) -> web.Response:
        """Suggest a cause, change it or argue about it; what refuses it is told on the page."""
        if refused := await self._causes.give(visit):
            return await self._diagnosis(visit, refused)
        return visit.go(f"{PORTAL}/cases/{quote(visit.path['id'], safe='')}/diagnosis?done=yes")

    async def _diagnosis(self, visit: Visit, refused: Sequence[str]) -> web.Response:
        opened = await self._open(visit)
        return visit.show(
            "portal/diagnosis.html", status=422 if refused else 200, opened=opened,
            case=opened.case, diagnosis=await self._causes.read(visit), branches=BRANCHES,
            refused=refused, given=visit.form if refused else {}, done="done" in visit.query,
        )

    async def form(self, visit: Visit) -> web.Response:
        """Show the form of a command, filled in with what is known already."""
        command = command_of(visit, DEEDS)
        opened = await self._open(visit)
        known = await self._cases.known_remedy(visit, command, opened.case)
        return self._ask(visit, opened, command, {**known, **_at_first(visit, command, opened)})

    async def give(self, visit: Visit) -> web.Response:
        """Give a command on the case as it was seen; what refuses it is told on the form."""
        command = command_of(visit, DEEDS)
        refused = await self._cases.give(visit, command)
        if refused is None:
            case_id = quote(visit.path["id"], safe="")
            return visit.go(f"{PORTAL}/cases/{case_id}?done={command.value}")
        opened = await self._open(visit)
        given = {**visit.form, "version": str(opened.case.version)}
        return self._ask(visit, opened, command, given, refused)

    def _ask(
        self, visit: Visit, opened: Opened, command: Command, given: dict[str, str],
        refused: Refusal | None = None,
    ) -> web.Response:
        """Show a form as it is filled in, on the case as it is now."""
        may = command in {one.command for one in opened.case.available_commands}
        changed = opened.changed(refused, visit.form.get("version", ""))
        return visit.show(
            "portal/command.html", status=status_of(refused, changed),
            opened=opened, case=opened.case, command=command, may=may, given=given,
            inputs=_inputs(command), needed=_needed(command), refused=words_of(refused),
            changed=changed, said_by=_said_by,
        )

    async def _open(self, visit: Visit) -> Opened:
        read = await self._cases.read(visit)
        return Opened(read.case, read.events, read.title, self._now())

    def pages(self) -> list[Page]:
        """Return the pages of cases."""
        everybody, command = Access.public(), f"{ONE}/do/{{command}}"
        causes = f"{ONE}/diagnosis"
        return [
            Page(method="GET", path=PORTAL, handler=self.listed, who=everybody),
            Page(method="GET", path=ONE, handler=self.show, who=everybody),
            Page(method="GET", path=command, handler=self.form, who=VENDORS),
            Page(method="POST", path=command, handler=self.give, who=VENDORS),
            Page(method="POST", path=f"{ONE}/questions", handler=self.ask, who=VENDORS),
            Page(method="GET", path=causes, handler=self.diagnosis, who=VENDORS),
            Page(method="POST", path=causes, handler=self.suggest, who=VENDORS),
            Page(method="POST", path=f"{causes}/{{cause}}/{{deed}}", handler=self.suggest,
                 who=VENDORS),
            Page(method="POST", path=f"{ONE}/questions/{{question}}/answer",
                 handler=self.answer, who=VENDORS),
        ]


def _turn(case: ListedCase) -> tuple[str, str, datetime] | None:
    """Return who comes next, with what, by when: the vendor before anybody else."""
    late = [one for one in case.overdue if sort_of(one.kind) in ASKED_OF_VENDORS]
    if late:
        return "yours_late", sort_of(late[0].kind), late[0].due_at
    ahead = case.next_deadline
    if ahead is None:
        return None
    sort = sort_of(ahead.kind)
    return "yours" if sort in ASKED_OF_VENDORS else "shop", sort, ahead.due_at


def _said_by(one: EventOut, asker: str) -> str:
    """Return who did something, by a name of the table `actor`."""
    if one.actor == f"person:{asker}":
        return "you"
    if one.actor == THE_VENDOR or one.actor.startswith("vendor:"):
        return "vendor"
    return "shop" if one.actor == THE_SHOP else "system"


def _inputs(command: Command) -> list[Input]:
    return inputs_of(command, arguments_of(command))


def _needed(command: Command) -> frozenset[str]:
    return NEEDED - {"comment"} if command.value in ALSO else NEEDED


def _at_first(visit: Visit, command: Command, opened: Opened) -> dict[str, str]:
    """Return what a form is filled in with: nobody is asked twice for what is known.

    Days are those of the reader, as on the page: west of Greenwich a day ends on the next one.
    """
    given = {"version": str(opened.case.version)}
    if command is Command.COMMIT_DATE and opened.commitment:
        due = datetime.fromisoformat(opened.commitment["date"])
        given["date"] = str(due.astimezone(ZoneInfo(visit.person.time_zone)).date())
    return given
