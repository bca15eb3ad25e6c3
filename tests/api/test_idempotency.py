"""Repeating a write safely."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from freezeguard.api.access import Access
from freezeguard.api.idempotency import Idempotency, fingerprint
from freezeguard.api.routing import Call, Reply, Route
from freezeguard.domain.errors import GuardFailed, Unavailable
from freezeguard.ports.idempotency import Finished, InFlight, Mismatch, Started
from tests.api.service import ANNS_TOKEN, NOW, Note, Service, serving


@dataclass
class Store:
    """The contract of the port in a few lines: what the edge is tried against."""

    answers: dict[tuple[str, str], tuple[bytes, Finished | None]] = field(default_factory=dict)
    is_broken: bool = False
    abandoned: int = 0

    async def begin(
        self, actor_id: str, key: str, fingerprint: bytes, now: datetime
    ) -> Started | Finished | InFlight | Mismatch:
        if (actor_id, key) not in self.answers:
            self.answers[actor_id, key] = (fingerprint, None)
            return Started()
        known, answer = self.answers[actor_id, key]
        if known != fingerprint:
            return Mismatch()
        return InFlight(2.5) if answer is None else answer

    async def finish(self, actor_id: str, key: str, answer: Finished, now: datetime) -> None:
        if self.is_broken:
            raise Unavailable("the database is away")
        self.answers[actor_id, key] = (self.answers[actor_id, key][0], answer)

    async def abandon(self, actor_id: str, key: str) -> None:
        self.abandoned += 1
        if self.is_broken:
            raise Unavailable("the database is away")
        del self.answers[actor_id, key]


@dataclass
class Counter:
    """A write that counts how often it ran, and may fail or wait."""

    runs: int = 0
    status: int = 201
    error: Exception | None = None
    gate: asyncio.Event | None = None
    entered: asyncio.Event = field(default_factory=asyncio.Event)

    async def write(self, call: Call[None, Note]) -> Reply:
        """Count, then do as told."""
        self.runs += 1
        self.entered.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        body = json.dumps({"run": self.runs, "text": call.body.text}).encode()
        return Reply(body, self.status, headers={"Location": f"/v1/runs/{self.runs}"})


@dataclass
class Rig:
    """A service with one write."""

    service: Service
    store: Store
    counter: Counter

    async def send(
        self, text: str = "a", *, key: str | None = "k-1", path: str = "/v1/runs",
        token: str = ANNS_TOKEN,
    ) -> tuple[int, dict, dict]:  # fmt: skip
        """Send the write and return status, body and headers."""
        headers = {} if key is None else {"Idempotency-Key": key}
        body = json.dumps({"text": text}).encode()
        answer = await self.service.post(path, body, headers=headers, token=token)
        return answer.status, await answer.json(content_type=None), dict(answer.headers)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    counter, store = Counter(), Store()
    routes = [
        Route(method="POST", path=path, handler=counter.write, summary="x", tag="x", body=Note,
              who=Access.anyone_signed_in())
        for path in ("/v1/runs", "/v1/other")
    ]  # fmt: skip
    async with serving(routes, idempotency=Idempotency(store, lambda: NOW)) as service:
        yield Rig(service, store, counter)


async def test_a_repeat_gets_the_first_answer(rig: Rig) -> None:
    """The same request with the same key runs once; status, body and headers are the same."""
    first = await rig.send()
    again = await rig.send()

    assert (201, {"run": 1, "text": "a"}) == first[:2] == again[:2]
    assert "/v1/runs/1" == again[2]["Location"]
    assert ("true", None) == (
        again[2].get("Idempotency-Replayed"),
        first[2].get("Idempotency-Replayed"),
    )
    assert 1 == rig.counter.runs


async def test_without_a_key_each_request_runs(rig: Rig) -> None:
    """The key is optional."""
    await rig.send(key=None)
    await rig.send(key=None)

    assert 2 == rig.counter.runs


async def test_a_key_with_another_request_is_refused(rig: Rig) -> None:
    """Another body or address under the same key is a mistake of the client: 422, not run."""
    await rig.send()
    body = await rig.send("b")
    path = await rig.send(path="/v1/other")

    assert ["idempotency_mismatch"] * 2 == [body[1]["code"], path[1]["code"]]
    assert (422, 1) == (body[0], rig.counter.runs)


async def test_keys_of_different_actors_do_not_meet(rig: Rig) -> None:
    """Everybody has keys of their own."""
    await rig.send()
    other = await rig.send(token="shop-token")

    assert (201, {"run": 2, "text": "a"}) == other[:2]


async def test_while_the_first_is_under_way_the_second_waits(rig: Rig) -> None:
    """409 with Retry-After, and the answer afterwards."""
    rig.counter.gate = asyncio.Event()
    first = asyncio.create_task(rig.send())
    async with asyncio.timeout(5):
        await rig.counter.entered.wait()
    second = await rig.send()
    rig.counter.gate.set()

    assert (409, "idempotency_in_flight", "3") == (
        second[0], second[1]["code"], second[2]["Retry-After"],
    )  # fmt: skip
    assert 201 == (await first)[0]
    assert {"run": 1, "text": "a"} == (await rig.send())[1]


@pytest.mark.parametrize(
    ("error", "status"),
    [(RuntimeError(), 500), (Unavailable(), 503), (GuardFailed(["a proof"]), 422)],
)
async def test_a_failure_is_not_kept(rig: Rig, error: Exception, status: int) -> None:
    """What came to nothing may be tried again with the same key."""
    rig.counter.error = error
    failed = await rig.send()
    rig.counter.error = None
    again = await rig.send()

    assert (status, 201) == (failed[0], again[0])
    assert (2, 1) == (rig.counter.runs, rig.store.abandoned)


async def test_an_answer_from_400_on_is_not_kept(rig: Rig) -> None:
    """A handler that answers 409 by itself has refused as well: the key is free again."""
    rig.counter.status = 409
    refused = await rig.send()
    rig.counter.status = 201
    again = await rig.send()

    assert (409, 201) == (refused[0], again[0])


async def test_a_refused_body_frees_its_key(rig: Rig) -> None:
    """A body that does not fit may be mended and sent again under the same key."""
    refused = await rig.send("")
    mended = await rig.send("a")

    assert (422, 201) == (refused[0], mended[0])


async def test_what_is_done_is_reported_even_if_the_answer_cannot_be_kept(rig: Rig) -> None:
    """The write has happened: the client must hear so."""
    rig.store.is_broken = True
    done = await rig.send()
    rig.counter.error = GuardFailed(["a proof"])
    failed = await rig.send(key="k-2")

    assert (201, 422) == (done[0], failed[0])


@pytest.mark.parametrize("key", ["x" * 256, "a\tb", "é", " " * 0])
async def test_an_impossible_key_is_refused(rig: Rig, key: str) -> None:
    """1 to 255 printable ASCII characters."""
    answer = await rig.send(key=key)

    assert (422, "Idempotency-Key") == (answer[0], answer[1]["errors"][0]["parameter"])
    assert 0 == rig.counter.runs


async def test_two_keys_are_refused(rig: Rig) -> None:
    """Nobody can say which of two keys would count."""
    sent = (
        b"POST /v1/runs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ann-token\r\n"
        b"Idempotency-Key: a\r\nIdempotency-Key: b\r\nConnection: close\r\n"
        b'Content-Length: 13\r\n\r\n{"text": "a"}'
    )

    assert b" 422 " in (await rig.service.raw(sent)).splitlines()[0]


async def test_the_longest_key_is_accepted(rig: Rig) -> None:
    """Exactly 255 characters work."""
    assert 201 == (await rig.send(key="~" * 255))[0]


def test_fingerprints_differ_in_every_part() -> None:
    """Method, address, media type and body: moving a byte from one to the next shows."""
    prints = {
        fingerprint("POST", "/a", "b", b"c"),
        fingerprint("PUT", "/a", "b", b"c"),
        fingerprint("POST", "/ab", "", b"c"),
        fingerprint("POST", "/a", "bc", b""),
        fingerprint("POST", "/a", "b", b"d"),
    }

    assert 5 == len(prints)
    assert fingerprint("POST", "/a", "b", b"c") in prints


def test_the_time_of_the_store_is_given() -> None:
    """The edge reads no clock of its own."""
    seen: list[datetime] = []

    class Watching(Store):
        async def begin(self, actor_id, key, fingerprint, now):
            seen.append(now)
            return Finished(200)

    later = NOW + timedelta(hours=1)

    async def act() -> Finished:
        raise AssertionError

    asyncio.run(Idempotency(Watching(), lambda: later).run("a", "k", b"", act))

    assert [later] == seen
