"""Vendors from the mail to the remedy, on pages: who gets in, what they see, what they can do."""

import asyncio
import re
from datetime import timedelta
from email.message import Message
from typing import Any

import aiohttp
import pytest

from freezeguard.services.masterdata.access import secret_hash
from freezeguard.web.portal.entering import COOKIE
from tests.acceptance.steps import can_be_bought, reaches, sql
from tests.files import PDF, PNG
from tests.rig import VERIFICATION, Rig, until
from tests.web.test_case_pages import REMEDY
from tests.web.visiting import Browser, Seen, signed_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

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
    assert "confirm that you have our notice" in seen.words
    assert "5 different customers complained within 30 days" in seen.words

    version = re.search(r'name="version" value="(\d+)"', seen.text)[1]
    seen = await browser.post(f"{page}/do/acknowledge", {"version": version})
    assert "Done: We have the notice." in seen.words
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
    form.add_field("file", content, filename=name, content_type=kind)
    headers = {"Origin": browser.url, "Sec-Fetch-Site": "same-origin"}
    return await browser._send("POST", f"{page}/files", True, headers, data=form)
