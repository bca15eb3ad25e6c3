"""Every route of the API, resource by resource."""

from freezeguard.api.context import Context
from freezeguard.api.routes import (
    audit,
    casepack,
    cases,
    diagnosis,
    evidence,
    freezes,
    holds,
    inbound,
    insight,
    knownissue,
    masterdata,
    operation,
    orderlists,
    people,
    questions,
    reports,
    rules,
    signals,
    subjects,
    webhooks,
)
from freezeguard.api.routing import AnyRoute


def all_routes(context: Context) -> list[AnyRoute]:
    """Return the routes in the order of the documentation."""
    resources = (
        signals, inbound, holds, freezes, cases, questions, diagnosis, insight, evidence,
        orderlists, casepack, knownissue, rules, reports, masterdata, people, subjects, webhooks,
        audit, operation,
    )
    return [route for resource in resources for route in resource.routes(context)]
