"""A vendor never meets another one: on no page and by no operation that is open to vendors.

Whatever names something of another vendor is answered as if there were no such thing, in the same
words, and changes nothing; what is listed is the same whether or not the other one exists.
"""

import io
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import aiohttp
import pytest
import pytest_asyncio

from freezeguard.storage.embedded import EmbeddedServer
from freezeguard.web.portal.entering import COOKIE as CODE
from tests.acceptance.conftest import fresh_database
from tests.acceptance.steps import attach, mails_arrived
from tests.badinput.operations import WHO as OPERATIONS
from tests.badinput.operations import ask, operations
from tests.files import PDF
from tests.rig import CATEGORY, REMEDY, Answer, Rig, shop_with_service, until
from tests.web.test_who import pages
from tests.web.visiting import Browser, Seen, signed_in
from tests.webhooks.farm import Receiver, receiving

pytestmark = pytest.mark.asyncio(loop_scope="module")

YESTERDAY = datetime.now(UTC) - timedelta(days=1)
MARK = "rivalsecret"
"""Stands in everything that is the other vendor's."""

LISTS = frozenset({"GET /v1/cases", "GET /v1/webhook-endpoints"})
NAMES_NOTHING = frozenset({"POST /v1/webhook-endpoints"})
"""Operations that name nothing that there is: what they make is the asker's own."""
CAUSE = {"branch": "material", "description": "Brittle resin.", "whys": ["It tore."]}
BODIES: Mapping[str, Any] = {
    "POST /v1/cases/{id}/commands": {"command": "comment", "comment": "Hello."},
    "POST /v1/cases/{id}/questions": {"text": "Why?"},
    "POST /v1/cases/{id}/questions/{question}/answer": {"text": "So."},
    "POST /v1/cases/{id}/questions/{question}/withdraw": {"reason": "By mistake."},
    "POST /v1/cases/{id}/diagnosis": CAUSE,
    "POST /v1/cases/{id}/diagnosis/{cause}": {"version": 1, "description": "Mine now."},
    "POST /v1/cases/{id}/diagnosis/{cause}/evidence": {"speaks": "for", "text": "So."},
    "PATCH /v1/webhook-endpoints/{id}": {"description": "Mine now."},
    "POST /v1/webhook-endpoints/{id}/replay": {"since": YESTERDAY.isoformat()},
    "POST /v1/webhook-endpoints/{id}/rotate": {"overlap_hours": 0},
}
QUERIES: Mapping[str, str] = {
    "GET /v1/cases/{id}/pack": "?for=vendor",
    "POST /v1/cases/{id}/evidence": "?name=a.pdf&version=1",
}
FORMS: Mapping[str, Mapping[str, str]] = {
    "POST /portal/cases/{id}/do/{command}": {"comment": "Hello.", "version": "1"},
    "POST /portal/cases/{id}/questions": {"text": "Why?"},
    "POST /portal/cases/{id}/questions/{question}/answer": {"text": "So."},
    "POST /portal/cases/{id}/diagnosis": {"branch": "material", "description": "Resin."},
    "POST /portal/cases/{id}/diagnosis/{cause}/{deed}": {"speaks": "for", "text": "So."},
    "POST /portal/webhooks/{id}/switch": {"state": "disabled"},
    "POST /portal/webhooks/{id}/rotate": {"overlap_hours": "0"},
    "POST /portal/webhooks/{id}/replay": {"since": YESTERDAY.isoformat()[:16]},
    "POST /portal/cases/{id}/code": {"to": "x"},
    "POST /portal/cases/{id}/enter": {"code": "12345678"},
}
OF_EVERYBODY = frozenset({
    "GET /portal", "POST /portal/sign-out", "GET /portal/webhooks", "POST /portal/webhooks",
})
"""Pages that name nothing."""


@dataclass(frozen=True, slots=True)
class Things:
    """What there is of a vendor, or, as `nobody`, of none."""

    case: str
    file: str
    endpoint: str
    sku: str
    question: str
    cause: str

    @classmethod
    def of_nobody(cls) -> "Things":
        """Return ids that nobody has."""
        ids = [str(uuid4()) for _ in range(5)]
        return cls(*ids[:3], "NO-SUCH-SKU", *ids[3:])

    def address(self, name: str, case: str | None = None) -> str:
        """Return where an operation or a page has these; with `case` they are looked for there."""
        path = name.split(" ")[1]
        one = self.endpoint if "webhook" in path else (case or self.case)
        return (path.replace("{id}", one).replace("{file}", self.file)
                .replace("{question}", self.question).replace("{cause}", self.cause)
                .replace("{deed}", "argue")
                .replace("{sku}", quote(self.sku, safe="")).replace("{command}", "comment"))

    def neutral(self, text: str) -> str:
        """Return a text without what differs in any two requests."""
        for one in (self.case, self.file, self.endpoint, self.sku, self.question, self.cause):
            text = text.replace(one, "X")
        return re.sub(r"<footer>.*?</footer>|[0-9a-f]{16}-[0-9a-f]+", "", text, flags=re.DOTALL)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def theirs_hears() -> AsyncIterator[Receiver]:
    """The other vendor's system."""
    async with receiving() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ours_hears() -> AsyncIterator[Receiver]:
    """The asking vendor's system."""
    async with receiving() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(
    postgres: EmbeddedServer, place: Path, ours_hears: Receiver, theirs_hears: Receiver
) -> AsyncIterator[Rig]:
    """A shop with two vendors."""
    opened = {"allow_private": True, "ports": [ours_hears.port, theirs_hears.port]}
    async with (
        fresh_database(postgres) as dsns,
        shop_with_service(dsns, place, seed=20, webhooks=opened) as running,
    ):
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ours(rig: Rig, ours_hears: Receiver, take_sku) -> Things:
    """A case of the asking vendor's, first in the shop."""
    return await _things(rig, take_sku(), "vera", ours_hears, "ours")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def theirs(rig: Rig, ours: Things, theirs_hears: Receiver, take_sku) -> Things:
    """One of the other vendor's, in the same category, with its secrets everywhere."""
    sku = take_sku()
    body = {"title": f"{MARK} title", "vendor": "rival", "category": CATEGORY, "owner": "owen"}
    assert 200 == (await rig.call("PUT", f"/v1/skus/{sku}", "root", json=body)).status
    return await _things(rig, sku, "vito", theirs_hears, MARK)


async def _things(rig: Rig, sku: str, who: str, hears: Receiver, mark: str) -> Things:
    hook = {"url": f"{hears.url}/{mark}", "description": mark}
    endpoint = await rig.call("POST", "/v1/webhook-endpoints", who, json=hook)
    assert 201 == endpoint.status, endpoint.body
    await rig.complain(sku, lot=f"{mark}-lot", text=f"{mark} words", channel=f"{mark}-channel")
    case = await rig.in_state(sku, "frozen")
    case = await rig.done(case, "accept_ownership", "owen")
    case = await rig.done(case, "comment", who, comment=f"{mark} comment")
    file = await attach(rig, case, who, name=f"{mark}.pdf", note=f"{mark} note")
    assert 201 == file.status, file.body
    case = await rig.done(await rig.case(case["id"]), "propose_remedy", who, remedy={
        **REMEDY, "corrective_action": f"{mark} grade", "affected_lots": [f"{mark}-lot"]})
    await mails_arrived(rig, case)

    async def heard() -> bool:
        return any("frozen_confirmed" in json.dumps(one) for one in hears.bodies)

    await until(heard, f"{who} heard")
    place = f"/v1/cases/{case['id']}"
    question = await rig.call("POST", f"{place}/questions", "owen", json={
        "of": "vendor", "text": f"{mark} question"})
    cause = await rig.call("POST", f"{place}/diagnosis", who, json={
        **CAUSE, "description": f"{mark} cause"})
    assert (201, 201) == (question.status, cause.status), (question.body, cause.body)
    return Things(case["id"], file.body["file"]["id"], endpoint.body["id"], sku,
                  question.body["id"], cause.body["id"])


def secrets(theirs: Things) -> tuple[str, ...]:
    """Return what may stand in nothing that the asking vendor reads."""
    return (MARK, theirs.case, theirs.file, theirs.endpoint, theirs.sku, theirs.question,
            theirs.cause, '"rival"', "Rival")


def _beside(name: str, ours: Things) -> list[str | None]:
    """Return at which cases another's thing is looked for: its own, and the asking vendor's."""
    has_parts = any(part in name for part in ("{file}", "{question}", "{cause}"))
    return [None, ours.case] if has_parts else [None]


async def asked(rig: Rig, name: str, address: str) -> Answer:
    """Ask as the vendor's person; the body is whatever the operation takes."""
    more: dict[str, Any] = {}
    if name in BODIES:
        more["json"] = BODIES[name]
    elif name.endswith("/evidence") and name.startswith("POST"):
        more |= {"data": io.BytesIO(PDF), "headers": {"Content-Type": "application/pdf"}}
    method, _, _ = name.partition(" ")
    return await ask(rig, method, address + QUERIES.get(name, ""), "vera", **more)


def text_of(answer: Answer) -> str:
    body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
    return body.decode(errors="replace") + json.dumps(dict(answer.headers))


async def state_of(rig: Rig, theirs: Things) -> Any:
    """Return what nobody else may change."""
    case = await rig.case(theirs.case, "vito")
    hook = (await rig.call("GET", f"/v1/webhook-endpoints/{theirs.endpoint}", "vito")).body
    return (case["version"], case["state"], len(case["evidence_files"]), hook["state"],
            hook["description"], hook["previous_key_until"])


async def opened(browser: Browser, name: str, address: str) -> Seen:
    """Open a page, or send its form as one of the session."""
    if name.startswith("GET"):
        return await browser.get(address, follow=False)
    if not name.endswith("/files"):
        return await browser.post(address, FORMS.get(name, {}), follow=False)
    form = aiohttp.FormData()
    field = re.search(r'name="csrf" value="([^"]*)"', browser.last.text)
    for key, value in {"csrf": field[1] if field else "", "version": "1", "note": ""}.items():
        form.add_field(key, value, content_type=None)
    form.add_field("file", io.BytesIO(PDF), filename="a.pdf", content_type="application/pdf")
    return await browser._send("POST", address, False, {"Origin": browser.url}, data=form)


async def test_every_operation_of_vendors_knows_its_own_alone(
    rig: Rig, ours: Things, theirs: Things
) -> None:
    """With what is another's, also beside what is one's own: as with what there is not."""
    document = (await rig.call("GET", "/openapi.json")).body
    nobody, before, wrong = Things.of_nobody(), await state_of(rig, theirs), []
    every = [one.name for one in operations(document) if "vera" in (OPERATIONS[one.name] or ())]
    for name in every:
        if name in LISTS | NAMES_NOTHING:
            assert "{" not in name
            continue
        for case in _beside(name, ours):
            one, none = [await asked(rig, name, which.address(name, case))
                         for which in (theirs, nobody)]
            same = theirs.neutral(json.dumps(one.body)) == nobody.neutral(json.dumps(none.body))
            if (404, 404, True) != (one.status, none.status, same):
                wrong.append((name, one.status, none.status, theirs.neutral(json.dumps(one.body)),
                              nobody.neutral(json.dumps(none.body))))

    assert len(every) >= 15
    assert [] == wrong
    assert before == await state_of(rig, theirs)


async def test_what_a_vendor_may_read_says_nothing_of_others(
    rig: Rig, ours: Things, theirs: Things
) -> None:
    """Every answer about one's own, every list by every filter, every header and file."""
    document = (await rig.call("GET", "/openapi.json")).body
    names = [one.name for one in operations(document)
             if one.method == "GET" and "vera" in (OPERATIONS[one.name] or ())]
    filters = ("", f"?sku={theirs.sku}", "?vendor=rival", "?owner=owen", "?limit=200",
               f"?category={CATEGORY}", "?open=true&overdue=true", "?degraded=true")
    for name in names:
        for more in filters if name == "GET /v1/cases" else ("",):
            answer = await asked(rig, name, ours.address(name) + more)
            assert 200 == answer.status, (name, answer.body)
            told = text_of(answer)
            assert not [one for one in secrets(theirs) if one in told], (name, more)
    listed = (await rig.read("/v1/cases", "vera"))["items"]
    assert [ours.case] == [one["id"] for one in listed]


async def test_every_page_of_the_portal_knows_its_own_alone(
    rig: Rig, ours: Things, theirs: Things
) -> None:
    """Pages and forms, with a session and without: the same as for what there is not."""
    nobody, before, wrong = Things.of_nobody(), await state_of(rig, theirs), []
    portal = [one.name for one in pages(rig) if one.is_for_vendors]
    for who in ("vera", None):
        browser = await signed_in(rig, who) if who else Browser(rig.session, rig.url)
        for name in portal:
            if name in OF_EVERYBODY:
                assert "{" not in name
                continue
            for case in _beside(name, ours):
                seen = []
                for which in (theirs, nobody):
                    browser.cookies.pop(CODE, None)
                    await browser.get("/portal")
                    seen.append(await opened(browser, name, which.address(name, case)))
                one, none = seen
                told = one.text + json.dumps(dict(one.headers))
                same = theirs.neutral(one.text) == nobody.neutral(none.text)
                if one.status != none.status or not same or MARK in told or "ival" in told:
                    wrong.append((who, name, one.status, none.status, *(
                        set(theirs.neutral(one.text).split("\n"))
                        ^ set(nobody.neutral(none.text).split("\n")))))
                if who and not re.search("/(code|enter)$", name):
                    assert 404 == one.status, (name, one.status)

    assert len(portal) >= 15
    assert [] == wrong
    assert before == await state_of(rig, theirs)


async def test_pages_of_ones_own_say_nothing_of_others(
    rig: Rig, ours: Things, theirs: Things
) -> None:
    """Lists, a case, its forms, its files, the log of webhooks."""
    vera = await signed_in(rig, "vera")
    told = ""
    for name in (one.name for one in pages(rig) if one.is_for_vendors and one.method == "GET"):
        seen = await vera.get(ours.address(name))
        assert 200 == seen.status, name
        told += seen.text
    told += (await vera.get(f"/portal?all=yes&sku={theirs.sku}")).text.replace(
        f"sku={theirs.sku}", "")
    found = [one for one in secrets(theirs) if one in told]

    assert [] == found
    assert ours.case in told


async def test_what_arrives_by_itself_is_ones_own(
    rig: Rig, ours: Things, theirs: Things, ours_hears: Receiver
) -> None:
    """Mails to a vendor and messages to its systems name nothing of another one."""
    mails = b"".join(
        part.get_payload(decode=True) or b"" for one in rig.mailbox.to("@acme.example")
        for part in one.walk() if not part.is_multipart()
    ).decode()
    posts = json.dumps([ours_hears.bodies, [head for head, _ in ours_hears.requests]])

    assert ours.case in mails
    assert ours.case in posts
    for said in (mails, posts):
        assert [] == [one for one in secrets(theirs) if one in said]
