"""Orders under way of a case: the list, and its announcement."""

from collections.abc import Iterator

from aiohttp import hdrs, web

from freezeguard.api.access import Access
from freezeguard.api.context import Context
from freezeguard.api.models.orderlists import (
    AnnouncedOut,
    OrdersOut,
    present_announced,
    present_orders,
)
from freezeguard.api.models.requests import AnnounceIn, OrdersQuery
from freezeguard.api.routes.cases import case_id_of
from freezeguard.api.routing import Answer, AnyRoute, Call, Media, Reply, Route
from freezeguard.api.spreadsheets import CSV, as_csv, prefers_csv
from freezeguard.domain.people import Role
from freezeguard.services.enforcing.containment import OrderList

READERS = Access.staff(Role.MANAGER, Role.ANALYST, Role.COMPLIANCE, Role.ADMIN)
ANNOUNCERS = READERS
"""Each may own a case; who may what on this one is asked of the case."""
COLUMNS = (
    "catalogue", "sku", "order", "order_id", "placed_at", "quantity", "state", "is_paid",
    "customer", "note",
)


class Orders:
    """Handlers of orders under way."""

    def __init__(self, context: Context) -> None:
        self._orders = context.order_lists

    async def listed(self, call: Call[OrdersQuery]) -> Answer:
        """Ask every catalogue, and return what they said."""
        case_id, asked = case_id_of(call.path["id"]), call.query
        found = await self._orders.listed(case_id, call.who, asked.since)
        as_table = prefers_csv(call.request.headers.get(hdrs.ACCEPT, ""))
        if asked.format == "json" or (asked.format is None and not as_table):
            return Reply(present_orders(found))
        name = f"case-{found.case.number}-orders.csv"
        return web.Response(
            body=as_csv(COLUMNS, _rows(found)), content_type=CSV, charset="utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"',
                     "Cache-Control": "private, no-store"},
        )  # fmt: skip

    async def announce(self, call: Call[None, AnnounceIn]) -> Reply:
        """Ask every catalogue, and post what they said."""
        case_id = case_id_of(call.path["id"])
        done = await self._orders.announce(case_id, call.who, call.body.since)
        return Reply(present_announced(done))


def _rows(found: OrderList) -> Iterator[tuple[object, ...]]:
    """Yield a row per order, and one per catalogue that has not told all, with a note."""
    sku = found.case.scope.sku
    for said in found.answers:
        for one in said.orders:
            yield (
                said.catalogue, sku, one.code, one.id, one.placed_at.isoformat(), one.quantity,
                one.state, "yes" if one.is_paid else "no", one.customer, None,
            )
        if said.outcome != "answered":
            yield (said.catalogue, sku, *(None,) * 7, f"{said.outcome}: {said.detail}")
        elif said.cut_at is not None:
            cut = f"orders placed after {said.cut_at.isoformat()} were not looked through"
            yield (said.catalogue, sku, *(None,) * 7, cut)


def routes(context: Context) -> list[AnyRoute]:
    """Return the routes of orders under way."""
    handlers = Orders(context)
    return [
        Route(
            method="GET", path="/v1/cases/{id}/orders", handler=handlers.listed, tag="Cases",
            summary="Orders under way: placed, and not sent yet",
            description="Asks every catalogue of the case, each for 15 seconds at most, and "
            "answers per catalogue the orders or why they can't be had. For its owner, managers of "
            "its category, analysts and compliance. It holds personal data: that it was read is "
            "noted in the record, and freezeguard keeps none of it. As CSV with `format=csv` or "
            "`Accept: text/csv`; there, a cell that a spreadsheet would compute begins with an "
            "apostrophe.",
            who=READERS, query=OrdersQuery, result=OrdersOut, errors=("not_found",),
            also=(Media(CSV, "A row for each order, and one for each catalogue that has not told "
                        "all."),),
        ),
        Route(
            method="POST", path="/v1/cases/{id}/orders/announce", handler=handlers.announce,
            tag="Cases", summary="Have orders under way held back",
            description="Asks every catalogue and posts ids and quantities to the shop's own "
            "webhook endpoints, as `containment.listed`. No customer is in it. For the owner of "
            "the case and managers of its category, as long as it stops the sale; noted in the "
            "record.",
            who=ANNOUNCERS, body=AnnounceIn, result=AnnouncedOut,
            errors=("not_found", "guard_failed"),
            examples={"since the complaints began": {}},
        ),
    ]
