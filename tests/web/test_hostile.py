"""Every text that anybody may write is an attack: on pages in a real browser, in mails, in tables.

Names of items, vendors, people, rules, lots, channels and files, and all that is written by hand.
"""

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser as Chromium

from freezeguard.api.spreadsheets import as_csv
from freezeguard.storage.embedded import EmbeddedServer
from tests.acceptance.conftest import fresh_database
from tests.acceptance.steps import attach, mails_arrived, sql
from tests.notices.test_render import ATTRIBUTES, TAGS
from tests.rig import FIVE_CUSTOMERS, Rig, shop_with_service
from tests.web.chromium import DESK, Window, window
from tests.web.test_portal import CORPUS
from tests.webhooks.farm import receiving

pytestmark = pytest.mark.asyncio(loop_scope="module")

RUNS = "window.pwned=1"
SKU = f'"><img src=x onerror={RUNS}>'
VENDOR = f"<script>{RUNS}</script>"
RULE = f"'><svg onload={RUNS}>"
PERSON = f"</span><script>{RUNS}</script>"
TITLE = f"</title><script>{RUNS}</script>"
NASTY = " ".join((
    *CORPUS, f"<iframe srcdoc='<script>{RUNS}</script>'>", "<img src=//evil.example/i>",
    f"<style>@import '//evil.example';</style><math><mi xlink:href=javascript:{RUNS}>",
    "<form action=//evil.example><button autofocus>x</button></form>",
    "<meta http-equiv=refresh content=0;url=//evil.example>", "<base href=//evil.example>",
    '=HYPERLINK("//evil.example")', "\u202egnp.exe\u202c",
))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(postgres: EmbeddedServer, place: Path) -> AsyncIterator[Rig]:
    """A shop in which a hostile item is sold."""
    rule = {**FIVE_CUSTOMERS, "id": RULE}
    async with (
        fresh_database(postgres) as dsns, receiving() as receiver,
        shop_with_service(
            dsns, place, skus=(SKU,), rules=(rule,), register=False,
            webhooks={"allow_private": True, "ports": [receiver.port]},
        ) as running,
    ):
        await _names(running)
        hook = {"url": f"{receiver.url}?{quote(NASTY[:400])}", "description": NASTY[:200]}
        assert 201 == (
            await running.call("POST", "/v1/webhook-endpoints", "vera", json=hook)).status
        yield running


async def _names(rig: Rig) -> None:
    """Give everybody and everything a hostile name."""
    vendor = {"name": VENDOR, "contacts": {"email": ["quality@acme.example"]}}
    await rig.call("PUT", "/v1/vendors/acme", "root", json=vendor)
    item = {"title": TITLE, "vendor": "acme", "category": f"<b>{RUNS}</b>", "owner": "owen"}
    assert 200 == (
        await rig.call("PUT", f"/v1/skus/{quote(SKU, safe='')}", "root", json=item)).status
    for who, role in (("owen", "manager"), ("mara", "manager"), ("quin", "analyst")):
        named = {"name": f"{PERSON}{who}", "roles": [role], "email": f"{who}@shop.example"}
        assert 200 == (await rig.call("PUT", f"/v1/people/{who}", "root", json=named)).status


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def case(rig: Rig) -> dict[str, Any]:
    """A case whose every text is an attack, with what surrounds it."""
    said = {"lot": CORPUS[1][:64], "channel": CORPUS[2], "intent": CORPUS[0],
            "seller": f"<i>{RUNS}</i>"}
    await rig.complain(SKU, 1, text=NASTY, severity="critical", **said)
    await rig.complain(SKU, 4, **said)  # copied words would be set aside
    found = await rig.in_state(SKU, "frozen", seconds=30)
    found = await rig.done(found, "accept_ownership", "owen", comment=NASTY)
    found = await rig.done(found, "comment", "mara", comment=NASTY)
    found = await rig.done(found, "contest", "vera", reason=NASTY)
    found = await rig.done(found, "answer_contest", "owen", reason=NASTY)
    found = await rig.done(found, "hand_off", "owen", to="mara", reason=NASTY)
    file = await attach(rig, found, "vera", name=f"{CORPUS[0]}{RUNS}.pdf", note=NASTY[:400])
    assert 201 == file.status, file.body
    found = await rig.case(found["id"])
    remedy = {
        "cause": {"branch": "material", "description": NASTY, "proof": NASTY, "whys": [NASTY]},
        "containment": dict.fromkeys(("own_stock", "vendor_stock", "in_transit"), NASTY),
        "corrective_action": NASTY, "preventive_action": NASTY, "affected_lots": [CORPUS[0]],
    }
    found = await rig.done(found, "propose_remedy", "vera", remedy=remedy)
    found = await rig.done(found, "request_approval", "owen", verification={
        "kind": "inspection", "result": NASTY})
    until = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    held_back = {"vendor": VENDOR, "cause": NASTY[:400], "expires_at": until}
    assert 201 == (
        await rig.call("POST", "/v1/suppressions", "quin", json=held_back)).status
    return found


async def look(one: Window, address: str) -> None:
    """Open a page and every part of it that is folded; nothing may have come of it."""
    await one.open(address)
    if one.has_script:
        found = await one.page.evaluate("""() => {
            document.querySelectorAll('details').forEach(one => { one.open = true });
            const named = [...document.querySelectorAll('*')].flatMap(one => [...one.attributes]);
            return {
                ran: window.pwned,
                scripts: [...document.scripts].filter(one => one.textContent
                    || !new URL(one.src).pathname.startsWith('/console/static/')).length,
                foreign: document.querySelectorAll('iframe,base,meta[http-equiv],style,math,object,'
                    + 'embed,img,main script').length,
                handlers: named.filter(one => /^on/i.test(one.name)).length,
                leads: [...document.querySelectorAll('a[href],form[action]')]
                    .map(one => one.href || one.action),
            }
        }""")
        own = urlsplit(one.url).netloc
        assert (None, 0, 0, 0) == (
            found["ran"], found["scripts"], found["foreign"], found["handlers"]), address
        assert {own} == {urlsplit(each).netloc for each in found["leads"]}, address
    assert [] == one.amiss, address


async def test_no_page_of_the_console_runs_what_somebody_wrote(
    chromium: Chromium, rig: Rig, case: dict[str, Any]
) -> None:
    """No script, no dialog, nothing asked of anybody else, and no rule of the browser broken."""
    here, echo = f"/console/cases/{case['id']}", quote(NASTY[:190])
    commands = ("approve", "comment", "reject_approval", "return_remedy", "hand_off", "waive")
    addresses = [
        "/console", f"/console?sku={quote(SKU)}&vendor={echo}&owner={echo}", here,
        *(f"{here}/do/{one}" for one in commands), f"{here}/do/comment?comment={echo}",
        f"/console/pull?sku={quote(SKU)}", f"/console/pull?sku={quote(SKU[:-2])}",
        f"/console/pull/done?case={case['id']}", "/console/rules",
        f"/console/rules/{quote(RULE, safe='')}?days=30", "/console/suppressions",
        f"/console/prove?next=/console?{echo}",
    ]
    for who, pages in (("mara", addresses), ("root", ["/console/record"])):
        async with window(chromium, rig, who, viewport=DESK) as one:
            one.page.on("dialog", lambda shown, one=one: one.amiss.append(shown.message))
            for address in pages:
                await look(one, address)


async def test_no_page_of_the_portal_does(
    chromium: Chromium, rig: Rig, case: dict[str, Any]
) -> None:
    """Nor the door, whatever its address says; nor signing in."""
    here, echo = f"/portal/cases/{case['id']}", quote(NASTY[:300])
    [endpoint] = (await rig.read("/v1/webhook-endpoints", "vera"))["items"]
    inside = ["/portal", "/portal?all=yes", here, f"{here}/do/propose_remedy", f"{here}/do/comment",
              "/portal/webhooks", f"/portal/webhooks/{endpoint['id']}"]
    outside = [f"/portal/cases/{quote(SKU, safe='')}?to={echo}",
               f"/console/sign-in?next=/console{echo}"]
    for who, pages in (("vera", inside), (None, outside)):
        async with window(chromium, rig, who, viewport=DESK) as one:
            one.page.on("dialog", lambda shown, one=one: one.amiss.append(shown.message))
            for address in pages:
                await look(one, address)


class _Page(HTMLParser):
    """What a reader of mail would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.amiss: list[str] = []
        self.hosts: set[str | None] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            self.amiss.append(tag)
        for name, value in attrs:
            if name not in ATTRIBUTES:
                self.amiss.append(f"{tag} {name}")
            if name == "href":
                parts = urlsplit(value or "")
                self.hosts.add(parts.hostname if parts.scheme in {"http", "https"} else value)

    handle_startendtag = handle_starttag


async def test_no_mail_does(rig: Rig, case: dict[str, Any]) -> None:
    """As its readers parse it: our own tags alone, links to ourselves, and one line per header."""
    await mails_arrived(rig, case)
    assert len(rig.mailbox.messages) >= 4
    told = ""
    for mail in rig.mailbox.messages:
        html = [one for one in mail.walk() if one.get_content_type() == "text/html"]
        text = [one for one in mail.walk() if one.get_content_type() == "text/plain"]
        assert (1, 1) == (len(html), len(text))
        assert {"text/html", "text/plain"} == {
            one.get_content_type() for one in mail.walk() if not one.is_multipart()}
        page = _Page()
        page.feed(html[0].get_payload(decode=True).decode())
        assert [] == page.amiss
        assert page.hosts <= {urlsplit(rig.url).hostname}
        assert 1 == len(mail.get_all("To")) == len(mail.get_all("Subject"))
        assert mail["Bcc"] is mail["Cc"] is None
        told += text[0].get_payload(decode=True).decode()
    assert RUNS in told


async def test_no_cell_of_a_table_does() -> None:
    """Whatever separates cells where it is opened: nothing begins one that would be computed."""
    computed = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
    starts = [f"{one}1+1" for one in computed] + ["\t=1", "\r=1", "\n=1", "@SUM(A1)"]
    sent = [f"{before}{one}" for one in starts for before in ("", "x;", "x\n", "x\t", 'x";"')]
    table = as_csv(["a", "b"], [[one, "="] for one in sent]).decode()

    for separator in (",", ";", "\t"):
        rows = csv.reader(io.StringIO(table, newline=""), delimiter=separator)
        cells = [cell.strip(' "') for row in rows for cell in row]
        assert not [one for one in cells if one.startswith(computed)]


async def test_what_is_kept_is_what_was_written(rig: Rig, case: dict[str, Any]) -> None:
    """Nothing was made harmless by losing it: the record has it letter by letter."""
    [row] = await sql(rig, "SELECT arguments ->> 'comment' AS said FROM case_events"
                           " WHERE case_id = $1::text::uuid AND command = 'comment'", case["id"])

    assert NASTY == row["said"]
