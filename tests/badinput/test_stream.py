"""The held set as readers follow it: snapshot, stream, resumption, history, ETags, carts."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import ClientResponse

from freezeguard.domain.errors import Unavailable
from tests.badinput.conftest import further_replica
from tests.badinput.operations import ask, encoded, wrong_with
from tests.rig import Rig, until

pytestmark = pytest.mark.asyncio(loop_scope="package")

PULL = {"reason_code": "defective", "comment": "Handle breaks."}


@dataclass
class Events:
    """A stream that is being read."""

    answer: ClientResponse

    async def next(self, *, comments: bool = False) -> dict[str, Any]:
        """Return the next event (or comment), decoded; an empty one at the end of the stream."""
        fields: dict[str, Any] = {}
        async with asyncio.timeout(10):
            async for raw in self.answer.content:
                line = raw.decode().rstrip("\n")
                if not line and fields and (comments or "event" in fields):
                    break
                name, _, value = line.partition(": ")
                if name or comments:
                    fields[name] = value
        if "data" in fields:
            fields["data"] = json.loads(fields["data"])
        return fields


def still_here(comment: dict[str, Any]) -> dict[str, Any]:
    """Return what a sign of life says."""
    return dict(json.loads(comment[""].removeprefix("still here ")))


@asynccontextmanager
async def following(
    rig: Rig, last: str | int | None = None, *, url: str | None = None
) -> AsyncIterator[Events]:
    """Follow the held set, from a revision where one is given."""
    headers = {"Authorization": f"Bearer {rig.secrets['catalogue']}"}
    if last is not None:
        headers["Last-Event-ID"] = str(last)
    address = f"{url or rig.url}/v1/holds/stream"
    async with rig.session.get(address, headers=headers) as answer:
        assert 200 == answer.status
        assert "text/event-stream" == answer.content_type
        yield Events(answer)


async def freeze(rig: Rig, sku: str) -> dict[str, Any]:
    """Have a manager stop a sale; return the case once it is frozen."""
    await ask(rig, "POST", "/v1/freezes", "owen", json={"scope": {"sku": sku}, **PULL})
    return await rig.in_state(sku, "frozen")


async def release(rig: Rig, sku: str) -> None:
    """Let the owner say that it was a false alarm; wait until it is sold again."""
    case = await rig.in_state(sku, "frozen")
    await rig.done(case, "declare_false_alarm", "owen", reason_code="wrong_item", comment="Mug.")
    await rig.in_state(sku, "closed_false_alarm")


async def seen_by(rig: Rig, sku: str, status: str) -> None:
    """Wait until the replica itself answers with a status."""

    async def answered() -> bool:
        return status == await rig.status(sku)

    await until(answered, f"{sku} {status}")


async def test_a_reader_is_told_of_everything(rig: Rig, sku: str):
    """First a snapshot, then every hold and release, each under its revision, in order."""
    async with following(rig) as events:
        snapshot = await events.next()
        await freeze(rig, sku)
        held = await events.next()
        await release(rig, sku)
        released = await events.next()

    assert ["snapshot", "hold", "release"] == [
        one["event"] for one in (snapshot, held, released)
    ]
    assert snapshot["id"] == str(snapshot["data"]["revision"])
    assert int(snapshot["id"]) < int(held["id"]) < int(released["id"])
    assert {sku} == {one["data"]["scope"]["sku"] for one in (held, released)}
    assert held["data"]["id"] == released["data"]["id"]
    assert held["id"] == str(held["data"]["revision"])
    assert sku not in {hold["scope"]["sku"] for hold in snapshot["data"]["items"]}


async def test_who_was_away_gets_what_was_missed(rig: Rig, sku: str):
    """`Last-Event-ID` resumes exactly behind it: nothing twice, nothing left out, no snapshot."""
    async with following(rig) as events:
        last = (await events.next())["id"]
    await freeze(rig, sku)
    await release(rig, sku)
    await seen_by(rig, sku, "sellable")

    async with following(rig, last) as events:
        missed = [await events.next(), await events.next()]
    async with following(rig, missed[0]["id"]) as events:
        rest = await events.next()
    async with following(rig, missed[1]["id"]) as events:
        other = await freeze(rig, sku)
        fresh = await events.next()

    assert [("hold", sku), ("release", sku)] == [
        (one["event"], one["data"]["scope"]["sku"]) for one in missed
    ]
    assert missed[1] == rest
    assert ("hold", other["id"]) == (fresh["event"], fresh["data"]["case"])
    await release(rig, sku)


async def test_a_replica_that_has_forgotten_asks_the_ledger(rig: Rig, sku: str):
    """A replica started afterwards resumes for a reader all the same."""
    async with following(rig) as events:
        last = (await events.next())["id"]
    await freeze(rig, sku)
    await release(rig, sku)

    async with further_replica(rig) as replica, following(rig, last, url=replica.url) as events:
        missed = [await events.next(), await events.next()]

    assert [("hold", sku), ("release", sku)] == [
        (one["event"], one["data"]["scope"]["sku"]) for one in missed
    ]


@pytest.mark.parametrize("revision", ["999999999", "999999999999999999"])
async def test_an_unknown_revision_means_a_new_snapshot(rig: Rig, revision: str):
    """A reader from before a restored backup starts afresh."""
    async with following(rig, revision) as events:
        first = await events.next()

    assert "snapshot" == first["event"]
    assert int(first["id"]) < int(revision)


async def test_a_replica_that_lags_sets_no_reader_back(rig: Rig, sku: str):
    """A reader who has seen more than the replica gets no older snapshot: that would unfreeze."""
    assert rig.service is not None
    async with further_replica(rig, keep_alive_seconds=0.1) as replica:
        await replica.crew.dismiss()
        await freeze(rig, sku)
        await seen_by(rig, sku, "frozen")
        last = rig.service.held.revision
        lagging = replica.held.revision
        async with following(rig, last, url=replica.url) as events:
            first = await events.next(comments=True)

    assert lagging < last
    assert (last, True) == (still_here(first)["revision"], first[""].startswith("still here "))
    await release(rig, sku)


async def test_a_replica_that_lags_and_cannot_ask_says_so(rig: Rig):
    """Without the database nobody knows what the reader has seen: 503, to be tried again soon."""

    class Away:
        async def run(self, *_: Any, **__: Any) -> Any:
            raise Unavailable("The database is away.", retry_after=2)

    async with further_replica(rig) as replica:
        replica.held._database = Away()  # type: ignore[assignment]
        ahead = {"Last-Event-ID": str(replica.held.revision + 1)}
        known = str(replica.held.revision)
        answer = await rig.call("GET", "/v1/holds/stream", "catalogue", headers=ahead,
                                url=replica.url)
        async with following(rig, known, url=replica.url):
            pass

    assert (503, "unavailable") == (answer.status, answer.body["code"])
    assert "2" == answer.headers["Retry-After"]


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "9" * 19, "0x10", "snapshot", "1,2"])
async def test_a_revision_is_a_number(rig: Rig, last: str):
    """Anything else in Last-Event-ID is refused."""
    answer = await ask(rig, "GET", "/v1/holds/stream", "catalogue",
                       headers={"Last-Event-ID": last})

    assert None is wrong_with(answer, 422, "invalid_parameter")


async def test_a_quiet_stream_gives_signs_of_life(rig: Rig):
    """A comment comes as often as the setting says; proxies keep the connection open."""
    async with (
        further_replica(rig, keep_alive_seconds=0.1) as replica,
        following(rig, url=replica.url) as events,
    ):
        first = await events.next()
        signs = [await events.next(comments=True) for _ in range(3)]

    assert "snapshot" == first["event"]
    told = [still_here(one) for one in signs]
    assert [int(first["id"])] * 3 == [one["revision"] for one in told]
    assert [len(first["data"]["items"])] * 3 == [one["holds"] for one in told]
    assert 1 == len({one["checksum"] for one in told})
    assert all(0 <= one["age"] < 60 for one in told)


async def test_a_change_is_followed_by_what_the_reader_has_now(rig: Rig, sku: str):
    """The checksum tells another set, and that the set is as it was; both without a pause."""
    async with following(rig) as events:
        await events.next()
        signs = [still_here(await events.next(comments=True))]
        for change in (freeze, release):
            await change(rig, sku)
            told = await events.next()
            signs.append(still_here(await events.next(comments=True)))
            assert signs[-1]["revision"] == int(told["id"])

    assert [0, 1, 0] == [one["holds"] - signs[0]["holds"] for one in signs]
    assert [True, False, True] == [one["checksum"] == signs[0]["checksum"] for one in signs]


async def test_a_number_that_changed_no_hold_stops_no_replica(rig: Rig, sku: str):
    """A replica that starts at such a number answers a reader who resumes before it, and others."""
    async with following(rig) as events:
        await events.next()
        await freeze(rig, sku)
        last = (await events.next())["id"]
    assert rig.service is not None
    await rig.service.database.run(lambda tx: tx.holds.next_revision())
    async with further_replica(rig) as replica, following(rig, last, url=replica.url) as events:
        reached = still_here(await events.next(comments=True))["revision"]
        answer = await rig.call("GET", "/v1/holds", "catalogue", url=replica.url)
    await release(rig, sku)

    assert int(last) + 1 == reached == answer.body["revision"]


async def test_the_held_set_says_how_old_it_is(rig: Rig):
    """In a header, which comes with a 304 too: when the replica last heard from the database."""
    first = await ask(rig, "GET", "/v1/holds", "catalogue")
    known = {"If-None-Match": first.headers["ETag"]}
    again = await ask(rig, "GET", "/v1/holds", "catalogue", headers=known)

    assert first.body["as_of"] == first.headers["Freezeguard-As-Of"]
    assert 304 == again.status
    assert first.headers["Freezeguard-As-Of"] <= again.headers["Freezeguard-As-Of"]


async def test_streams_end_with_their_replica(rig: Rig):
    """A replica that stops ends its streams at once and cleanly; the reader goes to another."""
    async with further_replica(rig) as replica:
        reading = following(rig, url=replica.url)
        events = await reading.__aenter__()
        await events.next()
        begun = asyncio.get_running_loop().time()
    ended = await events.next()
    await reading.__aexit__(None, None, None)

    assert {} == ended
    assert asyncio.get_running_loop().time() - begun < 10


async def test_who_has_fallen_too_far_behind_is_sent_to_the_ledger(rig: Rig, numbered):
    """Where memory may lack changes the stream ends; resuming then leaves nothing out."""
    async with further_replica(rig) as replica:
        held, begin = replica.held, replica.held.revision
        held._changes = deque(maxlen=2)
        skus = [next(numbered) for _ in range(3)]
        for sku in skus:
            await freeze(rig, sku)

        async def caught_up() -> bool:
            return all(held.of_sku(sku, {}) for sku in skus)

        await until(caught_up, "the second replica has followed")
        async with asyncio.timeout(10):
            late = [change async for change in held.stream(begin, 5)]
        async with following(rig, begin, url=replica.url) as events:
            missed = [(await events.next())["data"]["scope"]["sku"] for _ in skus]

    assert [] == late
    assert skus == missed


async def test_the_past_can_be_asked_for(rig: Rig, sku: str):
    """`?at=` gives the held set of a moment with the revision of then, for disputes."""
    moments = [datetime.now(UTC)]
    await freeze(rig, sku)
    moments.append(datetime.now(UTC))
    await release(rig, sku)
    moments.append(datetime.now(UTC))

    sets = [
        (await ask(rig, "GET", f"/v1/holds?at={encoded(one.isoformat())}", "catalogue")).body
        for one in moments
    ]

    assert [False, True, False] == [
        sku in {hold["scope"]["sku"] for hold in one["items"]} for one in sets
    ]
    assert sets[0]["revision"] < sets[1]["revision"] < sets[2]["revision"]
    assert moments == [datetime.fromisoformat(one["as_of"]) for one in sets]


@pytest.mark.parametrize("address", ["/v1/sale-status/{sku}", "/v1/sale-status?sku={sku}",
                                     "/v1/holds"])
async def test_who_has_the_present_version_gets_304(rig: Rig, sku: str, address: str):
    """Until something changes: then the new version at once."""
    address = address.format(sku=sku)
    first = await ask(rig, "GET", address, "catalogue")
    known = {"If-None-Match": f'W/"other", {first.headers["ETag"]}'}
    again = await ask(rig, "GET", address, "catalogue", headers=known)
    await freeze(rig, sku)
    await seen_by(rig, sku, "frozen")
    changed = await ask(rig, "GET", address, "catalogue", headers=known)
    await release(rig, sku)

    assert (200, 304, 200) == (first.status, again.status, changed.status)
    assert (b"", first.headers["ETag"]) == (again.body, again.headers["ETag"])
    assert first.headers["ETag"] != changed.headers["ETag"]
    assert "no-cache" in first.headers["Cache-Control"]


async def test_a_sku_that_becomes_known_is_a_new_version(rig: Rig):
    """Nobody goes on hearing that a SKU is unknown after it was registered."""
    sku = "known from now on"
    address = f"/v1/sale-status/{encoded(sku)}"
    before = await ask(rig, "GET", address, "catalogue")
    await ask(rig, "PUT", f"/v1/skus/{encoded(sku)}", "catalogue", json={})
    known = {"If-None-Match": before.headers["ETag"]}

    async def told() -> Any:
        answer = await ask(rig, "GET", address, "catalogue", headers=known)
        return answer if answer.status == 200 else None

    after = await until(told, "a new version")

    assert (False, True) == (before.body["known"], after.body["known"])


async def test_the_held_set_comes_compressed_where_wanted(rig: Rig):
    """Gzip for those who take it, plain for the others; both say that it depends."""
    answers = [
        await ask(rig, "GET", "/v1/holds", "catalogue", headers={"Accept-Encoding": one})
        for one in ("gzip", "identity")
    ]

    assert ["gzip", None] == [one.headers.get("Content-Encoding") for one in answers]
    assert answers[0].body["items"] == answers[1].body["items"]
    assert {"Accept-Encoding"} == {one.headers["Vary"] for one in answers}


async def test_a_cart_is_answered_in_its_order(rig: Rig, sku: str):
    """1 to 1,000 SKUs, known or not, repeated or not; one more is refused."""
    await freeze(rig, sku)
    await seen_by(rig, sku, "frozen")
    cart = [f"cart-{number}" for number in range(997)] + [sku, "☕", sku]
    answer = await ask(rig, "POST", "/v1/sale-status", "catalogue", json={"skus": cart})
    refused = [
        await ask(rig, "POST", "/v1/sale-status", "catalogue", json={"skus": one})
        for one in ([*cart, "a"], [], ["a", ""], ["a", 1], "a", None, ["a", None])
    ]
    await release(rig, sku)

    assert (200, cart) == (answer.status, [one["sku"] for one in answer.body["items"]])
    assert {sku} == {one["sku"] for one in answer.body["items"] if one["status"] == "frozen"}
    assert [None] * 7 == [wrong_with(one, 422, "invalid_input") for one in refused]


async def test_a_question_overlaps_with_holds(rig: Rig, sku: str):
    """An absent field asks about any; a narrower hold answers only to those it concerns."""
    scope = {"sku": sku, "country": "DE", "lot": "L/7 ☕"}
    await ask(rig, "POST", "/v1/freezes", "owen", json={"scope": scope, **PULL})
    await seen_by(rig, sku, "frozen")
    questions = {
        "": "frozen", "country=de": "frozen", "country=FR": "sellable", "channel=web": "frozen",
        f"lot={encoded('L/7 ☕')}": "frozen", "lot=L": "sellable",
        f"country=DE&lot={encoded('L/7 ☕')}&seller=a&channel=b": "frozen",
    }

    answers = {
        one: (await ask(rig, "GET", f"/v1/sale-status/{sku}?{one}", "catalogue")).body["status"]
        for one in questions
    }

    assert questions == answers
