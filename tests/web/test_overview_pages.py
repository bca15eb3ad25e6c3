"""Catalogues, budgets, vendors and people on pages: what is so stands there, and nothing more."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Browser

from tests.rig import Rig
from tests.web.chromium import ZOOMED, window
from tests.web.visiting import signed_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def stopped(rig: Rig, sku: str) -> dict:
    await rig.complain(sku)
    return await rig.in_state(sku, "frozen")


async def test_how_catalogues_do(rig: Rig, sku: str) -> None:
    """What is stopped and confirmed is counted, with when it was read back."""
    case = await stopped(rig, sku)
    page = await (await signed_in(rig, "alba")).get("/console/catalogues")
    found = await rig.read("/v1/catalogues", "alba")
    [shop] = [one for one in found["items"] if one["name"] == "shop"]

    assert shop["stopped"] >= 1
    assert (0, False, None) == (shop["degraded"], shop["breaker_open"], shop["off_because"])
    assert shop["reached_at"] >= case["opened_at"]
    assert "shop" in page.words
    assert "Nothing waits to be stopped or put back by hand." in page.words


async def test_a_stop_that_is_not_confirmed_stands_out(rig: Rig, take_sku) -> None:
    """With its case; a task for people's hands is named until it is done."""
    sku = take_sku()
    case = await stopped(rig, sku)
    database = rig.service.database
    set_back = (
        "UPDATE catalogue_objects SET status = 'refused', detail = 'price is locked', attempts = 3,"
        " next_at = clock_timestamp() + interval '1 hour' WHERE sku = $1"
    )
    await database.run(lambda tx: tx.connection.execute(set_back, sku))
    add_task = (
        "INSERT INTO manual_tasks (id, case_id, sku, catalogue, remote_id, task, instruction,"
        " opened_at) VALUES (gen_random_uuid(), $1, $2, 'shop', 'r-1', 'stop', 'Take it out.',"
        " clock_timestamp())"
    )
    await database.run(lambda tx: tx.connection.execute(add_task, case["id"], sku))
    found = await rig.read("/v1/catalogues", "mara")
    page = await (await signed_in(rig, "mara")).get("/console/catalogues")

    [shop] = [one for one in found["items"] if one["name"] == "shop"]
    assert shop["degraded"] >= 1
    assert (sku, "refused", case["number"]) == tuple(
        shop["oldest_unconfirmed"][name] for name in ("sku", "status", "number")
    )
    assert "not obeying" in page.words
    assert "refused after 3 tries: price is locked" in page.words
    assert "Take it out." in page.words
    assert f'/console/cases/{case["id"]}' in page.text


async def test_what_is_left_of_budgets(rig: Rig, sku: str) -> None:
    """A stop takes one from the shop, its source, category and vendor, and one of a wave."""
    before = {(one["of"], one["whose"]): one for one in
              (await rig.read("/v1/budgets", "quin"))["items"]}
    await stopped(rig, sku)
    after = {(one["of"], one["whose"]): one for one in
             (await rig.read("/v1/budgets", "quin"))["items"]}
    page = await (await signed_in(rig, "quin")).get("/console/suppressions")
    long_ago = datetime.now(UTC) - timedelta(days=30)
    [wave] = await rig.service.database.run(lambda tx: tx.overview.waves(long_ago, 10))

    assert "acme" == wave.vendor
    assert wave.skus >= 1
    assert wave.of_vendor >= wave.skus
    shop = ("shop", None)
    assert before[shop]["spent"] + 1 == after[shop]["spent"]
    assert after[shop]["limit"] == after[shop]["left"] + after[shop]["spent"]
    assert {"source", "category", "vendor", "shop"} == {of for of, _ in after}
    assert "the whole shop" in page.words
    assert f"{after[shop]['left']} of {after[shop]['limit']}" in page.words


async def test_how_vendors_do(rig: Rig, sku: str) -> None:
    """Open cases, answers and dates; pages go on where there are more of them."""
    case = await stopped(rig, sku)
    await rig.patiently("POST", f"/v1/cases/{case['id']}/commands", "vera",
                        json={"command": "acknowledge", "version": case["version"]})
    acme = await rig.read("/v1/vendors/acme/standing", "fina" if "fina" in rig.secrets else "audi")
    first = await rig.read("/v1/vendors", "mara", params={"limit": 1})
    rest = await rig.read("/v1/vendors", "mara", params={"after": first["items"][0]["vendor"]})
    mara = await signed_in(rig, "mara")
    listed, one = await mara.get("/console/vendors"), await mara.get("/console/vendors/acme")

    assert acme["open_cases"] >= 1
    assert acme["vendor"] in {one["vendor"] for one in (*first["items"], *rest["items"])}
    assert "/console?vendor=acme" in listed.text
    assert f"{acme['open_cases']} of " in listed.words
    assert "Whom to write to" in one.words
    assert 404 == (await mara.get("/console/vendors/nobody")).status


async def test_contacts_are_for_those_who_write_to_them(rig: Rig) -> None:
    """An associate sees that there is somebody, and not who."""
    full = (await rig.read("/v1/vendors/acme", "mara"))["contacts"]
    masked = (await rig.read("/v1/vendors/acme", "alba"))["contacts"]

    assert full["email"]
    for name, addresses in full.items():
        assert [re.sub(r"^(.)[^@]*", r"\1…", one) for one in addresses] == masked[name]
        assert addresses == [] or addresses != masked[name]


async def test_people_are_registered_changed_and_let_go(rig: Rig) -> None:
    """Never over somebody who is there, never oneself; what was typed stays where it is refused."""
    root = await signed_in(rig, "root")
    await root.get("/console/new-person")
    given = {"id": "nina", "name": "Nina New", "email": "nina@shop.example", "language": "en",
             "time_zone": "UTC", "areas": "kitchen, garden", "roles": "manager"}
    refused = await root.post("/console/new-person", {**given, "time_zone": "Mars/Base"})
    assert 422 == refused.status
    assert 'id="e-time_zone"' in refused.text
    assert 'value="kitchen, garden"' in refused.text
    taken = await root.post("/console/new-person", {**given, "id": "mara"})
    assert "There is a person mara already." in taken.words
    added = await root.post("/console/new-person", given)
    assert "Registered." in added.words
    nina = await rig.read("/v1/people/nina", "root")
    assert (["garden", "kitchen"], ["manager"], None) == (
        nina["areas"], nina["roles"], nina["signed_in_at"]
    )
    form = await root.get("/console/people/nina")
    assert 'value="Nina New"' in form.text
    await root.post("/console/people/nina", {**given, "deputy": "mara", "roles": "analyst"})
    changed = await rig.read("/v1/people/nina", "root")
    assert ("mara", ["analyst"]) == (changed["deputy"], changed["roles"])
    await root.get("/console/people/root")
    own = await root.post("/console/people/root", {
        "name": "Rita Root", "email": "root@shop.example", "roles": "analyst"})
    assert "Nobody changes their own roles" in own.words
    self_out = await root.post("/console/people/root/deactivate")
    assert "another admin can" in self_out.words
    default = await root.post("/console/people/owen/deactivate")
    assert "default owner" in default.words
    gone = await root.post("/console/people/nina/deactivate")
    assert "They can't sign in any more." in gone.words.replace("’", "'")
    assert (await rig.read("/v1/people/nina", "root"))["active"] is False
    assert (await rig.read("/v1/people/root", "root"))["signed_in_at"] is not None


async def test_they_can_be_read(chromium: Browser, rig: Rig, take_sku) -> None:
    """By everybody who may open them; the way there stands in the head, and Tab reaches it."""
    await stopped(rig, take_sku())
    async with window(chromium, rig, "root", viewport=ZOOMED) as one:
        names = await one.page.get_by_role("navigation").get_by_role("link").all_inner_texts()
        assert ["Queue", "Rules", "Catalogues", "Vendors", "People", "My notices",
                "Record"] == names
        await one.page.get_by_role("link", name="Rules").focus()
        await one.page.keyboard.press("Tab")
        await one.page.keyboard.press("Enter")
        await one.page.get_by_role("heading", name="Catalogues").wait_for()
        await one.check("catalogues")
        await one.open("/console/vendors")
        await one.check("vendors")
        await one.open("/console/vendors/acme")
        await one.check("vendor")
        await one.open("/console/people")
        await one.check("people")
        await one.page.get_by_role("link", name="mara").click()
        await one.page.get_by_role("heading", name="Mara Manager").wait_for()
        await one.check("person")
