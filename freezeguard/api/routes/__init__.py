"""Every route of the API, resource by resource."""

from freezeguard.api.context import Context
from freezeguard.api.routes import (
    audit,
    casepack,
    cases,
    freezes,
    holds,
    masterdata,
    operation,
    people,
    rules,
    signals,
)
from freezeguard.api.routing import AnyRoute


def all_routes(context: Context) -> list[AnyRoute]:
    """Return the routes in the order of the documentation."""
    resources = (
        signals, holds, freezes, cases, casepack, rules, masterdata, people, audit, operation,
    )
    return [route for resource in resources for route in resource.routes(context)]
