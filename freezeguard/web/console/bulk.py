"""One command for many cases: each for itself, at the version that was seen, with its own result.

Approvals are not among them: whoever approves decides on the evidence of one case.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from freezeguard.api.access import Access
from freezeguard.api.models.answers.cases import CaseOut
from freezeguard.api.models.commands import arguments_of
from freezeguard.domain.errors import (
    FreezeguardError,
    GuardFailed,
    IllegalTransition,
    InvalidInput,
    NotFound,
    VersionConflict,
)
from freezeguard.domain.transitions import Command
from freezeguard.web.casedesk import command_of, words_of
from freezeguard.web.commandforms import arguments_from, inputs_of
from freezeguard.web.deeds import DEEDS
from freezeguard.web.desk import Desk
from freezeguard.web.pages import Page, Visit

MOST: Final = 50
"""So many cases at once."""
ALTOGETHER: Final = 20.0
"""Seconds after which no further case is begun: whoever waits is told what was done by then."""

BULK: Mapping[Command, str] = {
    Command.ACCEPT_OWNERSHIP: "Take them on",
    Command.ACCEPT_HAND_OFF: "Take them over",
    Command.HAND_OFF: "Hand them off",
    Command.COMMENT: "Comment on them",
}
"""What may be done to many cases at once, and what its button says."""


@dataclass(frozen=True, slots=True)
class Ticked:
    """A case that was ticked, as it is now; `unmet` says why the command can't be given."""

    case: CaseOut
    unmet: Sequence[str]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one case; `refused` is empty where it was done."""

    case_id: str
    name: str
    refused: Sequence[str]


class BulkPages:
    """Handlers of commands for many cases."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def form(self, visit: Visit) -> web.Response:
        """Show what was ticked, as it is now, and ask for what the command needs."""
        return await self._page(visit, _bulk_command(visit), _ids(visit.request.query), {}, ())

    async def give(self, visit: Visit) -> web.Response:
        """Give the command to one case after the other; show what became of each."""
        command = _bulk_command(visit)
        versions = dict(one.partition(":")[::2] for one in _ids_of(visit.form.every("case")))
        names = dict(one.partition(":")[::2] for one in visit.form.every("name"))
        clock = asyncio.get_running_loop().time
        ends, results = clock() + ALTOGETHER, []
        for case_id, version in versions.items():
            refused: Sequence[str] = ["It was not tried: the cases before it took too long."]
            if clock() < ends:
                refused = await self._one(visit, command, case_id, version)
            results.append(Result(case_id, names.get(case_id, case_id), refused))
        left = [one.case_id for one in results if one.refused]
        return await self._page(visit, command, left, visit.form, results)

    async def _one(
        self, visit: Visit, command: Command, case_id: str, version: str
    ) -> Sequence[str]:
        """Give the command to one case, in a transaction of its own; return what refused it."""
        body: dict[str, Any] = {
            "command": command.value, "version": int(version) if _is_number(version) else version,
            **arguments_from(inputs_of(command, arguments_of(command)), visit.form),
        }
        try:
            await self._desk.ask(
                visit.asker, "POST /v1/cases/{id}/commands", path={"id": case_id}, body=body
            )
        except VersionConflict:
            return ["It has changed since you saw it."]
        except (GuardFailed, InvalidInput, IllegalTransition) as refused:
            return words_of(refused)
        except FreezeguardError as refused:
            return [refused.detail]
        return ()

    async def _page(
        self, visit: Visit, command: Command, ids: Sequence[str], given: Mapping[str, str],
        results: Sequence[Result],
    ) -> web.Response:
        ticked = [one for case_id in ids if (one := await self._read(visit, command, case_id))]
        return visit.show(
            "bulk.html", command=command, deed=DEEDS[command], results=results,
            ready=[one for one in ticked if not one.unmet],
            others=[one for one in ticked if one.unmet],
            inputs=inputs_of(command, arguments_of(command)), given=given,
        )

    async def _read(self, visit: Visit, command: Command, case_id: str) -> Ticked | None:
        """Return a case as it is now; None where there is none, or not for this reader."""
        try:
            case = await self._desk.ask(visit.asker, "GET /v1/cases/{id}", path={"id": case_id})
        except NotFound:
            return None
        offered = any(one.command == command for one in case.available_commands)
        unmet = () if offered else ("Not now, or not yours to do.",)
        return Ticked(case, unmet)


def _bulk_command(visit: Visit) -> Command:
    """Return the command of the address. Raises NotFound for one that is not for many cases."""
    return command_of(visit, BULK)


def _ids(query: Any) -> list[str]:
    return _ids_of(query.getall("case", []))


def _ids_of(ticked: Sequence[str]) -> list[str]:
    """Return what was ticked, each once. Raises InvalidInput for too much at once."""
    each = list(dict.fromkeys(ticked))
    if len(each) > MOST:
        raise InvalidInput(f"At most {MOST} cases at once; {len(each)} were ticked.")
    return each


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def pages(desk: Desk) -> list[Page]:
    """Return the pages of commands for many cases."""
    bulk, staff, address = BulkPages(desk), Access.staff(), "/console/bulk/{command}"
    return [
        Page(method="GET", path=address, handler=bulk.form, who=staff),
        Page(method="POST", path=address, handler=bulk.give, who=staff),
    ]
