"""Every route of the API, resource by resource."""

from freezeguard.api.context import Context
from freezeguard.api.routes import (
    audit,
    cases,
    freezes,
    holds,
    masterdata,
    operation,
    people,
    rules,
    signals,
    webhooks,
)
from freezeguard.api.routing import AnyRoute


def all_routes(context: Context) -> list[AnyRoute]:
    """Return the routes in the order of the documentation."""
    resources = (
        signals, holds, freezes, cases, rules, masterdata, people, webhooks, audit,
        operation,
    )
    return [route for resource in resources for route in resource.routes(context)]
