"""What becomes of a crossing: a freeze, a suspicion, or only a line in the record."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.acceptance.conftest import SAFETY, TakeSku
from tests.acceptance.steps import (
    can_be_bought,
    cannot_be_bought,
    is_sold_again,
    mails_arrived,
    pull,
    reaches,
    ring,
    ship,
    sql,
)
from tests.rig import CATEGORY, FIVE_CUSTOMERS, VENDOR, Rig

pytestmark = pytest.mark.asyncio(loop_scope="module")

NEARER = {
    "id": "look-first", "family": "distinct_customers", "window": "30d", "bound": 5, "look": 3,
    "mode": "armed", "scope": {"vendor": VENDOR},
}
RATE = {
    "id": "one-in-fifty", "family": "rate", "window": "30d", "bound": 0.02, "min_units": 100,
    "min_customers": 2, "mode": "armed",
}
SHADOW = {**FIVE_CUSTOMERS, "id": "two-in-the-shade", "bound": 2, "mode": "shadow"}
BY_LOT = {
    "id": "three-of-a-lot", "family": "count", "window": "30d", "bound": 3, "mode": "armed",
    "intents": ["leak"], "hold_scope": ["sku", "lot"],
}
SHOP = {"rules": (NEARER, RATE, SHADOW, BY_LOT, SAFETY)}


async def crossings(rig: Rig, sku: str) -> list[tuple[str, str]]:
    """Return the rule and the outcome of every crossing of a SKU, in order of finding."""
    rows = await sql(
        rig, "SELECT rule_id, outcome FROM crossings WHERE sku = $1 ORDER BY known_at, id", sku
    )
    return [(row["rule_id"], row["outcome"]) for row in rows]


# ----------------------------------------------------------------------------- look-bound


async def test_the_look_bound_only_suspects(rig: Rig, sku: str):
    """Three customers raise a suspicion without a hold; five freeze, in the same case."""
    await rig.complain(sku, 3)
    case = await rig.in_state(sku, "suspected")
    assert None is case["hold"]
    assert "sellable" == await rig.status(sku)
    await can_be_bought(rig, sku)
    assert ["suspected"] == (await mails_arrived(rig, case))["person:owen"]

    await rig.complain(sku, 2)

    frozen = await rig.in_state(sku, "frozen")
    assert (case["id"], 5) == (frozen["id"], frozen["reason"]["observed"])
    await cannot_be_bought(rig, sku)
    assert ("look-first", "suspect") in await crossings(rig, sku)
    assert ("look-first", "freeze") in await crossings(rig, sku)


async def test_an_associate_seconds_what_the_detector_suspects(rig: Rig, sku: str):
    """The look-bound is a first opinion; one associate's pull on it freezes, in the same case."""
    await rig.complain(sku, 3)
    case = await rig.in_state(sku, "suspected")

    pulled = await pull(rig, "alba", sku, status=200)

    assert (case["id"], "freezing") == (pulled["id"], pulled["state"])
    frozen = await reaches(rig, case, "frozen")
    assert "look-first" == frozen["reason"]["rule_id"]
    await cannot_be_bought(rig, sku)


async def test_a_suspicion_lapses_without_new_evidence(rig: Rig, sku: str):
    """A detector's suspicion ends after the rule's window, counted from the latest evidence."""
    await rig.complain(sku, 3)
    case = await rig.in_state(sku, "suspected")
    due = {one["kind"]: one["due_at"] for one in case["clocks"]}
    await rig.complain(sku, 1)
    later = {one["kind"]: one["due_at"] for one in (await rig.case(case["id"]))["clocks"]}
    assert due["second_opinion"] < later["second_opinion"]

    await ring(rig, case, "second_opinion")

    await reaches(rig, case, "expired")
    await can_be_bought(rig, sku)


async def test_evidence_of_a_lapsed_suspicion_is_kept(rig: Rig, sku: str):
    """What raised a suspicion that lapsed still counts: two more customers freeze."""
    await rig.complain(sku, 3)
    case = await rig.in_state(sku, "suspected")
    await ring(rig, case, "second_opinion")
    await reaches(rig, case, "expired")

    await rig.complain(sku, 2)

    frozen = await rig.in_state(sku, "frozen")
    assert (True, 5) == (frozen["id"] != case["id"], frozen["reason"]["observed"])


# -------------------------------------------------------------------------------- records


async def test_a_rule_in_the_shade_records_and_stops_nothing(rig: Rig, sku: str):
    """A shadow rule writes down what it would have done."""
    await rig.complain(sku, 2)

    assert [("two-in-the-shade", "shadow")] == await crossings(rig, sku)
    assert [] == await rig.cases(sku)
    await can_be_bought(rig, sku)


async def test_a_crossing_of_long_ago_is_recorded_without_a_hold(rig: Rig, sku: str):
    """Five complaints of two months ago are history; five new ones freeze."""
    long_ago = (datetime.now(UTC) - timedelta(days=60)).isoformat()
    await rig.complain(sku, 5, occurred_at=long_ago)
    assert ("look-first", "historical") in await crossings(rig, sku)
    assert [] == await rig.cases(sku)
    await can_be_bought(rig, sku)

    await rig.complain(sku, 5)

    assert 5 == (await rig.in_state(sku, "frozen"))["reason"]["observed"]


async def test_a_suppression_holds_detection_back_until_it_is_lifted(rig: Rig, sku: str):
    """Suppressed crossings are recorded; safety is never held back; lifted, the next one counts."""
    body = {
        "sku": sku, "cause": "The carrier lost a truck.",
        "expires_at": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
    }
    made = await rig.call("POST", "/v1/suppressions", "quin", json=body)
    assert 201 == made.status, made.body
    await rig.complain(sku, 6)
    assert ("look-first", "suppressed") in await crossings(rig, sku)
    assert [] == await rig.cases(sku)
    await can_be_bought(rig, sku)

    lifted = await rig.call("DELETE", f"/v1/suppressions/{made.body['id']}", "quin")
    assert 204 == lifted.status
    await rig.complain(sku, 1)

    await rig.in_state(sku, "frozen")


async def test_safety_is_never_suppressed(rig: Rig, sku: str):
    """A suppression of a whole category does not hold back a safety signal."""
    body = {
        "category": CATEGORY, "cause": "Migration of the help desk.",
        "expires_at": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
    }
    made = await rig.call("POST", "/v1/suppressions", "quin", json=body)
    try:
        signal = {**rig.complaint(sku, "anna"), "source": "lab", "severity": "safety"}
        await rig.call("POST", "/v1/signals", "safety", json=signal)

        assert "safety" == (await rig.in_state(sku, "frozen"))["lane"]
    finally:
        await rig.call("DELETE", f"/v1/suppressions/{made.body['id']}", "quin")


# --------------------------------------------------------------------------- other families


async def test_a_recall_of_a_trusted_source_freezes_at_once(rig: Rig, take_sku: TakeSku):
    """One recall from a source that may assert safety is enough; from another it is a line."""
    trusted, plain = take_sku(), take_sku()
    recall = {**rig.complaint(trusted, "anna"), "source": "lab", "kind": "recall"}
    assert 202 == (await rig.call("POST", "/v1/signals", "safety", json=recall)).status
    await rig.complain(plain, 1, kind="recall")

    case = await rig.in_state(trusted, "frozen")

    assert "safety" == case["lane"]
    assert "recall" in case["reason"]["sentence"]
    await cannot_be_bought(rig, trusted)
    assert [] == await rig.cases(plain)


async def test_a_rate_counts_complaints_per_unit_shipped(rig: Rig, take_sku: TakeSku):
    """Two complaints among 100 units freeze; among 1,000, or with no units known, they don't."""
    few, many, unknown = take_sku(), take_sku(), take_sku()
    await ship(rig, few, 100)
    await ship(rig, many, 1000)
    for sku in (few, many, unknown):
        await rig.complain(sku, 2)

    case = await rig.in_state(few, "frozen")

    assert ("rate", 100) == (case["reason"]["family"], case["reason"]["exposure"])
    assert [[], []] == [await rig.cases(sku) for sku in (many, unknown)]


async def test_delivery_faults_do_not_count_against_the_item(rig: Rig, sku: str):
    """Complaints about the delivery, and changes of mind, stop no sale."""
    for intent in ("delivery", "change_of_mind"):
        await rig.complain(sku, 5, intent=intent)

    assert [] == await rig.cases(sku)
    await can_be_bought(rig, sku)


# ---------------------------------------------------------------------------- narrower scopes


async def test_a_narrow_hold_is_enforced_wider_and_says_so(rig: Rig, sku: str):
    """A shop that can't tell lots apart stops the whole SKU; readers hear of the lot alone."""
    for _ in range(3):
        await rig.complain(sku, 1, who="source", lot="L-7", intent="leak", customer="one")

    case = await rig.in_state(sku, "frozen")

    assert {"sku": sku, "lot": "L-7"} == {
        name: value for name, value in case["scope"].items() if value
    }
    wider = [one["enforced_scope"] for one in case["enforcement"]]
    assert [{"sku": sku}] == [
        {name: value for name, value in one.items() if value} for one in wider
    ]
    await cannot_be_bought(rig, sku)
    for asked, status in (({}, "frozen"), ({"lot": "L-7"}, "frozen"), ({"lot": "L-8"}, "sellable")):
        answer = await rig.call(
            "GET", "/v1/sale-status", "catalogue", params={"sku": sku, **asked}
        )
        assert status == answer.body["status"]
    mail = (await mails_arrived(rig, case))["vendor:acme"]
    assert "statement_of_reasons" == mail[0]


async def test_two_lots_are_two_cases(rig: Rig, sku: str):
    """A crossing whose scope no hold covers opens a case and a hold of its own."""
    for lot in ("L-1", "L-2"):
        for _ in range(3):
            await rig.complain(sku, 1, lot=lot, intent="leak", customer="one")

    cases = await rig.cases(sku)

    assert {"L-1", "L-2"} == {one["scope"]["lot"] for one in cases}
    for one in cases:
        await reaches(rig, one, "frozen")
    for lot, wanted in (("L-1", "frozen"), ("L-2", "frozen"), ("L-3", "sellable")):
        answer = await rig.call(
            "GET", "/v1/sale-status", "catalogue", params={"sku": sku, "lot": lot}
        )
        assert wanted == answer.body["status"]


async def test_an_unregistered_sku_is_frozen_too(rig: Rig):
    """Complaints about a SKU that nobody registered stop it where the shop lists it."""
    sku = "never-registered/ünîcödé 🫖"
    await rig.shop.seed([{"sku": sku}])
    signal = {**rig.complaint(sku, "anna"), "source": "lab", "severity": "safety"}
    await rig.call("POST", "/v1/signals", "safety", json=signal)

    case = await rig.in_state(sku, "frozen")

    assert ("owen", None) == (case["owner"], case["vendor"])
    await cannot_be_bought(rig, sku)
    await rig.done(case, "declare_false_alarm", "owen", reason_code="rule_error")
    case = await rig.case(case["id"])
    await rig.done(case, "declare_false_alarm", "quin", reason_code="rule_error")
    await is_sold_again(rig, sku)
