"""What people look at to see whether all is well: catalogues, budgets, vendors."""

from collections import Counter
from datetime import timedelta

from freezeguard.api.access import Access
from freezeguard.api.context import Context
from freezeguard.api.models.answers.masterdata import AnswersOut, VendorList, VendorStandingOut
from freezeguard.api.models.answers.operation import (
    CanaryOut,
    CatalogueList,
    CatalogueOut,
    ManualTaskOut,
    UnconfirmedOut,
)
from freezeguard.api.models.answers.rules import BudgetList, BudgetOut
from freezeguard.api.models.requests import VendorQuery
from freezeguard.api.routing import AnyRoute, Call, Reply, Route
from freezeguard.detection.waves import most_of_vendor
from freezeguard.domain.errors import NotFound
from freezeguard.domain.policy import Budget
from freezeguard.ports.canaries import Canary
from freezeguard.ports.overview import OpenTask, Spending, Unconfirmed, VendorStanding, VendorWave
from freezeguard.ports.storage import Transaction
from freezeguard.services.enforcing.catalogues import Wellbeing

YEAR = timedelta(days=365)
MOST_WAVES = 50


class Overview:
    """Handlers of what is looked at as a whole."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def catalogues(self, call: Call[None]) -> Reply:
        """Say how every catalogue does."""
        del call
        found, tasks = await self._context.catalogues.look()
        verify_every, call_deadline = self._context.catalogues.pace
        return Reply(CatalogueList(
            items=[_catalogue(one) for one in found], tasks=[_task(one) for one in tasks],
            verify_every=verify_every, call_deadline=call_deadline, next=None,
        ))

    async def budgets(self, call: Call[None]) -> Reply:
        """Say what is left of the governor's budgets."""
        del call
        now, budget = self._context.now(), self._context.casework.policy.budget

        async def work(tx: Transaction) -> tuple[list[Spending], list[VendorWave]]:
            waves: list[VendorWave] = []
            if budget.vendor_skus:
                waves = await tx.overview.waves(now - budget.vendor_window, MOST_WAVES)
            return await tx.overview.spent(now - budget.window), waves

        spent, waves = await self._context.database.run(work)
        each = {
            name: getattr(budget, name)
            for name in ("per_source", "per_category", "per_vendor", "safety_per_source",
                         "vendor_skus")
        }
        items = [*_budgets(spent, budget), *(_wave(one, budget) for one in waves)]
        return Reply(BudgetList(items=items, each=each, next=None))

    async def vendors(self, call: Call[VendorQuery]) -> Reply:
        """List vendors with how they do."""
        query, since = call.query, self._context.now() - YEAR
        found = await self._context.database.run(
            lambda tx: tx.overview.vendors(query.after or "", query.limit + 1, since)
        )
        page = found[: query.limit]
        following = page[-1].vendor.vendor if len(found) > len(page) else None
        return Reply(VendorList(items=[_vendor(one) for one in page], next=following))

    async def vendor(self, call: Call[None]) -> Reply:
        """Say how one vendor does."""
        wanted, since = call.path["vendor"], self._context.now() - YEAR

        async def work(tx: Transaction) -> VendorStanding:
            found = await tx.master.vendor(wanted)
            if found is None:
                raise NotFound(f"Vendor {wanted} is not registered.")
            return await tx.overview.vendor(found, since)

        return Reply(_vendor(await self._context.database.run(work)))


def _catalogue(one: Wellbeing) -> CatalogueOut:
    outlet, obeying, drifts, check = one.outlet, one.obeying, one.drifts, one.check
    is_this = check is not None and outlet is not None and check.fingerprint == outlet.fingerprint
    return CatalogueOut(
        name=one.name, configured=outlet is not None, level=outlet and outlet.full_level,
        proven=outlet and outlet.catalogue.traits.proven, off_because=one.is_off or None,
        proved_at=check.passed_at if check is not None and is_this else None,
        proved_by=check.passed_by if check is not None and is_this else None,
        reached_at=one.reached_at, breaker_open=one.is_open, failures=one.failures,
        paused_seconds=round(one.pause, 1), stopped=obeying.stopped,
        verify_every=one.verify_every, unconfirmed=obeying.unconfirmed,
        releasing=obeying.releasing, degraded=obeying.degraded, drifted=obeying.drifted,
        drifts=0 if drifts is None else drifts.drifts,
        drifted_at=drifts and drifts.last_at, oldest_unconfirmed=_unconfirmed(one.oldest),
        canary=_canary(one.canary),
    )


def _unconfirmed(one: Unconfirmed | None) -> UnconfirmedOut | None:
    return None if one is None else UnconfirmedOut(
        sku=one.sku, remote_id=one.remote_id, status=one.status, detail=one.detail,
        attempts=one.attempts, since=one.since, case=str(one.case_id), number=one.number,
    )


def _canary(one: Canary | None) -> CanaryOut | None:
    return None if one is None else CanaryOut(
        result=one.result, detail=one.detail, succeeded_at=one.succeeded_at,
        finished_at=one.finished_at, stop_seconds=one.stop_seconds,
        release_seconds=one.release_seconds,
    )


def _task(one: OpenTask) -> ManualTaskOut:
    return ManualTaskOut(
        catalogue=one.catalogue, sku=one.sku, remote_id=one.remote_id,
        task="release" if one.task == "release" else "stop", instruction=one.instruction,
        assigned_to=one.assigned_to, opened_at=one.opened_at, case=str(one.case_id),
        number=one.number,
    )


def _budgets(spent: list[Spending], budget: Budget) -> list[BudgetOut]:
    """Return the shop's budget, and each of a source, category or vendor that has spent of it."""
    ordinary = [one for one in spent if one.lane == "quality"]
    safety = [one for one in spent if one.lane == "safety"]
    items = [_budget("shop", None, budget.shop, sum(one.freezes for one in ordinary), budget)]
    for of, limit, some in (
        ("source", budget.per_source, ordinary), ("category", budget.per_category, ordinary),
        ("vendor", budget.per_vendor, ordinary), ("safety", budget.safety_per_source, safety),
    ):
        counted: Counter[str] = Counter()
        for one in some:
            whose = getattr(one, "source" if of == "safety" else of)
            if whose is not None:
                counted[whose] += one.freezes
        items += [_budget(of, whose, limit, n, budget) for whose, n in counted.most_common()]
    return items


def _budget(of: str, whose: str | None, limit: int, spent: int, budget: Budget) -> BudgetOut:
    return BudgetOut.model_validate({
        "of": of, "whose": whose, "limit": limit, "spent": spent, "left": max(0, limit - spent),
        "window": budget.window.total_seconds(),
    })


def _wave(one: VendorWave, budget: Budget) -> BudgetOut:
    limit = most_of_vendor(one.of_vendor, budget)
    return BudgetOut(
        of="vendor_skus", whose=one.vendor, limit=limit, spent=one.skus,
        left=max(0, limit - one.skus), window=budget.vendor_window.total_seconds(),
    )


def _vendor(one: VendorStanding) -> VendorStandingOut:
    known = one.vendor
    return VendorStandingOut.model_validate({
        "vendor": known.vendor, "name": known.name, "language": known.language,
        "contacts": len(known.contacts), "open_cases": one.open_cases,
        "oldest_case_at": one.oldest_at, "kept": one.kept, "broken": one.broken,
        "moved": one.moved, "waiting": one.waiting,
        "answers": {
            kind: AnswersOut(
                answered=each.answered, late=each.late, median_seconds=each.median_seconds
            )
            for kind, each in one.answers.items()
        },
        "endpoints": one.endpoints, "endpoints_failing": one.failing,
        "endpoints_disabled": one.disabled,
    })


def routes(context: Context) -> list[AnyRoute]:
    """Return the routes of what is looked at as a whole."""
    overview = Overview(context)
    return [
        Route(
            method="GET", path="/v1/catalogues", handler=overview.catalogues, tag="Operation",
            summary="How every catalogue does",
            description="What of it obeys and what does not, when it last answered, its canary, "
            "and how it is known that stops work there. Beside them up to 200 tasks for people's "
            "hands, oldest first.",
            who=Access.staff(), result=CatalogueList,
        ),
        Route(
            method="GET", path="/v1/budgets", handler=overview.budgets, tag="Rules",
            summary="What is left of the governor's budgets",
            description="How many automatic freezes each source, category, vendor and the shop may "
            "still have in the window; beyond that, cases open as suspected and a person is told.",
            who=Access.staff(), result=BudgetList,
        ),
        Route(
            method="GET", path="/v1/vendors", handler=overview.vendors, tag="Master data",
            summary="List vendors with how they do", who=Access.staff(), query=VendorQuery,
            result=VendorList,
            description="Open cases, how long they take to answer, the dates that they kept since "
            "a year ago, and how their webhook endpoints are.",
        ),
        Route(
            method="GET", path="/v1/vendors/{vendor}/standing", handler=overview.vendor,
            tag="Master data", summary="How a vendor does", who=Access.staff(),
            result=VendorStandingOut, errors=("not_found",),
        ),
    ]
