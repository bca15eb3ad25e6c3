"""How many statements a page costs: as many for a shop of many cases as for one of few."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from freezeguard.api import envelope
from freezeguard.domain.transitions import State
from freezeguard.storage.database import PostgresDatabase
from freezeguard.storage.embedded import EmbeddedServer
from freezeguard.web.pages import Page
from freezeguard.web.site import Site
from tests.acceptance.conftest import fresh_database
from tests.acceptance.rows import case_in, put
from tests.acceptance.steps import attach, sql
from tests.rig import FIVE_CUSTOMERS, Rig, shop_with_service
from tests.web.standin import providing
from tests.web.test_provider import free_port
from tests.web.test_who import pages
from tests.web.visiting import Browser, signed_in
from tests.webhooks.farm import receiving

pytestmark = pytest.mark.asyncio(loop_scope="module")

MOST: Mapping[str, tuple[str | None, str, int]] = {
    "GET /console/static/{digest}/{name}": (None, "/console/static/0/style.css", 0),
    "GET /console/sign-in": (None, "/console/sign-in", 0),
    "GET /console/enter": (None, "/console/enter?link=none", 3),
    "GET /console/provider": (None, "/console/provider", 0),
    "GET /console/provider/back": (None, "/console/provider/back?code=x&state=y", 0),
    "GET /console/prove": ("mara", "/console/prove", 3),
    "GET /console": ("mara", "/console", 11),
    "GET /console/cases/{id}": ("mara", "/console/cases/{case}", 56),
    "GET /console/cases/{id}/do/{command}": ("mara", "/console/cases/{case}/do/comment", 26),
    "GET /console/cases/{id}/questions": ("mara", "/console/cases/{case}/questions", 25),
    "GET /console/cases/{id}/diagnosis": ("mara", "/console/cases/{case}/diagnosis", 39),
    "GET /console/bulk/{command}": ("mara", "/console/bulk/comment?case={case}", 19),
    "GET /console/pull": ("mara", "/console/pull?sku={sku}", 11),
    "GET /console/pull/done": ("mara", "/console/pull/done?case={case}", 19),
    "GET /console/rules": ("mara", "/console/rules", 15),
    "GET /console/rules/{id}": ("mara", "/console/rules/shadowed?days=30", 22),
    "GET /console/rules/{id}/promote": ("quin", "/console/rules/shadowed/promote", 15),
    "GET /console/write-rule": ("quin", "/console/write-rule?rule=shadowed", 3),
    "GET /console/catalogues": ("mara", "/console/catalogues", 12),
    "GET /console/vendors": ("mara", "/console/vendors", 10),
    "GET /console/vendors/{vendor}": ("mara", "/console/vendors/acme", 13),
    "GET /console/people": ("root", "/console/people", 7),
    "GET /console/new-person": ("root", "/console/new-person", 3),
    "GET /console/people/{id}": ("root", "/console/people/mara", 9),
    "GET /console/me": ("mara", "/console/me", 12),
    "GET /console/suppressions": ("mara", "/console/suppressions", 10),
    "GET /console/record": ("audi", "/console/record", 6),
    "GET /portal": ("vera", "/portal", 8),
    "GET /portal/cases/{id}": ("vera", "/portal/cases/{case}", 24),
    "GET /portal/cases/{id}/diagnosis": ("vera", "/portal/cases/{case}/diagnosis", 31),
    "GET /portal/cases/{id}/do/{command}": ("vera", "/portal/cases/{case}/do/comment", 24),
    "GET /portal/cases/{id}/files/{file}": ("vera", "/portal/cases/{case}/files/{file}", 13),
    "GET /portal/webhooks": ("vera", "/portal/webhooks", 7),
    "GET /portal/webhooks/{id}": ("vera", "/portal/webhooks/{endpoint}", 12),
}
"""Who opens each page, where, and how many statements it may cost: BEGIN and COMMIT are counted."""
STREAMS = {"GET /console/live", "GET /console/cases/{id}/live"}
"""They stay open; what they cost is for their length, and not for each time."""

OF_THE_DRIVER = ("current_setting('jit')", "typeinfo_tree")
"""By this it learns a type, once for each connection."""
REQUEST: ContextVar[str | None] = ContextVar("request", default=None)
SHADOW = {**FIVE_CUSTOMERS, "id": "shadowed", "bound": 3, "mode": "shadow"}

MANY = """
    INSERT INTO case_events (case_id, n, sku, at, actor, command, from_state, to_state, version,
                             evidence_revision, arguments)
    SELECT case_id, n + more, sku, at, actor, 'comment', to_state, to_state, version,
           evidence_revision, '{"comment": "More."}'
      FROM case_events, generate_series(1, 40) AS more WHERE case_id = $1
       AND n = (SELECT max(n) FROM case_events WHERE case_id = $1);
    INSERT INTO notices (id, case_id, sku, n, recipient, channel, kind, facts, language, time_zone,
                         state, created_at, sent_at, sorted_at)
    SELECT gen_random_uuid(), case_id, sku, n + 100 * more, recipient, channel, kind, facts,
           language, time_zone, 'sent', created_at, created_at, created_at
      FROM notices, generate_series(1, 20) AS more WHERE case_id = $1;
    INSERT INTO webhook_messages (id, vendor, thread, type, at, data)
    SELECT gen_random_uuid(), vendor, 'test:' || n, 'test', at, data
      FROM (SELECT * FROM webhook_messages LIMIT 1) AS one, generate_series(1, 60) AS n;
    INSERT INTO webhook_deliveries (message_id, endpoint_id, seq, thread, state, settled_at)
    SELECT one.id, endpoint.id, seq, thread, 'sent', at
      FROM webhook_messages AS one, webhook_endpoints AS endpoint
     WHERE thread LIKE 'test:%' ON CONFLICT DO NOTHING;
    INSERT INTO webhook_attempts (message_id, endpoint_id, at, error, seconds)
    SELECT message_id, endpoint_id, settled_at, '', 0.1 FROM webhook_deliveries, (VALUES (1), (2))
     WHERE state = 'sent';
    INSERT INTO evidence_files (id, case_id, sku, name, media_type, size, sha256, uploaded_by,
                                uploaded_at, visible_to_vendor, stored_in)
    SELECT gen_random_uuid(), case_id, sku, n || '.pdf', media_type, size,
           lpad(n::text, 64, '0'), uploaded_by, uploaded_at, true, stored_in
      FROM evidence_files, generate_series(1, 20) AS n;
    INSERT INTO crossings (id, sku, scope, rule_id, rule_version, crossed_at, source, signal_id,
                           known_at, outcome, reason)
    SELECT gen_random_uuid(), sku, '{}', 'shadowed', 1, now(), 'shop', sku, now(), 'shadow',
           '{"bound": 3}' FROM cases
"""
"""More of everything that pages about one case, one vendor or one rule tell."""


@dataclass
class Statements:
    """What was sent to the database in the course of each request."""

    of_request: dict[str, list[str]] = field(default_factory=dict)

    def note(self, query: Any) -> None:
        """Take in a statement: whose it is stands in the context in which it was sent."""
        request_id = REQUEST.get()
        if request_id is not None and not any(one in query.query for one in OF_THE_DRIVER):
            self.of_request.setdefault(request_id, []).append(query.query)


@asynccontextmanager
async def watched(database: PostgresDatabase) -> AsyncIterator[Statements]:
    """Look at every statement on every connection of the service."""
    said, pools = Statements(), (database._pool, database._reserved)
    for pool in pools:
        async with AsyncExitStack() as stack:
            for _ in range(pool.get_max_size()):
                connection = await stack.enter_async_context(pool.acquire())
                connection.add_query_logger(said.note)
    serve = Site.serve

    async def named(self: Site, page: Page, request: web.Request) -> web.StreamResponse:
        REQUEST.set(request[envelope.REQUEST_ID])
        return await serve(self, page, request)

    Site.serve = named  # type: ignore[method-assign]  # looked at, not replaced
    try:
        yield said
    finally:
        Site.serve = serve  # type: ignore[method-assign]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(postgres: EmbeddedServer, place: Path) -> AsyncIterator[Rig]:
    """A shop with a provider of its own, and a vendor with an endpoint."""
    async with (
        fresh_database(postgres) as dsns, providing() as provider, receiving() as receiver,
        shop_with_service(
            dsns, place, seed=120, rules=(FIVE_CUSTOMERS, SHADOW), port=(port := free_port()),
            public_url=f"http://127.0.0.1:{port}", webhooks={
                "allow_private": True, "ports": [receiver.port]},
            oidc={"issuer": provider.url, "client_id": "freezeguard", "client_secret": "s"},
        ) as running,
    ):
        body = {"url": receiver.url}
        added = await running.call("POST", "/v1/webhook-endpoints", "vera", json=body)
        assert 201 == added.status
        yield running


async def small(rig: Rig, sku: str) -> dict[str, str]:
    """Bring about one of each; return what the addresses of pages name."""
    await rig.complain(sku)
    case = await rig.in_state(sku, "frozen")
    file = (await attach(rig, case, "vera")).body
    await _hold_back(rig, vendor="rival")
    await _loosen(rig, "five-customers")
    [endpoint] = (await rig.read("/v1/webhook-endpoints", "vera"))["items"]
    return {"case": case["id"], "sku": sku, "file": file["file"]["id"], "endpoint": endpoint["id"]}


async def _loosen(rig: Rig, rule: str) -> None:
    """Propose a change that waits for a second person."""
    body = {name: one for name, one in FIVE_CUSTOMERS.items() if name != "id"}
    waits = await rig.call("PUT", f"/v1/rules/{rule}", "quin", json={**body, "bound": 9})
    assert 202 == waits.status, waits.body


async def _hold_back(rig: Rig, **what: str) -> None:
    until = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    body = {"cause": "A fair.", "expires_at": until, **what}
    added = await rig.call("POST", "/v1/suppressions", "quin", json=body)
    assert 201 == added.status, added.body


async def grow(rig: Rig, known: Mapping[str, str], skus: Iterator[str]) -> None:
    """Bring about many of each, more than a page shows of some."""
    states = [State.FROZEN, State.DIAGNOSING, State.AWAITING_APPROVAL, State.CLOSED_REINSTATED]
    await put(rig, *(case_in(next(skus), states[n % 4], rule_id="shadowed") for n in range(90)))
    await rig.complain(known["sku"], 25, lot="L-7")
    for statement in MANY.split(";\n"):
        await sql(rig, statement, *([known["case"]] if "$1" in statement else []))
    for n in range(12):
        rule = {**FIVE_CUSTOMERS, "id": f"rule-{n}"}
        added = await rig.call("POST", "/v1/rules", "quin", json=rule)
        assert 201 == added.status, added.body
        await _loosen(rig, rule["id"])
        await _hold_back(rig, category=f"c-{n}")


async def cost(
    browsers: Mapping[str | None, Browser], known: Mapping[str, str], said: Statements
) -> dict[str, list[str]]:
    """Open each page; return the statements of the cheaper of two visits.

    Once a minute a session notes that it was used.
    """
    found = {}
    for name, (who, address, _) in MOST.items():
        visits = []
        for _ in range(2):
            seen = await browsers[who].get(address.format_map(known), follow=False)
            assert seen.status < 500, (name, seen.status)
            assert who is None or 200 == seen.status, (name, seen.status, seen.words)
            visits.append(said.of_request.get(seen.headers["X-Request-Id"], []))
        found[name] = min(visits, key=len)
    return found


async def test_every_page_says_what_it_may_cost(rig: Rig) -> None:
    """A page without a number is a page of which nobody knows."""
    assert set(MOST) | STREAMS == {one.name for one in pages(rig) if one.method == "GET"}


async def test_no_page_asks_more_of_a_shop_that_has_more(rig: Rig, take_sku) -> None:
    """Cases, complaints, notices, rules, files, messages: more of them are no more statements."""
    assert rig.service is not None
    known = await small(rig, take_sku())
    browsers = {who: await signed_in(rig, who) for who in ("mara", "quin", "audi", "root", "vera")}
    everybody = {None: Browser(rig.session, rig.url), **browsers}
    async with watched(rig.service.database) as said:
        few = await cost(everybody, known, said)
        await grow(rig, known, iter(take_sku, ""))
        many = await cost(everybody, known, said)

    grown = {name: (len(few[name]), len(many[name]), sorted(set(many[name]) - set(few[name])))
             for name in MOST if len(many[name]) > len(few[name])}
    dear = {name: (len(many[name]), most) for name, (_, _, most) in MOST.items()
            if len(many[name]) > most}

    assert {} == grown
    assert {} == dear
    assert all(many[name] for name, (who, _, _) in MOST.items() if who is not None)
