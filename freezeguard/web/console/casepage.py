"""One case on one screen: why, since when, what obeys, what comes next; and every command on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from aiohttp import web

from freezeguard.api.access import Access
from freezeguard.api.models.answers import CaseOut, CommandOut, EventOut
from freezeguard.api.models.commands import arguments_of
from freezeguard.domain.errors import (
    GuardFailed,
    IllegalTransition,
    InvalidInput,
    NotFound,
    VersionConflict,
)
from freezeguard.domain.transitions import FROZEN_PHASE, Command
from freezeguard.web.commandforms import Input, arguments_from, inputs_of
from freezeguard.web.deeds import DEEDS, Deed
from freezeguard.web.desk import Desk
from freezeguard.web.pages import Page, Visit
from freezeguard.web.site import way_to_proof

LINES = 200


@dataclass(frozen=True, slots=True)
class Offered:
    """A command that the reader may give: how it is offered, and what it would still lack."""

    command: str
    deed: Deed
    unmet: Sequence[str]
    votes: int


@dataclass(frozen=True, slots=True)
class Opened:
    """A case as it was read for a page."""

    case: CaseOut
    events: Sequence[EventOut]
    title: str | None
    offers: Sequence[Offered]

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

    def since_version(self, version: int) -> list[EventOut]:
        """Return what has changed the case since somebody read it."""
        return [one for one in self.events if one.version > version]

    def offer(self, command: str) -> Offered | None:
        """Return a command, where the reader may give it now."""
        return next((one for one in self.offers if one.command == command), None)


class CasePages:
    """Handlers of a case."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def show(self, visit: Visit) -> web.Response:
        """Show a case."""
        opened, case_id = await self._open(visit), {"id": visit.path["id"]}
        done = DEEDS.get(visit.query.get("done", ""))  # type: ignore[call-overload]
        chart = await self._desk.ask(visit.asker, "GET /v1/cases/{id}/chart", path=case_id)
        causes = await self._desk.ask(visit.asker, "GET /v1/cases/{id}/causes", path=case_id)
        return visit.show(
            "case.html", opened=opened, case=opened.case, done=done, chart=chart, causes=causes
        )

    async def form(self, visit: Visit) -> web.Response:
        """Show the form of a command, with what it does and what it would still lack."""
        command = _command_of(visit)
        if DEEDS[command].lets_sell and not visit.is_proven:
            return visit.go(way_to_proof(str(visit.request.rel_url)))
        opened = await self._open(visit)
        return self._ask(visit, opened, command, _at_first(visit, opened.case))

    async def give(self, visit: Visit) -> web.Response:
        """Give a command on the case as the reader saw it; what refuses it is told on the form."""
        command = _command_of(visit)
        if DEEDS[command].lets_sell and not visit.is_proven:
            return visit.go(way_to_proof(visit.request.path))
        inputs = inputs_of(command, arguments_of(command))
        body = {"command": command.value, **arguments_from(inputs, visit.form)}
        if version := visit.form.get("version"):
            body["version"] = int(version) if version.isdecimal() else version
        case_id = visit.path["id"]
        try:
            await self._desk.ask(
                visit.asker, "POST /v1/cases/{id}/commands", path={"id": case_id}, body=body
            )
        except (GuardFailed, InvalidInput, VersionConflict, IllegalTransition) as refused:
            return await self._refused(visit, command, refused)
        return visit.go(f"/console/cases/{quote(case_id)}?done={command.value}")

    async def _refused(
        self, visit: Visit, command: Command, refused: Exception
    ) -> web.Response:
        """Show the form again, with what was filled in, on the case as it is now."""
        opened = await self._open(visit)
        seen = visit.form.get("version", "")
        changed: Sequence[EventOut] = ()
        if isinstance(refused, VersionConflict) and seen.isdecimal():
            changed = opened.since_version(int(seen))
        given = {**visit.form, **_seen_now(opened.case)}
        return self._ask(visit, opened, command, given, refused=refused, changed=changed)

    def _ask(
        self, visit: Visit, opened: Opened, command: Command, given: dict[str, Any], *,
        refused: Exception | None = None, changed: Sequence[EventOut] = (),
    ) -> web.Response:
        return visit.show(
            "command.html", status=200 if refused is None else 409 if changed else 422,
            opened=opened, case=opened.case, command=command, deed=DEEDS[command],
            offer=opened.offer(command), inputs=_inputs(command, opened.case), given=given,
            refused=_words_of(refused), changed=changed,
        )

    async def _open(self, visit: Visit) -> Opened:
        case_id = {"id": visit.path["id"]}
        case: CaseOut = await self._desk.ask(visit.asker, "GET /v1/cases/{id}", path=case_id)
        timeline = await self._desk.ask(
            visit.asker, "GET /v1/cases/{id}/timeline", path=case_id, query={"limit": LINES}
        )
        return Opened(case, timeline.items, await self._title(visit, case), _offers(case))

    async def _title(self, visit: Visit, case: CaseOut) -> str | None:
        try:
            sku = await self._desk.ask(
                visit.asker, "GET /v1/skus/{sku}", path={"sku": case.scope.sku}
            )
        except NotFound:
            return None
        return str(sku.title) if sku.title else None


def _command_of(visit: Visit) -> Command:
    try:
        command = Command(visit.path["command"])
    except ValueError:
        raise NotFound("There is no such command.") from None
    if command not in DEEDS:
        raise NotFound("This command is given by freezeguard itself.")
    return command


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
    command = Command(one.command)
    return Offered(command.value, DEEDS[command], one.unmet, one.votes)


def _inputs(command: Command, case: CaseOut) -> list[Input]:
    """Return the fields of a command; where every catalogue obeys there is nothing to name."""
    inputs = inputs_of(command, arguments_of(command))
    return [one for one in inputs if case.degraded or one.name != "unconfirmed"]


def _seen_now(case: CaseOut) -> dict[str, Any]:
    return {"version": str(case.version), "evidence_revision": str(case.evidence_revision)}


def _at_first(visit: Visit, case: CaseOut) -> dict[str, Any]:
    """Return what a form is filled in with: what the page says, and what its address names."""
    return {**visit.query, **_seen_now(case)}


def _words_of(refused: Exception | None) -> list[str]:
    match refused:
        case None:
            return []
        case GuardFailed():
            return list(refused.missing)
        case InvalidInput() if hasattr(refused, "errors"):
            return [f"{one.pointer or ''}: {one.detail}".lstrip(": ") for one in refused.errors]
        case _:
            return [str(refused)]


def pages(desk: Desk) -> list[Page]:
    """Return the pages of a case."""
    case, staff = CasePages(desk), Access.staff()
    one, command = "/console/cases/{id}", "/console/cases/{id}/do/{command}"
    return [
        Page(method="GET", path=one, handler=case.show, who=staff),
        Page(method="GET", path=command, handler=case.form, who=staff),
        Page(method="POST", path=command, handler=case.give, who=staff),
    ]


