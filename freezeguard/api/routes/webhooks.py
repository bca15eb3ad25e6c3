"""Where signed messages go: endpoints, their keys, their deliveries."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from freezeguard.api.access import Access
from freezeguard.api.context import Context
from freezeguard.api.cursors import read_number
from freezeguard.api.models.requests import LinesQuery
from freezeguard.api.models.webhooks import (
    AttemptOut,
    DeliveryList,
    DeliveryOut,
    NewWebhookKey,
    QueuedTest,
    Replayed,
    ReplayIn,
    RotateIn,
    WebhookEndpointChange,
    WebhookEndpointIn,
    WebhookEndpointList,
    WebhookEndpointOut,
    fields_of,
)
from freezeguard.api.routing import AnyRoute, Call, Reply, Route
from freezeguard.domain.errors import NotFound
from freezeguard.domain.people import Role
from freezeguard.ports.webhooks import Delivery
from freezeguard.services.delivering.endpoints import Shown

WHO = Access.staff(Role.ADMIN, Role.VENDOR)
PATH = "/v1/webhook-endpoints"
TAG = "Webhooks"


class WebhookEndpoints:
    """Handlers of webhook endpoints."""

    def __init__(self, context: Context) -> None:
        self._endpoints = context.endpoints

    async def listed(self, call: Call[None]) -> Reply:
        """List endpoints."""
        found = await self._endpoints.listed(call.who)
        items = [WebhookEndpointOut(**fields_of(one)) for one in found]
        return Reply(WebhookEndpointList(items=items, next=None))

    async def add(self, call: Call[None, WebhookEndpointIn]) -> Reply:
        """Register an endpoint."""
        sent = call.body
        shown = await self._endpoints.add(
            call.who, vendor=sent.vendor, url=sent.url, types=tuple(sent.types),
            scheme=sent.scheme, description=sent.description,
        )
        reply = _with_key(shown)
        reply.headers = {"Location": f"{PATH}/{shown.endpoint.id}"}
        return reply

    async def get(self, call: Call[None]) -> Reply:
        """Return an endpoint."""
        return _plain(await self._endpoints.get(call.who, _id(call)))

    async def change(self, call: Call[None, WebhookEndpointChange]) -> Reply:
        """Change an endpoint."""
        sent = call.body
        shown = await self._endpoints.change(
            call.who, _id(call), url=sent.url,
            types=None if sent.types is None else tuple(sent.types),
            description=sent.description,
            active=None if sent.state is None else sent.state == "active",
        )
        return _plain(shown)

    async def remove(self, call: Call[None]) -> Reply:
        """Delete an endpoint."""
        await self._endpoints.remove(call.who, _id(call))
        return Reply(None, 204)

    async def rotate(self, call: Call[None, RotateIn]) -> Reply:
        """Give an endpoint a new key."""
        overlap = timedelta(hours=call.body.overlap_hours)
        return _with_key(await self._endpoints.rotate(call.who, _id(call), overlap))

    async def test(self, call: Call[None]) -> Reply:
        """Queue a test message."""
        message = await self._endpoints.test(call.who, _id(call))
        return Reply(QueuedTest(id=message.webhook_id))

    async def replay(self, call: Call[None, ReplayIn]) -> Reply:
        """Queue messages again."""
        sent = call.body
        number = await self._endpoints.replay(
            call.who, _id(call), sent.since, sent.until, also_sent=sent.also_sent
        )
        return Reply(Replayed(messages=number))

    async def deliveries(self, call: Call[LinesQuery]) -> Reply:
        """Return what became of messages."""
        asked = call.query
        found = await self._endpoints.deliveries(
            call.who, _id(call), read_number(asked.cursor), asked.limit
        )
        following = str(found[-1][0]) if len(found) == asked.limit else None
        items = [_delivery(one) for _, one in found]
        return Reply(DeliveryList(items=items, next=following))


def _id(call: Call[Any, Any]) -> UUID:
    text = call.path["id"]
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"There is no webhook endpoint {text}.") from None


def _plain(shown: Shown) -> Reply:
    return Reply(WebhookEndpointOut(**fields_of(shown)))


def _with_key(shown: Shown) -> Reply:
    fields = fields_of(shown)
    secret = shown.key if shown.endpoint.scheme == "v1" else None
    return Reply(
        NewWebhookKey(**fields, secret=secret), kept=NewWebhookKey(**fields, secret=None)
    )


def _delivery(one: Delivery) -> DeliveryOut:
    return DeliveryOut(
        id=f"msg_{one.message_id.hex}", type=one.type,
        case=None if one.case_id is None else str(one.case_id), sku=one.sku, at=one.at,
        state=one.state, attempts=one.attempts, next_at=one.next_at, settled_at=one.settled_at,
        log=[AttemptOut.model_validate(entry) for entry in one.log],
    )


def routes(context: Context) -> list[AnyRoute]:
    """Return the routes of webhook endpoints."""
    handlers = WebhookEndpoints(context)
    one = f"{PATH}/{{id}}"
    return [
        Route(
            method="GET", path=PATH, handler=handlers.listed, tag=TAG,
            summary="List webhook endpoints", who=WHO, result=WebhookEndpointList,
            description="A vendor's people see their own vendor's; admins see all.",
        ),
        Route(
            method="POST", path=PATH, handler=handlers.add, tag=TAG,
            summary="Register a webhook endpoint", who=WHO, body=WebhookEndpointIn,
            result=NewWebhookKey, status=201, errors=("guard_failed",),
            description="Messages are signed as Standard Webhooks 1.0 says. The answer holds the "
            "key to verify them with.",
        ),
        Route(
            method="GET", path=one, handler=handlers.get, tag=TAG, summary="One webhook endpoint",
            who=WHO, result=WebhookEndpointOut, errors=("not_found",),
        ),
        Route(
            method="PATCH", path=one, handler=handlers.change, tag=TAG,
            summary="Change a webhook endpoint", who=WHO, body=WebhookEndpointChange,
            result=WebhookEndpointOut, errors=("not_found",),
            description="Switched on again, an endpoint gets what it missed.",
        ),
        Route(
            method="DELETE", path=one, handler=handlers.remove, tag=TAG,
            summary="Delete a webhook endpoint", who=WHO, status=204, errors=("not_found",),
        ),
        Route(
            method="POST", path=f"{one}/test", handler=handlers.test, tag=TAG,
            summary="Send a test message", who=WHO, result=QueuedTest, status=202,
            errors=("not_found", "guard_failed"),
        ),
        Route(
            method="POST", path=f"{one}/rotate", handler=handlers.rotate, tag=TAG,
            summary="Give it a new key", who=WHO, body=RotateIn, result=NewWebhookKey,
            errors=("not_found",),
            description="For `overlap_hours` each message carries a signature of the key before "
            "as well.",
        ),
        Route(
            method="POST", path=f"{one}/replay", handler=handlers.replay, tag=TAG,
            summary="Send again what it missed", who=WHO, body=ReplayIn, result=Replayed,
            status=202, errors=("not_found", "guard_failed"),
        ),
        Route(
            method="GET", path=f"{one}/deliveries", handler=handlers.deliveries, tag=TAG,
            summary="What became of its messages", who=WHO, query=LinesQuery,
            result=DeliveryList, errors=("not_found",),
        ),
    ]
