"""SKUs are any text but control characters, everywhere; those are refused, everywhere."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.badinput.conftest import ODD
from tests.badinput.operations import ask, encoded, wrong_with
from tests.rig import CATEGORY, OWNER, SOURCE, VENDOR, Rig

pytestmark = pytest.mark.asyncio(loop_scope="package")

CONTROLS = (
    "\0", "\x01", "\b", "\t", "\n", "\r", "\x1b", "\x1f", "\x7f", "\x80", "\x85", "\x9f",
    "\u2028", "\u2029",
)
LONG = ("x" * 201, "é" * 101, "☕" * 67)
NOW = "2026-01-01T00:00:00Z"


@pytest.mark.parametrize("sku", ODD)
async def test_an_odd_sku_goes_the_whole_way(rig: Rig, sku: str):
    """Registered, asked for, complained of, frozen, refused by the shop, found again: one text."""
    part = encoded(sku)
    assert (await rig.shop.buy(sku)).ok
    facts = {"title": f"«{sku}»", "vendor": VENDOR, "category": CATEGORY, "owner": OWNER}
    put = await ask(rig, "PUT", f"/v1/skus/{part}", "catalogue", json=facts)
    got = await ask(rig, "GET", f"/v1/skus/{part}", "alba")
    assert (200, sku, f"«{sku}»") == (put.status, got.body["sku"], got.body["title"])
    assert "sellable" == (await ask(rig, "GET", f"/v1/sale-status/{part}", "catalogue")
                          ).body["status"]

    await rig.complain(sku, 5)
    case = await rig.in_state(sku, "frozen")

    by_path = await ask(rig, "GET", f"/v1/sale-status/{part}?country=DE", "catalogue")
    by_query = await ask(rig, "GET", f"/v1/sale-status?sku={part}", "catalogue")
    cart = await ask(rig, "POST", "/v1/sale-status", "catalogue", json={"skus": ["x", sku]})
    snapshot = await ask(rig, "GET", "/v1/holds", "catalogue")
    listed = await ask(rig, "GET", f"/v1/cases?sku={part}", "owen")
    record = await ask(rig, "GET", f"/v1/audit?subject={encoded('case:' + case['id'])}", "audi")
    assert not (await rig.shop.buy(sku)).ok
    assert sku == case["scope"]["sku"]
    for answer in (by_path.body, by_query.body, cart.body["items"][1]):
        assert (sku, "frozen", True) == (answer["sku"], answer["status"], answer["known"])
        assert [sku] == [hold["scope"]["sku"] for hold in answer["holds"]]
    assert sku in {hold["scope"]["sku"] for hold in snapshot.body["items"]}
    assert [case["id"]] == [one["id"] for one in listed.body["items"]]
    assert "freeze" in {one["action"] for one in record.body["items"]}


@pytest.mark.parametrize("sku", ODD)
async def test_an_odd_sku_fits_into_rules_units_and_suppressions(rig: Rig, sku: str):
    """What is sent about it, one by one or in bulk, is kept as it was sent."""
    label = f"odd-{uuid4()}"
    units = {"id": label, "source": SOURCE, "sku": sku, "units": 3, "shipped_at": NOW}
    rule = {"family": "count", "bound": 99, "scope": {"sku": sku}, "mode": "shadow"}
    rows = b"\n".join(
        json.dumps(row, ensure_ascii=in_ascii).encode()
        for in_ascii, row in ((True, {"sku": sku}), (False, {"sku": sku, "owner": OWNER}))
    )

    shipped = await ask(rig, "POST", "/v1/units", "source", json=[units])
    stored = await ask(rig, "PUT", f"/v1/rules/{encoded(label)}", "quin", json=rule)
    bulk = await ask(rig, "POST", "/v1/skus", "catalogue", data=rows,
                     headers={"Content-Type": "application/x-ndjson"})
    held_back = await ask(rig, "POST", "/v1/suppressions", "quin", json={
        "sku": sku, "rule": label, "cause": "a trial", "expires_at": _soon(),
    })
    await ask(rig, "DELETE", f"/v1/suppressions/{held_back.body['id']}", "quin")

    assert (202, 1) == (shipped.status, shipped.body["accepted"])
    assert sku == stored.body["body"]["scope"]["sku"]
    assert (202, 2, []) == (bulk.status, bulk.body["accepted"], bulk.body["rejected"])
    assert (201, sku) == (held_back.status, held_back.body["sku"])


async def test_a_person_pulls_the_cord_on_an_odd_sku(rig: Rig):
    """A SKU that nobody registered is stopped as well, whatever it is called."""
    sku = f"never/seen ☕ {uuid4()}"
    await rig.shop.seed([{"sku": sku}])
    pulled = await ask(rig, "POST", "/v1/freezes", "owen", json={
        "scope": {"sku": sku, "lot": "L 1/☕"}, "reason_code": "defective",
    })
    case = await rig.in_state(sku, "frozen")

    assert (201, f"/v1/cases/{case['id']}") == (pulled.status, pulled.headers["Location"])
    assert {"sku": sku, "lot": "L 1/☕"} == {
        name: value for name, value in case["scope"].items() if value is not None
    }
    assert not (await rig.shop.buy(sku)).ok


async def test_a_lower_case_escape_means_the_same_sku(rig: Rig):
    """%2f is %2F, and a letter may be escaped as well."""
    sku = "KETTLE-18/blue"
    addresses = ("KETTLE-18%2Fblue", "KETTLE-18%2fblue", "%4BETTLE-18%2Fblue")
    answers = [await ask(rig, "GET", f"/v1/skus/{one}", "omni") for one in addresses]

    assert [sku] * 3 == [one.body["sku"] for one in answers]


def bodies(sku: str) -> list[tuple[str, str, str, Any]]:
    """Return a request for every place where a body names a SKU."""
    signal = {"id": str(uuid4()), "source": SOURCE, "kind": "complaint", "sku": sku,
              "occurred_at": NOW, "severity": "minor"}
    units = {"id": str(uuid4()), "source": SOURCE, "sku": sku, "units": 1, "shipped_at": NOW}
    event = {"specversion": "1.0", "id": str(uuid4()), "source": SOURCE, "type": "complaint",
             "subject": sku, "time": NOW, "data": {"severity": "minor", "kind": "complaint"}}
    rule = {"family": "count", "scope": {"sku": sku}}
    json_ = "application/json"
    return [
        ("POST /v1/signals", "source", json_, signal),
        ("POST /v1/signals", "source", json_, [signal]),
        ("POST /v1/signals", "source", "application/x-ndjson", signal),
        ("POST /v1/signals", "source", "application/cloudevents+json", event),
        ("POST /v1/signals", "source", "application/cloudevents-batch+json", [event]),
        ("POST /v1/units", "source", json_, units),
        ("POST /v1/units", "source", json_, [units]),
        ("POST /v1/skus", "catalogue", json_, {"sku": sku}),
        ("POST /v1/skus", "catalogue", json_, [{"sku": sku}]),
        ("POST /v1/sale-status", "catalogue", json_, {"skus": ["a", sku]}),
        ("POST /v1/freezes", "owen", json_, {"scope": {"sku": sku}, "reason_code": "other"}),
        ("POST /v1/rules", "quin", json_, {"id": "a", **rule}),
        ("PUT /v1/rules/a", "quin", json_, rule),
        ("POST /v1/suppressions", "quin", json_,
         {"sku": sku, "cause": "a", "expires_at": _soon()}),
    ]


async def test_no_control_character_gets_in_through_a_body(rig: Rig):
    """C0, DEL, C1 and the two line separators, in every place that names a SKU: 4xx."""
    wrong, codes = [], ("invalid_input", "nul_character")
    for control in CONTROLS:
        for name, who, media_type, body in bodies(f"a{control}b"):
            method, address = name.split()
            answer = await ask(rig, method, address, who, data=json.dumps(body).encode(),
                               headers={"Content-Type": media_type})
            if fault := wrong_with(answer, None, *codes):
                wrong.append((name, repr(control), fault))

    assert [] == wrong


@pytest.mark.parametrize("sku", ["", *LONG])
async def test_a_sku_has_1_to_200_bytes(rig: Rig, sku: str):
    """Nothing at all, and more than 200 bytes of UTF-8, is refused in every place."""
    wrong = []
    for name, who, media_type, body in bodies(sku):
        method, address = name.split()
        answer = await ask(rig, method, address, who, data=json.dumps(body).encode(),
                           headers={"Content-Type": media_type})
        if fault := wrong_with(answer, None, "invalid_input"):
            wrong.append((name, fault))

    assert [] == wrong


async def test_what_was_refused_left_nothing_behind(rig: Rig):
    """No case, no hold, no SKU with a control character in its name."""
    holds = await ask(rig, "GET", "/v1/holds", "omni")
    cases = await ask(rig, "GET", "/v1/cases?limit=200", "omni")
    text = json.dumps([holds.body, cases.body], ensure_ascii=False)

    assert [] == [repr(one) for one in CONTROLS if one in text]


def _soon() -> str:
    return (datetime.now(UTC) + timedelta(hours=1)).isoformat()
