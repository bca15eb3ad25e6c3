"""Routes that keep to their schemas: they echo what they were given."""

from typing import Any

from pydantic import BaseModel

from freezeguard.api.access import Access
from freezeguard.api.docs import Documentation
from freezeguard.api.models.masterdata import KeyIn, PersonIn, SkuIn
from freezeguard.api.models.units import UnitsIn
from freezeguard.api.routing import AnyRoute, Call, Reply, Route
from tests.api.service import Narrowed

BODIES: dict[str, type[BaseModel]] = {
    "skus/{sku}": SkuIn,
    "people/{id}": PersonIn,
    "keys/{id}": KeyIn,
    "units/{id}": UnitsIn,
}


class Status(BaseModel):
    """What a query said."""

    sku: str
    query: Narrowed


async def echo(call: Call[Any, Any]) -> Reply:
    """Answer with the body."""
    return Reply(call.body)


async def status(call: Call[Narrowed]) -> Reply:
    """Answer with the address."""
    return Reply(Status(sku=call.path["sku"], query=call.query))


def agreement_routes() -> tuple[AnyRoute, ...]:
    """Return one route per model, and the documentation of all."""
    anyone = Access.anyone_signed_in()
    routes: list[AnyRoute] = [
        Route(method="PUT", path=f"/v1/{path}", handler=echo, summary="Echo.", who=anyone,
              tag="Echo", body=model, result=model)
        for path, model in BODIES.items()
    ]  # fmt: skip
    routes.append(
        Route(method="GET", path="/v1/sale-status/{sku}", handler=status, summary="Status.",
              who=anyone, tag="Echo", query=Narrowed, result=Status)
    )  # fmt: skip
    return Documentation(routes, title="agreement", version="1").routes
