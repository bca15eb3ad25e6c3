"""The diagnosis of a case: suggested causes, what speaks for each, and cases like it."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from freezeguard.api.access import Access
from freezeguard.api.context import Context
from freezeguard.api.models.diagnosis import (
    AlikeOut,
    ArgueIn,
    BesideList,
    BesideOut,
    DiagnosisOut,
    JudgeIn,
    StatementOut,
    SuggestedOut,
    SuggestIn,
)
from freezeguard.api.models.fields import Name
from freezeguard.api.presenting import speaker
from freezeguard.api.routes.cases import case_id_of
from freezeguard.api.routing import AnyRoute, Call, Reply, Route
from freezeguard.domain.causes import (
    Cause,
    Change,
    Standing,
    Statement,
    confirmed_of,
    may_change,
    may_suggest,
    seen_by,
)
from freezeguard.domain.errors import InvalidInput, NotFound
from freezeguard.domain.people import Actor
from freezeguard.domain.record import Case
from freezeguard.ports.causes import Alike, Beside
from freezeguard.ports.storage import Transaction
from freezeguard.services.cases.casefile import files_for, visible_case
from freezeguard.services.cases.diagnosing import alike_for, beside, causes_for

_ERRORS = ("not_found", "not_allowed", "illegal_transition", "guard_failed")
_CAUSE: dict[str, Any] = {
    "id": "0197f6c2-7f5c-7a31-9d5e-3f2f6a1b2c3d", "branch": "material",
    "description": "Brittle resin in the handle.", "state": "supported",
    "whys": ["The handle tore.", "The resin was brittle.", "Its supplier changed the grade."],
    "evidence": [{"speaks": "for", "text": "6 of 20 handles broke below 40 N.",
                  "by": "person:quin", "at": "2026-11-22T10:00:00Z", "file": None,
                  "file_name": None}],
    "by_vendor": False, "made_by": "person:owen", "made_at": "2026-11-21T09:30:00Z",
    "changed_by": "person:quin", "changed_at": "2026-11-22T10:00:00Z", "version": 2,
    "may_change": True,
}


class Diagnosis:
    """Handlers of the diagnosis."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def show(self, call: Call[None]) -> Reply:
        """Return the diagnosis of a case."""
        actor, case_id = call.who, case_id_of(call.path["id"])

        async def work(tx: Transaction) -> DiagnosisOut:
            await tx.one_moment()
            case = await visible_case(tx, case_id, actor)
            found = await causes_for(tx, case.id, actor)
            names = await _names(tx, case, actor)
            confirmed = confirmed_of(found)
            return DiagnosisOut(
                case=str(case.id), may_suggest=may_suggest(case, actor),
                causes=[_present(one, case, actor, names) for one in found],
                root_cause=None if confirmed is None else confirmed.as_root_cause(),
                similar=[_like(one) for one in await alike_for(tx, case, actor)],
            )

        return Reply(await self._context.database.run(work))

    async def siblings(self, call: Call[None]) -> Reply:
        """List related items."""
        actor, case_id = call.who, case_id_of(call.path["id"])

        async def work(tx: Transaction) -> BesideList:
            case = await visible_case(tx, case_id, actor)
            return _listed(await beside(tx, case, self._context.now))

        return Reply(await self._context.database.run(work))

    async def share(self, call: Call[None]) -> Reply:
        """Send the confirmed cause to the owners of related items."""
        actor, case_id = call.who, case_id_of(call.path["id"])

        async def work(tx: Transaction) -> BesideList:
            _, told = await self._context.diagnosing.share(tx, case_id, actor)
            return _listed(told)

        return Reply(await self._context.database.run(work))

    async def suggest(self, call: Call[None, SuggestIn]) -> Reply:
        """Suggest a cause."""
        actor, body, case_id = call.who, call.body, case_id_of(call.path["id"])

        async def work(tx: Transaction) -> SuggestedOut:
            case, cause = await self._context.diagnosing.suggest(
                tx, case_id, body.branch, body.description, body.whys, actor
            )
            return await _shown(tx, case, cause, actor)

        return Reply(await self._context.database.run(work))

    async def change(self, call: Call[None, JudgeIn]) -> Reply:
        """Change a cause, or judge it."""
        actor, body = call.who, call.body
        case_id, cause_id = case_id_of(call.path["id"]), _id(call.path["cause"], "cause")
        wanted = Change(
            body.version, body.branch, body.description,
            None if body.state is None else Standing(body.state),
            None if body.whys is None else tuple(body.whys),
        )

        async def work(tx: Transaction) -> SuggestedOut:
            case, cause = await self._context.diagnosing.change(
                tx, case_id, cause_id, wanted, actor
            )
            return await _shown(tx, case, cause, actor)

        return Reply(await self._context.database.run(work))

    async def argue(self, call: Call[None, ArgueIn]) -> Reply:
        """Say what speaks for or against a cause."""
        actor, body = call.who, call.body
        case_id, cause_id = case_id_of(call.path["id"]), _id(call.path["cause"], "cause")
        file = None if body.file is None else _file_id(body.file)

        async def work(tx: Transaction) -> SuggestedOut:
            case, cause = await self._context.diagnosing.argue(
                tx, case_id, cause_id, speaks_for=body.speaks == "for", text=body.text, file=file,
                actor=actor,
            )
            return await _shown(tx, case, cause, actor)

        return Reply(await self._context.database.run(work))


def _id(text: str, what: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"There is no {what} {text}.") from None


def _file_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise InvalidInput("This is the id of no file.", pointer="/file") from None


async def _names(tx: Transaction, case: Case, actor: Actor) -> dict[str, str]:
    return {str(one.id): one.name for one in await files_for(tx, case.id, actor)}


async def _shown(tx: Transaction, case: Case, cause: Cause, actor: Actor) -> SuggestedOut:
    seen = seen_by(cause, actor)
    return _present(seen or cause, case, actor, await _names(tx, case, actor))


def _present(cause: Cause, case: Case, actor: Actor, names: Mapping[str, str]) -> SuggestedOut:
    return SuggestedOut.model_validate({
        "id": str(cause.id), "branch": cause.branch, "description": cause.text,
        "state": cause.standing.value, "whys": list(cause.whys),
        "evidence": [_statement(one, actor, names) for one in cause.statements],
        "by_vendor": cause.vendor is not None,
        "made_by": speaker(cause.made_by, actor, by_vendor=cause.vendor is not None),
        "made_at": cause.made_at,
        "changed_by": speaker(cause.changed_by, actor, by_vendor=False),
        "changed_at": cause.changed_at, "version": cause.version,
        "may_change": may_change(case, cause, actor),
    })  # fmt: skip


def _statement(one: Statement, actor: Actor, names: Mapping[str, str]) -> StatementOut:
    return StatementOut.model_validate({
        "speaks": "for" if one.speaks_for else "against", "text": one.text,
        "by": speaker(one.by, actor, by_vendor=one.vendor is not None), "at": one.at,
        "file": one.file, "file_name": None if one.file is None else names.get(one.file),
    })  # fmt: skip


def _listed(found: Sequence[Beside]) -> BesideList:
    return BesideList(
        items=[
            BesideOut(
                sku=one.sku, title=one.title, owner=one.owner, complaints=one.complaints,
                customers=one.customers, lots=list(one.lots),
                case=None if one.case is None else str(one.case), state=one.state,
            )
            for one in found
        ],
        next=None,
    )


def _like(one: Alike) -> AlikeOut:
    case, remedy = one.case, one.case.remedy if one.case.is_final else None
    told = one.cause or (None if remedy is None else remedy.get("cause"))
    same = {"sku": one.same_sku, "vendor": one.same_vendor, "category": one.same_category}
    return AlikeOut.model_validate({
        "id": str(case.id), "number": case.number, "sku": case.scope.sku, "state": case.state,
        "outcome": case.outcome, "opened_at": case.opened_at, "closed_at": case.closed_at,
        "same": [name for name, is_same in same.items() if is_same], "intents": list(one.intents),
        "lots": list(one.lots), "cause": told,
        "corrective_action": None if remedy is None else remedy.get("corrective_action"),
    })  # fmt: skip


def routes(context: Context) -> list[AnyRoute]:
    """Return the routes of the diagnosis."""
    diagnosis = Diagnosis(context)
    whole = "/v1/cases/{id}/diagnosis"
    related: dict[str, Any] = {
        "items": [{
            "sku": "KETTLE-18", "title": "Kettle 18", "owner": "mara", "complaints": 2,
            "customers": 2, "lots": ["L-7"], "case": None, "state": None,
        }],
        "next": None,
    }
    return [
        Route(
            method="GET", path="/v1/cases/{id}/siblings", handler=diagnosis.siblings, tag="Cases",
            summary="Related items, with their present complaints",
            description="Items of the same vendor that are of the same category, or complained of "
            "with a lot of this case, within 90 days; 20 at most, those with the most complaints "
            "first.",
            who=Access.staff(), result=BesideList, result_example=related, errors=("not_found",),
        ),
        Route(
            method="POST", path="/v1/cases/{id}/siblings/tell", handler=diagnosis.share,
            tag="Cases", summary="Pass the confirmed cause on to the owners of related items",
            description="Each owner gets one notice with all of its items. Once for a cause; for "
            "the owner of the case and managers of its category.",
            who=Access.staff(), result=BesideList, result_example=related,
            errors=("not_found", "not_allowed", "guard_failed"),
        ),
        Route(
            method="GET", path=whole, handler=diagnosis.show, tag="Cases",
            summary="Suggested causes, what speaks for and against each, and similar cases",
            description="Similar are cases of the same SKU, vendor or category (the latest 40 of "
            "each are looked at), those that share more lots and intents first. A vendor sees its "
            "own suggestions and its own cases, and the cause that is confirmed.",
            who=Access.person(), result=DiagnosisOut, errors=("not_found",),
            result_example={
                "case": "0197f6c2-7f5c-7a31-9d5e-3f2f6a1b2c3d", "may_suggest": True,
                "causes": [_CAUSE], "root_cause": None, "similar": [],
            },
        ),
        Route(
            method="POST", path=whole, handler=diagnosis.suggest, tag="Cases",
            summary="Suggest a cause",
            description="For the owner of the case, analysts, managers of its category and the "
            "vendor. It changes neither version nor evidence revision of the case.",
            who=Access.person(), body=SuggestIn, result=SuggestedOut, status=201, errors=_ERRORS,
            result_example=_CAUSE,
            examples={"material": {
                "branch": "material", "description": "Brittle resin in the handle.",
                "whys": ["The handle tore.", "The resin was brittle."],
            }},
        ),
        Route(
            method="POST", path=f"{whole}/{{cause}}", handler=diagnosis.change, tag="Cases",
            summary="Change a cause, its whys, or what is thought of it", parts={"cause": Name},
            description="The shop confirms a cause, on something that speaks for it, and one at a "
            "time; the vendor sees it from then on, and the form of the remedy is filled in with "
            "it. A vendor changes its own suggestions until then.",
            who=Access.person(), body=JudgeIn, result=SuggestedOut,
            errors=(*_ERRORS, "version_conflict"),
            examples={"confirm": {"version": 2, "state": "confirmed"}},
        ),
        Route(
            method="POST", path=f"{whole}/{{cause}}/evidence", handler=diagnosis.argue,
            tag="Cases", summary="Say what speaks for or against a cause", parts={"cause": Name},
            who=Access.person(), body=ArgueIn, result=SuggestedOut, status=201, errors=_ERRORS,
            description="With who said it and when; it may name a file of the case. It counts as "
            "an argument: evidence that approvers must see is a file on the case.",
            examples={"for": {"speaks": "for", "text": "6 of 20 handles broke below 40 N."}},
        ),
    ]
