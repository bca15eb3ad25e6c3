"""Reports: how well pulling the cord turns out."""

from freezeguard.api.access import Access
from freezeguard.api.context import Context
from freezeguard.api.models.answers.rules import ReviewScore, ReviewScores
from freezeguard.api.routing import AnyRoute, Call, Reply, Route
from freezeguard.domain.people import Role


class Reports:
    """Handlers of reports."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def reviews(self, call: Call[None]) -> Reply:
        """Count the verdicts of later reviews by person and by rule."""
        del call
        found = await self._context.database.run(lambda tx: tx.cases.review_scores())
        return Reply(ReviewScores(items=[ReviewScore(**one) for one in found], next=None))


def routes(context: Context) -> list[AnyRoute]:
    """Return the routes of reports."""
    reports = Reports(context)
    return [
        Route(
            method="GET", path="/v1/reports/reviews", handler=reports.reviews, tag="Reports",
            summary="Verdicts of later reviews, by person and by rule",
            description="A freeze that fewer than a manager's judgement brought about is looked at "
            "later: was it right to pull the cord, for what was known then?",
            who=Access.staff(Role.MANAGER, Role.ANALYST, Role.AUDITOR), result=ReviewScores,
        ),
    ]
