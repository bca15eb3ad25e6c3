"""Streams of what happens to cases: told at once, to those who may hear it, and never too much."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import asyncpg
import pytest

from freezeguard.api.routes.live import Taking
from freezeguard.domain.people import Role
from freezeguard.services.cases.livechanges import LiveChanges
from tests.acceptance.conftest import TakeSku
from tests.badinput.conftest import further_replica
from tests.rig import PEOPLE, Rig, until
from tests.web.visiting import Browser, signed_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = {"limits": {"keep_alive_seconds": 0.5}}
QUEUE = "/v1/cases/stream"


@dataclass
class Told:
    """A stream that is being read."""

    answer: aiohttp.ClientResponse

    async def next(self, event: str | None = None) -> dict[str, Any]:
        """Return the next event, or the next of a name; an empty one at the end."""
        async with asyncio.timeout(10):
            while True:
                one = await self._next()
                if not one or event in {None, one["event"]}:
                    return one

    async def about(self, case: dict[str, Any]) -> list[dict[str, Any]]:
        """Return what is told with the version of a case that somebody has seen."""
        while one := await self.next("changed"):
            if case["version"] in {each["version"] for each in one["data"]["cases"]
                                   if each["id"] == case["id"]}:
                return list(one["data"]["cases"])
        raise AssertionError("the stream has ended")

    async def _next(self) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        async for raw in self.answer.content:
            name, _, value = raw.decode().rstrip("\n").partition(": ")
            if not name and "event" in fields:
                return {**fields, "data": json.loads(fields["data"])}
            fields[name] = value
        return {}


@asynccontextmanager
async def following(
    rig: Rig, address: str = QUEUE, who: str = "mara", last: str | None = None,
    url: str | None = None,
) -> AsyncIterator[Told]:
    """Follow a stream of the API."""
    headers = {"Authorization": f"Bearer {rig.secrets[who]}"}
    if last is not None:
        headers["Last-Event-ID"] = last
    async with rig.session.get((url or rig.url) + address, headers=headers) as answer:
        assert 200 == answer.status, await answer.text()
        yield Told(answer)


async def frozen(rig: Rig, sku: str) -> dict[str, Any]:
    await rig.complain(sku)
    return await rig.in_state(sku, "frozen")


async def test_what_happens_is_told_and_nothing_else(rig: Rig, take_sku: TakeSku) -> None:
    """Which case and its version, at once; of one case only what happens to that one."""
    case, other = await frozen(rig, take_sku()), await frozen(rig, take_sku())
    one = f"/v1/cases/{case['id']}/stream"
    await until(lambda: at_rest(rig), "nothing happens any more")
    async with following(rig) as queue, following(rig, one) as mine:
        assert ["changed", "alive"] == [(await queue.next())["event"] for _ in range(2)]
        await mine.next("alive")
        other = await rig.done(other, "accept_ownership", "owen")
        first = await queue.about(other)
        case = await rig.done(case, "accept_ownership", "owen")
        second, own = await queue.about(case), await mine.about(case)

    def told(whom: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"id": whom["id"], "number": whom["number"], "version": whom["version"]}]

    assert told(other) == first
    assert told(case) == second == own


async def test_who_was_away_hears_whether_something_happened(rig: Rig, sku: str) -> None:
    """Behind a bookmark exactly what came after it; behind an unknown one, that all may be new."""
    case = await frozen(rig, sku)
    one = f"/v1/cases/{case['id']}/stream"
    mark = await until(lambda: at_rest(rig), "nothing happens any more")
    await rig.done(case, "accept_ownership", "owen")
    firsts = []
    for address, last in ((QUEUE, mark), (one, mark), (one, "elsewhere-7"), (one, None)):
        async with following(rig, address, last=last) as stream:
            firsts.append(await stream.next("changed"))

    assert [[case["id"]]] * 2 == [[one["id"] for one in each["data"]["cases"]]
                                  for each in firsts[:2]]
    assert [[], []] == [each["data"]["cases"] for each in firsts[2:]]


async def at_rest(rig: Rig) -> str:
    """Return a bookmark behind which nothing happens for two beats; empty as long as it does."""
    async with following(rig) as queue:
        mark = (await queue.next("alive"))["id"]
        beats = [(await queue.next())["event"] for _ in range(2)]
    return str(mark) if beats == ["alive", "alive"] else ""


async def test_a_row_that_commits_late_is_told_late(rig: Rig, sku: str) -> None:
    """Rows are numbered before they commit: one behind a later number is not forgotten."""
    case = await frozen(rig, sku)
    await until(lambda: at_rest(rig), "nothing happens any more")
    write = (
        "INSERT INTO audit (at, actor, action, subject)"
        f" VALUES (now(), 'test', 'test', 'case:{case['id']}')"
    )
    assert rig.dsns is not None
    async with AsyncExitStack() as stack:
        late, early = [await asyncpg.connect(rig.dsns.runtime) for _ in range(2)]
        for each in (late, early):
            stack.push_async_callback(each.close)
        stream = await stack.enter_async_context(following(rig))
        await stream.next("alive")
        pending = late.transaction()
        await pending.start()
        await late.execute(write)
        await early.execute(write)
        first = await stream.next("changed")
        service = rig.service
        started = LiveChanges(service.database, service.now, service.context.new_id)
        await started.follow()
        mark = started.bookmark
        await pending.commit()
        second = await stream.next("changed")
        await started.follow()

    assert mark != started.bookmark  # a replica that started meanwhile misses it neither
    assert case["number"] == first["data"]["cases"][0]["number"]
    assert first["data"] == second["data"]


async def test_a_database_that_went_back_makes_everything_new(rig: Rig) -> None:
    """After a restore every stream ends, and no bookmark from before is believed."""
    service = rig.service
    live = LiveChanges(service.database, service.now, service.context.new_id)
    await live.follow()
    mark, stream = live.bookmark, live.stream(live.bookmark)
    alive = await anext(stream)
    live._highest = 10**9
    await live.follow()
    after = live.stream(mark)

    assert mark == alive.bookmark
    assert [] == [one async for one in stream]
    assert live.bookmark == (await anext(after)).bookmark != mark
    await after.aclose()


async def test_the_pages_stream_ends_with_what_it_stands_on(rig: Rig) -> None:
    """Signed out, too long unused, a role taken, deactivated: nothing more is said, at once."""
    service = rig.service

    async def put(person: Any, *, active: bool = True) -> None:
        await service.database.run(
            lambda tx: service.access.add_person(tx, person, "test", active=active)
        )

    async def unused(browser: Browser) -> None:
        del browser
        owner = await asyncpg.connect(rig.dsns.owner)
        await owner.execute("UPDATE sessions SET seen_at = seen_at - interval '31 minutes'")
        await owner.close()

    async def sign_out(browser: Browser) -> None:
        await browser.get("/console")
        await browser.post("/console/sign-out", follow=False)

    async def lose_role(browser: Browser) -> None:
        del browser
        vendors = PEOPLE["bert"].__class__(
            "bert", "Bert", frozenset({Role.VENDOR}), "b@acme.example", vendor="acme"
        )
        await put(vendors)

    async def deactivate(browser: Browser) -> None:
        del browser
        await put(PEOPLE["bert"], active=False)

    ways = (sign_out, unused, lose_role, deactivate)
    async with further_replica(rig, keep_alive_seconds=0.1) as replica:
        for way in ways:
            await put(PEOPLE["bert"])
            bert = await signed_in(rig, "bert")
            bert.url, home = replica.url, bert.url
            async with bert.following("/console/live") as answer:
                stream = Told(answer)
                assert "alive" == (await stream.next("alive"))["event"]
                bert.url = home
                await way(bert)
                while said := await stream.next():
                    assert "alive" == said["event"]
    await put(PEOPLE["bert"])


async def test_an_open_page_keeps_no_session_open(rig: Rig) -> None:
    """Neither its stream nor what it fetches by itself is a use; a click is one."""
    mara = await signed_in(rig, "mara")
    owner = await asyncpg.connect(rig.dsns.owner)
    long_ago = "UPDATE sessions SET seen_at = now() - interval '20 minutes' WHERE person = 'mara'"
    await owner.execute(long_ago)
    query = (
        "SELECT now() - max(seen_at) > interval '10 minutes' FROM sessions WHERE person = 'mara'"
    )
    left = []
    async with mara.following("/console/live") as answer:
        await Told(answer).next("alive")
        left.append(await owner.fetchval(query))
    await mara.get("/console", **{"Freezeguard-Refresh": "yes"})
    left.append(await owner.fetchval(query))
    await mara.get("/console")
    left.append(await owner.fetchval(query))
    await owner.close()

    assert [True, True, False] == left


async def test_one_person_has_so_many_streams(rig: Rig) -> None:
    """One more is refused and says when to come again; others have theirs; what is left is free."""
    live = rig.service.live
    async with AsyncExitStack() as stack:
        for _ in range(live.terms.of_one):
            await stack.enter_async_context(following(rig, who="quin"))
        refused = await rig.call("GET", QUEUE, "quin")
        async with following(rig, who="audi") as other:
            assert "changed" == (await other.next())["event"]

    async def is_free() -> bool:
        return not live.streams

    assert (429, "too_many_requests") == (refused.status, refused.body["code"])
    assert "30" == refused.headers["Retry-After"]
    await until(is_free, "the places of those who have left")


async def test_streams_end_with_their_replica_and_by_themselves(rig: Rig) -> None:
    """Cleanly, so that a browser comes again; at the latest after their lifetime."""
    async with further_replica(rig) as replica:
        reading = following(rig, url=replica.url)
        stream = await reading.__aenter__()
        await stream.next("alive")
    assert {} == await stream.next()
    await reading.__aexit__(None, None, None)
    service = rig.service
    terms = service.live.terms.__class__(lifetime=0.5, beat=0.2)
    live = LiveChanges(service.database, service.now, service.context.new_id, terms)
    await live.follow()
    async with asyncio.timeout(5):
        said = [one async for one in live.stream(live.bookmark)]
        mute = [one async for one in live.stream(live.bookmark)]
    assert 2 <= len(said) <= 3
    assert [] == mute  # the tables were not heard of for so long


async def test_a_reader_who_takes_nothing_is_left(rig: Rig) -> None:
    """What waits for longer than allowed ends the stream; what is taken in time never does."""
    del rig
    taking = Taking(10.0)
    for moment, unsent in ((0.0, 0), (5.0, 900), (14.0, 1800), (14.5, 0), (15.0, 50), (25.0, 50)):
        taking.look(moment, unsent)
    with pytest.raises(TimeoutError):
        taking.look(25.1, 50)


async def test_vendors_hear_nothing(rig: Rig, sku: str) -> None:
    """Neither of the queue nor of a case, their own or another's."""
    case = await frozen(rig, sku)
    for who in ("vera", "vito"):
        vendor = await signed_in(rig, who)
        for address in ("/console/live", f"/console/cases/{case['id']}/live"):
            assert 403 == await vendor.begin(address)
            assert case["id"] not in vendor.last.text
