"""Vendors from the mail to the remedy, on pages: who gets in, what they see, what they can do."""

import asyncio
import io
import re
from collections.abc import AsyncIterator
from datetime import date, timedelta
from email.message import Message
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import aiohttp
import pytest
import pytest_asyncio

from freezeguard.services.masterdata.access import secret_hash
from freezeguard.storage.embedded import EmbeddedServer
from freezeguard.web.portal.entering import COOKIE
from tests.acceptance.conftest import fresh_database
from tests.acceptance.steps import can_be_bought, reaches, sql
from tests.files import EXIF, PDF, SECRET, jpeg
from tests.rig import VERIFICATION, Rig, shop_with_service, until
from tests.web.test_case_pages import REMEDY
from tests.web.visiting import Browser, Seen, signed_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(postgres: EmbeddedServer, place: Path) -> AsyncIterator[Rig]:
    """A shop with one replica, and SKUs enough for every test here."""
    async with (
        fresh_database(postgres) as dsns, shop_with_service(dsns, place, seed=60) as running,
    ):
        yield running


MAILBOX = "quality@acme.example"
LINK = re.compile(r"https?://[^\s>]+/portal/cases/([0-9a-f-]{36})\?to=([\w.-]+)")
CODE = re.compile(r"^\s*(\d{4}) (\d{4})\s*$", re.MULTILINE)


def text_of(mail: Message) -> str:
    """Return the plain part of a mail."""
    plain = next(one for one in mail.walk() if one.get_content_type() == "text/plain")
    return plain.get_payload(decode=True).decode()


async def link_of(rig: Rig, case: dict, mailbox: str = MAILBOX) -> str:
    """Return the address in the first mail about a case to a mailbox."""

    async def there() -> str | None:
        for mail in rig.mailbox.to(mailbox):
            for found in LINK.finditer(text_of(mail)):
                if found[1] == case["id"]:
                    return f"/portal/cases/{found[1]}?to={found[2]}"
        return None

    return str(await until(there, f"a mail about case {case['number']} to {mailbox}"))


def codes_to(rig: Rig, mailbox: str = MAILBOX) -> list[str]:
    """Return the codes that were sent to a mailbox, the oldest first."""
    found = (CODE.search(text_of(one)) for one in rig.mailbox.to(mailbox))
    return [one[1] + one[2] for one in found if one]


async def next_code(rig: Rig, before: int, mailbox: str = MAILBOX) -> str:
    """Wait for one code more than there were before."""

    async def there() -> str | None:
        codes = codes_to(rig, mailbox)
        return codes[-1] if len(codes) > before else None

    return str(await until(there, f"a code to {mailbox}"))


async def ask(browser: Browser, link: str) -> Seen:
    """Open a link and press its button."""
    path, _, hint = link.partition("?to=")
    await browser.get(link)
    return await browser.post(f"{path}/code", {"to": hint})


async def type_in(browser: Browser, link: str, code: str) -> Seen:
    """Type a code into the page of a link."""
    path, _, hint = link.partition("?to=")
    return await browser.post(f"{path}/enter", {"to": hint, "code": code})


async def let_in(rig: Rig, case: dict, mailbox: str = MAILBOX) -> Browser:
    """Return a browser of a vendor's contact who came in by the mail about a case."""
    await unhurried(rig)
    browser, link = Browser(rig.session, rig.url), await link_of(rig, case, mailbox)
    before = len(codes_to(rig, mailbox))
    await ask(browser, link)
    seen = await type_in(browser, link, await next_code(rig, before, mailbox))
    assert (200, link.partition("?")[0]) == (seen.status, seen.address), seen.words
    return browser


async def unhurried(rig: Rig) -> None:
    """Let the codes that were asked for so far lie long ago."""
    await sql(rig, "UPDATE sign_in_codes SET asked_at = asked_at - interval '2 hours'")


async def stopped(rig: Rig, sku: str, **more: Any) -> dict:
    """Stop the sale of a SKU by complaints; return its case."""
    await rig.complain(sku, **more)
    return await rig.in_state(sku, "frozen")


# ------------------------------------------------------------------------------ the way in


async def test_from_the_mail_to_the_remedy_without_a_script(rig: Rig, sku: str) -> None:
    """The link, the code, receipt, date, question, file and remedy: then the shop decides."""
    case = await stopped(rig, sku, lot="L-7")
    browser = await let_in(rig, case)
    page = f"/portal/cases/{case['id']}"
    seen = await browser.get(page)
    assert f"Item {sku}" in seen.words
    assert "Confirm that you have our notice" in seen.words
    assert "5 different customers complained within 30 days" in seen.words

    version = re.search(r'name="version" value="(\d+)"', seen.text)[1]
    seen = await browser.post(f"{page}/do/acknowledge", {"version": version})
    assert "Done: “We have the notice”." in seen.words
    for command, fields in (
        ("commit_date", {"date": str((await moment(rig)).date() + timedelta(days=9))}),
        ("comment", {"comment": "Which lots are in your stock?"}),
    ):
        seen = await give(browser, page, command, **fields)
        assert "Done:" in seen.words, seen.words
    seen = await attach(browser, page, "tear-test.pdf", PDF)
    assert "tear-test.pdf is on the case" in seen.words

    await rig.done(await rig.case(case["id"]), "accept_ownership", "owen")
    form = await browser.get(f"{page}/do/propose_remedy")
    assert ">\nL-7</textarea>" in form.text
    seen = await give(browser, page, "propose_remedy", **REMEDY)
    assert "Somebody of ours judges your remedy." in seen.words
    now = await rig.case(case["id"])
    assert "remedy_proposed" == now["state"]
    assert "Brittle resin." == now["remedy"]["cause"]["description"]
    assert now["remedy_author"].startswith("acme-")

    now = await rig.done(now, "request_approval", "owen", verification=VERIFICATION)
    await rig.done(now, "approve", "mara", evidence_revision=now["evidence_revision"])
    await reaches(rig, case, "closed_reinstated")
    await can_be_bought(rig, sku)
    assert "the remedy has worked" in (await browser.get(page)).words


async def test_a_remedy_that_comes_back_asks_for_a_new_date(rig: Rig, sku: str) -> None:
    """The date of the one before was kept: it stands no longer beside the one that is asked for."""
    case = await stopped(rig, sku)
    browser, page = await let_in(rig, case), f"/portal/cases/{case['id']}"
    today = (await moment(rig)).date()
    first, second = today + timedelta(days=9), today + timedelta(days=4)
    named = await give(browser, page, "commit_date", date=str(first))
    moved = (await browser.get(f"{page}/do/commit_date")).text
    await rig.done(await rig.case(case["id"]), "accept_ownership", "owen")
    await give(browser, page, "propose_remedy", **REMEDY)
    await rig.done(await rig.case(case["id"]), "return_remedy", "owen", missing=["The lots."])
    returned = await browser.get(page)
    empty = (await browser.get(f"{page}/do/commit_date")).text
    again = await give(browser, page, "commit_date", date=str(second))

    assert f"Your date {day_of(first)}, end of the day" in named.words
    assert f'value="{first}"' in moved
    assert "The lots." in returned.words
    assert "Your date" not in returned.words
    assert f'value="{first}"' not in empty
    assert f"Your date {day_of(second)}, end of the day" in again.words


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Auckland"])
async def test_a_date_is_the_day_that_it_was_where_it_was_named(
    rig: Rig, sku: str, zone: str
) -> None:
    """West of Greenwich a day ends on the next one there: the page and the form say the day."""
    reader = f"{zone.rpartition('/')[2].lower()}@acme.example"
    await contacts(rig, reader, time_zone=zone)
    try:
        case = await stopped(rig, sku)
        browser, page = await let_in(rig, case, reader), f"/portal/cases/{case['id']}"
        day = (await moment(rig)).astimezone(ZoneInfo(zone)).date() + timedelta(days=9)
        named = await give(browser, page, "commit_date", date=str(day))
        form = (await browser.get(f"{page}/do/commit_date")).text
    finally:
        await contacts(rig, MAILBOX)
    assert f"Your date {day_of(day)}, end of the day" in named.words
    assert f'value="{day}"' in form


def day_of(day: date) -> str:
    """Write a day as the page does."""
    return f"{day:%A} {day.day} {day:%B %Y}"


async def moment(rig: Rig) -> Any:
    (row,) = await sql(rig, "SELECT now() AS now")
    return row["now"]


async def give(browser: Browser, page: str, command: str, **fields: str) -> Seen:
    """Open a command's form, fill it in, and send it with what the form itself carries."""
    form = await browser.get(f"{page}/do/{command}")
    found = re.search(r'name="version" value="(\d+)"', form.text)
    version = {"version": found[1]} if found else {}
    return await browser.post(f"{page}/do/{command}", {**version, **fields})


async def attach(
    browser: Browser, page: str, name: str, content: bytes, kind: str = "application/octet-stream",
    **fields: str,
) -> Seen:
    """Send a file as a browser's form does."""
    seen = await browser.get(page)
    version = re.search(r'name="version" value="(\d+)"', seen.text)[1]
    csrf = re.search(r'name="csrf" value="([^"]*)"', seen.text)[1]
    form = aiohttp.FormData()
    for field, value in {"csrf": csrf, "version": version, "note": "Lot L-8", **fields}.items():
        form.add_field(field, value, content_type=None)
    form.add_field("file", io.BytesIO(content), filename=name, content_type=kind)
    headers = {"Origin": browser.url, "Sec-Fetch-Site": "same-origin"}
    return await browser._send("POST", f"{page}/files", True, headers, data=form)


# ------------------------------------------------------------------------- what can't be had


async def tries_of(rig: Rig, browser: Browser) -> int:
    """Return how many tries of a browser's code are used up."""
    secret = browser.cookies[COOKIE].partition(".")[2]
    (row,) = await sql(rig, "SELECT tries FROM sign_in_codes WHERE browser_hash = $1",
                       secret_hash(secret))
    return int(row["tries"])


async def test_scanners_open_every_link_twice_and_use_nothing_up(rig: Rig, sku: str) -> None:
    """No code is sent, nothing of the case is told but its number, and the human gets in after."""
    case = await stopped(rig, sku)
    await unhurried(rig)
    link, before = await link_of(rig, case), len(codes_to(rig))
    asked = len(await sql(rig, "SELECT 1 FROM sign_in_codes"))
    for _ in range(2):
        scanner = Browser(rig.session, rig.url)
        seen = await scanner.get(link)
        async with rig.session.head(rig.url + link) as head:
            assert 200 == head.status
        assert (200, {}) == (seen.status, scanner.cookies)
        assert f"Case {case['number']}" in seen.words
        for told in (sku, "Item", "acme", MAILBOX, "complain"):
            assert told not in seen.text
    assert asked == len(await sql(rig, "SELECT 1 FROM sign_in_codes"))
    assert before == len(codes_to(rig))
    assert (await let_in(rig, case)).token is not None


async def test_five_wrong_tries_and_the_right_code_is_void(rig: Rig, sku: str) -> None:
    """Also where they come all at once; another code lets in."""
    case = await stopped(rig, sku)
    await unhurried(rig)
    browser, link = Browser(rig.session, rig.url), await link_of(rig, case)
    before = len(codes_to(rig))
    await ask(browser, link)
    code = await next_code(rig, before)
    wrong = [f"{(int(code) + n) % 10**8:08d}" for n in range(1, 21)]
    kept = dict(browser.cookies)
    thieves = [Browser(rig.session, rig.url, dict(kept)) for _ in wrong]
    seen = await asyncio.gather(
        *(type_in(thief, link, one) for thief, one in zip(thieves, wrong, strict=True))
    )
    right = await type_in(browser, link, code)

    assert {403} == {one.status for one in seen} | {right.status}
    assert 5 == await tries_of(rig, browser)
    assert browser.token is None
    assert (await let_in(rig, case)).token is not None


async def test_a_code_works_in_the_browser_that_asked_and_once(rig: Rig, sku: str) -> None:
    """Another browser's code, the same code again, one typed without asking, one too old."""
    case = await stopped(rig, sku)
    await unhurried(rig)
    link = await link_of(rig, case)
    mine, other, nobody = (Browser(rig.session, rig.url) for _ in range(3))
    before = len(codes_to(rig))
    await ask(mine, link)
    code = await next_code(rig, before)
    await ask(other, link)
    others = await next_code(rig, before + 1)
    kept = dict(mine.cookies)

    assert 403 == (await type_in(mine, link, others)).status
    assert 403 == (await type_in(other, link, code)).status
    assert 403 == (await type_in(nobody, link, code)).status
    assert 200 == (await type_in(mine, link, f" {code[:4]}-{code[4:]} ")).status
    again = Browser(rig.session, rig.url, kept)
    assert 403 == (await type_in(again, link, code)).status
    await sql(rig, "UPDATE sign_in_codes SET expires_at = now() - interval '1 second'")
    assert 403 == (await type_in(other, link, others)).status
    assert other.token is again.token is nobody.token is None


async def test_the_cookie_of_a_code_is_for_this_host_alone(rig: Rig, sku: str) -> None:
    """Over TLS, kept from scripts, for ten minutes."""
    case = await stopped(rig, sku)
    await unhurried(rig)
    browser, link = Browser(rig.session, rig.url), await link_of(rig, case)
    path, _, hint = link.partition("?to=")
    seen = await browser.post(f"{path}/code", {"to": hint}, follow=False)
    given = set(seen.headers["Set-Cookie"].split("; "))

    assert given >= {"Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"}
    assert COOKIE.startswith("__Host-")


def bare(seen: Seen, *told: str) -> str:
    """Return a page without what names this very request, or what was asked for."""
    own = r"(?<=name=\"to\" value=\")[^\"]*|[0-9a-f]{16}-[0-9a-f]+|\d\d:\d\d(:\d\d\.\d+)?"
    text = re.sub(own, "…", seen.text)
    for one in told:
        text = text.replace(one, "…")
    return text


async def test_whoever_asks_learns_nothing_of_what_there_is(rig: Rig, sku: str) -> None:
    """Same status, same page, same cookie, same time: a case, none, one whose mailbox is gone."""
    case = await stopped(rig, sku)
    await unhurried(rig)
    known, clock = case["id"], asyncio.get_running_loop().time
    unknown = "01a00000-0000-7000-8000-0123456789ab"
    hint = (await link_of(rig, case)).partition("?to=")[2]
    forged = f"{hint[:-3]}AAA"
    links, number = rig.service.codes.links, str(case["number"])
    gone = links.addressed("", UUID(known), number, "no@acme.example")
    ways = [(known, ""), (unknown, ""), ("nonsense", ""), (known, forged), (unknown, hint)]
    took: dict[str, list[float]] = {}
    pages: dict[str, set[Any]] = {"door": set(), "asked": set(), "wrong": set()}
    for _ in range(5):
        await unhurried(rig)
        for case_id, given in ways:
            browser, path = Browser(rig.session, rig.url), f"/portal/cases/{case_id}"
            door = await browser.get(path + (f"?to={given}" if given else ""))
            begun = clock()
            asked = await browser.post(f"{path}/code", {"to": given}, follow=False)
            took.setdefault(f"{case_id} {given}", []).append(clock() - begun)
            seen = await browser.get(path)
            wrong = await browser.post(f"{path}/enter", {"code": "00000000"})
            told = (case_id, given or "nothing to hide")
            pages["door"].add((door.status, bare(door, *told)))
            pages["asked"].add((asked.status, len(asked.headers["Set-Cookie"]) -
                                len(browser.cookies[COOKIE]), bare(seen, *told)))
            pages["wrong"].add((wrong.status, bare(wrong, *told)))
    quickest = [min(one) for one in took.values()]  # a busy machine makes none of them quicker

    assert {"door": 1, "asked": 1, "wrong": 1} == {name: len(one) for name, one in pages.items()}
    assert max(quickest) <= 1.1 * min(quickest), took
    before = len(codes_to(rig))
    browser = Browser(rig.session, rig.url)
    await unhurried(rig)
    assert 200 == (await ask(browser, f"/portal/cases/{known}{gone}")).status
    await let_in(rig, case)  # a later code has come, and only that one
    assert before + 1 == len(codes_to(rig))


async def test_codes_are_limited_by_case_and_by_mailbox(rig: Rig, take_sku) -> None:
    """Five of a case in ten minutes, whether there is such a case or not; ten to a mailbox."""
    await unhurried(rig)
    before = len(codes_to(rig))
    cases = [await stopped(rig, take_sku()) for _ in range(3)]
    links = [await link_of(rig, one) for one in cases]
    unknown = "/portal/cases/01a00000-0000-7000-8000-00000000000c"
    burst = await asyncio.gather(
        *(ask(Browser(rig.session, rig.url), links[0]) for _ in range(9))
    )
    of_nothing = [await ask(Browser(rig.session, rig.url), unknown) for _ in range(6)]
    others = [
        await ask(Browser(rig.session, rig.url), link) for link in links[1:] for _ in range(5)
    ]

    assert [200] * 5 + [429] * 4 == sorted(one.status for one in burst)
    assert [200] * 5 + [429] == [one.status for one in of_nothing]
    assert "Wait ten minutes" in of_nothing[-1].words
    assert {200} == {one.status for one in others}
    await next_code(rig, before + 9)
    assert before + 10 == len(codes_to(rig))
    await unhurried(rig)


# ------------------------------------------------------------------------ who it is that came


async def test_a_mailbox_is_always_the_same_person(rig: Rig, take_sku) -> None:
    """Registered the first time, by the vendor itself, under an id that tells no address."""
    first, second = await stopped(rig, take_sku()), await stopped(rig, take_sku())
    await let_in(rig, first)
    await let_in(rig, second)
    found = await sql(rig, "SELECT id, name, roles, vendor FROM people WHERE email = $1", MAILBOX)
    (one,) = found
    rows = await sql(rig, "SELECT actor FROM audit WHERE subject = $1 AND action = 'put_person'",
                     f"person:{one['id']}")

    assert re.fullmatch(r"acme-[0-9a-f]{12}", one["id"])
    assert (["vendor"], "acme") == (one["roles"], one["vendor"])
    assert [{"actor": "vendor:acme"}] == rows


async def test_whoever_is_locked_out_gets_no_code_and_is_out(rig: Rig, sku: str) -> None:
    """The shop may lock a person out; the next click tells, and no code comes any more."""
    case = await stopped(rig, sku)
    browser = await let_in(rig, case)
    await unhurried(rig)
    await sql(rig, "UPDATE people SET active = false WHERE email = $1", MAILBOX)
    before = len(codes_to(rig))
    try:
        out = await browser.get(f"/portal/cases/{case['id']}")
        assert "No password is needed" in out.words
        late = Browser(rig.session, rig.url)
        assert 200 == (await ask(late, await link_of(rig, case))).status
    finally:
        await sql(rig, "UPDATE people SET active = true WHERE email = $1", MAILBOX)
    await let_in(rig, case)
    assert before + 1 == len(codes_to(rig))


async def test_a_contact_that_is_taken_away_is_out(rig: Rig, sku: str) -> None:
    """Its session ends with the next click, and a code that is on its way lets nobody in."""
    case = await stopped(rig, sku)
    browser, late, link = await let_in(rig, case), Browser(rig.session, rig.url), None
    await unhurried(rig)
    link, before = await link_of(rig, case), len(codes_to(rig))
    await ask(late, link)
    code = await next_code(rig, before)
    await contacts(rig, "new@acme.example")
    try:
        assert "No password is needed" in (await browser.get(f"/portal/cases/{case['id']}")).words
        assert 403 == (await type_in(late, link, code)).status
        assert 200 == (await ask(Browser(rig.session, rig.url), link)).status
    finally:
        await contacts(rig, MAILBOX)
    assert [] == rig.mailbox.to("new@acme.example")


async def contacts(
    rig: Rig, *addresses: str, language: str = "en", time_zone: str = "UTC"
) -> None:
    """Register who gets a vendor's mails."""
    answer = await rig.call("PUT", "/v1/vendors/acme", "root", json={
        "name": "Acme", "contacts": {"email": list(addresses)}, "language": language,
        "time_zone": time_zone,
    })
    assert 200 == answer.status, answer.body


async def test_the_code_goes_to_the_mailbox_that_the_mail_went_to(rig: Rig, sku: str) -> None:
    """A second contact's link leads to the second contact's mailbox, and to a person of its own."""
    second = "second@acme.example"
    await contacts(rig, MAILBOX, second)
    try:
        case = await stopped(rig, sku)
        links = rig.service.codes.links
        path = f"/portal/cases/{case['id']}"
        link = links.addressed(path, UUID(case["id"]), str(case["number"]), second)
        await unhurried(rig)
        browser, first = Browser(rig.session, rig.url), len(codes_to(rig))
        await ask(browser, link)
        seen = await type_in(browser, link, await next_code(rig, 0, second))
        assert (200, path) == (seen.status, seen.address)
        assert first == len(codes_to(rig))
        assert {MAILBOX, second} <= {row["email"] for row in await sql(
            rig, "SELECT email FROM people WHERE vendor = 'acme' AND id LIKE 'acme-%'")}
    finally:
        await contacts(rig, MAILBOX)


async def test_a_person_whom_the_shop_registered_enters_as_that_person(rig: Rig, sku: str) -> None:
    """Vera has a token; by a code to the address she is registered with she is Vera as well."""
    await contacts(rig, "vera@acme.example")
    try:
        case = await stopped(rig, sku)
        browser = await let_in(rig, case, "vera@acme.example")
        seen = await browser.get("/portal")
        assert "Vera Vendor" in seen.words
    finally:
        await contacts(rig, MAILBOX)


async def test_a_personal_token_leads_vendors_to_their_pages(rig: Rig, sku: str) -> None:
    """As a link does that works once; staff who open a vendor's page are led to their own."""
    case = await stopped(rig, sku)
    vera, mara = await signed_in(rig, "vera"), await signed_in(rig, "mara")

    assert "/portal" == vera.last.headers["Location"]
    assert "/console" == mara.last.headers["Location"]
    assert sku in (await vera.get("/portal")).words
    page = f"/portal/cases/{case['id']}"
    assert "/console" == (await mara.get("/portal")).address
    assert f"/console/cases/{case['id']}" == (await mara.get(page)).address
    assert 403 == (await mara.get(f"{page}/do/acknowledge")).status
    out = await vera.get("/portal")
    out = await vera.post("/portal/sign-out")
    assert "/portal" == out.address
    assert "Open the link of a mail" in (await vera.get(page.replace(page, "/portal"))).words


# ------------------------------------------------------------------------- what is not theirs


async def test_another_vendor_sees_nothing_of_it(rig: Rig, sku: str) -> None:
    """Page, form, command, file, pack, list, SKU: as if there were no such case."""
    case = await stopped(rig, sku)
    browser = await let_in(rig, case)
    page = f"/portal/cases/{case['id']}"
    await attach(browser, page, "proof.pdf", PDF)
    file = (await rig.case(case["id"]))["evidence_files"][0]["id"]
    vito, nowhere = await signed_in(rig, "vito"), "01a00000-0000-7000-8000-0123456789ab"
    ways = ["", "/do/acknowledge", "/do/propose_remedy", f"/files/{file}"]
    for way in ways:
        seen = await vito.get(page + way)
        void = await vito.get(f"/portal/cases/{nowhere}{way}")
        assert (404, 404) == (seen.status, void.status), way
        assert bare(seen, case["id"]) == bare(void, nowhere), way
        assert sku not in seen.text
    for way in ("do/acknowledge", "do/comment", "do/propose_remedy", "pack"):
        await vito.get("/portal")
        seen = await vito.post(f"{page}/{way}", {"version": "2", "comment": "Mine!"})
        assert 404 == seen.status, way
    for listed in ("/portal", "/portal?all=yes", "/portal?sku=" + sku):
        assert sku not in (await vito.get(listed)).text
    assert 404 == (await rig.call("GET", f"/v1/skus/{sku}", "vito")).status
    own = await rig.call("GET", f"/v1/skus/{sku}", "vera")
    assert (200, None) == (own.status, own.body["owner"])
    after = await rig.case(case["id"])
    assert "Mine!" not in str(after)
    assert 1 == len(after["evidence_files"])


async def test_a_suspicion_is_not_told(rig: Rig, sku: str) -> None:
    """What is only suspected no vendor sees, and no code is sent about it."""
    await rig.call("POST", "/v1/freezes", "alba", json={
        "scope": {"sku": sku}, "reason_code": "defective", "comment": "Broken.",
    })
    (case,) = await rig.cases(sku)
    await unhurried(rig)
    before = len(codes_to(rig))
    assert 200 == (
        await ask(Browser(rig.session, rig.url), f"/portal/cases/{case['id']}")
    ).status
    vera = await signed_in(rig, "vera")
    assert 404 == (await vera.get(f"/portal/cases/{case['id']}")).status
    assert before == len(codes_to(rig))


# ------------------------------------------------------------------------------------- files


@pytest.mark.parametrize(("name", "content", "told"), [
    ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
     "This kind of file is not kept"),
    ("page.html", b"<script>alert(1)</script>", "This kind of file is not kept"),
    ("page.pdf", b"MZ\x90\x00\x03", "This kind of file is not kept"),
    ("huge.pdf", PDF + b" " * (10 * 1024 * 1024), "The file is too large"),
    ("empty.pdf", b"", "Choose a file first"),
])
async def test_files_that_are_not_kept_are_told_on_the_page(
    rig: Rig, sku: str, name: str, content: bytes, told: str
) -> None:
    """By what is in them, whatever they are called: nothing that a browser would run."""
    case = await stopped(rig, sku)
    browser, page = await let_in(rig, case), f"/portal/cases/{case['id']}"
    seen = await attach(browser, page, name, content)
    files = (await rig.case(case["id"]))["evidence_files"]

    assert (422, []) == (seen.status, files)
    assert told in seen.words


async def test_pictures_are_kept_without_place_and_files_are_saved(rig: Rig, sku: str) -> None:
    """Whatever the browser says of its type; the name can't be a tag or lead elsewhere."""
    case = await stopped(rig, sku)
    browser, page = await let_in(rig, case), f"/portal/cases/{case['id']}"
    name = "../<img src=x onerror=alert(1)>.pdf"
    seen = await attach(browser, page, name, jpeg(EXIF), "text/html")
    (file,) = (await rig.case(case["id"]))["evidence_files"]
    cookie = {"Cookie": "; ".join(f"{k}={v}" for k, v in browser.cookies.items())}
    address = f"{rig.url}{page}/files/{file['id']}"
    async with rig.session.get(address, headers=cookie) as saved:
        raw, headers = await saved.read(), saved.headers

    assert "image/jpeg" == file["media_type"] == headers["Content-Type"]
    assert SECRET not in raw
    assert headers["Content-Disposition"].startswith("attachment;")
    assert "sandbox" in headers["Content-Security-Policy"]
    assert "<img" not in seen.text
    await browser.get(page)
    asked = {"csrf": re.search(r'name="csrf" value="([^"]*)"', browser.last.text)[1]}
    own = {**cookie, "Origin": rig.url}
    async with rig.session.post(f"{rig.url}{page}/pack", headers=own, data=asked) as pack:
        assert (200, "application/zip") == (pack.status, pack.content_type)
        assert "attachment" in pack.headers["Content-Disposition"]


async def test_a_form_with_a_file_is_one_of_the_session(rig: Rig, sku: str) -> None:
    """Without its hidden field, from elsewhere, or broken, no file is taken."""
    case = await stopped(rig, sku)
    browser, page = await let_in(rig, case), f"/portal/cases/{case['id']}"
    assert 403 == (await attach(browser, page, "a.pdf", PDF, csrf="other")).status
    await browser.get(page)
    for kind, body in (
        ("multipart/form-data", b"no boundary"), ("multipart/form-data; boundary=x", b"nothing"),
        ("multipart/form-data; boundary=x", b"--x\r\nA" * 300), ("text/plain", b"hello"),
    ):
        seen = await browser._send(
            "POST", f"{page}/files", True,
            {"Origin": rig.url, "Content-Type": kind}, data=body,
        )
        assert seen.status in {400, 403, 415}, (kind, seen.status)
    assert [] == (await rig.case(case["id"]))["evidence_files"]


# ------------------------------------------------------------------------------------- words

CORPUS = (
    "<script>window.pwned=1</script>", "<img src=x onerror='window.pwned=1'>",
    '"><svg onload=window.pwned=1>', "</textarea><script>window.pwned=1</script>",
    "javascript:window.pwned=1", "{{ 7*7 }}${7*7}", "<!--", "]]>", "'-window.pwned-'",
    "<a href=javascript:window.pwned=1>x</a>",
)


async def hostile_case(rig: Rig, sku: str) -> dict:
    """Return a case in which every text that anybody may write is an attack."""
    nasty = " ".join(CORPUS)
    await rig.call("PUT", f"/v1/skus/{sku}", "root", json={
        "title": nasty[:200], "vendor": "acme", "category": "kitchen", "owner": "owen",
    })
    await rig.complain(sku, lot=CORPUS[1], intent="<b>x</b>")
    await rig.complain(sku, 1, lot=CORPUS[1], text=nasty)
    case = await rig.in_state(sku, "frozen")
    case = await rig.done(case, "accept_ownership", "owen")
    case = await rig.done(case, "comment", "vera", comment=nasty)
    case = await rig.done(case, "contest", "vera", reason=nasty)
    for who, of, text in (("owen", "vendor", nasty), ("vera", "owner", f"Why {nasty}")):
        asked = await rig.call(
            "POST", f"/v1/cases/{case['id']}/questions", who, json={"of": of, "text": text}
        )
        assert 201 == asked.status, asked.body
    suggested = await rig.call("POST", f"/v1/cases/{case['id']}/diagnosis", "vera", json={
        "branch": "people", "description": nasty, "whys": [nasty, nasty],
    })
    argued = await rig.call(
        "POST", f"/v1/cases/{case['id']}/diagnosis/{suggested.body['id']}/evidence", "vera",
        json={"speaks": "against", "text": nasty},
    )
    assert 201 == argued.status, argued.body
    remedy = {
        "cause": {"branch": "material", "description": nasty, "proof": nasty, "whys": [nasty]},
        "containment": dict.fromkeys(("own_stock", "vendor_stock", "in_transit"), nasty),
        "corrective_action": nasty, "preventive_action": nasty, "affected_lots": [CORPUS[0]],
    }
    case = await rig.done(case, "propose_remedy", "vera", remedy=remedy)
    return await rig.done(case, "return_remedy", "owen", missing=list(CORPUS))


async def test_what_people_write_is_never_markup(rig: Rig, sku: str) -> None:
    """Title, lot, reason, remedy, what is missing and file names are shown as they were written."""
    case = await hostile_case(rig, sku)
    browser, page = await let_in(rig, case), f"/portal/cases/{case['id']}"
    await attach(browser, page, f"{CORPUS[0]}.pdf", PDF, note=CORPUS[1])
    for one in (page, f"{page}/do/propose_remedy", f"{page}/do/comment", "/portal",
                f"{page}/diagnosis"):
        text = (await browser.get(one)).text
        assert 1 == text.count("<script"), one  # our own
        for tag in ("<img", "<svg", "<b>", "<!--", "</textarea><s", "<a href=javascript", ">49<"):
            assert tag not in text, (one, tag)
    await rig.call("PUT", f"/v1/skus/{sku}", "root", json={
        "title": f"Item {sku}", "vendor": "acme", "category": "kitchen", "owner": "owen",
    })


async def test_a_german_vendor_reads_german(rig: Rig, sku: str) -> None:
    """The mails, the code, the pages and what is missing; before the code the browser's own."""
    await contacts(rig, MAILBOX, language="de")
    try:
        case = await stopped(rig, sku)
        await rig.done(case, "accept_ownership", "owen")
        link = await link_of(rig, case)
        door = await Browser(rig.session, rig.url).get(link, **{"Accept-Language": "de-AT,en;q=.5"})
        assert "Ein Passwort brauchen Sie nicht" in door.words
        browser, page = await let_in(rig, case), f"/portal/cases/{case['id']}"
        mail = text_of(rig.mailbox.to(MAILBOX)[-1])
        assert "Er gilt einmal, innerhalb von 10 Minuten" in " ".join(mail.split())
        seen = await browser.get(page)
        assert "Worum wir Sie bitten" in seen.words
        assert "verschiedene Kunden" in seen.words
        refused = await give(browser, page, "propose_remedy")
        assert "Sagen Sie, woher die Ursache bekannt ist." in refused.words
        assert "proof" not in refused.words
    finally:
        await contacts(rig, MAILBOX)


async def test_mails_lead_to_pages_and_programs_to_the_api(rig: Rig, sku: str) -> None:
    """A vendor's to the portal, with whose mailbox it is; staff's to the console."""
    case = await stopped(rig, sku)
    await link_of(rig, case)

    async def told() -> str | None:
        texts = [text_of(one) for one in rig.mailbox.to("owen@shop.example")]
        return next((one for one in texts if case["id"] in one), None)

    owen = await until(told, "the owner's mail")
    assert f"/console/cases/{case['id']}" in owen
    assert f"/v1/cases/{case['id']}" in owen
    assert "/portal/" not in owen


async def test_a_conflict_loses_nothing_that_was_written(rig: Rig, sku: str) -> None:
    """Who was overtaken reads what is new, and finds the form as it was filled in."""
    case = await stopped(rig, sku)
    case = await rig.done(case, "accept_ownership", "owen")
    browser, page = await let_in(rig, case), f"/portal/cases/{case['id']}"
    await rig.done(case, "acknowledge", "vera")
    seen = await browser.post(
        f"{page}/do/propose_remedy", {"version": str(case["version"]), **REMEDY}
    )

    assert 409 == seen.status
    assert "what you wrote is still here" in seen.words
    assert "your company" in seen.words
    assert "Brittle resin.</textarea>" in seen.text
    again = re.search(r'name="version" value="(\d+)"', seen.text)[1]
    seen = await browser.post(f"{page}/do/propose_remedy", {"version": again, **REMEDY})
    assert "Done: “Send the remedy”." in seen.words
