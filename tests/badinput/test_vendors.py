"""A vendor sees its own cases, as sums and without names; the cases of others do not exist."""

import json
from io import BytesIO
from typing import Any
from uuid import uuid4
from zipfile import ZipFile

import pytest

from tests.badinput.operations import WHO, Operation, ask, wrong_with
from tests.rig import CATEGORY, Rig

pytestmark = pytest.mark.asyncio(loop_scope="package")

WAYS = (("GET", ""), ("GET", "/timeline"), ("POST", "/commands"))


async def belongs(rig: Rig, sku: str, vendor: str) -> None:
    """Give a SKU to a vendor."""
    facts = {"vendor": vendor, "category": CATEGORY, "owner": "owen"}
    await ask(rig, "PUT", f"/v1/skus/{sku}", "root", json=facts)


async def case_of(rig: Rig, sku: str, vendor: str) -> dict[str, Any]:
    """Take a SKU of a vendor to its diagnosis."""
    await belongs(rig, sku, vendor)
    await rig.complain(sku, 5, text=f"Secret words of a customer about {sku}.")
    case = await rig.in_state(sku, "frozen")
    return await rig.done(case, "accept_ownership", "owen", comment="Mine.")


def alike(body: Any, *ids: str) -> str:
    """Return a problem without what differs in any two requests."""
    text = json.dumps({**body, "request_id": ""})
    for one in ids:
        text = text.replace(one, "ID")
    return text


@pytest.mark.parametrize(("method", "way"), WAYS)
async def test_another_vendors_case_is_like_none(rig: Rig, sku: str, method: str, way: str):
    """404 in the same words as for an id that nobody has, whatever is sent."""
    case, nobody = await case_of(rig, sku, "rival"), str(uuid4())
    sent = [
        {"command": "comment", "comment": "Hello."}, {"command": "approve", "version": 1},
        {"command": "confirm_freeze"}, {"command": "waive", "version": 0},
        {"command": "propose_remedy", "version": case["version"], "remedy": "no object"},
    ] if way == "/commands" else [None]

    for body in sent:
        theirs, missing = [
            await ask(rig, method, f"/v1/cases/{one}{way}", "vera", json=body)
            for one in (case["id"], nobody)
        ]
        assert alike(theirs.body, case["id"]) == alike(missing.body, nobody), body
        refused_for_itself = body is not None and body.get("version") == 0
        expected = (422, "invalid_input") if refused_for_itself else (404, "not_found")
        assert None is wrong_with(theirs, *expected), body
    assert case["version"] == (await rig.case(case["id"]))["version"]


async def test_no_list_shows_another_vendors_case(rig: Rig, sku: str):
    """However it is filtered, and on every page."""
    case = await case_of(rig, sku, "rival")
    filters = ("", f"&sku={sku}", "&vendor=rival", "&owner=owen", "&state=diagnosing", "&open=true",
               f"&cursor={'f' * 46}", f"&vendor=rival&sku={sku}")

    for one in filters:
        listed = await ask(rig, "GET", f"/v1/cases?limit=200{one}", "vera")
        assert 200 == listed.status
        assert {"acme"} >= {each["vendor"] for each in listed.body["items"]}
        assert case["id"] not in json.dumps(listed.body), one


def _unpacked(body: bytes) -> str:
    """Return every text in a pack."""
    with ZipFile(BytesIO(body)) as pack:
        return "".join(pack.read(name).decode() for name in pack.namelist())


async def test_nothing_that_a_vendor_reads_names_anybody(
    rig: Rig, sku: str, numbered, every: list[Operation]
):
    """All that every operation shows a vendor: no customer, no quotation, no complaint's id.

    No colleague who pulled, no other vendor's case, even where a diagnosis names similar ones.
    """
    rivals, label = next(numbered), f"private-{uuid4()}"
    other = await case_of(rig, rivals, "rival")
    await belongs(rig, sku, "tiny")
    body = {"scope": {"sku": sku}, "reason_code": "defective", "comment": "Third caller."}
    await ask(rig, "POST", "/v1/freezes", "alba", json=body)
    await ask(rig, "POST", "/v1/freezes", "bert", json=body)
    signal = rig.complaint(sku, f"{label}-customer", text=f"{label}-quotation", order=label)
    signal["id"] = f"{label}-id"
    assert 202 == (await ask(rig, "POST", "/v1/signals", "source", json=signal)).status
    await rig.complain(sku, 4)
    case = await rig.in_state(sku, "frozen")
    case = await rig.done(case, "accept_ownership", "owen")
    assert other["id"] in json.dumps(case["diagnosis"]["similar_cases"])

    seen = ""
    for one in every:
        if one.method == "GET" and "tina" in (WHO[one.name] or ()):
            packed = one.name.endswith("/pack")
            address = one.address(id=case["id"], sku=sku) + ("?for=vendor" if packed else "")
            answer = await ask(rig, "GET", address, "tina")
            # Of what has an id of its own (a file, an endpoint) there is none.
            is_of_own = one.name.count("{") > 1 or "endpoints/{" in one.name
            assert (404 if is_of_own else 200) == answer.status, one.name
            seen += _unpacked(answer.body) if packed else json.dumps(answer.body)

    assert case["id"] in seen
    for secret in (label, "alba", "bert", "quotation", other["id"], rivals, "rival", "acme",
                   '"similar_cases"', '"by"', '"counted"'):
        assert secret not in seen, secret
    assert label in json.dumps(await rig.case(case["id"], "owen"))
