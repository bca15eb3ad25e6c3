"""Orders under way, as people with a right to them see them."""

from datetime import datetime

from pydantic import Field

from freezeguard.api.models.answers.output import Output
from freezeguard.services.enforcing.containment import Announced, Answered, OrderList, Outcome


class OrderOut(Output):
    """An order that was placed and still holds units which have not left the house."""

    order_id: str = Field(description="The shop's own id.")
    order: str = Field(description="What people of the shop call it.")
    placed_at: datetime
    quantity: int = Field(description="Units that have not left.")
    state: str = Field(description="In the shop's own words.")
    is_paid: bool = Field(description="The whole sum is paid, or safe to be.")
    customer: str | None = Field(description="How the shop knows the buyer. Personal data.")


class CatalogueOrders(Output):
    """What one catalogue said."""

    catalogue: str
    outcome: Outcome = Field(
        description="`unsupported`: its kind can't list orders. `refused`: it said no. "
        "`unreachable`: worth asking again."
    )
    detail: str = Field(description="Why there are no orders.")
    cut_at: datetime | None = Field(
        description="There were too many to look through: ask again with this as `since`."
    )
    orders: list[OrderOut]


class OrdersOut(Output):
    """The orders under way of a case. freezeguard keeps none of it."""

    case: str
    sku: str
    since: datetime
    asked_at: datetime
    lists: list[CatalogueOrders]
    customers: list[str] = Field(description="Whom to tell, each once. Personal data.")


class CatalogueAnnounced(Output):
    """What was announced of one catalogue."""

    catalogue: str
    outcome: Outcome
    cut_at: datetime | None
    orders: int


class AnnouncedOut(Output):
    """What was posted to the shop's own webhook endpoints."""

    messages: int
    endpoints: int = Field(description="How many get them. 0: nobody was told.")
    since: datetime
    catalogues: list[CatalogueAnnounced]


def present_orders(found: OrderList) -> OrdersOut:
    """Return a list of orders for somebody who may see whom they are for."""
    return OrdersOut(
        case=str(found.case.id), sku=found.case.scope.sku, since=found.since,
        asked_at=found.asked_at, lists=[_catalogue(one) for one in found.answers],
        customers=found.customers,
    )


def _catalogue(said: Answered) -> CatalogueOrders:
    orders = [
        OrderOut(
            order_id=one.id, order=one.code, placed_at=one.placed_at, quantity=one.quantity,
            state=one.state, is_paid=one.is_paid, customer=one.customer,
        )
        for one in said.orders
    ]
    return CatalogueOrders(
        catalogue=said.catalogue, outcome=said.outcome, detail=said.detail, cut_at=said.cut_at,
        orders=orders,
    )


def present_announced(done: Announced) -> AnnouncedOut:
    """Return what was announced: numbers, and no customer."""
    return AnnouncedOut(
        messages=done.messages, endpoints=done.endpoints, since=done.listed.since,
        catalogues=[
            CatalogueAnnounced(
                catalogue=one.catalogue, outcome=one.outcome, cut_at=one.cut_at,
                orders=len(one.orders),
            )
            for one in done.listed.answers
        ],
    )
