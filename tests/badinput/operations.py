"""Every operation of the published document, with a harmless address, and who may call it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from yarl import URL

from tests.rig import Answer, Rig

STAFF = frozenset(
    {"root", "owen", "mara", "miro", "alba", "bert", "quin", "cora", "audi", "fina", "omni"}
)
VENDORS = frozenset({"vera", "vito", "tina"})
PEOPLE = STAFF | VENDORS
FEEDS, SHOPS = frozenset({"source", "safety"}), frozenset({"catalogue", "freezer"})
EVERYBODY = PEOPLE | FEEDS | SHOPS
ADMIN = frozenset({"root", "omni"})
ANALYSTS = frozenset({"quin", "omni"})
PUBLIC = None

WHO: Mapping[str, frozenset[str] | None] = {
    "POST /v1/signals": FEEDS,
    "GET /v1/signals/rejected": FEEDS | ANALYSTS | ADMIN | {"audi"},
    "POST /v1/units": FEEDS,
    "GET /v1/sale-status/{sku}": SHOPS | STAFF,
    "GET /v1/sale-status": SHOPS | STAFF,
    "POST /v1/sale-status": SHOPS | STAFF,
    "GET /v1/holds": SHOPS | STAFF,
    "GET /v1/holds/stream": SHOPS | STAFF,
    "POST /v1/freezes": frozenset(
        {"alba", "bert", "quin", "owen", "mara", "miro", "cora", "omni", "freezer"}
    ),
    "GET /v1/cases": PEOPLE | SHOPS,
    "GET /v1/cases/stream": STAFF,
    "GET /v1/cases/{id}/stream": STAFF,
    "GET /v1/cases/{id}": PEOPLE | SHOPS,
    "GET /v1/cases/{id}/timeline": PEOPLE | SHOPS,
    "GET /v1/cases/{id}/chart": PEOPLE | SHOPS,
    "GET /v1/cases/{id}/causes": STAFF,
    "GET /v1/cases/{id}/pack": ADMIN | {"owen", "mara", "miro", "cora", "audi", "vera", "vito",
                                        "tina"},
    "GET /v1/cases/{id}/orders": ADMIN | ANALYSTS | {"owen", "mara", "miro", "cora"},
    "POST /v1/cases/{id}/orders/announce": ADMIN | ANALYSTS | {"owen", "mara", "miro", "cora"},
    "POST /v1/cases/{id}/commands": PEOPLE,
    "GET /v1/cases/{id}/questions": PEOPLE,
    "POST /v1/cases/{id}/questions": PEOPLE,
    "POST /v1/cases/{id}/questions/{question}/answer": PEOPLE,
    "POST /v1/cases/{id}/questions/{question}/withdraw": PEOPLE,
    "GET /v1/cases/{id}/siblings": STAFF,
    "POST /v1/cases/{id}/siblings/tell": STAFF,
    "GET /v1/cases/{id}/diagnosis": PEOPLE,
    "POST /v1/cases/{id}/diagnosis": PEOPLE,
    "POST /v1/cases/{id}/diagnosis/{cause}": PEOPLE,
    "POST /v1/cases/{id}/diagnosis/{cause}/evidence": PEOPLE,
    "POST /v1/cases/{id}/evidence": PEOPLE,
    "GET /v1/cases/{id}/evidence": PEOPLE | SHOPS,
    "GET /v1/cases/{id}/evidence/{file}": PEOPLE | SHOPS,
    "GET /v1/reports/reviews": ANALYSTS | {"owen", "mara", "miro", "audi"},
    "GET /v1/catalogues": STAFF,
    "GET /v1/budgets": STAFF,
    "GET /v1/vendors": STAFF,
    "GET /v1/vendors/{vendor}/standing": STAFF,
    "GET /v1/rules": STAFF,
    "POST /v1/rules": ANALYSTS | ADMIN,
    "POST /v1/rules/preview": STAFF,
    "POST /v1/rules/trial": STAFF,
    "GET /v1/rules/{id}/versions": STAFF,
    "PUT /v1/rules/{id}": ANALYSTS | ADMIN,
    "GET /v1/rules/proposals": STAFF,
    "POST /v1/rules/proposals/{id}/approve": ANALYSTS | ADMIN | {"owen", "mara", "miro"},
    "POST /v1/rules/proposals/{id}/reject": ANALYSTS | ADMIN | {"owen", "mara", "miro"},
    "GET /v1/rules/shadow": STAFF,
    "GET /v1/rules/{id}/shadow": STAFF,
    "GET /v1/suppressions": STAFF,
    "POST /v1/suppressions": ANALYSTS | ADMIN,
    "DELETE /v1/suppressions/{id}": ANALYSTS | ADMIN,
    "PUT /v1/skus/{sku}": ADMIN | SHOPS,
    "POST /v1/skus": ADMIN | SHOPS,
    "GET /v1/skus": SHOPS | STAFF,
    "GET /v1/skus/{sku}": PEOPLE | SHOPS,
    "GET /v1/skus/{sku}/known-issue": STAFF | SHOPS | FEEDS,
    "PUT /v1/vendors/{vendor}": ADMIN,
    "GET /v1/vendors/{vendor}": STAFF,
    "PUT /v1/sources/{source}": ADMIN,
    "GET /v1/sources": STAFF,
    "GET /v1/sources/{source}": STAFF,
    "GET /v1/people/me": STAFF,
    "GET /v1/people/me/notices": STAFF,
    "PUT /v1/people/me/quiet-hours": STAFF,
    "DELETE /v1/people/me/quiet-hours": STAFF,
    "POST /v1/people/me/test": STAFF,
    "PUT /v1/people/me/chats/{kind}": STAFF,
    "DELETE /v1/people/me/chats/{kind}": STAFF,
    "GET /v1/chats": ADMIN,
    "PUT /v1/people/{id}/chats/{kind}": ADMIN,
    "PUT /v1/teams/{team}/chats/{kind}": ADMIN,
    "DELETE /v1/chats/{id}": ADMIN,
    "POST /v1/chats/{id}/test": ADMIN,
    "GET /v1/people": ADMIN,
    "PUT /v1/people/{id}": ADMIN,
    "POST /v1/people/{id}/deactivate": ADMIN,
    "GET /v1/people/{id}": ADMIN,
    "GET /v1/views": STAFF,
    "POST /v1/views": STAFF,
    "DELETE /v1/views/{id}": STAFF,
    "GET /v1/keys": ADMIN,
    "POST /v1/keys": ADMIN,
    "DELETE /v1/keys/{id}": ADMIN,
    "POST /v1/subjects/export": frozenset({"cora", "omni"}),
    "POST /v1/subjects/erase": frozenset({"cora", "omni"}),
    "GET /v1/webhook-endpoints": ADMIN | VENDORS,
    "POST /v1/webhook-endpoints": ADMIN | VENDORS,
    "GET /v1/webhook-endpoints/{id}": ADMIN | VENDORS,
    "PATCH /v1/webhook-endpoints/{id}": ADMIN | VENDORS,
    "DELETE /v1/webhook-endpoints/{id}": ADMIN | VENDORS,
    "POST /v1/webhook-endpoints/{id}/test": ADMIN | VENDORS,
    "POST /v1/webhook-endpoints/{id}/rotate": ADMIN | VENDORS,
    "POST /v1/webhook-endpoints/{id}/replay": ADMIN | VENDORS,
    "GET /v1/webhook-endpoints/{id}/deliveries": ADMIN | VENDORS,
    "GET /v1/audit": ADMIN | {"audi"},
    "GET /v1/audit/verify": ADMIN | {"audi"},
    "GET /v1/audit/chain": ADMIN | {"audi"},
    "GET /v1/audit/unchained": ADMIN | {"audi"},
    "GET /livez": PUBLIC,
    "GET /readyz": PUBLIC,
    "GET /metrics": PUBLIC,
    "GET /openapi.json": PUBLIC,
    "GET /docs": PUBLIC,
    "GET /problems": PUBLIC,
    "GET /problems/{code}": PUBLIC,
}
"""Written by hand from the contract, never read from the code: the one place that may disagree."""

INSIDE = (
    "Traceback", "asyncpg", "pydantic", "aiohttp", "postgres", ".py", "freezeguard.", "SELECT ",
)
"""Words that no refusal may hold."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method at one address, as the document has it."""

    method: str
    path: str
    spec: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Return the operation in one line."""
        return f"{self.method} {self.path}"

    @property
    def media_types(self) -> tuple[str, ...]:
        """Return what its body may be; empty where it takes none, or a file of any bytes."""
        content = self.spec.get("requestBody", {}).get("content", {})
        return tuple(
            name for name, one in content.items() if one["schema"].get("format") != "binary"
        )

    @property
    def takes_many(self) -> bool:
        """Say whether a body may hold many entries, each judged for itself."""
        return len(self.media_types) > 1

    @property
    def is_stream(self) -> bool:
        """Say whether the answer has no end."""
        return "text/event-stream" in self.spec["responses"].get("200", {}).get("content", {})

    @property
    def somebody(self) -> str | None:
        """Return somebody who may call it; None where everybody may."""
        allowed = WHO[self.name]
        return None if allowed is None else min(allowed)

    def texts(self, where: str) -> list[str]:
        """Return the names of its parameters in `path` or `query` that are plain text."""
        return [
            one["name"] for one in self.spec["parameters"]
            if one["in"] == where and one["schema"].get("type") == "string"
            and "format" not in one["schema"]
        ]

    def address(self, **parts: str) -> str:
        """Return an address: given parts as they stand in it, the others harmless."""
        path = self.path
        for name in (one["name"] for one in self.spec["parameters"] if one["in"] == "path"):
            path = path.replace(f"{{{name}}}", parts.get(name) or _harmless(name))
        return path


def _harmless(name: str) -> str:
    return str(uuid4()) if name == "id" else {"sku": "NO-SUCH-SKU"}.get(name, "nothing")


def operations(document: Mapping[str, Any], *, signed: bool = False) -> Iterator[Operation]:
    """Yield every operation of an OpenAPI document that asks for a token, or that is `signed`.

    Those that are signed know no callers; tests/acceptance/test_inbound.py and test_tips.py are
    about them.
    """
    for path, methods in document["paths"].items():
        for method, spec in methods.items():
            if signed == ({"signature": []} in spec["security"]):
                yield Operation(method.upper(), path, spec)


async def ask(
    rig: Rig, method: str, address: str, who: str | None = None, *, url: str | None = None,
    stream: bool = False, **options: Any,
) -> Answer:
    """Send a request whose address is encoded already; of a stream, read the head only."""
    headers = {**options.pop("headers", {})}
    if who is not None:
        headers["Authorization"] = f"Bearer {rig.secrets[who]}"
    target = URL((url or rig.url) + address, encoded=True)
    async with rig.session.request(method, target, headers=headers, **options) as answer:
        raw = b"" if stream and answer.status == 200 else await answer.read()
        body = json.loads(raw) if raw and "json" in answer.content_type else raw
        return Answer(answer.status, body, answer.headers)


def encoded(text: str) -> str:
    """Return a text as one part of an address."""
    return quote(text, safe="")


def wrong_with(answer: Answer, status: int | None = None, *codes: str) -> str | None:
    """Say what is wrong with a refusal; None where it is a problem as it should be.

    `codes` are the codes that it may have; for a batch, those of its rejected entries.
    """
    if not 400 <= answer.status < 500 or status not in {None, answer.status}:
        return f"answered {answer.status} instead of {status or '4xx'}: {answer.body!r:.300}"
    if answer.headers["Content-Type"] != "application/problem+json":
        return f"answered with {answer.headers['Content-Type']}"
    body = answer.body
    members = {"type", "title", "status", "code", "detail", "hint", "request_id"}
    if lacking := members - body.keys():
        return f"lacks {sorted(lacking)}"
    if answer.status != body["status"] or answer.headers["X-Request-Id"] != body["request_id"]:
        return "contradicts its own head"
    found = {one["code"] for one in body["rejected"]} if "rejected" in body else {body["code"]}
    if told := [word for word in INSIDE if word in json.dumps(body)]:
        return f"speaks of our inside: {told}"
    if codes and not found <= set(codes):
        return f"has {sorted(found)} instead of one of {codes}"
    return None
