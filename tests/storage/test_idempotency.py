"""Keys of repeated writes on real PostgreSQL."""

import asyncio
from datetime import timedelta

from freezeguard.ports.idempotency import Finished, IdempotencyStore, InFlight, Mismatch, Started
from freezeguard.storage.database import PostgresDatabase
from freezeguard.storage.idempotency import KEPT, LEASE, PostgresIdempotency
from tests.storage.makers import NOW

ANSWER = Finished(201, {"Location": "/v1/cases/1"}, b"\x00{}")
TICK = timedelta(seconds=1)


async def begin(
    store: IdempotencyStore, print_: bytes = b"p", *, actor: str = "person:ann", later: timedelta =
    timedelta(0),
) -> Started | Finished | InFlight | Mismatch:  # fmt: skip
    return await store.begin(actor, "key", print_, NOW + later)


async def test_a_repeat_gets_the_first_answer(database: PostgresDatabase) -> None:
    """A key runs once; until it has run it is in flight, afterwards its answer is kept."""
    store = PostgresIdempotency(database)

    first = await begin(store)
    during = await begin(store)
    await store.finish("person:ann", "key", ANSWER, NOW)
    after = await begin(store)

    assert [Started(), InFlight(), ANSWER] == [first, during, after]


async def test_a_key_belongs_to_one_request_of_one_actor(database: PostgresDatabase) -> None:
    """Another request with the key is refused; the same key of another actor is another key."""
    store = PostgresIdempotency(database)
    await begin(store)

    assert Mismatch() == await begin(store, b"other")
    assert Started() == await begin(store, b"other", actor="person:bob")


async def test_an_abandoned_key_is_free(database: PostgresDatabase) -> None:
    """A request that came to nothing may run again; one that has run stays."""
    store = PostgresIdempotency(database)
    await begin(store)
    await store.abandon("person:ann", "key")
    again = await begin(store, b"other")
    await store.finish("person:ann", "key", ANSWER, NOW)
    await store.abandon("person:ann", "key")

    assert Started() == again
    assert ANSWER == await begin(store, b"other")


async def test_a_killed_request_frees_its_key(database: PostgresDatabase) -> None:
    """A key left in flight is taken over after its lease, by the same request only."""
    store = PostgresIdempotency(database)
    await begin(store)

    assert InFlight() == await begin(store, later=LEASE)
    assert Mismatch() == await begin(store, b"other", later=LEASE + TICK)
    assert Started() == await begin(store, later=LEASE + TICK)
    assert InFlight() == await begin(store, later=LEASE + TICK)


async def test_answers_are_kept_for_a_day(database: PostgresDatabase) -> None:
    """Within a day a repeat is recognised; after it the key is new, and can be forgotten."""
    store = PostgresIdempotency(database)
    await begin(store)
    await store.finish("person:ann", "key", ANSWER, NOW)

    assert 0 == await store.forget(NOW + KEPT)
    assert ANSWER == await begin(store, later=KEPT)
    assert Started() == await begin(store, b"other", later=KEPT + TICK)
    assert 1 == await store.forget(NOW + 2 * KEPT + 2 * TICK)


async def test_of_twins_one_runs(database: PostgresDatabase) -> None:
    """The same request sent twice at once runs once."""
    store = PostgresIdempotency(database)

    answers = await asyncio.gather(*(begin(store) for _ in range(8)))

    assert 1 == answers.count(Started())
    assert 7 == answers.count(InFlight())
