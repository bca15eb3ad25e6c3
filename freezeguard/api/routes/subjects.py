"""The rights of data subjects: what is held about a person, and erasing it."""

from typing import Any

from freezeguard.api.access import Access
from freezeguard.api.context import Context
from freezeguard.api.models.subjects import (
    ErasureIn,
    ErasureOut,
    FileToReadOut,
    HeldOut,
    SubjectExport,
    SubjectIn,
)
from freezeguard.api.routing import AnyRoute, Call, Reply, Route
from freezeguard.domain.people import Role
from freezeguard.ports.privacy import FileToRead
from freezeguard.services.records.subjects import Asked, Held


class DataSubjects:
    """Handlers of requests of data subjects."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def export(self, call: Call[None, SubjectIn]) -> Reply:
        """Return everything that is held about a person."""
        sent = call.body
        export = await self._context.subjects.export(Asked(sent.reference, sent.kind), call.who)
        shown = SubjectExport(
            reference=sent.reference, kind=sent.kind, made_at=self._context.now(),
            looked_for=list(export.search.looked_for),
            not_searched=list(export.search.not_searched),
            found={one.place.name: len(one.items) for one in export.places},
            files=[_file(one) for one in export.files],
            places=[_held(one) for one in export.places],
        )
        # What is kept for a repeat must not be one more place to erase.
        kept: dict[str, Any] = {"reference": "", "files": [], "places": None}
        return Reply(shown, kept=shown.model_copy(update=kept))

    async def erase(self, call: Call[None, ErasureIn]) -> Reply:
        """Erase a person."""
        sent = call.body
        asked = Asked(sent.reference, sent.kind)
        erased = await self._context.subjects.erase(asked, sent.reason, call.who)
        return Reply(ErasureOut(
            erased=dict(erased.rows), files=[_file(one) for one in erased.files],
            looked_for=list(erased.search.looked_for),
            not_searched=list(erased.search.not_searched), erased_at=self._context.now(),
        ))


def _held(one: Held) -> HeldOut:
    items = [dict(item) for item in one.items]
    place = one.place
    return HeldOut(place=place.name, holds=place.holds, kept=place.kept, items=items)


def _file(one: FileToRead) -> FileToReadOut:
    return FileToReadOut(case=one.case_id, number=one.case_number, file=one.id, name=one.name)


def routes(context: Context) -> list[AnyRoute]:
    """Return the routes of data subjects."""
    subjects, who = DataSubjects(context), Access.staff(Role.COMPLIANCE)
    by_customer = {"reference": "c-2093"}
    return [
        Route(
            method="POST", path="/v1/subjects/export", handler=subjects.export, tag="Subjects",
            summary="Everything that is held about a person",
            description="Where it is kept, why and for how long; what was looked for, and what was "
            "not searched: what lies within files is left to people, `files` names those that may "
            "show the person. It reads whole tables.",
            who=who, body=SubjectIn, result=SubjectExport,
            examples={"a customer": by_customer},
        ),
        Route(
            method="POST", path="/v1/subjects/erase", handler=subjects.erase, tag="Subjects",
            summary="Erase a person",
            description="Signals are counted as before; nothing leads from them to the person. "
            "May be repeated. Signals that arrive later count anew. What lies within files is left "
            "to people: `files` names those on the person's cases. `not_searched` says where the "
            "person may stand all the same.",
            who=who, body=ErasureIn, result=ErasureOut,
            examples={"a customer": {**by_customer, "reason": "Request of 3 November, no. 17."}},
        ),
    ]
