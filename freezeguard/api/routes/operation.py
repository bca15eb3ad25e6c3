"""Liveness, readiness and metrics."""

from aiohttp import web

from freezeguard import __version__
from freezeguard.api.access import Access
from freezeguard.api.context import Context
from freezeguard.api.models.answers.operation import CheckOut, Liveness, Readiness
from freezeguard.api.routing import AnyRoute, Call, Media, Reply, Route

PROMETHEUS = "text/plain"


class Operation:
    """Handlers for whoever runs the service."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def live(self, call: Call[None]) -> Reply:
        """Answer without touching any dependency."""
        del call
        return Reply(Liveness(live=True, version=__version__))

    async def ready(self, call: Call[None]) -> Reply:
        """Answer each named check with its age."""
        del call
        now = self._context.now()
        checks = {
            name: CheckOut(
                ok=result.ok, detail=result.detail,
                age_seconds=None if result.heard_at is None
                else max(0.0, (now - result.heard_at).total_seconds()),
            )
            for name, result in self._context.checks().items()
        }
        ready = all(one.ok for one in checks.values())
        return Reply(Readiness(ready=ready, checks=checks), 200 if ready else 503)

    async def metrics(self, call: Call[None]) -> web.Response:
        """Return metrics as Prometheus reads them."""
        del call
        return web.Response(
            body=self._context.metrics(),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )


def routes(context: Context) -> list[AnyRoute]:
    """Return the routes of operation."""
    operation = Operation(context)
    return [
        Route(
            method="GET", path="/livez", handler=operation.live, tag="Operation",
            summary="Is the process alive?", description="Touches no dependency.",
            who=Access.public(), result=Liveness,
        ),
        Route(
            method="GET", path="/readyz", handler=operation.ready, tag="Operation",
            summary="May traffic come here?",
            description="Each check is named, with its age. 503 where one fails.",
            who=Access.public(), result=Readiness,
            others={503: "Not ready; the checks say why."},
        ),
        Route(
            method="GET", path="/metrics", handler=operation.metrics, tag="Operation",
            summary="Metrics for Prometheus", who=Access.public(),
            result=Media(PROMETHEUS, "Prometheus text format"),
        ),
    ]
