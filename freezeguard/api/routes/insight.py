"""What a person looks at to understand a case: its chart, and where its complaints come from."""

from collections.abc import Sequence
from itertools import accumulate, islice
from typing import Any
from uuid import UUID

from freezeguard.api.access import Access
from freezeguard.api.context import Context
from freezeguard.api.models.answers.causes import (
    CausesBy,
    CausesOut,
    FixOut,
    ParetoOut,
    ShareOut,
    SimilarCase,
)
from freezeguard.api.models.answers.charts import ChartMark, ChartOut, ChartPoint, ChartRule
from freezeguard.api.routes.cases import READERS, case_id_of
from freezeguard.api.routing import AnyRoute, Call, Reply, Route
from freezeguard.detection.chart import Point
from freezeguard.domain.people import Actor, is_vendor
from freezeguard.domain.record import Case
from freezeguard.domain.rules import Rule
from freezeguard.ports.rows import Pareto, Tally
from freezeguard.ports.storage import Transaction
from freezeguard.services import vendorsview
from freezeguard.services.cases.casefile import visible_case
from freezeguard.services.cases.shared import Shared
from freezeguard.services.detecting.charting import Chart, Charting

MOST_VALUES = 50
"""So many values of a field are told: what lies behind one complaint each explains little."""

_CHART_EXAMPLE = {
    "case": "0197f6c2-7f5c-7a31-9d5e-3f2f6a1b2c3d",
    "number": 17,
    "rule": {"id": "five-customers", "version": 1, "family": "distinct_customers",
             "window": 2592000.0},
    "step": 86400.0,
    "start": "2026-10-20T00:00:00Z",
    "end": "2026-11-21T12:00:00Z",
    "points": [
        {"at": "2026-11-19T00:00:00Z", "complaints": 1, "customers": 3, "value": 3.0,
         "bound": 5.0, "units": 12},
        {"at": "2026-11-20T00:00:00Z", "complaints": 2, "customers": 5, "value": 5.0,
         "bound": 5.0, "units": 9},
        {"at": "2026-11-21T00:00:00Z", "complaints": 0, "customers": 5, "value": None,
         "bound": 5.0, "units": 0},
    ],
    "marks": [
        {"kind": "crossing", "at": "2026-11-20T09:30:00Z", "what": "five-customers",
         "recipient": None, "channel": None},
        {"kind": "freeze", "at": "2026-11-20T09:30:01Z", "what": None, "recipient": None,
         "channel": None},
        {"kind": "notice", "at": "2026-11-20T09:30:04Z", "what": "statement_of_reasons",
         "recipient": "vendor:acme", "channel": "mail"},
    ],
}

_ONE = {"value": "L-7", "complaints": 4, "customers": 4, "share": 0.8, "cumulative": 0.8}
_REST = {"value": None, "complaints": 1, "customers": 1, "share": 0.2, "cumulative": 1.0}
_EVERY = {"complaints": 5, "customers": 5, "share": 1.0, "cumulative": 1.0}
_WHOLE: dict[str, Any] = {"items": [{"value": "defect", **_EVERY}], "more": 0}
_CAUSES_EXAMPLE = {
    "case": "0197f6c2-7f5c-7a31-9d5e-3f2f6a1b2c3d",
    "complaints": 5,
    "customers": 5,
    "by": {
        "intent": _WHOLE,
        "lot": {"items": [_ONE, _REST], "more": 0},
        "channel": {"items": [{**_WHOLE["items"][0], "value": "web"}], "more": 0},
        "seller": {"items": [{**_WHOLE["items"][0], "value": None}], "more": 0},
        "severity": {"items": [{**_WHOLE["items"][0], "value": "major"}], "more": 0},
    },
    "similar": [
        {
            "id": "0197a1b2-1111-7a31-9d5e-3f2f6a1b2c3d", "number": 9, "sku": "KETTLE-12",
            "state": "closed_reinstated", "outcome": None, "opened_at": "2026-05-02T08:00:00Z",
            "closed_at": "2026-06-11T08:00:00Z", "reason": "6 customers complained within 30 days.",
            "cause": {"branch": "material", "description": "Brittle resin in the handle.",
                      "proof": "Tear test of 20 handles."},
            "fix": {"corrective_action": "Resin of another grade.",
                    "preventive_action": "Tear test of every batch."},
        }
    ],
}


class Insight:
    """Handlers of what explains a case."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._charting = Charting(context.database, context.now)
        self._shared_causes = Shared(context.now, self._find_causes)

    async def chart(self, call: Call[None]) -> Reply:
        """Return what a chart of a case is drawn from."""
        actor, case_id = call.who, case_id_of(call.path["id"])
        case, chart = await self._charting.chart(case_id, actor)
        return Reply(_chart(case, chart, actor), compress=True)

    async def causes(self, call: Call[None]) -> Reply:
        """Return where the complaints of a case come from."""
        actor, case_id = call.who, case_id_of(call.path["id"])
        case = await self._context.database.run(lambda tx: visible_case(tx, case_id, actor))
        return Reply(await self._shared_causes.of(case))

    async def _find_causes(self, case: Case) -> tuple[CausesOut, int]:
        async def work(tx: Transaction) -> CausesOut:
            await tx.one_moment()
            similar = [UUID(one["id"]) for one in await tx.cases.similar(case)]
            pareto = await tx.cases.pareto(case.id)
            return _causes(case, pareto, await tx.cases.several(similar))

        found = await self._context.database.run(work)
        return found, found.complaints


def _causes(case: Case, pareto: Pareto, similar: Sequence[Case]) -> CausesOut:
    whole = pareto.whole
    return CausesOut(
        case=str(case.id), complaints=whole.complaints, customers=whole.customers,
        by=CausesBy.model_validate(
            {name: _pareto(tallies, whole.complaints) for name, tallies in pareto.by.items()}
        ),
        similar=[_like(one) for one in similar],
    )


def _pareto(tallies: Sequence[Tally], whole: int) -> ParetoOut:
    reached = accumulate(one.complaints for one in tallies)
    items = [
        ShareOut(
            value=one.value, complaints=one.complaints, customers=one.customers,
            share=round(one.complaints / whole, 4), cumulative=round(up_to / whole, 4),
        )
        for one, up_to in islice(zip(tallies, reached, strict=True), MOST_VALUES)
    ]
    return ParetoOut(items=items, more=len(tallies) - len(items))


def _like(case: Case) -> SimilarCase:
    remedy = case.remedy if case.is_final else None
    return SimilarCase(
        id=str(case.id), number=case.number, sku=case.scope.sku, state=case.state,
        outcome=case.outcome, opened_at=case.opened_at, closed_at=case.closed_at,
        reason=case.reason.get("sentence"),
        cause=None if remedy is None else remedy.get("cause"),
        fix=None if remedy is None else FixOut(
            corrective_action=remedy.get("corrective_action") or "",
            preventive_action=remedy.get("preventive_action") or "",
        ),
    )


def _chart(case: Case, chart: Chart, actor: Actor) -> ChartOut:
    return ChartOut(
        case=str(case.id), number=case.number,
        rule=None if chart.rule is None else _rule(chart.rule),
        step=chart.step.total_seconds(), start=chart.start, end=chart.end,
        points=[_point(one, actor) for one in chart.points],
        marks=[
            ChartMark(kind=one.kind, at=one.at, what=one.what, recipient=one.recipient,
                      channel=one.channel)
            for one in chart.marks_for(actor)
        ],
    )


def _rule(rule: Rule) -> ChartRule:
    return ChartRule(
        id=rule.id, version=rule.version, family=rule.family.value,
        window=rule.window.total_seconds(),
    )


def _point(point: Point, actor: Actor) -> ChartPoint:
    shown = {
        name: getattr(point, name) for name in ChartPoint.model_fields
        if not is_vendor(actor) or name in vendorsview.CHART_POINT
    }
    return ChartPoint.model_validate({"units": None, **shown})


def routes(context: Context) -> list[AnyRoute]:
    """Return the routes of what explains a case."""
    insight = Insight(context)
    return [
        Route(
            method="GET", path="/v1/cases/{id}/chart", handler=insight.chart, tag="Cases",
            summary="What a chart of the case is drawn from",
            description="Points are days (UTC), or hours where the rule's window is shorter than 3 "
            "days, or several days where there would be more than 400. What led to a stop is "
            "worked out as it was known then, by the code that stopped the sale, so that chart "
            "and reason say the same; what came later as it is known now. On probation only what "
            "came after the fix counts, against the lower bound. A chart goes back one window of "
            "the rule before the crossing. Of an item with 2,000 complaints or more it may be a "
            "minute old, as long as nobody has done anything about the case; `end` says of when it "
            "is.",
            who=READERS, result=ChartOut, result_example=_CHART_EXAMPLE, errors=("not_found",),
        ),
        Route(
            method="GET", path="/v1/cases/{id}/causes", handler=insight.causes, tag="Cases",
            summary="Where the complaints of the case come from",
            description="The complaints that count against the item, and the different customers "
            "who made them, by intent, lot, channel, seller and severity, the most first: often a "
            "few values are behind nearly all of them (Pareto). Beside them similar cases; those "
            "that are closed say what the cause was and what was done. Of a case with 2,000 "
            "complaints or more it may be a minute old.",
            who=Access.staff(), result=CausesOut, result_example=_CAUSES_EXAMPLE,
            errors=("not_found",),
        ),
    ]
