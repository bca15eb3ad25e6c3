"""What a person looks at to understand a case: its chart, and where its complaints come from."""

from freezeguard.api.context import Context
from freezeguard.api.models.answers import ChartMark, ChartOut, ChartPoint, ChartRule
from freezeguard.api.routes.cases import READERS, case_id_of
from freezeguard.api.routing import AnyRoute, Call, Reply, Route
from freezeguard.detection.chart import Point
from freezeguard.domain.people import Actor, is_vendor
from freezeguard.domain.record import Case
from freezeguard.domain.rules import Rule
from freezeguard.ports.storage import Transaction
from freezeguard.services import vendorsview
from freezeguard.services.cases.casefile import visible_case
from freezeguard.services.detecting.charting import ChartBasis, Charting

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


class Insight:
    """Handlers of what explains a case."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._charting = Charting(context.now)

    async def chart(self, call: Call[None]) -> Reply:
        """Return what a chart of a case is drawn from."""
        actor, case_id = call.who, case_id_of(call.path["id"])

        async def work(tx: Transaction) -> tuple[Case, ChartBasis]:
            await tx.one_moment()
            case = await visible_case(tx, case_id, actor)
            return case, await self._charting.read(tx, case, actor)

        case, basis = await self._context.database.run(work)
        return Reply(await _chart(case, basis, actor), compress=True)


async def _chart(case: Case, basis: ChartBasis, actor: Actor) -> ChartOut:
    return ChartOut(
        case=str(case.id), number=case.number,
        rule=None if basis.rule is None else _rule(basis.rule),
        step=basis.step.total_seconds(), start=basis.start, end=basis.end,
        points=[_point(one, actor) for one in await basis.points()],
        marks=[
            ChartMark(kind=one.kind, at=one.at, what=one.what, recipient=one.recipient,
                      channel=one.channel)
            for one in basis.marks
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
            "the rule before the crossing.",
            who=READERS, result=ChartOut, result_example=_CHART_EXAMPLE, errors=("not_found",),
        ),
    ]
