"""Orders under way: who may see them, who is told to hold them, and what nobody gets to know."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from freezeguard.sampleshop.client import running_shop, sample_configuration
from freezeguard.services.enforcing import orderlists
from freezeguard.storage.embedded import EmbeddedServer
from tests.acceptance.books import Ledger, installed, keeping
from tests.acceptance.conftest import TakeSku, fresh_database
from tests.acceptance.steps import pull, reaches, ring, sql
from tests.cli.test_remote import shell_of
from tests.privacy.leftovers import rows_of_all_tables, texts_of
from tests.rig import Rig, register_skus, service_for, until
from tests.webhooks.farm import Receiver, receiving
from tests.webhooks.test_signing import verify_hmac

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENDPOINTS = "/v1/webhook-endpoints"
ALL_PEOPLE = ("owen", "mara", "miro", "alba", "quin", "cora", "audi", "vera", "vito", "root")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def receiver() -> AsyncIterator[Receiver]:
    """A warehouse that takes webhooks."""
    async with receiving() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ledger() -> AsyncIterator[Ledger]:
    """The order book of the shop."""
    async with keeping() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def second() -> AsyncIterator[Ledger]:
    """The order book of the kiosk."""
    async with keeping() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(
    postgres: EmbeddedServer, place: Path, receiver: Receiver, ledger: Ledger, second: Ledger
) -> AsyncIterator[Rig]:
    """A service over a shop and a kiosk with order books, and a till without one."""
    opened = {"allow_private": True, "ports": [receiver.port]}
    with installed():
        async with (
            fresh_database(postgres) as dsns, running_shop(seed=30) as shop,
            running_shop(seed=30) as kiosk,
        ):
            tables: dict[str, Any] = {
                name: {**sample_configuration(one.url, one.admin_token), "kind": "bookkeeping",
                       "book": book.url}
                for name, one, book in (("shop", shop, ledger), ("kiosk", kiosk, second))
            }
            tables["till"] = {
                **sample_configuration(kiosk.url, kiosk.admin_token), "called_as": "TILL-{sku}",
            }
            async with service_for(
                dsns, place, tables, webhooks=opened, policy={"announce_orders": True}
            ) as running:
                running.shop = shop
                yield running


@pytest.fixture(autouse=True)
def quiet(receiver: Receiver, ledger: Ledger, second: Ledger) -> Iterator[None]:
    """Begin every test with books that are open and empty, and a receiver that is well."""
    for one in (ledger, second):
        one.status, one.held = 200, None
        one.orders.clear()
        one.asked.clear()
    receiver.requests.clear()
    yield
    for one in (ledger, second):
        if one.held is not None:
            one.held.set()


async def frozen(rig: Rig, sku: str) -> dict[str, Any]:
    """Freeze a SKU by complaints."""
    await register_skus(rig, (sku,))
    await rig.complain(sku)
    return await rig.in_state(sku, "frozen")


async def orders_of(rig: Rig, case: dict[str, Any], who: str = "owen", query: str = "") -> Any:
    answer = await rig.call("GET", f"/v1/cases/{case['id']}/orders{query}", who)
    assert answer.status == 200, answer.body
    return answer.body


async def announced(rig: Rig, case: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the record says of announcements of a case, oldest first."""
    return await sql(
        rig, "SELECT actor, details FROM audit WHERE subject = $1 AND action = 'announce_orders'"
        " ORDER BY seq", f"case:{case['id']}",
    )


def by_name(found: Any) -> dict[str, Any]:
    return {one["catalogue"]: one for one in found["lists"]}


async def test_each_catalogue_tells_its_orders_or_why_not(
    rig: Rig, ledger: Ledger, second: Ledger, sku: str
) -> None:
    """One that is away takes nothing from the others; one that has no book says so."""
    ledger.note(sku, "A-1", quantity=2)
    ledger.note(sku, "A-2", placed_at="2020-01-01T00:00:00+00:00")
    second.status = 503
    case = await frozen(rig, sku)
    ledger.note(sku, "A-3", is_paid=False)

    first = await orders_of(rig, case)
    second.status = 403
    refused = await orders_of(rig, case)
    said = by_name(first)

    assert {"shop": "answered", "kiosk": "unreachable", "till": "unsupported"} == {
        name: one["outcome"] for name, one in said.items()
    }
    assert "refused" == by_name(refused)["kiosk"]["outcome"]
    assert "503" in said["kiosk"]["detail"]
    assert sku == first["sku"]
    # A-1 was placed before anybody complained: it is not among them unless asked for
    assert [("A-3", 1, False, "A-3@buyers.example")] == [
        (one["order"], one["quantity"], one["is_paid"], one["customer"])
        for one in said["shop"]["orders"]
    ]
    assert ["A-3@buyers.example"] == first["customers"]


async def test_since_when(rig: Rig, ledger: Ledger, sku: str) -> None:
    """From the first complaint that counted; where none did, from the opening; or as asked."""
    await register_skus(rig, (sku,))
    earliest = datetime.now(UTC) - timedelta(days=2)
    await rig.complain(sku, 1, occurred_at=earliest.isoformat())
    await rig.complain(sku, 4)
    complained = await rig.in_state(sku, "frozen")
    by_hand = f"{sku}-not"
    pulled = await pull(rig, "mara", by_hand)
    ledger.note(sku, "A-1", placed_at="2025-06-01T00:00:00+00:00")
    asked = quote("2025-05-31T12:00:00+02:00")

    counted = await orders_of(rig, complained)
    further_back = await orders_of(rig, complained, query=f"?since={asked}")

    assert earliest == datetime.fromisoformat(counted["since"])
    opened = (await rig.case(pulled["id"]))["opened_at"]
    assert opened == (await orders_of(rig, pulled))["since"]
    assert "2025-05-31T10:00:00Z" == further_back["since"]
    assert [] == by_name(counted)["shop"]["orders"]
    assert ["A-1"] == [one["order"] for one in by_name(further_back)["shop"]["orders"]]


async def test_who_may_see_them_and_who_may_announce(rig: Rig, sku: str) -> None:
    """The owner and managers of the category; to see also analysts and compliance; nobody else."""
    case = await frozen(rig, sku)
    path = f"/v1/cases/{case['id']}/orders"
    seen, told = {}, {}
    for who in ALL_PEOPLE:
        seen[who] = (await rig.call("GET", path, who)).status
        told[who] = (await rig.call("POST", f"{path}/announce", who, json={})).status
    keys = [(await rig.call("GET", path, one)).status for one in ("source", "catalogue")]

    assert {"owen", "mara", "quin", "cora"} == {who for who in seen if seen[who] == 200}
    assert {"owen", "mara"} == {who for who in told if told[who] == 200}
    assert {403} == {*keys, *(seen[who] for who in ("miro", "alba", "audi", "vera", "root"))}
    assert {403} == {told[who] for who in ("miro", "quin", "cora", "vera", "root")}
    nobodys = await rig.call("GET", f"/v1/cases/{'0' * 8}-0000-7000-8000-{'0' * 12}/orders", "owen")
    assert 404 == nobodys.status


async def test_a_spreadsheet_computes_nothing(rig: Rig, ledger: Ledger, sku: str) -> None:
    """The table is the same list, with a note for who is missing, and no cell is a formula."""
    case = await frozen(rig, sku)
    ledger.note(sku, "=1+1", state="@SUM(A1)", customer="+49 30 1@buyers.example")
    ledger.note(sku, 'A"2,', customer="-x@buyers.example", quantity=3)
    path = f"/v1/cases/{case['id']}/orders"

    asked = await rig.call("GET", path, "owen", headers={"Accept": "text/csv"})
    named = await rig.call("GET", f"{path}?format=csv", "owen")
    as_json = await rig.call(
        "GET", f"{path}?format=json", "owen", headers={"Accept": "text/csv"})

    rows = list(csv.DictReader(io.StringIO(asked.body.decode())))
    assert asked.body == named.body
    assert "text/csv; charset=utf-8" == asked.headers["Content-Type"]
    assert "no-store" in asked.headers["Cache-Control"]
    assert "application/json" == as_json.headers["Content-Type"]
    orders = [one for one in rows if one["order"]]
    assert ["'=1+1", 'A"2,'] == [one["order"] for one in orders]
    assert ["'@SUM(A1)", "paid"] == [one["state"] for one in orders]
    assert ["'+49 30 1@buyers.example", "'-x@buyers.example"] == [
        one["customer"] for one in orders]
    assert ["1", "3"] == [one["quantity"] for one in orders]
    assert {"till": "unsupported: its kind can't list orders"} == {
        one["catalogue"]: one["note"] for one in rows if not one["order"]}


async def test_a_warehouse_is_told_what_to_hold(
    rig: Rig, receiver: Receiver, ledger: Ledger, second: Ledger, sku: str
) -> None:
    """Signed, with ids and quantities and no customer; vendors get none of it; it is on record."""
    hook = await rig.call("POST", ENDPOINTS, "root", json={
        "url": receiver.url, "types": ["containment.listed"], "scheme": "v1"})
    theirs = await rig.call("POST", ENDPOINTS, "vera", json={"url": receiver.url})
    refused = await rig.call("POST", ENDPOINTS, "vera", json={
        "url": receiver.url, "types": ["containment.listed"]})
    assert (201, 201, 422) == (hook.status, theirs.status, refused.status)
    case = await frozen(rig, sku)

    async def told() -> Any:
        return [one for one in receiver.bodies
                if one["type"] == "containment.listed" and one["data"]["sku"] == sku]

    await until(told, "the confirmed freeze is announced by itself")
    receiver.requests.clear()
    ledger.note(sku, "A-1", quantity=2)
    second.status = 500
    done = await rig.call("POST", f"/v1/cases/{case['id']}/orders/announce", "mara", json={})
    [news] = await until(told, "the warehouse is told")
    for path in (f"{ENDPOINTS}/{hook.body['id']}", f"{ENDPOINTS}/{theirs.body['id']}"):
        assert 204 == (await rig.call("DELETE", path, "root")).status
    mine = [pair for pair in receiver.requests if b"containment.listed" in pair[1]]
    assert mine
    for headers, body in mine:
        verify_hmac(hook.body["secret"], headers["webhook-signature"], headers["webhook-id"],
                    int(headers["webhook-timestamp"]), body)
    entries = await announced(rig, case)

    assert (1, 1) == (done.body["messages"], done.body["endpoints"])
    assert {"shop": 1, "kiosk": 0, "till": 0} == {
        one["catalogue"]: one["orders"] for one in done.body["catalogues"]}
    data = news["data"]
    assert (case["id"], str(case["number"]), sku, 1, 1) == (
        data["id"], data["case"], data["sku"], data["part"], data["parts"])
    assert [{"order_id": "id-A-1", "order": "A-1", "quantity": 2, "is_paid": True}] == (
        by_name(data)["shop"]["orders"])
    assert "unreachable" == by_name(data)["kiosk"]["outcome"]
    assert "buyers.example" not in json.dumps([receiver.bodies, done.body])
    assert ["reconciler", "person:mara"] == [one["actor"] for one in entries]
    assert {"outcome": "answered", "orders": 1} == (
        json.loads(entries[-1]["details"])["catalogues"]["shop"])


async def test_what_is_away_when_a_freeze_is_confirmed_is_announced_later(
    rig: Rig, ledger: Ledger, second: Ledger, sku: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are announced at once, and the one that was away as soon as it answers, once."""
    monkeypatch.setattr(orderlists, "PAUSES", (timedelta(seconds=0.2),) * 200)
    second.status = 503
    case = await frozen(rig, sku)

    async def first() -> Any:
        return await announced(rig, case)

    await until(first, "the shop's orders are announced")
    second.status = 200

    async def both() -> Any:
        found = await announced(rig, case)
        return found if len(found) > 1 else None

    entries = await until(both, "those of the kiosk are announced")
    left = await sql(rig, "SELECT next_at, catalogues FROM order_lists WHERE case_id = $1",
                     case["id"])
    said = [json.loads(one["details"])["catalogues"] for one in entries]

    assert [{"shop", "kiosk", "till"}, {"kiosk"}] == [set(one) for one in said]
    assert "answered" == said[1]["kiosk"]["outcome"]
    assert [(None, [])] == [(one["next_at"], one["catalogues"]) for one in left]
    assert 1 == sum(one["sku"] == sku for one in ledger.asked)


async def test_a_stop_that_is_confirmed_after_the_case_was_taken_over_is_announced(
    rig: Rig, take_sku: TakeSku
) -> None:
    """Its owner was quicker than a shop that was away: announced once, when it is read back."""
    sku = take_sku()
    await rig.shop.faults(skus=[sku], error={"status": 500})
    await register_skus(rig, (sku,))
    await rig.complain(sku)
    case = await rig.in_state(sku, "freezing")
    case = await rig.done(case, "accept_ownership", "owen")
    assert ("diagnosing", []) == (case["state"], await announced(rig, case))
    await rig.shop.no_faults()

    async def told() -> Any:
        return await announced(rig, case)

    await until(told, "the confirmed stop is announced", seconds=20)
    first = await rig.case(case["id"])

    async def seen_again() -> bool:
        now = await rig.case(case["id"])
        return all(one["seen_at"] > before["seen_at"] for one, before in zip(
            now["enforcement"], first["enforcement"], strict=True))

    await until(seen_again, "all is read back once more", seconds=20)
    assert 1 == len(await announced(rig, case))


async def test_a_stop_that_a_waiver_completes_is_announced_as_well(
    rig: Rig, take_sku: TakeSku
) -> None:
    """Taken over, then one catalogue waived: the clock of the confirmation finds all stopped."""
    sku = take_sku()
    await rig.shop.faults(skus=[sku], refuse=422)
    await register_skus(rig, (sku,))
    await rig.complain(sku)
    case = await rig.in_state(sku, "freezing")
    case = await rig.done(case, "accept_ownership", "owen")

    async def refused() -> Any:
        objects = (await rig.case(case["id"]))["enforcement"]
        return next((one for one in objects if one["status"] == "refused"), None)

    one = await until(refused, "the shop refuses")
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    now = await rig.case(case["id"])
    await rig.done(now, "waive", "mara", catalogue=one["catalogue"], remote_id=one["remote_id"],
                   until=soon, reason="sold by hand there")
    await ring(rig, case, "confirm")

    async def told() -> Any:
        return await announced(rig, case)

    await until(told, "the stop is announced")
    await rig.shop.no_faults()


async def test_customers_are_neither_kept_nor_logged(
    rig: Rig, ledger: Ledger, second: Ledger, sku: str
) -> None:
    """After lists, announcements and a connector that fails nothing of theirs is anywhere."""
    case = await frozen(rig, sku)
    secret = "somebody.private@buyers.example"
    ledger.note(sku, "A-1", customer=secret)
    second.note(sku, "crash", customer=secret)
    with capture_logs() as logged:
        found = await orders_of(rig, case)
        second.status = 400
        echoed = await orders_of(rig, case)
        for who in ("owen", "mara"):
            path = f"/v1/cases/{case['id']}/orders/announce"
            assert 200 == (await rig.call("POST", path, who, json={})).status
    tables = await rows_of_all_tables(rig.dsns.owner)
    read = await sql(rig, "SELECT actor, details FROM audit WHERE subject = $1 AND action ="
                     " 'list_orders' ORDER BY seq", f"case:{case['id']}")

    assert [secret] == found["customers"]
    kiosk = by_name(found)["kiosk"]
    assert ("refused", "the connector itself failed: ZeroDivisionError") == (
        kiosk["outcome"], kiosk["detail"])
    assert secret in by_name(echoed)["kiosk"]["detail"]  # a far side's words, for this reader only
    assert {"order_book_failed", "orders_not_listed"} <= {one["event"] for one in logged}
    assert secret not in str(logged)
    assert [] == [name for name, rows in tables.items()
                  for text in texts_of(rows) if secret in text]
    assert ["person:owen"] * 2 == [one["actor"] for one in read]


async def test_a_slow_book_ends_at_its_deadline(
    rig: Rig, ledger: Ledger, second: Ledger, sku: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for it longer than that, its neighbour has answered, and stops go on."""
    case = await frozen(rig, sku)
    monkeypatch.setattr(orderlists, "DEADLINE", 0.4)
    ledger.note(sku, "A-1")
    second.held = asyncio.Event()
    loop = asyncio.get_running_loop()
    begun = loop.time()

    found = by_name(await orders_of(rig, case))

    assert loop.time() - begun < 3 * (0.4 + orderlists.GRACE)
    assert ("answered", "unreachable") == (found["shop"]["outcome"], found["kiosk"]["outcome"])
    assert not any(one.failures for one in rig.service.enforcement.breakers.values())


async def test_a_released_case_announces_nothing_by_itself(
    rig: Rig, ledger: Ledger, second: Ledger, take_sku: TakeSku, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for a catalogue that is away is dropped once the sale may go on."""
    monkeypatch.setattr(orderlists, "PAUSES", (timedelta(seconds=0.2),) * 200)
    sku = take_sku()
    second.status = 503
    case = await frozen(rig, sku)

    async def first() -> Any:
        return await announced(rig, case)

    await until(first, "the shop's orders are announced")
    await rig.done(case, "declare_false_alarm", "owen", reason_code="rule_error")
    await reaches(rig, case, "closed_false_alarm")

    async def dropped() -> bool:
        rows = await sql(rig, "SELECT next_at FROM order_lists WHERE case_id = $1", case["id"])
        return [None] == [one["next_at"] for one in rows]

    await until(dropped, "nothing waits any more")
    path = f"/v1/cases/{case['id']}/orders"
    by_hand = await rig.call("POST", f"{path}/announce", "owen", json={})

    assert 1 == len(await announced(rig, case))
    assert (422, "guard_failed") == (by_hand.status, by_hand.body["code"])
    assert 200 == (await rig.call("GET", path, "owen")).status


async def test_on_the_command_line(
    rig: Rig, ledger: Ledger, second: Ledger, sku: str, tmp_path: Path
) -> None:
    """A list, a table for a spreadsheet, an announcement; what is missing is told beside it."""
    case = await frozen(rig, sku)
    ledger.note(sku, "A-1", quantity=2)
    owen, alba = shell_of(rig, "owen", tmp_path), shell_of(rig, "alba", tmp_path)
    told = ("cases", "orders", str(case["number"]))
    listed = await owen.run(*told)
    as_json = await owen.run(*told, "--json")
    none = await owen.run(*told, "--since", "2099-01-01T00:00:00Z")
    table = await owen.run(*told, "--csv")
    done = await owen.run(*told, "--announce")
    both = await owen.run(*told, "--announce", "--csv")
    wrong = await owen.run(*told, "--since", "yesterday")
    refused = await alba.run(*told)

    assert 0 == listed.code, listed.err
    assert {"A-1", "2", "A-1@buyers.example"} <= set(listed.out.split())
    assert "till: unsupported: its kind can't list orders" in listed.err
    assert ["A-1@buyers.example"] == as_json.document["customers"]
    assert "no orders under way since 2099-01-01 00:00:00Z" in none.out + none.err
    [row, _] = csv.DictReader(io.StringIO(table.out))
    assert ("shop", "A-1", "2") == (row["catalogue"], row["order"], row["quantity"])
    assert (0, "1 orders announced to 0 endpoints.\n") == (done.code, done.out)
    assert "Nobody was told" in done.err
    assert [2, 4, 4] == [both.code, wrong.code, refused.code]


async def test_an_order_that_was_announced_is_erased_on_request(
    rig: Rig, receiver: Receiver, ledger: Ledger, sku: str
) -> None:
    """A customer's order is taken out of kept messages too; the others stay."""
    hook = await rig.call("POST", ENDPOINTS, "root", json={"url": receiver.url})
    case = await frozen(rig, sku)

    async def by_itself() -> Any:
        return await announced(rig, case)

    await until(by_itself, "the confirmed freeze is announced, before there are orders")
    ledger.note(sku, "ORDER-4711-a")
    ledger.note(sku, "ORDER-4712-a")
    path = f"/v1/cases/{case['id']}/orders/announce"
    assert 200 == (await rig.call("POST", path, "owen", json={})).status
    kept = "SELECT data::text FROM webhook_messages WHERE type = 'containment.listed' AND sku = $1"
    before = str(await sql(rig, kept, sku))
    for reference in ("ORDER-4711-a", "id-ORDER-4711-a"):
        erased = await rig.call("POST", "/v1/subjects/erase", "cora", json={
            "reference": reference, "kind": "order", "reason": "Request no. 17."})
        assert 200 == erased.status, erased.body
    after = str(await sql(rig, kept, sku))
    assert 204 == (await rig.call("DELETE", f"{ENDPOINTS}/{hook.body['id']}", "root")).status

    assert "ORDER-4711-a" in before
    assert "ORDER-4711-a" not in after
    assert "ORDER-4712-a" in after
