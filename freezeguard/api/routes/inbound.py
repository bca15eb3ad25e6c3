"""Signed deliveries from helpdesks and shops."""

from collections.abc import Mapping
from typing import Any

import structlog
from aiohttp import web

from freezeguard.api.access import Access
from freezeguard.api.context import Context
from freezeguard.api.inbound import Delivery, Endpoint, read_delivery
from freezeguard.api.models.answers.signals import Delivered, RejectedItem
from freezeguard.api.routes.signals import Signals, keep
from freezeguard.api.routing import AnyRoute, Call, CustomBody, Prove, Reply, Route
from freezeguard.api.signed import as_it_came, header_of, proof
from freezeguard.domain.errors import NotFound

log = structlog.get_logger()

EXAMPLE = {
    "ticket": {
        "id": "5158", "type": "problem", "priority": "high", "requester_id": "8447388090494",
        "created_at": "2026-11-21T09:30:00Z", "description": "The handle broke off while pouring.",
        "custom_fields": [{"id": 360001234567, "value": "KETTLE-17/blue"}],
    }
}


class Inbound:
    """Handlers of signed deliveries."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._signals = Signals(context)

    def signed_by(self, path: Mapping[str, Any], request: web.Request) -> Prove:
        """Look at the headers of a delivery; return what looks at its body.

        Raises NotFound, SignatureRefused.
        """
        endpoint = self._endpoint(path)
        return proof(
            endpoint.scheme, request, self._context.now(),
            lambda refusal: log.warning(
                "delivery_refused", endpoint=endpoint.name, code=refusal.code
            ),
        )

    async def post(self, call: Call[None, bytes]) -> Reply:
        """Store what a delivery says. It is proven, so the answer is 202 whatever it holds."""
        endpoint = self._endpoint(call.path)
        identity = endpoint.identity(header_of(call.request), call.body)
        delivery = read_delivery(endpoint, call.body, identity, self._context.now())
        return Reply(await self._take(endpoint, delivery))

    async def _take(self, endpoint: Endpoint, delivery: Delivery) -> Delivered:
        receipt, rejected = await self._signals.store(
            delivery.signals, may_assert_safety=endpoint.may_assert_safety
        )
        await keep(self._context, rejected, endpoint.source)
        if rejected:
            codes = sorted({one.code for one in rejected})
            log.warning("delivery_rejected", endpoint=endpoint.name, codes=codes)
        return Delivered(
            accepted=len(receipt.accepted), duplicates=len(receipt.duplicates),
            ignored=delivery.ignored,
            rejected=[
                RejectedItem(index=one.index, code=one.code, detail=one.detail, pointer=one.pointer)
                for one in rejected
            ],
        )

    def _endpoint(self, path: Mapping[str, Any]) -> Endpoint:
        endpoint = self._context.inbound.get(path["name"])
        if endpoint is None:
            raise NotFound("No endpoint of this name is in the settings.")
        return endpoint


def routes(context: Context) -> list[AnyRoute]:
    """Return the route of signed deliveries."""
    inbound = Inbound(context)
    return [
        Route(
            method="POST", path="/v1/inbound/{name}", handler=inbound.post, tag="Signals",
            summary="Deliver what a helpdesk or a shop has to say, signed",
            description="For senders that sign and can't be taught the body of /v1/signals. The "
            "settings of the endpoint say how it is signed and what becomes of it.\n\n"
            "A signed delivery is answered 202, also where nothing in it could be used: to repeat "
            "it would change nothing. What was not accepted is kept under /v1/signals/rejected, "
            "with `not_mapped` where the map does not fit.",
            who=Access.signed(), signed_by=inbound.signed_by, status=202, result=Delivered,
            body=CustomBody(
                as_it_came, {"application/json": {"type": "object"}},
                {"a ticket": EXAMPLE},
            ),
            errors=("not_found", "not_mapped", "id_conflict"),
        ),
    ]
