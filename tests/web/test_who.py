"""Who may open which page: every page with every person, and with nobody."""

from collections.abc import Mapping
from uuid import uuid4

import pytest

from freezeguard.bootstrap.pages import all_pages
from freezeguard.identity.openid import OpenIdProvider
from freezeguard.web.desk import Desk
from freezeguard.web.pages import Page
from tests.rig import PEOPLE, Rig
from tests.web.visiting import Browser, signed_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVERYBODY = frozenset(PEOPLE)
VENDORS = frozenset({"vera", "vito"})
STAFF = EVERYBODY - VENDORS
PULLERS = frozenset({"alba", "bert", "quin", "owen", "mara", "miro", "cora"})
ANALYSTS, ADMIN = frozenset({"quin"}), frozenset({"root"})
PUBLIC = None

WHO: Mapping[str, frozenset[str] | None] = {
    "GET /console/static/{digest}/{name}": PUBLIC,
    "GET /console/sign-in": PUBLIC,
    "POST /console/sign-in": PUBLIC,
    "GET /console/enter": PUBLIC,
    "POST /console/enter": PUBLIC,
    "GET /console/provider": PUBLIC,
    "GET /console/provider/back": PUBLIC,
    "GET /console/prove": EVERYBODY,
    "POST /console/prove": EVERYBODY,
    "POST /console/sign-out": EVERYBODY,
    "GET /console": STAFF,
    "GET /console/live": STAFF,
    "POST /console/views": STAFF,
    "GET /console/bulk/{command}": STAFF,
    "POST /console/bulk/{command}": STAFF,
    "POST /console/views/{id}/delete": STAFF,
    "GET /console/cases/{id}": STAFF,
    "GET /console/cases/{id}/live": STAFF,
    "GET /console/cases/{id}/do/{command}": STAFF,
    "POST /console/cases/{id}/do/{command}": STAFF,
    "GET /console/cases/{id}/questions": STAFF,
    "POST /console/cases/{id}/questions": STAFF,
    "POST /console/cases/{id}/questions/{question}/{deed}": STAFF,
    "POST /console/cases/{id}/siblings": STAFF,
    "GET /console/cases/{id}/diagnosis": STAFF,
    "POST /console/cases/{id}/diagnosis": STAFF,
    "POST /console/cases/{id}/diagnosis/{cause}/{deed}": STAFF,
    "GET /console/pull": PULLERS,
    "POST /console/pull": PULLERS,
    "GET /console/pull/done": PULLERS,
    "GET /console/rules": STAFF,
    "GET /console/rules/{id}": STAFF,
    "POST /console/rules/{id}": ANALYSTS | ADMIN,
    "GET /console/rules/{id}/promote": ANALYSTS | ADMIN,
    "POST /console/rules/{id}/promote": ANALYSTS | ADMIN,
    "GET /console/write-rule": ANALYSTS | ADMIN,
    "POST /console/write-rule": ANALYSTS | ADMIN,
    "POST /console/rules/proposals/{id}": ANALYSTS | ADMIN | {"owen", "mara", "miro"},
    "GET /console/catalogues": STAFF,
    "GET /console/vendors": STAFF,
    "GET /console/vendors/{vendor}": STAFF,
    "GET /console/people": ADMIN,
    "GET /console/new-person": ADMIN,
    "POST /console/new-person": ADMIN,
    "GET /console/people/{id}": ADMIN,
    "POST /console/people/{id}": ADMIN,
    "POST /console/people/{id}/deactivate": ADMIN,
    "GET /console/suppressions": STAFF,
    "GET /console/record": ADMIN | {"audi"},
    "GET /console/me": STAFF,
    "POST /console/me/chats/{kind}": STAFF,
    "POST /console/me/quiet-hours": STAFF,
    "POST /console/me/test": STAFF,
    "POST /console/suppressions": ANALYSTS | ADMIN,
    "POST /console/suppressions/{id}/lift": ANALYSTS | ADMIN,
    "GET /portal": PUBLIC,
    "GET /portal/cases/{id}": PUBLIC,
    "POST /portal/cases/{id}/code": PUBLIC,
    "POST /portal/cases/{id}/enter": PUBLIC,
    "POST /portal/sign-out": EVERYBODY,
    "GET /portal/cases/{id}/do/{command}": VENDORS,
    "POST /portal/cases/{id}/do/{command}": VENDORS,
    "POST /portal/cases/{id}/questions": VENDORS,
    "POST /portal/cases/{id}/questions/{question}/answer": VENDORS,
    "GET /portal/cases/{id}/diagnosis": VENDORS,
    "POST /portal/cases/{id}/diagnosis": VENDORS,
    "POST /portal/cases/{id}/diagnosis/{cause}/{deed}": VENDORS,
    "POST /portal/cases/{id}/files": VENDORS,
    "GET /portal/cases/{id}/files/{file}": VENDORS,
    "POST /portal/cases/{id}/pack": VENDORS,
    "GET /portal/webhooks": VENDORS,
    "POST /portal/webhooks": VENDORS,
    "GET /portal/webhooks/{id}": VENDORS,
    "POST /portal/webhooks/{id}/test": VENDORS,
    "POST /portal/webhooks/{id}/rotate": VENDORS,
    "POST /portal/webhooks/{id}/replay": VENDORS,
    "POST /portal/webhooks/{id}/switch": VENDORS,
    "POST /portal/webhooks/{id}/remove": VENDORS,
}
"""Written by hand: a page that is not here fails the test, whatever it says of itself."""


def pages(rig: Rig) -> list[Page]:
    service = rig.service
    vouching = OpenIdProvider("https://id.example", "freezeguard", None, "id")
    desk = Desk(service.api.routes)
    return all_pages(
        service.settings, desk, service.signing_in, service.codes, vouching, service.now
    )


def address(page: Page) -> str:
    return (
        page.path.replace("{id}", str(uuid4())).replace("{command}", "comment")
        .replace("{digest}", "0").replace("{name}", "style.css").replace("{file}", str(uuid4()))
        .replace("{vendor}", "nobody")
        .replace("{kind}", "slack")
        .replace("{question}", str(uuid4())).replace("{deed}", "answer")
        .replace("{cause}", str(uuid4()))
    )


async def ask(browser: Browser, page: Page) -> int:
    """Open a page without following where it leads; a form carries what its session gives it.

    Of a stream only the head is read.
    """
    if page.is_stream:
        return await browser.begin(address(page))
    if page.method == "GET":
        return (await browser.get(address(page), follow=False)).status
    return (await browser.post(address(page), {"comment": "x"}, follow=False)).status


async def test_nobody_is_forgotten(rig: Rig) -> None:
    """Each page has an expectation, each expectation a page, and no GET is a change."""
    every = pages(rig)

    assert {one.name for one in every} == set(WHO)
    assert {"GET", "POST"} == {one.method for one in every}


async def test_exactly_those_named_are_let_in(rig: Rig) -> None:
    """All others are told that it is not theirs, whether or not there is such an object."""
    wrong = []
    inside = [one for one in pages(rig) if WHO[one.name] is not PUBLIC]
    inside.sort(key=lambda one: one.path.endswith("sign-out"))
    for who in sorted(EVERYBODY):
        browser = await signed_in(rig, who)
        await browser.get("/console/prove")
        kept = browser.last
        for page in inside:
            browser.last = kept
            status = await ask(browser, page)
            if (status != 403) != (who in WHO[page.name]) and page.path != "/console/prove":
                wrong.append((page.name, who, status))
            assert status < 500

    assert [] == wrong


async def test_nobody_is_let_in_without_a_session(rig: Rig) -> None:
    """Pages lead to signing in; forms do nothing; what anybody may open says nothing of anybody."""
    browser = Browser(rig.session, rig.url)
    for page in pages(rig):
        seen = await ask(browser, page)
        if WHO[page.name] is PUBLIC:
            sent = {303} if page.path.endswith("/code") else {200, 403, 404, 410}
            assert seen in sent, page.name
        else:
            assert 303 == seen, page.name
            way_in = "/portal" if page.is_for_vendors else "/console/sign-in"
            assert browser.last.headers["Location"].startswith(way_in)


async def test_a_manager_of_another_area_decides_nothing_here(rig: Rig, sku: str) -> None:
    """A role is not enough: what is another's to decide is refused as in the API, with why."""
    case = await rig.to_awaiting_approval(sku)
    miro = await signed_in(rig, "miro")
    await miro.get(f"/console/cases/{case['id']}/do/approve")
    sent = await miro.post(
        f"/console/cases/{case['id']}/do/approve",
        {"version": str(case["version"]), "evidence_revision": str(case["evidence_revision"])},
    )

    assert "Nothing was done." in sent.words
    assert 422 == sent.status
    assert "awaiting_approval" == (await rig.case(case["id"]))["state"]
