"""Every route of the API, resource by resource."""

from freezeguard.api.context import Context
from freezeguard.api.routes import (
    audit,
    casepack,
    cases,
    channels,
    diagnosis,
    evidence,
    freezes,
    holds,
    inbound,
    insight,
    knownissue,
    live,
    masterdata,
    operation,
    orderlists,
    overview,
    people,
    questions,
    reports,
    rules,
    signals,
    subjects,
    tips,
    views,
    webhooks,
)
from freezeguard.api.routing import AnyRoute


def all_routes(context: Context) -> list[AnyRoute]:
    """Return the routes in the order of the documentation."""
    resources = (
        signals, inbound, holds, tips, freezes, cases, questions, diagnosis, live, views, insight,
        evidence, orderlists, casepack, knownissue, rules, reports, overview, masterdata,
        channels, people, subjects, webhooks, audit, operation,
    )
    return [route for resource in resources for route in resource.routes(context)]
