"""The diagnosis on pages: argued by both sides, confirmed by the shop, typed once."""

import re

import pytest
from playwright.async_api import Browser as Chromium

from tests.rig import Rig
from tests.web.chromium import PHONE, window
from tests.web.test_portal import CORPUS, hostile_case
from tests.web.visiting import Seen, signed_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

FORM = {"branch": "material", "description": "Brittle <b>resin</b>.", "whys": "It tore.\nCheap."}


def form_of(seen: Seen, deed: str) -> str:
    """Return where the first form of a cause leads."""
    found = re.search(rf'action="([^"]*/diagnosis/[^"]*/{deed})"', seen.text)
    assert found is not None, seen.words
    return found[1]


async def test_the_confirmed_cause_is_never_typed_twice(rig: Rig, sku: str) -> None:
    """Suggested by the vendor, argued and confirmed by the shop, it fills both remedy forms."""
    await rig.complain(sku, lot="L-7")
    case = await rig.in_state(sku, "frozen")
    await rig.done(case, "accept_ownership", "owen")
    page, portal = (f"/{one}/cases/{case['id']}" for one in ("console", "portal"))
    owen, vera = await signed_in(rig, "owen"), await signed_in(rig, "vera")
    await owen.get(f"{page}/diagnosis")
    inside = await owen.post(f"{page}/diagnosis", {**FORM, "description": "Mr Secret did it."})
    assert "Mr Secret did it." in inside.words
    assert "Lot Complaints Together L-7 5 100 %" in inside.words
    await vera.get(f"{portal}/diagnosis")
    empty = await vera.post(f"{portal}/diagnosis", {**FORM, "description": " "})
    assert (422, True) == (empty.status, "Say what the cause may be." in empty.words)
    own = await vera.post(f"{portal}/diagnosis", FORM)
    assert "Brittle <b>resin</b>. open" in own.words
    assert "Secret" not in own.text
    await vera.post(form_of(own, "argue"), {"speaks": "for", "text": "6 of 20 broke."})
    behind = await vera.post(form_of(own, "judge"), {"version": "1", **FORM})
    assert (422, True) == (behind.status, "changed this cause meanwhile" in behind.words)

    seen = await owen.get(f"{page}/diagnosis")
    one = next(
        address for address in re.findall(r'action="([^"]*/judge)"', seen.text)
        if address.split("/")[-2] in form_of(own, "argue")
    )
    stale = await owen.post(one, {"version": "1", "state": "confirmed"})
    assert (422, True) == (stale.status, "read what has changed" in stale.words)
    sent = await owen.post(one, {"version": "2", "state": "confirmed", "whys": FORM["whys"]})
    assert "Write the remedy for the confirmed cause" in sent.words
    case_page = await owen.get(page)
    assert "Confirmed cause Brittle <b>resin</b>. (material)" in case_page.words
    assert "Related items may be hit, too" in case_page.words
    assert "/console/pull?sku=SKU-" in case_page.text
    offered = await owen.get(f"{page}/do/hand_off")
    assert "What is known Cause, confirmed Brittle <b>resin</b>." in offered.words
    passed_on = await owen.post(f"{page}/siblings", {})
    assert (422, True) == (passed_on.status, "somebody else owns" in passed_on.words)
    for browser, form in ((owen, f"{page}/do/propose_remedy"),
                          (vera, f"{portal}/do/propose_remedy")):
        filled = (await browser.get(form)).words
        for text in ("Brittle <b>resin</b>.", "6 of 20 broke.", "It tore. Cheap.", "L-7"):
            assert text in filled, (form, text)
    assert 404 == (await owen.post(f"{page}/diagnosis/{case['id']}/other", {})).status


async def test_everybody_can_read_it(
    chromium: Chromium, rig: Rig, take_sku
) -> None:
    """Questions and diagnosis, console and portal, with text that attacks: axe finds nothing."""
    case = await hostile_case(rig, take_sku())
    await rig.call("POST", f"/v1/cases/{case['id']}/questions", "quin", json={
        "of": "person", "person": "owen", "text": "Which lot is it? " + CORPUS[0]})
    made = await rig.call("POST", f"/v1/cases/{case['id']}/diagnosis", "quin", json={
        "branch": "material", "description": "Brittle resin in the handle.",
        "whys": ["It tore.", "The resin was brittle.", "Its supplier changed the grade."]})
    await rig.call(
        "POST", f"/v1/cases/{case['id']}/diagnosis/{made.body['id']}/evidence", "quin",
        json={"speaks": "for", "text": "6 of 20 handles broke below 40 N."})
    for who, places in (
        ("owen", ("console", "console/diagnosis", "console/questions")),
        ("vera", ("portal", "portal/diagnosis")),
    ):
        async with window(chromium, rig, who, viewport=PHONE) as one:
            for place in places:
                side, _, rest = place.partition("/")
                await one.open(f"/{side}/cases/{case['id']}" + (f"/{rest}" if rest else ""))
                await one.page.evaluate(
                    "document.querySelectorAll('details').forEach(one => { one.open = true; })"
                )
                await one.check(place.replace("/", "-"))
                assert await one.page.evaluate("window.pwned === undefined")
