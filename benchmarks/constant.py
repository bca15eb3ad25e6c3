"""What a sale status is compared with: the same edge without a look-up, and a bare handler."""

import argparse
import asyncio
import json
import sys

from aiohttp import web

from freezeguard.api.access import Access
from freezeguard.api.edge import Edge
from freezeguard.api.models.requests import CartIn, ScopeQuery
from freezeguard.api.routes.holds import READERS
from freezeguard.api.routing import Call, Reply, Route
from freezeguard.api.slowclients import GuardedRunner
from freezeguard.bootstrap.metrics import PrometheusMetrics
from freezeguard.bootstrap.surroundings import request_ids
from freezeguard.domain.people import Actor, MachineKey, Right
from freezeguard.services.masterdata.access import secret_hash

BODY = (
    b'{"sku":"sku-00001234","known":true,"status":"sellable","revision":12345,'
    b'"as_of":"2026-11-21T09:30:00.123456+00:00","holds":[]}'
)
CART = b'{"items":[' + b",".join([BODY] * 100) + b"]}"


async def same_edge(token: str) -> web.AppRunner:
    """Middleware, authentication and answer of a sale status, without the look-up."""
    key: Actor = MachineKey("bench", "bench", frozenset({Right.CATALOGUE}))
    known = {secret_hash(token): key}

    async def handler(_: Call[ScopeQuery]) -> Reply:
        return Reply(BODY, etag='"12345"')

    route = Route(
        method="GET", path="/v1/sale-status/{sku}", handler=handler, summary="constant",
        who=READERS | Access.staff(), tag="bench", query=ScopeQuery, result=None,
        is_quick=True,
    )
    async def cart(_: Call[None, CartIn]) -> Reply:
        return Reply(CART)

    many = Route(
        method="POST", path="/v1/sale-status", handler=cart, summary="constant", tag="bench",
        who=READERS, body=CartIn, result=None,
    )
    new_request_id = request_ids()
    edge = Edge(
        [route, many], lambda secret: known.get(secret_hash(secret)), new_request_id,
        observe=PrometheusMetrics().answered,
    )
    app = web.Application()
    edge.attach(app)
    return GuardedRunner(app, new_request_id=new_request_id, short_cut=edge.short_cut)


async def bare() -> web.AppRunner:
    """A handler that returns bytes, and nothing around it."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=BODY, content_type="application/json")

    app = web.Application()
    async def cart(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=CART, content_type="application/json")

    app.router.add_get("/v1/sale-status/{sku}", handler)
    app.router.add_post("/v1/sale-status", cart)
    return web.AppRunner(app, access_log=None)


async def serve(kind: str, token: str) -> None:
    """Serve until standard input closes; print the address."""
    runner = await (bare() if kind == "bare" else same_edge(token))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(json.dumps({"url": f"http://127.0.0.1:{runner.addresses[0][1]}"}), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=["bare", "same"], required=True)
    parser.add_argument("--token", default="none")
    asked = parser.parse_args()
    asyncio.run(serve(asked.kind, asked.token))
