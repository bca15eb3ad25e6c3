"""A rule is written on a page: nothing typed is lost, nothing stored before it was seen."""

import re
from datetime import timedelta

import pytest
from playwright.async_api import Browser

from freezeguard.domain.rules import read_rule
from freezeguard.web.ruleforms import FAMILIES, starting
from tests.rig import Rig
from tests.web.chromium import PHONE, ZOOMED, window
from tests.web.visiting import Seen, signed_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

WRITE = "/console/write-rule"
COUNT = {
    "of": "", "base": "0", "way": "fields", "drawn": "distinct_customers",
    "family": "distinct_customers", "window": "30", "window.unit": "d", "bound": "4",
    "mode": "shadow", "lane": "quality",
}


async def stored(rig: Rig, name: str) -> dict | None:
    rules = (await rig.read("/v1/rules", "quin"))["items"]
    return next((one for one in rules if one["id"] == name), None)


async def put(rig: Rig, name: str, **body) -> None:
    kept = {"family": "distinct_customers", "window": "30d", "bound": 4, "mode": "armed",
            "scope": {"category": "attic"}, **body}
    answer = await rig.call("PUT", f"/v1/rules/{name}", "quin", json=kept)
    assert answer.status == 200, answer.body


def value_of(page: Seen, name: str) -> str:
    found = re.search(rf'name="{re.escape(name)}" value="([^"]*)"', page.text)
    assert found, name
    return found[1]


async def test_a_new_rule_is_shadow_until_somebody_says_else(rig: Rig) -> None:
    """Errors stand at their fields, what was typed stays, and only the last step stores."""
    quin = await signed_in(rig, "quin")
    families = await quin.get(WRITE)
    assert f"{WRITE}?family=launch" in families.text
    begun = await quin.get(f"{WRITE}?family=distinct_customers")
    assert "5 different customers complain within 30 days" in begun.words
    wrong = await quin.post(WRITE, {**COUNT, "bound": "many", "look": "7", "do": "store"})
    assert 422 == wrong.status
    assert 'id="e-bound"' in wrong.text
    assert ("many", "7") == (value_of(wrong, "bound"), value_of(wrong, "look"))
    unfit = await quin.post(WRITE, {**COUNT, "id": "new-one", "look": "7", "do": "store"})
    assert 'id="e-look"' in unfit.text
    nameless = await quin.post(WRITE, {**COUNT, "do": "store"})
    assert 'id="e-id"' in nameless.text
    tried = await quin.post(WRITE, {**COUNT, "id": "new-one", "look": "2", "do": "try-90"})
    assert "It would have stopped" in tried.words
    assert "new-one" == value_of(tried, "id")
    assert await stored(rig, "new-one") is None
    done = await quin.post(WRITE, {**COUNT, "id": "new-one", "look": "2", "do": "store"})

    assert "The rule is stored." in done.words
    found = await stored(rig, "new-one")
    assert ("shadow", 4, 2) == (found["mode"], found["body"]["bound"], found["body"]["look"])
    again = await quin.get(f"{WRITE}?family=count")
    taken = await quin.post(WRITE, {**COUNT, "id": "new-one", "do": "store"})
    assert 200 == again.status
    assert "There is a rule of this name" in taken.words


async def test_the_same_rule_as_json(rig: Rig) -> None:
    """Fields and JSON say the same, each way; what JSON gets wrong is said, and stays as typed."""
    quin = await signed_in(rig, "quin")
    await quin.get(WRITE)
    as_json = await quin.post(WRITE, {**COUNT, "id": "told", "do": "json"})
    assert "&#34;bound&#34;: 4" in as_json.text
    told = {"of": "", "base": "0", "way": "json", "id": "told"}
    for text, said in (
        ("{", "line 1"), ("[]", "JSON object"), ('{"family": "count", "unheard": 1}', "unheard"),
        ('{"family": "count", "bound": "5"}', "bound"), ('{"bound": 5}', "family"),
        ('{"family": "rate", "bound": 0.5}', "min_units"), ('{"a": "\\ud800"}', ""),
    ):
        refused = await quin.post(WRITE, {**told, "json": text, "do": "store"})
        assert 422 == refused.status, text
        assert said in refused.words
        assert text.replace('"', "&#34;") in refused.text
    text = '{"family": "rate", "window": "14d", "bound": 0.0125, "min_units": 100}'
    fields = await quin.post(WRITE, {**told, "json": text, "do": "fields"})
    assert ("1.25", "14", "100") == tuple(
        value_of(fields, name) for name in ("bound", "window", "min_units")
    )
    await quin.post(WRITE, {**told, "json": text, "do": "store"})

    assert "shadow" == (await stored(rig, "told"))["mode"]


async def test_a_rule_of_parts(rig: Rig) -> None:
    """A part more, a part of another kind, and a part less, without losing the others."""
    quin = await signed_in(rig, "quin")
    await quin.get(f"{WRITE}?family=all_of")
    sent = {
        "of": "", "base": "0", "way": "fields", "id": "both", "drawn": "all_of",
        "family": "all_of", "mode": "shadow", "lane": "quality",
        "parts.0.drawn": "count", "parts.0.family": "count", "parts.0.window": "10",
        "parts.0.window.unit": "d", "parts.0.bound": "6",
        "parts.1.drawn": "count", "parts.1.family": "rate", "parts.1.window": "20",
        "parts.1.window.unit": "d", "parts.1.bound": "3",
    }
    more = await quin.post(WRITE, {**sent, "do": "add"})
    assert "6" == value_of(more, "parts.0.bound")
    assert "2" == value_of(more, "parts.1.bound")  # percent: as a share of units may begin
    assert "10" == value_of(more, "parts.2.bound")
    fewer = await quin.post(WRITE, {
        **sent, "parts.1.family": "", "parts.2.drawn": "rate", "parts.2.family": "rate",
        "parts.2.window": "20", "parts.2.window.unit": "d", "parts.2.bound": "150",
        "parts.2.min_units": "50", "do": "show"})
    assert "parts.2.bound" not in fewer.text
    assert 'id="e-parts.1.bound"' in fewer.text or "150" == value_of(fewer, "parts.1.bound")
    one = await quin.post(WRITE, {**sent, "parts.1.family": "", "do": "store"})
    assert 422 == one.status


async def test_a_change_is_seen_before_it_is_stored(rig: Rig) -> None:
    """What differs, whether it takes two, and who was quicker; a version back is a change too."""
    await put(rig, "attic")
    quin, mara = await signed_in(rig, "quin"), await signed_in(rig, "mara")
    await quin.get(f"{WRITE}?of=attic")
    sent = {**COUNT, "of": "attic", "base": "1", "scope.category": "attic", "mode": "armed"}
    looser = await quin.post(WRITE, {**sent, "bound": "9", "do": "show"})
    assert "waits for a second person: bound" in looser.words
    assert "bound 4 9" in looser.words
    tighter = await quin.post(WRITE, {**sent, "bound": "3", "do": "store"})
    assert "The rule is changed." in tighter.words
    await quin.get(f"{WRITE}?of=attic")
    late = await quin.post(WRITE, {**sent, "bound": "2", "do": "store"})
    assert 409 == late.status
    assert "the rule has version 2 by now" in late.words
    assert ("2", "2") == (value_of(late, "base"), value_of(late, "bound"))
    page = await quin.get("/console/rules/attic")
    assert "It stops the sale of an item when 3 different customers" in page.words
    assert "bound: 4 → 3" in page.words
    back = await quin.get(f"{WRITE}?of=attic&version=1")
    assert "4" == value_of(back, "bound")
    proposed = await quin.post(WRITE, {**sent, "base": "2", "bound": "4", "do": "store"})
    assert "waits for a second person" in proposed.words
    seen = await mara.get("/console/rules/attic")

    assert 3 == (await stored(rig, "attic"))["body"]["bound"]
    assert "Go back to version" not in seen.words
    assert 403 == (await mara.get(f"{WRITE}?of=attic")).status
    assert 404 == (await quin.get(f"{WRITE}?of=attic&version=7")).status
    assert 404 == (await quin.get(f"{WRITE}?of=nobody")).status


async def test_a_shadow_rule_is_armed_on_one_page(rig: Rig) -> None:
    """With what it saw; one that may stop less, being nearer, waits for a second person."""
    await put(rig, "wide", scope={"category": "cellar"})
    await put(rig, "near", scope={"category": "cellar", "vendor": "acme"}, bound=8, mode="shadow")
    await put(rig, "beside", scope={"category": "cellar"}, bound=3, mode="shadow")
    quin = await signed_in(rig, "quin")
    asked = await quin.get("/console/rules/near/promote")
    assert "Propose to arm it" in asked.words
    assert "It would have stopped 0 items" in asked.words
    late = await quin.post("/console/rules/near/promote", {"version": "0"})
    assert 409 == late.status
    proposed = await quin.post("/console/rules/near/promote", {"version": "1"})
    assert "waits for a second person" in proposed.words
    assert "shadow" == (await stored(rig, "near"))["mode"]
    await quin.get("/console/rules/beside/promote")
    armed = await quin.post("/console/rules/beside/promote", {"version": "1"})

    assert "The rule is armed" in armed.words
    assert "armed" == (await stored(rig, "beside"))["mode"]
    assert 404 == (await quin.get("/console/rules/beside/promote")).status


async def test_a_trial_says_what_was_right_and_what_was_not(rig: Rig, take_sku) -> None:
    """Found or missed, made or spared, and not decided yet: by how the cases ended."""
    wrong, right, open_one = take_sku(), take_sku(), take_sku()
    for sku in (wrong, right, open_one):
        await rig.complain(sku)
        await rig.in_state(sku, "frozen")
    case = await rig.done(await rig.in_state(wrong, "frozen"), "accept_ownership", "owen")
    await rig.done(case, "declare_false_alarm", "owen", reason_code="wrong_item",
                   comment="Another item was meant.")
    await rig.in_state(wrong, "closed_false_alarm")
    case = await rig.done(await rig.in_state(right, "frozen"), "accept_ownership", "owen")
    case = await rig.done(case, "delist", "mara", reason="It breaks whatever is done.")
    await rig.done(case, "delist", "quin", reason="So it does.")
    await rig.in_state(right, "delisted")
    body = {"family": "distinct_customers", "window": "30d", "bound": 4}
    for bound, outcome in ((4, "would_freeze_at"), (9, None)):
        answer = await rig.call("POST", "/v1/rules/trial", "mara",
                                json={"rule": {**body, "bound": bound}, "days": 30})
        assert answer.status == 200, answer.body
        all_three = {wrong, right, open_one}
        mine = {one["sku"]: one for one in answer.body["items"] if one["sku"] in all_three}
        said = [sku for sku, one in mine.items() if one["would_freeze_at"]]

        assert (all_three if outcome else set()) == set(said)
        assert "false_alarm" == mine[wrong]["ended"]
        assert "confirmed" == mine[right]["ended"]
        assert mine[open_one]["ended"] is None
        assert (1 if outcome else 0) <= answer.body["false_alarms"]
        assert (0 if outcome else 1) <= answer.body["spared"]
        assert (1 if outcome else 0) == answer.body["confirmed"]
        assert (0 if outcome else 1) == answer.body["missed"]


async def test_a_trial_that_is_cut_goes_on_where_it_ended(rig: Rig, take_sku) -> None:
    """Whoever goes on after `next` comes to the end, and has seen each item once."""
    skus = [take_sku() for _ in range(3)]
    for sku in skus:
        await rig.complain(sku, 2)
    rule = read_rule({"id": "two", "family": "distinct_customers", "bound": 2}, 1)
    trial, days = rig.service.context.trial, timedelta(days=30)
    whole = await trial.look(rule, days, "", patience=30)
    seen, after, rounds = [], "", 0
    while after is not None:
        page = await trial.look(rule, days, after, patience=0)
        assert 1 == page.looked_at
        seen += [one.sighting.sku for one in page.tried]
        after, rounds = page.next, rounds + 1

    assert [one.sighting.sku for one in whole.tried] == seen
    assert set(skus) <= set(seen)
    assert whole.looked_at == rounds


async def test_every_family_can_be_tried(rig: Rig, sku: str) -> None:
    """As somebody begins with it, over a year, whatever an item was and how many were shipped."""
    await rig.complain(sku, 4)
    for family in FAMILIES:
        answer = await rig.call("POST", "/v1/rules/trial", "mara",
                                json={"rule": starting(family), "days": 366})
        assert 200 == answer.status, (family, answer.body)
        assert answer.body["next"] is None


LOOKS = pytest.mark.parametrize(
    "look", [{"viewport": PHONE, "script": False}, {"viewport": ZOOMED}],
    ids=["phone-noscript", "zoomed"])


@LOOKS
async def test_writing_can_be_read_and_done(
    chromium: Browser, rig: Rig, take_sku, look: dict
) -> None:
    """From the list to a stored rule, by its labels; the pages on the way keep nobody out.

    Enter in a field shows the rule anew and stores nothing.
    """
    name = f"seen-{look['viewport']['width']}"
    sku = take_sku()
    await rig.complain(sku)
    await rig.in_state(sku, "frozen")
    async with window(chromium, rig, "quin", **look) as one:
        await one.open("/console/rules")
        await one.page.get_by_role("link", name="Write a rule").click()
        await one.page.get_by_role("heading", name="What is it to look at?").wait_for()
        await one.check("rule-families")
        await one.page.get_by_role("link", name="Share of units shipped").click()
        await one.page.get_by_role("heading", name="A new rule").wait_for()
        await one.page.get_by_label("Name").fill(name)
        await one.page.get_by_label("It stops at").fill("x")
        await one.page.keyboard.press("Enter")  # says it in words; it never stores
        await one.page.get_by_role("alert").wait_for()
        one.amiss.clear()  # browsers write a line for an answer that is no 200
        await one.check("rule-wrong")
        await one.page.get_by_label("It looks at").select_option("distinct_customers")
        await one.page.get_by_role("button", name="show its fields").click()
        await one.page.get_by_label("It stops at").fill("3")
        await one.page.get_by_role("button", name="365 days").click()
        await one.page.get_by_role("status").wait_for()
        await one.check("rule-tried")
        await one.page.get_by_role("button", name="Write it as JSON").click()
        await one.page.get_by_label("The rule as JSON").wait_for()
        await one.check("rule-json")
        await one.page.get_by_role("button", name="Store the rule").click()
        await one.page.get_by_text("The rule is stored.").wait_for()
        await one.open(f"/console/rules/{name}/promote")
        await one.check("promote")
        await one.open(f"/console/rules/{name}?days=90")
        await one.check("rule-versions")
    assert 3 == (await stored(rig, name))["body"]["bound"]
