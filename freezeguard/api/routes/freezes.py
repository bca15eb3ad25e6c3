"""Pull the cord."""

from freezeguard.api.access import Access
from freezeguard.api.context import Context
from freezeguard.api.models.answers.cases import PulledCase
from freezeguard.api.models.requests import FreezeIn
from freezeguard.api.presenting import present_case
from freezeguard.api.routing import AnyRoute, Call, Reply, Route
from freezeguard.domain.errors import Unavailable
from freezeguard.domain.people import Right, Role, actor_name
from freezeguard.domain.reasons import PullReason
from freezeguard.domain.scope import Scope
from freezeguard.ports.storage import Transaction
from freezeguard.services.cases.aftermath import Aftermath
from freezeguard.services.masterdata.knownskus import known_or_near


class Freezes:
    """The handler of freezes."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def post(self, call: Call[None, FreezeIn]) -> Reply:
        """Open a case or join the one that is open."""
        context, body, actor = self._context, call.body, call.who
        scope = Scope(**body.scope.model_dump())
        reason = PullReason(body.reason_code, body.comment, actor_name(actor), body.document)

        async def work(tx: Transaction) -> tuple[Aftermath, bool]:
            return await context.freezes.pull(tx, scope, reason, body.lane, actor)

        aftermath, opened = await context.database.run(work, urgent=True)
        context.aftercare([aftermath])
        file = await context.casefile(aftermath.case, actor)
        headers = {"Location": f"/v1/cases/{aftermath.case.id}"}
        known, near = await self._known_or_near(scope.sku)
        shown = PulledCase(**dict(present_case(file, actor)), known=known, near=near)
        return Reply(shown, 201 if opened else 200, headers)

    async def _known_or_near(self, sku: str) -> tuple[bool, list[str]]:
        """Say whether a SKU is registered; the sale is stopped, so a failing look-up is no harm."""
        if self._context.known_skus(sku):
            return True, []
        try:
            return await self._context.database.run(lambda tx: known_or_near(tx, sku))
        except Unavailable:
            return False, []


def routes(context: Context) -> list[AnyRoute]:
    """Return the route of freezes."""
    pullers = Access.staff(Role.ASSOCIATE, Role.ANALYST, Role.MANAGER, Role.COMPLIANCE)
    return [
        Route(
            method="POST", path="/v1/freezes", handler=Freezes(context).post, tag="Cases",
            summary="Pull the cord",
            description="One associate pauses the sale for 15 minutes; a second one, a safety "
            "reason, a manager or an analyst freezes it at once. On an open case: another "
            "associate seconds a suspicion, any person's pull re-freezes a reinstated SKU, "
            "anything else answers 200 with the case unchanged. A SKU that is not registered is "
            "stopped all the same; the answer says `known: false` and which ones are `near`.",
            who=pullers | Access.key(Right.CATALOGUE, Right.MAY_FREEZE),
            body=FreezeIn, status=201, result=PulledCase,
            others={200: "The case that was open already."},
            errors=("not_allowed", "guard_failed"),
            examples={
                "one associate": {
                    "scope": {"sku": "KETTLE-17/blue"}, "reason_code": "defective",
                    "comment": "Third caller today: the handle breaks off.",
                }
            },
        ),
    ]
