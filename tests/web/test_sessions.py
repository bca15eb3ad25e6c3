"""Sessions and forms as somebody who means harm sees them: every page, every form, every way in."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest

from freezeguard.web.deeds import DEEDS
from freezeguard.web.guarding import COOKIE
from freezeguard.web.pages import Page
from tests.acceptance.steps import sql
from tests.rig import Rig
from tests.web.test_case_pages import page_of
from tests.web.test_signing_in import age, link_for
from tests.web.test_who import WHO, address, pages
from tests.web.visiting import Browser, signed_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

OTHER_SITES: Mapping[str, Mapping[str, str]] = {
    "another site": {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    "a sandboxed frame": {"Origin": "null"},
    "a site beside ours": {"Sec-Fetch-Site": "same-site"},
    "an old browser": {"Origin": "http://127.0.0.1.evil.example"},
    "another port": {"Origin": "http://127.0.0.1:1"},
    "whoever hides it": {"Origin": "", "Sec-Fetch-Site": "none"},
}
ELSEWHERE = (
    "https://evil.example/console", "//evil.example/console", "/\\evil.example", "\\\\evil.example",
    "///evil.example", "/console\\..\\\\evil.example", "javascript:alert(1)//console",
    "/console\r\nLocation: https://evil.example", "/console\u2028", "/portal\t//evil.example",
    " /console", "http:/console", "data:text/html,/console", "",
)


def forms(rig: Rig) -> Iterator[tuple[Page, str | None]]:
    """Yield every page that takes a form, with somebody who may send it; signing out comes last."""
    every = sorted((one for one in pages(rig) if one.changes),
                   key=lambda one: (WHO[one.name] is not None, one.path.endswith("sign-out")))
    for page in every:
        allowed = WHO[page.name]
        yield page, None if allowed is None else min(allowed - {"root"} or allowed)


async def _browser(rig: Rig, who: str | None) -> Browser:
    return Browser(rig.session, rig.url) if who is None else await signed_in(rig, who)


async def test_no_form_is_taken_from_elsewhere(rig: Rig) -> None:
    """Every form there is, from every place that is not a page of ours; also ways in and out."""
    taken, inside = [], {}
    for page, who in forms(rig):
        if who not in inside:
            inside[who] = await _browser(rig, who)
            await inside[who].get("/console/sign-in" if who is None else "/console/prove")
        browser = inside[who]
        kept = browser.last
        for name, headers in OTHER_SITES.items():
            browser.last = kept
            seen = await browser.post(address(page), {"token": rig.secrets["mara"]}, **headers)
            if seen.status != 403 or "came from another site" not in seen.words:
                taken.append((page.name, name, seen.status))
        browser.last = kept

    assert [] == taken


async def test_no_form_is_taken_without_its_sessions_mark(rig: Rig) -> None:
    """Every form there is: without the hidden field, with another's, an empty one, or garbage.

    Nor one that carries it in its address, where other sites and logs may have it from.
    """
    taken, inside = [], {}
    other = await signed_in(rig, "mara")
    foreign = _mark(await other.get("/console/prove"))
    for page, allowed in forms(rig):
        who = allowed or ("vera" if page.is_for_vendors else "alba")
        if who not in inside:
            inside[who] = await signed_in(rig, who)
            await inside[who].get("/console/prove")
        browser = inside[who]
        own = _mark(browser.last)
        kept = browser.last
        for given in ({"csrf": ""}, {"csrf": foreign}, {"csrf": own[:-1]}, {"csrf": f"{own} "}):
            seen = await browser.post(address(page), {"token": rig.secrets[who], **given})
            if seen.status not in _refusals(page):
                taken.append((page.name, given, seen.status))
        for query, body in ((f"?csrf={own}", b"token=x"), ("", b"csrf=%ff%fe&token=x"),
                            ("", b"csrf=%ED%A0%80"), ("", b"")):
            seen = await browser._send(
                "POST", address(page) + query, False,
                {"Origin": rig.url, "Content-Type": "application/x-www-form-urlencoded"},
                data=body,
            )
            if seen.status not in _refusals(page):
                taken.append((page.name, query, body, seen.status))
        browser.last = kept
        assert 200 == (await browser.get("/console/prove")).status, page.name

    assert [] == taken


def _mark(seen: Any) -> str:
    return re.search(r'name="csrf" value="([^"]+)"', seen.text)[1]


def _refusals(page: Page) -> set[int]:
    return {400, 403, 415} if page.takes_file else {400, 403}


async def test_whatever_is_answered_is_for_this_reader_alone(rig: Rig, sku: str) -> None:
    """Every page, refusal and redirection: not stored, not framed, nothing foreign in it.

    And no secret: neither of the session nor of who signed in.
    """
    await rig.complain(sku)
    wrong = []
    for who in ("audi", "mara", "vera", None):
        browser = await _browser(rig, who)
        token = browser.token
        for page in pages(rig):
            if page.path.startswith("/console/provider") or page.path.endswith("/live"):
                continue  # this shop has none; a stream stays open
            where = address(page)
            if page.changes:
                seen = await browser.post(where, {"csrf": "none"}, follow=False)
            else:
                seen = await browser.get(where, follow=False)
            headers = seen.headers
            policy = headers.get("Content-Security-Policy", "")
            is_well = (
                "no-store" in headers.get("Cache-Control", "")
                and "nosniff" == headers.get("X-Content-Type-Options")
                and {"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'",
                     "form-action 'self'", "script-src 'self'"} <= set(policy.split("; "))
                and "unsafe" not in policy and "*" not in policy
                and "same-origin" == headers.get("Referrer-Policy")
                and "same-origin" == headers.get("Cross-Origin-Opener-Policy")
                and "max-age=" in headers.get("Strict-Transport-Security", "")
                and "Access-Control-Allow-Origin" not in headers
            )
            said = seen.text + str(dict(headers))
            if not is_well or (token and token in said) or any(
                secret in said for secret in rig.secrets.values()
            ):
                wrong.append((who, page.name, seen.status, dict(headers)))

    assert [] == wrong


@pytest.mark.parametrize("wanted", ELSEWHERE)
async def test_no_way_in_leads_elsewhere(rig: Rig, wanted: str) -> None:
    """By token, by link, by proof, and for whoever is in already: always a page of ours."""
    browser = await signed_in(rig, "mara")
    given = {"token": rig.secrets["mara"], "next": wanted}
    already = await browser.session.get(
        f"{rig.url}/console/sign-in", params={"next": wanted}, allow_redirects=False,
        headers={"Cookie": f"{COOKIE}={browser.token}"})
    led = [already.headers["Location"]]
    await browser.get("/console/prove")
    led.append((await browser.post("/console/prove", given, follow=False)).headers["Location"])
    fresh = Browser(rig.session, rig.url)
    await fresh.get("/console/sign-in")
    led.append((await fresh.post("/console/sign-in", given, follow=False)).headers["Location"])
    linked = {"link": await link_for(rig, "mara"), "next": wanted}
    other = Browser(rig.session, rig.url)
    led.append((await other.post("/console/enter", linked, follow=False)).headers["Location"])

    for one in led:
        assert urlsplit(rig.url).netloc == urlsplit(urljoin(rig.url, one)).netloc
        assert one.startswith(("/console", "/portal")), one


async def test_a_session_that_was_planted_is_nobodys_afterwards(rig: Rig) -> None:
    """Whoever had another one's session in their browser when they came in does not share it."""
    planted = await signed_in(rig, "bert")
    for way in ("token", "link"):
        victim = Browser(rig.session, rig.url, dict(planted.cookies))
        await victim.get("/console/prove")
        own = ({"token": rig.secrets["mara"]} if way == "token"
               else {"link": await link_for(rig, "mara")})
        path = "/console/sign-in" if way == "token" else "/console/enter"
        assert 303 == (await victim.post(path, own, follow=False)).status
        assert victim.token not in {None, planted.token}
        assert "/console/sign-in" == (await planted.get("/console")).address
        assert "Mara" in (await victim.get("/console")).words
        planted = await signed_in(rig, "bert")


async def test_sessions_side_by_side(rig: Rig) -> None:
    """Signing out ends the one; losing a role, or the right to sign in, is felt in all at once."""
    one, two = await signed_in(rig, "quin"), await signed_in(rig, "quin")
    await one.get("/console")
    used = dict(one.cookies)
    await one.post("/console/sign-out")
    again = Browser(rig.session, rig.url, used)
    assert "/console/sign-in" == (await again.get("/console")).address
    assert "/console/suppressions" == (await two.get("/console/suppressions")).address
    three = await signed_in(rig, "quin")
    await sql(rig, "UPDATE people SET roles = '{auditor}' WHERE id = 'quin'")
    try:
        for each in (two, three):
            await each.get("/console/suppressions")
            sent = await each.post("/console/suppressions", {"sku": "x", "cause": "y"})
            assert 403 == sent.status
        await sql(rig, "UPDATE people SET active = false WHERE id = 'quin'")
        for each in (two, three):
            assert "/console/sign-in" == (await each.get("/console")).address
    finally:
        await sql(rig, "UPDATE people SET roles = '{analyst}', active = true WHERE id = 'quin'")


async def test_a_proof_is_one_sessions(rig: Rig, sku: str) -> None:
    """Who showed who they are in one browser has shown nothing in another one."""
    case = await rig.to_awaiting_approval(sku)
    one, two = await signed_in(rig, "mara"), await signed_in(rig, "mara")
    for each in (one, two):
        await age(rig, each, "proved_at", timedelta(minutes=16))
    await one.get("/console/prove")
    await one.post("/console/prove", {"token": rig.secrets["mara"]})

    assert page_of(case, "approve") == (await one.get(page_of(case, "approve"))).address
    assert "/console/prove" == (await two.get(page_of(case, "approve"))).address


async def test_all_that_lets_a_sale_go_on_wants_a_proof(rig: Rig, sku: str) -> None:
    """Each such command, opened and sent; and nothing that stops a sale, however old the proof."""
    case = await rig.to_awaiting_approval(sku)
    mara = await signed_in(rig, "mara")
    await age(rig, mara, "proved_at", timedelta(minutes=16))
    asked = set()
    for command in DEEDS:
        page = page_of(case, command.value)
        await mara.get(page, follow=False)
        opened = mara.last.headers.get("Location", "")
        await mara.get(page_of(case))
        sent = await mara.post(page, {"version": "0"}, follow=False)
        proof = [one.startswith("/console/prove?next=")
                 for one in (opened, sent.headers.get("Location", ""))]
        assert proof[0] is proof[1], command
        if proof[0]:
            asked.add(command.value)

    assert {"approve", "declare_false_alarm", "dismiss", "narrow", "register_revocation",
            "waive"} == asked


async def test_a_sessions_cookie_opens_no_api(rig: Rig) -> None:
    """What browsers send along by themselves is nothing to the API: no site can use it there."""
    browser = await signed_in(rig, "root")
    cookie = {"Cookie": f"{COOKIE}={browser.token}"}
    for method, path in (("GET", "/v1/cases"), ("GET", "/v1/people"), ("POST", "/v1/freezes"),
                         ("POST", "/v1/keys")):
        async with rig.session.request(method, rig.url + path, headers=cookie) as answer:
            assert 401 == answer.status, path
    bearer = {"Authorization": f"Bearer {browser.token}"}
    async with rig.session.get(f"{rig.url}/v1/cases", headers=bearer) as answer:
        assert 401 == answer.status


@pytest.mark.parametrize("cookie", [
    "\udcff", "a" * 6000, "\u00e4", "'; DROP TABLE sessions; --", "a=b=c", '"quoted"', "%00",
])
async def test_a_cookie_of_garbage_is_no_session(rig: Rig, cookie: str) -> None:
    """Whatever it is made of, it is somebody who is not signed in."""
    for name in (COOKIE, "__Host-freezeguard-code"):
        header = {"Cookie": f"{name}={cookie}"}
        for page in ("/console", "/portal", "/portal/cases/0197f6c2-7f5c-7a31-9d5e-3f2f6a1b2c3d"):
            async with rig.session.get(
                rig.url + page, headers=header, allow_redirects=False
            ) as answer:
                assert (303 if page == "/console" else 200) == answer.status, page
