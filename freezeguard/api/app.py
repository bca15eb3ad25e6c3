"""The HTTP application: every route, its documentation and its edge."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

from freezeguard import __version__
from freezeguard.api.bodies import PACE, Pace
from freezeguard.api.context import Context
from freezeguard.api.docs import Documentation
from freezeguard.api.edge import Edge, Observe
from freezeguard.api.envelope import NewRequestId
from freezeguard.api.idempotency import Idempotency
from freezeguard.api.routes import all_routes
from freezeguard.api.routing import AnyRoute
from freezeguard.api.slowclients import GuardedRunner, Patience


@dataclass(frozen=True, slots=True)
class Api:
    """The application with its documentation, ready to be served."""

    app: web.Application
    edge: Edge
    documentation: Documentation
    routes: tuple[AnyRoute, ...]
    new_request_id: NewRequestId

    def runner(self, patience: Patience, drain_seconds: float) -> GuardedRunner:
        """Return a runner that guards connections and finishes requests when it stops."""
        return GuardedRunner(
            self.app, new_request_id=self.new_request_id, patience=patience,
            short_cut=self.edge.short_cut, shutdown_timeout=drain_seconds,
        )


def build_api(
    context: Context,
    *,
    new_request_id: NewRequestId,
    idempotency: Idempotency | None = None,
    observe: Observe | None = None,
    pace: Pace = PACE,
    pages: Callable[[Sequence[AnyRoute], web.Application], None] | None = None,
) -> Api:
    """Put the application together. `pages` adds what is for browsers, over the same routes."""
    documentation = Documentation(
        all_routes(context), title="freezeguard", version=__version__
    )
    edge = Edge(
        documentation.routes, context.access.authenticate, new_request_id, idempotency, observe,
        pace,
    )
    app = web.Application()
    if pages is not None:
        pages(documentation.routes, app)
    edge.attach(app)
    return Api(app, edge, documentation, documentation.routes, new_request_id)
