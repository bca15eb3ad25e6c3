"""Tips: what a shop says by itself has changed, so that somebody looks."""

from collections.abc import Mapping
from typing import Any

import structlog
from aiohttp import web

from freezeguard.api.access import Access
from freezeguard.api.bodies import clean
from freezeguard.api.context import Context
from freezeguard.api.json_text import check_structure, parse
from freezeguard.api.models.answers.signals import Heeded
from freezeguard.api.routing import AnyRoute, Call, CustomBody, Prove, Reply, Route
from freezeguard.api.signed import as_it_came, proof
from freezeguard.domain.errors import FreezeguardError, NotFound
from freezeguard.domain.tips import names_in

log = structlog.get_logger()

EXAMPLE = {
    "id": 788032119674292922, "admin_graphql_api_id": "gid://shopify/Product/788032119674292922",
    "variants": [{"id": 642667041472713922, "sku": "KETTLE-17/blue",
                  "admin_graphql_api_id": "gid://shopify/ProductVariant/642667041472713922"}],
}


class Tips:
    """Handlers of tips."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def signed_by(self, path: Mapping[str, Any], request: web.Request) -> Prove:
        """Look at the headers of a tip; return what looks at its body.

        Raises NotFound, SignatureRefused.
        """
        name = path["name"]
        scheme = self._context.tips.get(name)
        if scheme is None:
            raise NotFound("No catalogue of this name takes tips.")
        return proof(
            scheme, request, self._context.now(),
            lambda refusal: log.warning("tip_refused", catalogue=name, code=refusal.code),
        )

    async def post(self, call: Call[None, bytes]) -> Reply:
        """Have what the body names read back soon. It is proven, so the answer is 202 whatever."""
        name = call.path["name"]
        try:
            text = clean(call.body)
            check_structure(text)
            names = names_in(parse(text.decode()))
        except FreezeguardError as refusal:
            log.warning("tip_not_read", catalogue=name, code=refusal.code)
            names = ()
        return Reply(Heeded(looked_at=await self._context.drift_watch.heed(name, names)))


def routes(context: Context) -> list[AnyRoute]:
    """Return the route of tips."""
    tips = Tips(context)
    return [
        Route(
            method="POST", path="/v1/tips/{name}", handler=tips.post, tag="Sale status",
            summary="Say what has changed in a catalogue, signed",
            description="For the webhooks of shop systems. A stopped item that is named here is "
            "read back within seconds instead of at its next turn, and stopped again should it be "
            "on sale. Nothing of the body is believed: its ids and SKUs tell where to look, so a "
            "repetition does no harm. The catalogue's table has `tip_secret`, and its kind says "
            "how is signed.",
            who=Access.signed(), signed_by=tips.signed_by, status=202, result=Heeded,
            body=CustomBody(
                as_it_came, {"application/json": {"type": "object"}}, {"a product": EXAMPLE},
            ),
            errors=("not_found",),
        ),
    ]
