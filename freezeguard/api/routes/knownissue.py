"""For contact centres: what is known about the item that a customer calls about."""

from freezeguard.api.access import Access
from freezeguard.api.context import Context
from freezeguard.api.models.answers.masterdata import KnownIssueOut
from freezeguard.api.models.answers.output import ScopeOut
from freezeguard.api.models.requests import KnownIssueQuery
from freezeguard.api.routing import AnyRoute, Call, Reply, Route
from freezeguard.domain.knownissue import Issue, in_language, known_issue, words_for
from freezeguard.domain.people import Person
from freezeguard.domain.scope import NARROWING, Scope

CALLERS = Access.staff() | Access.catalogue() | Access.source()

_EXAMPLE = {
    "sku": "KETTLE-17/blue",
    "known": True,
    "state": "stopped",
    "scope": {"sku": "KETTLE-17/blue", "seller": None, "channel": None, "country": None,
              "lot": "L-7"},
    "since": "2026-11-20T09:30:01Z",
    "words": {"en": "We have had reports about this item and have paused its sale while we look "
                    "into them. It is expected to be fixed by 2026-12-04; that date may still "
                    "change."},
    "offer": {"en": "A replacement of another lot, or the money back."},
    "fix_by": "2026-12-04T12:00:00Z",
    "case": None,
}


class KnownIssues:
    """Answers contact centres."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def of_sku(self, call: Call[KnownIssueQuery]) -> Reply:
        """Say what is known of a SKU, and what may be said."""
        context, query, sku = self._context, call.query, call.path["sku"]
        cases = await context.database.run(lambda tx: tx.cases.told_of_sku(sku))
        asked = Scope.of(sku, {name: getattr(query, name) for name in NARROWING})
        issue = known_issue(cases, asked, context.now(), context.contact)
        return Reply(self._answer(sku, issue, query.language, is_staff=_is_staff(call)))

    def _answer(
        self, sku: str, issue: Issue | None, language: str | None, *, is_staff: bool
    ) -> KnownIssueOut:
        if issue is None:
            return KnownIssueOut(
                sku=sku, known=False, state=None, scope=None, since=None, words=None, offer=None,
                fix_by=None, case=None,
            )
        terms, case = self._context.contact, issue.case
        offer = in_language(terms.offers.get(case.lane, {}), language)
        return KnownIssueOut(
            sku=sku, known=True, state=issue.state, scope=ScopeOut(**case.scope.as_dict()),
            since=issue.since, words=in_language(words_for(issue, terms), language),
            offer=offer or None, fix_by=issue.fix_by, case=case.number if is_staff else None,
        )


def _is_staff(call: Call[KnownIssueQuery]) -> bool:
    return isinstance(call.who, Person) and call.who.is_staff


def routes(context: Context) -> list[AnyRoute]:
    """Return the route of contact centres."""
    return [
        Route(
            method="GET", path="/v1/skus/{sku}/known-issue", handler=KnownIssues(context).of_sku,
            tag="Contact centre", summary="Is anything known about this item?",
            description="For every call: whether the sale of the item is stopped for reports about "
            "it, what may be said to the customer, and what may be offered. The words name no "
            "cause and promise nothing; the date is the vendor's own. An absent field of the query "
            "means any lot, seller, channel or country. Nothing is said of a mere suspicion unless "
            "`tell_suspicions` in `[contact_centre]` is on, nor of a false alarm, nor of a SKU "
            "that nobody knows. Words and offers are the shop's to set, per lane and language.",
            who=CALLERS, query=KnownIssueQuery, result=KnownIssueOut, result_example=_EXAMPLE,
        ),
    ]
