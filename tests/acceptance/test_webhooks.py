"""Webhooks from end to end: what vendors and catalogue systems hear, and who may see what."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from freezeguard.storage.embedded import EmbeddedServer
from tests.acceptance.conftest import fresh_database
from tests.acceptance.steps import approve, ask_for_approval, is_sold_again, pull, reaches
from tests.rig import Rig, shop_with_service, until
from tests.webhooks.farm import Receiver, receiving
from tests.webhooks.test_signing import verify_ed25519, verify_hmac

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/webhook-endpoints"
WAYS = (
    ("GET", "", None), ("PATCH", "", {"description": "mine"}), ("POST", "/test", None),
    ("POST", "/rotate", {}), ("POST", "/replay", {"since": "2026-11-01T00:00:00Z"}),
    ("GET", "/deliveries", None), ("DELETE", "", None),
)  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def receiver() -> AsyncIterator[Receiver]:
    """Whoever receives everybody's webhooks, told apart by their addresses."""
    async with receiving() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(postgres: EmbeddedServer, place: Path, receiver: Receiver) -> AsyncIterator[Rig]:
    """A shop with one replica that may send to this machine."""
    opened = {"allow_private": True, "ports": [receiver.port, 65000]}
    async with (
        fresh_database(postgres) as dsns,
        shop_with_service(dsns, place, seed=20, webhooks=opened) as running,
    ):
        yield running


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def quiet(rig: Rig, receiver: Receiver) -> AsyncIterator[None]:
    """Begin every test without endpoints, and with a receiver that is well."""
    yield
    listed = await rig.call("GET", PATH, "root")
    for one in listed.body["items"]:
        await rig.call("DELETE", f"{PATH}/{one['id']}", "root")
    receiver.status, receiver.then = 200, None
    receiver.requests.clear()


async def add(rig: Rig, receiver: Receiver, who: str, **more: Any) -> dict[str, Any]:
    answer = await rig.call("POST", PATH, who, json={"url": receiver.url, **more})
    assert answer.status == 201, answer.body
    assert answer.headers["Location"] == f"{PATH}/{answer.body['id']}"
    return dict(answer.body)


def heard(receiver: Receiver, prefix: str, sku: str) -> list[dict[str, Any]]:
    """Return what was received of a kind about a SKU."""
    return [
        body for body in receiver.bodies
        if body["type"].startswith(prefix) and sku in json.dumps(body)
    ]  # fmt: skip


async def all_sent(rig: Rig, endpoint: dict[str, Any], sku: str) -> list[dict[str, Any]] | None:
    """Return the deliveries about a SKU, newest first, once all of them were taken."""
    page = await rig.call("GET", f"{PATH}/{endpoint['id']}/deliveries", "vera")
    mine = [one for one in page.body["items"] if one["sku"] == sku]
    return mine if {"sent"} == {one["state"] for one in mine} else None


async def test_a_vendor_hears_of_its_case_from_stop_to_release(
    rig: Rig, receiver: Receiver, sku: str
) -> None:
    """Each notice to the vendor is posted too: signed, in order, without the words of staff."""
    acme = await add(rig, receiver, "vera")
    rivals = await add(rig, receiver, "vito", description="rival")
    words = "Erika Mustermann called three times"
    case = await pull(rig, "mara", sku, comment=words)
    case = await reaches(rig, case, "frozen")
    await approve(rig, await ask_for_approval(rig, case), "mara")
    await is_sold_again(rig, sku)

    async def told() -> bool:
        return "case.released" in [one["type"] for one in heard(receiver, "case.", sku)]

    await until(told, "the release is posted")
    news = heard(receiver, "case.", sku)
    log = await until(lambda: all_sent(rig, acme, sku), "every answer is on record")
    theirs = (await rig.call("GET", f"{PATH}/{rivals['id']}/deliveries", "vito")).body["items"]
    for headers, body in receiver.requests:
        verify_ed25519(acme["public_key"], headers["webhook-signature"], headers["webhook-id"],
                       int(headers["webhook-timestamp"]), body)  # fmt: skip

    types = [one["type"] for one in news]
    assert ["case.statement_of_reasons", "case.frozen_confirmed"] == types[:2]
    assert [] == theirs
    assert words not in json.dumps(receiver.bodies)
    first = news[0]["data"]
    assert (case["id"], str(case["number"]), "quality", sku) == (
        first["id"], first["case"], first["lane"], first["scope"]["sku"]
    )  # fmt: skip
    assert first["reason"]["sentence"]
    assert {"confirm_stop", "propose_remedy"} == {step["step"] for step in first["steps"]}
    assert types[::-1] == [one["type"] for one in log]


async def test_the_shops_own_systems_hear_of_every_hold(
    rig: Rig, receiver: Receiver, sku: str
) -> None:
    """Set and released, with the revision of the held set, in order; vendors hear nothing of it."""
    own = await add(rig, receiver, "root", types=["hold.set", "hold.released"], scheme="v1")
    case = await pull(rig, "mara", sku)
    case = await reaches(rig, case, "frozen")
    await approve(rig, await ask_for_approval(rig, case), "mara")
    await is_sold_again(rig, sku)

    async def told() -> bool:
        return len(heard(receiver, "hold.", sku)) == 2

    await until(told, "both changes are posted")
    news = heard(receiver, "hold.", sku)
    for headers, body in receiver.requests:
        verify_hmac(own["secret"], headers["webhook-signature"], headers["webhook-id"],
                    int(headers["webhook-timestamp"]), body)  # fmt: skip
    changes = await rig.call("GET", "/v1/holds", "catalogue")

    assert ["hold.set", "hold.released"] == [one["type"] for one in news]
    revisions = [one["data"]["revision"] for one in news]
    assert sorted(revisions) == revisions
    assert revisions[-1] <= changes.body["revision"]
    assert {case["id"]} == {one["data"]["hold"]["case"] for one in news}
    assert [] == heard(receiver, "case.", sku)


async def test_another_vendors_endpoint_does_not_exist(rig: Rig, receiver: Receiver) -> None:
    """Every way to it answers as for one that is not there, down to the words; lists are apart."""
    acme = await add(rig, receiver, "vera")
    own = await add(rig, receiver, "root")
    nowhere = str(uuid4())
    for one in (acme, own):
        for method, way, body in WAYS:
            sent = {} if body is None else {"json": body}
            theirs = await rig.call(method, f"{PATH}/{one['id']}{way}", "vito", **sent)
            missing = await rig.call(method, f"{PATH}/{nowhere}{way}", "vito", **sent)
            assert [404, 404] == [theirs.status, missing.status], (method, way)
            assert missing.body["detail"].replace(nowhere, one["id"]) == theirs.body["detail"]
    listed = {
        who: {one["id"] for one in (await rig.call("GET", PATH, who)).body["items"]}
        for who in ("vera", "vito", "root")
    }

    assert {"vera": {acme["id"]}, "vito": set(), "root": {acme["id"], own["id"]}} == listed
    assert "mine" not in json.dumps((await rig.call("GET", PATH, "root")).body)


async def test_whose_an_endpoint_is(rig: Rig, receiver: Receiver) -> None:
    """A vendor's person makes their vendor's; an admin anybody's that is registered."""
    sent = {"url": receiver.url}
    own = await rig.call("POST", PATH, "vera", json={**sent, "vendor": "acme"})
    rivals = await rig.call("POST", PATH, "vera", json={**sent, "vendor": "rival"})
    for_them = await rig.call("POST", PATH, "root", json={**sent, "vendor": "rival"})
    unknown = await rig.call("POST", PATH, "root", json={**sent, "vendor": "nobody"})
    seen = (await rig.call("GET", PATH, "vito")).body["items"]
    machine = await rig.call("GET", PATH, "catalogue")
    manager = await rig.call("GET", PATH, "mara")

    assert [201, 403, 201, 422] == [one.status for one in (own, rivals, for_them, unknown)]
    assert ["rival"] == [one["vendor"] for one in seen]
    assert "/vendor" == unknown.body["errors"][0]["pointer"]
    assert [403, 403] == [machine.status, manager.status]


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254:65000/latest/meta-data", "http://0.0.0.0:65000/",
        "http://127.0.0.1:25/", "http://[::ffff:127.0.0.1]:65000/", "http://8.8.8.8:65000/",
        "http://user@127.0.0.1:65000/", "http://①②⑦.⓪.⓪.①:65000/",
    ],
)
async def test_an_address_where_nothing_may_go_is_not_saved(
    rig: Rig, receiver: Receiver, url: str
) -> None:
    """Refused when it is added and when it is changed, with the place and the reason."""
    own = await add(rig, receiver, "vera")
    added = await rig.call("POST", PATH, "vera", json={"url": url})
    changed = await rig.call("PATCH", f"{PATH}/{own['id']}", "vera", json={"url": url})
    kept = await rig.call("GET", f"{PATH}/{own['id']}", "vera")

    for answer in (added, changed):
        assert (422, "/url") == (answer.status, answer.body["errors"][0]["pointer"])
    assert receiver.url == kept.body["url"]


async def test_a_secret_is_shown_once(rig: Rig, receiver: Receiver) -> None:
    """Not by a repeat of the request, not when it is read; a public key may be read any time."""
    key = {"Idempotency-Key": str(uuid4())}
    body = {"url": receiver.url, "scheme": "v1"}
    first = await rig.call("POST", PATH, "vera", json=body, headers=key)
    again = await rig.call("POST", PATH, "vera", json=body, headers=key)
    read = await rig.call("GET", f"{PATH}/{first.body['id']}", "vera")
    modern = await add(rig, receiver, "vera")
    shown = await rig.call("GET", f"{PATH}/{modern['id']}", "vera")
    audit = await rig.call("GET", "/v1/audit", "audi")

    assert first.body["secret"].startswith("whsec_")
    assert {**first.body, "secret": None} == again.body
    assert "secret" not in read.body
    assert (None, modern["public_key"]) == (modern["secret"], shown.body["public_key"])
    assert modern["public_key"].startswith("whpk_")
    for one in (read, shown, audit):
        assert first.body["secret"].removeprefix("whsec_") not in json.dumps(one.body)


@pytest.mark.parametrize("scheme", ["v1", "v1a"])
async def test_while_keys_change_both_verify(rig: Rig, receiver: Receiver, scheme: str) -> None:
    """After a rotation both keys verify the next message; without overlap only the new one."""
    own = await add(rig, receiver, "vera", scheme=scheme)
    verify = verify_hmac if scheme == "v1" else verify_ed25519
    shown = "secret" if scheme == "v1" else "public_key"
    keys = [own[shown]]
    for overlap in (24, 0):
        rotated = await rig.call(
            "POST", f"{PATH}/{own['id']}/rotate", "vera", json={"overlap_hours": overlap})
        assert 200 == rotated.status
        keys.append(rotated.body[shown])
        headers, body = await send_test(rig, receiver, own)
        signatures = headers["webhook-signature"].split()
        valid = keys[-2:] if overlap else keys[-1:]
        assert len(valid) == len(signatures)
        for key in valid:
            verify(key, headers["webhook-signature"], headers["webhook-id"],
                   int(headers["webhook-timestamp"]), body)  # fmt: skip
    assert 3 == len(set(keys))


async def send_test(
    rig: Rig, receiver: Receiver, endpoint: dict[str, Any]
) -> tuple[dict[str, str], bytes]:
    """Send a test message; return it as it arrived."""
    sent = await rig.call("POST", f"{PATH}/{endpoint['id']}/test", "vera")
    assert sent.status == 202, sent.body

    async def arrived() -> bool:
        return sent.body["id"] in receiver.ids

    await until(arrived, "the test message")
    place = receiver.ids.index(sent.body["id"])
    return receiver.requests[place]


async def test_a_test_message_tells_whether_an_endpoint_is_well(
    rig: Rig, receiver: Receiver, sku: str
) -> None:
    """It goes out whatever types are wanted; the log has the answer; one at a time.

    Also where something else was queued after it.
    """
    own = await add(rig, receiver, "vera", types=["case.statement_of_reasons"])
    path = f"{PATH}/{own['id']}"
    receiver.status = 500
    await send_test(rig, receiver, own)

    async def logged() -> dict[str, Any] | None:
        page = await rig.call("GET", f"{path}/deliveries", "vera")
        found = next(one for one in page.body["items"] if one["type"] == "webhook.test")
        return found if found["log"] else None

    entry = await until(logged, "the attempt is logged")
    await pull(rig, "mara", sku)

    async def followed() -> bool:
        page = await rig.call("GET", f"{path}/deliveries", "vera")
        return bool(page.body["items"][0]["type"] != "webhook.test")

    await until(followed, "another message was queued after it")
    again = await rig.call("POST", f"{path}/test", "vera")
    shown = await rig.call("GET", path, "vera")

    assert ("webhook.test", "queued", 1) == (entry["type"], entry["state"], entry["attempts"])
    assert (500, "answered 500") == (entry["log"][0]["status"], entry["log"][0]["error"])
    assert (422, "guard_failed") == (again.status, again.body["code"])
    assert ("failing", "answered 500") == (shown.body["state"], shown.body["why"])


async def test_what_was_missed_while_off_comes_when_on(
    rig: Rig, receiver: Receiver, sku: str
) -> None:
    """Switched off, nothing comes and nothing is lost; a test is refused meanwhile."""
    own = await add(rig, receiver, "vera")
    path = f"{PATH}/{own['id']}"
    off = await rig.call("PATCH", path, "vera", json={"state": "disabled"})
    assert ("disabled", "switched off by hand") == (off.body["state"], off.body["why"])
    await reaches(rig, await pull(rig, "mara", sku), "frozen")

    async def kept() -> bool:
        page = await rig.call("GET", f"{path}/deliveries", "vera")
        mine = [one["state"] for one in page.body["items"] if one["sku"] == sku]
        return mine == ["cancelled"] * 2  # another SKU's case may end meanwhile

    await until(kept, "two messages kept")
    refused = await rig.call("POST", f"{path}/test", "vera")
    replay = await rig.call(
        "POST", f"{path}/replay", "vera", json={"since": "2026-11-01T00:00:00Z"})
    assert [] == receiver.requests
    assert [422, 422] == [refused.status, replay.status]

    await rig.call("PATCH", path, "vera", json={"state": "active"})

    async def arrived() -> bool:
        return len(heard(receiver, "case.", sku)) == 2

    await until(arrived, "both came")
    assert ["case.statement_of_reasons", "case.frozen_confirmed"] == [
        one["type"] for one in heard(receiver, "case.", sku)
    ]


async def test_types_that_would_never_come_are_refused(rig: Rig, receiver: Receiver) -> None:
    """Holds go to the shop's own systems, cases to vendors: nobody waits in vain."""
    own = await add(rig, receiver, "vera")
    shops = await add(rig, receiver, "root")
    answers = [
        await rig.call("POST", PATH, "vera", json={"url": receiver.url, "types": ["hold.set"]}),
        await rig.call("PATCH", f"{PATH}/{own['id']}", "vera", json={"types": ["hold.set"]}),
        await rig.call("PATCH", f"{PATH}/{shops['id']}", "root", json={"types": ["case.closed"]}),
        await rig.call("POST", PATH, "vera", json={"url": receiver.url, "types": ["case.no"]}),
    ]

    assert [(422, "/types")] * 3 == [
        (one.status, one.body["errors"][0]["pointer"]) for one in answers[:3]
    ]
    assert (422, "/types/0") == (answers[3].status, answers[3].body["errors"][0]["pointer"])


async def test_one_vendor_has_not_endless_endpoints(rig: Rig, receiver: Receiver) -> None:
    """Ten at most; others are not hindered by it."""
    for _ in range(10):
        await add(rig, receiver, "vera")
    more = await rig.call("POST", PATH, "vera", json={"url": receiver.url})

    assert (422, "guard_failed") == (more.status, more.body["code"])
    await add(rig, receiver, "vito")


@pytest.mark.parametrize(
    "body",
    [
        {"since": "2026-11-02T00:00:00Z", "until": "2026-11-01T00:00:00Z"},
        {"since": "2999-01-01T00:00:00Z"}, {"since": "2020-01-01T00:00:00Z"},
    ],
)
async def test_a_replay_has_its_bounds(rig: Rig, receiver: Receiver, body: Any) -> None:
    """Backwards, in the future or for years: refused, with the place."""
    own = await add(rig, receiver, "vera")
    answer = await rig.call("POST", f"{PATH}/{own['id']}/replay", "vera", json=body)

    assert (422, "/since") == (answer.status, answer.body["errors"][0]["pointer"])
