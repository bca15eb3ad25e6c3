"""Rules and suppressions on pages: read, tried on the past, changed, and agreed to by a second."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Browser

from freezeguard.web.rulewords import in_words, scope_in_words
from tests.rig import Rig
from tests.web.chromium import ZOOMED, window
from tests.web.visiting import signed_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

RULE = {"family": "distinct_customers", "window": "30d", "bound": 4, "mode": "armed",
        "scope": {"category": "kitchen"}}


async def rule(rig: Rig, name: str, **changes) -> None:
    answer = await rig.call("PUT", f"/v1/rules/{name}", "quin", json={**RULE, **changes})
    assert answer.status == 200, answer.body


async def stored(rig: Rig, name: str) -> dict:
    answer = await rig.call("GET", "/v1/rules", "quin")
    return next(one for one in answer.body["items"] if one["id"] == name)


async def test_less_takes_two_and_more_takes_one(rig: Rig) -> None:
    """A higher bound waits for somebody else, who agrees on a page; a lower one is in force."""
    await rule(rig, "four")
    quin, mara = await signed_in(rig, "quin"), await signed_in(rig, "mara")
    page = await quin.get("/console/rules/four")
    assert "4 different customers complain within 30 days" in page.words
    tighter = await quin.post("/console/rules/four", {"mode": "armed", "bound": "3"})
    assert "The rule is changed." in tighter.words
    await quin.get("/console/rules/four")
    looser = await quin.post("/console/rules/four", {"mode": "armed", "bound": "9"})
    assert "waits for a second person" in looser.words
    own = (await quin.get("/console/rules")).text
    assert "/console/rules/proposals/" not in own
    offered = await mara.get("/console/rules")
    proposal = offered.text.split('action="/console/rules/proposals/')[1].split('"')[0]
    agreed = await mara.post(f"/console/rules/proposals/{proposal}", {"verdict": "approve"})

    assert "Agreed: the change is in force." in agreed.words
    assert 9 == (await stored(rig, "four"))["body"]["bound"]


@pytest.mark.parametrize("bound", ["many", "-1", "nan", "1e400", ""])
async def test_what_is_no_bound(rig: Rig, bound: str) -> None:
    """It is refused on the page, or left as it is where nothing was written."""
    name = "kept"
    await rule(rig, name)
    quin = await signed_in(rig, "quin")
    await quin.get(f"/console/rules/{name}")
    seen = await quin.post(f"/console/rules/{name}", {"mode": "armed", "bound": bound})

    assert (200 if not bound else 422) == seen.status
    assert 4 == (await stored(rig, name))["body"]["bound"]


async def test_what_is_held_back(rig: Rig, sku: str) -> None:
    """With cause and end, or not at all; ended before its time by a button."""
    quin = await signed_in(rig, "quin")
    await quin.get("/console/suppressions")
    without = await quin.post("/console/suppressions", {"sku": sku, "cause": "Recall under way"})
    day = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()
    held = await quin.post("/console/suppressions", {
        "sku": sku, "cause": "Recall under way", "expires_at": day})
    await rig.complain(sku)
    address = held.text.split('action="/console/suppressions/')[1].split('"')[0]
    quin.last = held
    lifted = await quin.post(f"/console/suppressions/{address}")

    assert [] == await rig.cases(sku)
    assert 422 == without.status
    assert "Recall under way" in held.words
    assert "Nothing is held back." in lifted.words


async def test_they_can_be_read(chromium: Browser, rig: Rig, take_sku) -> None:
    """With a shadow rule, its trial on the past, a change that waits, and something held back."""
    await rule(rig, "shady", mode="shadow", bound=2)
    await rule(rig, "strict")
    await rig.call("PUT", "/v1/rules/strict", "quin", json={**RULE, "bound": 40})
    sku = take_sku()
    await rig.complain(sku)
    await rig.in_state(sku, "frozen")
    until = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    await rig.call("POST", "/v1/suppressions", "quin", json={
        "vendor": "rival", "cause": "Stock was counted anew", "expires_at": until})
    async with window(chromium, rig, "quin", viewport=ZOOMED) as one:
        await one.open("/console/rules")
        await one.check("rules")
        await one.open("/console/rules/shady")
        await one.page.get_by_role("button", name="30 days").click()
        await one.page.get_by_role("status").wait_for()
        await one.check("rule")
        await one.open("/console/suppressions")
        await one.check("suppressions")


async def test_every_family_has_words() -> None:
    """A rule of any family can be read by somebody who never saw one."""
    for family in ("count", "distinct_customers", "rate", "safety", "likelihood", "predictive",
                   "posterior", "cusum", "launch", "any_of", "all_of"):
        said = in_words({"family": family, "window": "1w", "bound": 0.05, "mode": "off", "look": 2,
                         "min_units": 50, "min_customers": 3})
        assert said.startswith("It is off. It would stop an item when ")
        assert f"when {family}." not in said
    assert "every item" == scope_in_words({})
