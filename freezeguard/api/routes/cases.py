"""Cases: the queue, one case whole, its history, and commands on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from freezeguard.api.access import Access
from freezeguard.api.context import Context
from freezeguard.api.cursors import (
    read_cursor,
    read_number,
    read_ranked_cursor,
    whole_minute,
    write_cursor,
    write_ranked_cursor,
)
from freezeguard.api.models.answers.cases import CaseList, CaseOut, EventOut, ListedCase, Timeline
from freezeguard.api.models.commands import ARGUMENTS, arguments_of
from freezeguard.api.models.requests import CasesQuery, CommandIn, LinesQuery
from freezeguard.api.presenting import present_case, present_listed
from freezeguard.api.refusals import InvalidFields, field_errors
from freezeguard.api.routing import AnyRoute, Call, Reply, Route
from freezeguard.domain.errors import NotAllowed, NotFound
from freezeguard.domain.people import Actor, Person, is_vendor
from freezeguard.domain.record import Case
from freezeguard.domain.transitions import Command
from freezeguard.ports.rows import CaseEvent, CaseFilter, Clock, Harm, QueuePlace, Ranked
from freezeguard.ports.storage import Transaction
from freezeguard.services.cases.aftermath import Aftermath
from freezeguard.services.cases.casefile import clocks_for, visible_case
from freezeguard.services.cases.days import end_of_day
from freezeguard.services.cases.queue import awaited
from freezeguard.services.detecting.evaluation import Evaluated
from freezeguard.services.vendorsview import event_for_vendor, history_for

READERS = Access.person() | Access.catalogue()

_SEEN = {"version": 4}
_EXAMPLES: Mapping[Command, dict[str, Any]] = {
    Command.APPROVE: {
        "version": 7, "evidence_revision": 2, "comment": "The tear test is convincing.",
    },
    Command.COMMENT: {"comment": "Samples are on the way."},
    Command.ACCEPT_OWNERSHIP: {**_SEEN, "comment": "I call the vendor today."},
    Command.PROPOSE_REMEDY: {
        **_SEEN,
        "remedy": {
            "cause": {
                "branch": "material",
                "description": "Brittle resin in the handle.",
                "proof": "Tear test of 20 handles of lot L-7: 6 broke below 40 N.",
            },
            "containment": {
                "own_stock": "40 units of lot L-7 quarantined.",
                "vendor_stock": "Lot L-7 withdrawn.",
                "in_transit": "Container 9 stopped at the port.",
            },
            "corrective_action": "Resin of another grade since lot L-8.",
            "preventive_action": "Tear test of every incoming batch of resin.",
            "affected_lots": ["L-7"],
        },
    },
    Command.RETURN_REMEDY: {
        **_SEEN, "missing": ["a tear test of lot L-8", "what becomes of the 40 units in stock"],
    },
    Command.REQUEST_APPROVAL: {
        **_SEEN,
        "verification": {
            "kind": "inspection", "result": "50 units of lot L-8 inspected, none failed.",
        },
    },
    Command.REJECT_APPROVAL: {**_SEEN, "reason": "The proof is of another lot."},
    Command.DECLARE_FALSE_ALARM: {**_SEEN, "reason_code": "wrong_item"},
    Command.FREEZE: {**_SEEN, "reason_code": "defective", "comment": "The third caller today."},
    Command.DISMISS: {**_SEEN, "reason": "A display fault, the item is sound."},
    Command.RESOLVE_TASK: {
        **_SEEN, "catalogue": "shop", "remote_id": "p000001", "note": "Taken off by hand.",
    },
    Command.ATTACH_EVIDENCE: _SEEN,
    Command.ACKNOWLEDGE: {**_SEEN, "comment": "We have it and are looking into it."},
    Command.COMMIT_DATE: {**_SEEN, "date": "2027-01-15T12:00:00Z", "comment": "New resin."},
    Command.CONTEST: {**_SEEN, "reason": "Lot L-7 was never sold to you: see invoice 4711."},
    Command.ANSWER_CONTEST: {**_SEEN, "reason": "Two of the five are of lot L-6, which was."},
    Command.WAIVE: {
        **_SEEN, "catalogue": "shop", "remote_id": "p000001", "until": "2027-01-15T12:00:00Z",
        "reason": "The kiosk is closed until then.",
    },
    Command.UNWAIVE: {
        **_SEEN, "catalogue": "shop", "remote_id": "p000001", "reason": "It opens early.",
    },
    Command.DELIST: {**_SEEN, "reason": "No remedy in three rounds."},
    Command.APPEAL: {**_SEEN, "new_facts": "The test house found the fault in another batch."},
    Command.REOPEN: {**_SEEN, "reason": "The report is new and sound."},
    Command.UPHOLD: {**_SEEN, "reason": "The report is of another model."},
    Command.WIDEN: {**_SEEN, "scope": {}, "reason": "A second lot is hit."},
    Command.NARROW: {
        **_SEEN, "scope": {"lot": "L-7"}, "reason": "All complaints name lot L-7.",
        "evidence_revision": 3,
    },
    Command.REGISTER_ORDER: {
        **_SEEN, "authority": "Market surveillance", "document": "MS-2026-118.pdf",
        "jurisdiction": "EU",
    },
    Command.REGISTER_REVOCATION: {**_SEEN, "document": "MS-2026-131.pdf"},
    Command.RECORD_ACTION: {
        "clock": "gpsr_order", "action": "Stopped everywhere; the authority was told by mail.",
    },
    Command.MERGE: {**_SEEN, "into": "41", "reason": "The same resin in both lots."},
    Command.HAND_OFF: {**_SEEN, "to": "mara", "reason": "I am away for two weeks."},
    Command.ACCEPT_HAND_OFF: _SEEN,
    Command.EXTEND_DEADLINE: {
        **_SEEN, "clock": "vendor_date", "until": "2027-02-01T12:00:00Z",
        "reason": "The test house is closed until then.",
    },
    Command.REVIEW: {
        **_SEEN, "verdict": "right", "comment": "For what was known, it was right to stop.",
    },
}
"""One body per command, with all that a decision needs."""


class GivenCommand(CommandIn):
    """A command on a case. What else it needs depends on it; see `available_commands`."""

    model_config = ConfigDict(title="CaseCommand")

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Add what each command takes besides: one alternative per command."""
        reference = handler(core_schema)
        schema = handler.resolve_ref_schema(reference)
        version = schema["properties"]["version"]
        schema["oneOf"] = [
            _alternative(command, model, version, handler) for command, model in ARGUMENTS.items()
        ]
        schema["oneOf"].append(_ANY_OTHER)
        return reference


_ANY_OTHER: JsonSchemaValue = {
    "title": "Any other command",
    "description": "Given by freezeguard itself: always refused.",
    "properties": {"command": {"enum": sorted(set(Command) - ARGUMENTS.keys())}},
}


def _alternative(
    command: Command, model: type[BaseModel], version: JsonSchemaValue,
    handler: GetJsonSchemaHandler,
) -> JsonSchemaValue:
    """Return the schema of a body with this command and its arguments, and nothing else."""
    arguments = handler.resolve_ref_schema(handler(model.__pydantic_core_schema__))
    return {
        "title": command.value,
        "description": arguments.get("description", ""),
        "properties": {
            "command": {"const": command.value}, "version": version, **arguments["properties"],
        },
        "required": ["command", *arguments.get("required", [])],
        "additionalProperties": False,
    }


def _arguments_in_words() -> str:
    """Name the arguments of each command, as a sentence."""
    lists = [
        f"`{command.value}`: {', '.join(f'`{name}`' for name in model.model_fields)}"
        for command, model in ARGUMENTS.items()
    ]
    return f"Arguments stand beside `command` and `version`. {'; '.join(lists)}."


QUEUE = """With `order=harm` open cases come in the order in which somebody should look at them:
harm times age. The rank of a case is the product of

- its lane: 100 for safety and authority, 1 for quality;
- its worst complaint: minor 1, major 2, critical 4, safety 8;
- its people: 1 + the distinct customers whose complaints still count (none after a false alarm);
- their share: from 1 up to 5, where there is a customer for every unit that was shipped (of its
  scope, from 90 days before it was opened on); 1 where no units are known;
- its money: 1 + the decimal logarithm of 1 + the price of the item + what the contacts cost;
- what is late: 1 + half of the number of clocks past their time, at most 3;
- its age: 1 + the days since it was opened.

`harm` of each says what these were. They are counted behind the scenes, some seconds after a
complaint; age and clocks are those of the minute in which the first page was asked for, on every
further page too. A case about which something happens between two pages may be on both, or on none:
begin anew for what is true now."""


async def _with_what_is_due(
    tx: Transaction, found: Sequence[Case]
) -> tuple[list[Clock], dict[UUID, datetime]]:
    ids = [one.id for one in found]
    return await tx.cases.running_clocks(ids), await tx.cases.states_since(ids)


def _filter(query: CasesQuery, actor: Actor, now: datetime) -> CaseFilter | None:
    """Return what is asked for, of what is the reader's; None where that can be nothing."""
    person = actor if isinstance(actor, Person) else None
    own = person.vendor if person is not None and not person.is_staff else None
    if own is not None and query.vendor not in {None, own}:
        return None
    if query.mine and (person is None or own is not None):
        return None  # no machine owns a case or agrees to anything, and no vendor does
    areas = person.areas if person is not None and query.my_areas else frozenset()
    if areas and query.category not in {None, *areas}:
        return None
    return CaseFilter(
        states=tuple(query.state.split(",")) if query.state else (),
        sku=query.sku,
        vendor=query.vendor if own is None else own,
        owner=query.owner,
        categories=tuple(sorted(areas)) if query.category is None else (query.category,),
        lanes=() if query.lane is None else (query.lane,),
        degraded=query.degraded,
        awaiting=awaited(person, now) if query.mine and person is not None else None,
        open_only=bool(query.open),
        overdue_at=now if query.overdue else None,
        known_to_vendor=own is not None,
        before=read_cursor(query.cursor) if query.order == "newest" else None,
        limit=query.limit + 1,
    )


async def _listed(
    tx: Transaction, wanted: CaseFilter
) -> tuple[list[Case], tuple[list[Clock], dict[UUID, datetime]]]:
    found = await tx.cases.listed(wanted)
    return found, await _with_what_is_due(tx, found)


async def _queued(
    tx: Transaction, wanted: CaseFilter, place: QueuePlace
) -> tuple[list[Ranked], tuple[list[Clock], dict[UUID, datetime]]]:
    found = await tx.cases.queue(wanted, place)
    return found, await _with_what_is_due(tx, [one.case for one in found])


def _place(cursor: str | None, now: datetime) -> QueuePlace:
    if cursor is None:
        return QueuePlace(whole_minute(now))
    return QueuePlace(*read_ranked_cursor(cursor))


@dataclass(frozen=True, slots=True)
class _Due:
    """What is due of the cases of a page."""

    clocks: Sequence[Clock]
    since: Mapping[UUID, datetime]
    actor: Actor
    now: datetime

    def present(self, case: Case, harm: Harm | None = None) -> ListedCase:
        """Return a case of the page as its reader may see it."""
        running = [one for one in clocks_for(self.clocks, self.actor) if one.case_id == case.id]
        since = self.since.get(case.id)
        return present_listed(case, self.actor, running, since, self.now, harm)


async def _ends(tx: Transaction, days: Mapping[str, date], actor: Actor) -> dict[str, str]:
    """Return the moments that days mean to whoever names them."""
    return {name: (await end_of_day(tx, day, actor)).isoformat() for name, day in days.items()}


class Cases:
    """Handlers of cases."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def listed(self, call: Call[CasesQuery]) -> Reply:
        """List cases; a vendor's person sees the vendor's own."""
        query, actor, now = call.query, call.who, self._context.now()
        if query.order == "harm" and is_vendor(actor):
            raise NotAllowed("`order=harm` is for the shop: what it weighs is not a vendor's.")
        wanted = _filter(query, actor, now)
        if wanted is None:
            return Reply(CaseList(items=[], next=None))
        if query.order == "harm":
            return await self._queue(query, wanted, actor, now)
        found, (clocks, since) = await self._context.database.run(
            lambda tx: _listed(tx, wanted)
        )
        page = found[: query.limit]
        after = write_cursor(page[-1].opened_at, page[-1].id) if len(found) > len(page) else None
        due = _Due(clocks, since, actor, now)
        return Reply(CaseList(items=[due.present(one) for one in page], next=after))

    async def _queue(
        self, query: CasesQuery, wanted: CaseFilter, actor: Actor, now: datetime
    ) -> Reply:
        place = _place(query.cursor, now)
        found, (clocks, since) = await self._context.database.run(
            lambda tx: _queued(tx, wanted, place)
        )
        page = found[: query.limit]
        after = None
        if len(found) > len(page):
            after = write_ranked_cursor(place.at, page[-1].harm.rank, page[-1].case.id)
        due = _Due(clocks, since, actor, now)
        items = [due.present(one.case, one.harm) for one in page]
        return Reply(CaseList(items=items, next=after))

    async def one(self, call: Call[None]) -> Reply:
        """Return one case whole."""
        context, actor, case_id = self._context, call.who, case_id_of(call.path["id"])

        async def work(tx: Transaction) -> CaseOut:
            await tx.one_moment()  # state, objects, tasks and notices fit together
            case = await visible_case(tx, case_id, actor)
            return present_case(await context.casefiles.open(tx, case, actor), actor)

        case = await context.database.run(work)
        return Reply(case)

    async def timeline(self, call: Call[LinesQuery]) -> Reply:
        """Return the history of a case."""
        actor, case_id = call.who, case_id_of(call.path["id"])
        after = read_number(call.query.cursor) or 0

        async def work(tx: Transaction) -> list[CaseEvent]:
            await visible_case(tx, case_id, actor)
            return await tx.cases.events(case_id)

        history = history_for(await self._context.database.run(work), actor)
        events = [one for one in history if one.n > after]
        page = events[: call.query.limit]
        more = str(page[-1].n) if len(events) > len(page) else None
        return Reply(Timeline(items=[present_event(one, actor) for one in page], next=more))

    async def command(self, call: Call[None, GivenCommand]) -> Reply:
        """Run a command and return the case."""
        context, actor, body = self._context, call.who, call.body
        case_id = case_id_of(call.path["id"])
        arguments = await self._arguments(case_id, body, actor)

        async def work(tx: Transaction) -> tuple[Aftermath, Evaluated | None]:
            return await context.commands.run(
                tx, case_id, body.command, version=body.version, arguments=arguments, actor=actor
            )

        aftermath, evaluated = await context.database.run(work)
        context.aftercare([aftermath, *(evaluated.aftermaths if evaluated else ())])
        file = await context.casefile(aftermath.case, actor)
        return Reply(present_case(file, actor))

    async def _arguments(self, case_id: UUID, body: GivenCommand, actor: Actor) -> dict[str, Any]:
        """Check the types of a command's arguments; whatever else refuses it comes first."""
        try:
            checked = arguments_of(body.command).model_validate(dict(body.arguments))
        except ValidationError as refused:
            await self._context.database.run(
                lambda tx: self._context.commands.refuse_first(
                    tx, case_id, body.command, version=body.version, actor=actor
                )
            )
            raise InvalidFields(field_errors(refused)) from None
        days = {name: one for name, one in checked if type(one) is date}
        moments = await self._context.database.run(
            lambda tx: _ends(tx, days, actor)
        ) if days else {}
        return {**checked.model_dump(mode="json", exclude_none=True), **moments}


def case_id_of(text: str) -> UUID:
    """Read the id of a case from an address. Raises NotFound."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"There is no case {text}.") from None


def present_event(one: CaseEvent, actor: Actor) -> EventOut:
    """Return one line of a history as this reader may see it."""
    by, arguments = one.actor, dict(one.arguments)
    if is_vendor(actor):
        by, arguments = event_for_vendor(one, actor)
    return EventOut(
        n=one.n, at=one.at, actor=by, command=one.command, from_state=one.from_state,
        to_state=one.to_state, version=one.version, evidence_revision=one.evidence_revision,
        arguments=arguments,
    )


def routes(context: Context) -> list[AnyRoute]:
    """Return the routes of cases."""
    cases = Cases(context)
    return [
        Route(
            method="GET", path="/v1/cases", handler=cases.listed, tag="Cases",
            summary="List cases", description=QUEUE, who=READERS, query=CasesQuery,
            result=CaseList,
        ),
        Route(
            method="GET", path="/v1/cases/{id}", handler=cases.one, tag="Cases",
            summary="One case, with evidence, enforcement, notices, clocks and what you may do",
            who=READERS, result=CaseOut, errors=("not_found",),
        ),
        Route(
            method="GET", path="/v1/cases/{id}/timeline", handler=cases.timeline, tag="Cases",
            summary="The history of a case", who=READERS, query=LinesQuery, result=Timeline,
            errors=("not_found",),
        ),
        Route(
            method="POST", path="/v1/cases/{id}/commands", handler=cases.command, tag="Cases",
            summary="Give a command",
            description="Refused in this order: 404 unknown or not yours, 403 not_allowed, 409 "
            "version_conflict, 409 illegal_transition, 422 guard_failed with what is missing. "
            "Commands that freezeguard itself gives are always refused.\n\n"
            f"{_arguments_in_words()} `oneOf` in the schema of the body has the type of each; "
            "`available_commands` of a case says which you may give and what is still missing.",
            who=Access.person(), body=GivenCommand, result=CaseOut,
            errors=(
                "not_found", "not_allowed", "version_conflict", "illegal_transition",
                "guard_failed",
            ),
            examples={
                command.value: {"command": command.value, **arguments}
                for command, arguments in _EXAMPLES.items()
            },
        ),
    ]
