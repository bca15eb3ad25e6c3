"""Repeating a write with its Idempotency-Key: once, whatever happens to the connection."""

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.badinput.conftest import further_replica
from tests.badinput.operations import Operation, ask, wrong_with
from tests.rig import Answer, Rig, until

pytestmark = pytest.mark.asyncio(loop_scope="package")

KEY, REPLAYED = "Idempotency-Key", "Idempotency-Replayed"


async def write(
    rig: Rig, method: str, path: str, who: str, key: str, body: Any = None, **more: Any
) -> Answer:
    """Send a write under a key."""
    return await ask(rig, method, path, who, json=body, headers={KEY: key}, **more)


async def test_a_repeat_gets_the_first_answer_from_any_replica(rig: Rig, sku: str):
    """Same status, body and Location; one case, one hold; on the other replica as well."""
    key, body = str(uuid4()), {"scope": {"sku": sku}, "reason_code": "defective"}
    first = await write(rig, "POST", "/v1/freezes", "owen", key, body)
    second = await write(rig, "POST", "/v1/freezes", "owen", key, body)
    async with further_replica(rig) as replica:
        third = await write(rig, "POST", "/v1/freezes", "owen", key, body, url=replica.url)

    assert [201] * 3 == [one.status for one in (first, second, third)]
    assert first.body == second.body == third.body
    assert 1 == len({one.headers["Location"] for one in (first, second, third)})
    assert [None, "true", "true"] == [one.headers.get(REPLAYED) for one in (first, second, third)]
    assert 1 == len(await rig.cases(sku))


async def test_a_repeated_batch_is_no_duplicate(rig: Rig, sku: str):
    """The sender hears again what was accepted the first time."""
    key, batch = str(uuid4()), [rig.complaint(sku, "a"), rig.complaint(sku, "b")]
    answers = [await write(rig, "POST", "/v1/signals", "source", key, batch) for _ in range(2)]
    without = await ask(rig, "POST", "/v1/signals", "source", json=batch)

    assert [(202, 2, 0)] * 2 == [
        (one.status, one.body["accepted"], one.body["duplicates"]) for one in answers
    ]
    assert (0, 2) == (without.body["accepted"], without.body["duplicates"])


async def test_a_key_belongs_to_one_request(rig: Rig, sku: str):
    """Another body, address, query or method under the same key: 422, and nothing is done."""
    key = str(uuid4())
    first = await write(rig, "PUT", f"/v1/skus/{sku}", "root", key, {"title": "Kettle"})
    others = [
        await write(rig, "PUT", f"/v1/skus/{sku}", "root", key, {"title": "Mug"}),
        await write(rig, "PUT", f"/v1/skus/{sku}x", "root", key, {"title": "Kettle"}),
        await write(rig, "POST", "/v1/skus", "root", key, {"sku": sku}),
        await write(rig, "DELETE", f"/v1/keys/{uuid4()}", "root", key),
    ]
    got = await ask(rig, "GET", f"/v1/skus/{sku}", "root")

    assert 200 == first.status
    assert [None] * 4 == [wrong_with(one, 422, "idempotency_mismatch") for one in others]
    assert "Kettle" == got.body["title"]


async def test_keys_of_different_callers_do_not_meet(rig: Rig, sku: str):
    """Two who chose the same key do not hear each other's answers."""
    key = str(uuid4())
    answers = [
        await write(rig, "PUT", f"/v1/skus/{sku}", who, key, {"title": who})
        for who in ("root", "omni", "catalogue")
    ]

    assert ["root", "omni", "catalogue"] == [one.body["title"] for one in answers]


async def test_while_the_first_is_under_way_the_second_waits(rig: Rig, sku: str):
    """409 with Retry-After, here held up by a lock in the database; then the first's answer."""
    key, body, path = str(uuid4()), {"title": "Kettle"}, f"/v1/skus/{sku}"
    assert rig.dsns is not None
    connection = await asyncpg.connect(rig.dsns.owner)
    try:
        lock = connection.transaction()
        await lock.start()
        await connection.execute("SELECT 1 FROM skus WHERE sku = $1 FOR UPDATE", sku)
        first = asyncio.create_task(write(rig, "PUT", path, "root", key, body))

        async def begun() -> bool:
            query = "SELECT true FROM idempotency_keys WHERE key = $1"
            return bool(await connection.fetchval(query, key))

        await until(begun, "the first has claimed its key")
        second = await write(rig, "PUT", path, "root", key, body)
        other = await write(rig, "PUT", path, "root", key, {"title": "Mug"})
        await lock.rollback()
        answered = await first
    finally:
        await connection.close()
    third = await write(rig, "PUT", path, "root", key, body)

    assert None is wrong_with(second, 409, "idempotency_in_flight")
    assert int(second.headers["Retry-After"]) >= 1
    assert None is wrong_with(other, 422, "idempotency_mismatch")
    assert (200, "Kettle") == (answered.status, answered.body["title"])
    assert (200, "true") == (third.status, third.headers[REPLAYED])


async def test_what_was_refused_may_be_sent_again(rig: Rig, sku: str):
    """A refusal changed nothing: the same key is free for the mended request."""
    key, path = str(uuid4()), f"/v1/skus/{sku}"
    refused = await write(rig, "PUT", path, "root", key, {"title": 7})
    mended = await write(rig, "PUT", path, "root", key, {"title": "Seven"})

    assert None is wrong_with(refused, 422, "invalid_input")
    assert (200, None) == (mended.status, mended.headers.get(REPLAYED))


async def test_a_secret_is_shown_once(rig: Rig):
    """A repeat tells which key was issued, without its secret, which is kept nowhere."""
    key, body = str(uuid4()), {"name": "Till", "rights": ["catalogue"]}
    first = await write(rig, "POST", "/v1/keys", "root", key, body)
    second = await write(rig, "POST", "/v1/keys", "root", key, body)
    secret = first.body["secret"]
    assert rig.dsns is not None
    connection = await asyncpg.connect(rig.dsns.owner)
    try:
        kept = await connection.fetch("SELECT body FROM idempotency_keys WHERE key = $1", key)
        dump = [str(row) for table in ("audit", "credentials")
                for row in await connection.fetch(f"SELECT * FROM {table}")]
    finally:
        await connection.close()

    assert secret.startswith("fgk_")
    assert {**first.body, "secret": None} == second.body
    assert [False] == [secret.encode() in row["body"] for row in kept]
    assert not any(secret in row for row in dump)


FILES = "POST /v1/cases/{id}/evidence"


@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\tb", "☕"])
async def test_a_key_is_printable_ascii(rig: Rig, every: list[Operation], key: str):
    """1 to 255 characters; anything else is refused at every write, by the header's name.

    A file is refused for its case before its key is looked at.
    """
    wrong = []
    for one in every:
        if one.method not in {"POST", "PUT", "DELETE"} or one.name == FILES:
            continue
        answer = await ask(rig, one.method, one.address(), one.somebody, headers={KEY: key},
                           json={} if one.media_types else None)
        fault = wrong_with(answer, 422, "invalid_parameter")
        if fault or KEY != answer.body["errors"][0]["parameter"]:
            wrong.append((one.name, fault))

    assert [] == wrong
