"""A case as a page reads it, and commands as forms give them: for staff and vendors alike."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from freezeguard.api.models.answers.cases import CaseOut, EventOut
from freezeguard.api.models.commands import arguments_of
from freezeguard.domain.errors import (
    GuardFailed,
    IllegalTransition,
    InvalidInput,
    NotFound,
    VersionConflict,
)
from freezeguard.domain.transitions import Command
from freezeguard.web.commandforms import arguments_from, inputs_of
from freezeguard.web.desk import Desk
from freezeguard.web.pages import Visit

LINES, PAGES = 200, 20
"""Of a history: so many lines are read at a time, and so many times at most."""

Refusal = GuardFailed | InvalidInput | VersionConflict | IllegalTransition
"""What a form tells, instead of a page of its own."""


@dataclass(frozen=True, slots=True)
class Read:
    """A case with its history, oldest first, and what its item is called."""

    case: CaseOut
    events: Sequence[EventOut]
    title: str | None

    def changed(self, refused: Refusal | None, seen: str) -> list[EventOut]:
        """Return what has changed the case since the version that somebody saw.

        Nothing where that is not why they were refused.
        """
        if not isinstance(refused, VersionConflict) or not seen.isdecimal():
            return []
        return [one for one in self.events if one.version > int(seen)]


class CaseDesk:
    """Reads cases in the name of whoever opens a page, and gives their commands."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def read(self, visit: Visit) -> Read:
        """Return the case that the address names. Raises NotFound, also for another's."""
        case_id = {"id": visit.path["id"]}
        case: CaseOut = await self._desk.ask(visit.asker, "GET /v1/cases/{id}", path=case_id)
        return Read(case, await self._history(visit, case_id), await self._title(visit, case))

    async def give(self, visit: Visit, command: Command) -> Refusal | None:
        """Give a command as its form was filled in; return what refused it, None where it is done.

        Raises what no form can mend: NotFound, NotAllowed, Unavailable.
        """
        inputs = inputs_of(command, arguments_of(command))
        body = {"command": command.value, **arguments_from(inputs, visit.form)}
        if version := visit.form.get("version"):
            body["version"] = int(version) if version.isdecimal() else version
        try:
            await self._desk.ask(
                visit.asker, "POST /v1/cases/{id}/commands", path={"id": visit.path["id"]},
                body=body,
            )
        except (GuardFailed, InvalidInput, VersionConflict, IllegalTransition) as refused:
            return refused
        return None

    async def known_remedy(
        self, visit: Visit, command: Command, case: CaseOut
    ) -> dict[str, str]:
        """Return what the form of a remedy is filled in with: nobody types twice what is known.

        What was proposed before, else the lots that were complained of; over it the cause that
        is confirmed. Nothing for other commands.
        """
        if command is not Command.PROPOSE_REMEDY:
            return {}
        diagnosis = await self._desk.ask(
            visit.asker, "GET /v1/cases/{id}/diagnosis", path={"id": visit.path["id"]}
        )
        lots = {"affected_lots": sorted(case.evidence.by_lot)} if case.evidence.by_lot else {}
        known = dict(case.remedy or lots)
        if diagnosis.root_cause is not None:
            found = {name: one for name, one in diagnosis.root_cause.items() if one}
            known["cause"] = {**(known.get("cause") or {}), **found}
        return flat("remedy", known)

    async def _history(self, visit: Visit, case_id: Mapping[str, str]) -> list[EventOut]:
        """Return the whole history: what happened last stands on its last page."""
        events: list[EventOut] = []
        cursor: str | None = None
        for _ in range(PAGES):
            page = await self._desk.ask(
                visit.asker, "GET /v1/cases/{id}/timeline", path=case_id,
                query={"limit": LINES, "cursor": cursor},
            )
            events += page.items
            cursor = page.next
            if cursor is None:
                break
        return events

    async def _title(self, visit: Visit, case: CaseOut) -> str | None:
        try:
            sku = await self._desk.ask(
                visit.asker, "GET /v1/skus/{sku}", path={"sku": case.scope.sku}
            )
        except NotFound:
            return None
        return str(sku.title) if sku.title else None


def flat(name: str, value: Any) -> dict[str, str]:
    """Return a part of a case as the fields of a form: `remedy.cause.proof`."""
    if isinstance(value, Mapping):
        return {
            path: text
            for key, one in value.items() for path, text in flat(f"{name}.{key}", one).items()
        }
    if isinstance(value, list):
        return {name: "\n".join(map(str, value))}
    return {name: str(value)} if value is not None else {}


def command_of(visit: Visit, offered: Container[Command]) -> Command:
    """Return the command that an address names. Raises NotFound for one that no page offers."""
    try:
        command = Command(visit.path["command"])
    except ValueError:
        raise NotFound("There is no such command.") from None
    if command not in offered:
        raise NotFound("This command is not given on these pages.")
    return command


def status_of(refused: Refusal | None, changed: Sequence[EventOut]) -> int:
    """Return the HTTP status of a form that is shown, or shown again."""
    if refused is None:
        return 200
    return 409 if changed else 422


def words_of(refused: Refusal | None) -> list[str]:
    """Return what a refusal says, a sentence for each thing; nothing where there was none."""
    match refused:
        case None:
            return []
        case GuardFailed():
            return list(refused.missing)
        case InvalidInput() if hasattr(refused, "errors"):
            return [f"{one.pointer or ''}: {one.detail}".lstrip(": ") for one in refused.errors]
        case _:
            return [str(refused)]
