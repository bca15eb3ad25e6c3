"""The clients for Node and PHP under faults, against a server that says exactly what is wanted."""

import asyncio
import json
from email.utils import formatdate
from pathlib import Path

import pytest

from tests.client.driven import KEEP, Driven, driven, running
from tests.client.farside import OK, farside
from tests.client.told import Facts, hold, released, set_, sign, snapshot
from tests.rig import until

KETTLE, TOASTER, IRON = hold("h-1", "kettle"), hold("h-2", "toaster", lot="L-7"), hold("h-3", "1")
BOTH = pytest.mark.parametrize("language", ["node", "php"])


def set_of(revision: int, *holds: Facts, age: float = 0.0, tag: str = "") -> bytes:
    """Return an answer of `GET /v1/holds`."""
    body = json.dumps({"revision": revision, "as_of": "", "items": holds}).encode()
    return (
        f'HTTP/1.1 200 OK\r\nDate: {formatdate(1.8e9, usegmt=True)}\r\n'
        f'ETag: "{revision}-{tag or len(holds)}"\r\n'
        f"Freezeguard-As-Of: {formatdate(1.8e9 - age, usegmt=True)}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def unchanged(age: float) -> bytes:
    """Return an answer to who has the present version."""
    return (
        f'HTTP/1.1 304 Not Modified\r\nDate: {formatdate(1.8e9, usegmt=True)}\r\nETag: "x"\r\n'
        f"Freezeguard-As-Of: {formatdate(1.8e9 - age, usegmt=True)}\r\nConnection: close\r\n\r\n"
    ).encode()


def greeting(language: str, revision: int, *holds: Facts) -> bytes:
    """Return what tells a client of a whole set, in the way it asks."""
    if language == "php":
        return set_of(revision, *holds)
    return b"".join([OK, snapshot(revision, *holds), sign(revision, *holds)])


async def reached(one: Driven, state: str) -> None:
    """Wait for a state."""

    async def is_so() -> bool:
        return await one.state() == state

    await until(is_so, f"the client is {state}")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "held"


@BOTH
async def test_a_server_that_is_away(language, copy):
    """Ready, then stale: the policy decides by class; a new start from the copy is no fresher."""
    classes = {"toys": {"stale": "refuse", "unknown": "refuse"},
               "pens": {"stale": "allow", "unknown": "allow"}}
    policy = {"stale": "keep_last", "unknown": "refuse", "classes": classes}
    async with farside(greeting(language, 7, KETTLE, TOASTER, IRON)) as far:
        async with running(language, far.url, copy, policy=policy) as one:
            await reached(one, "ready")
            fresh = [await one.sells(sku) for sku in ("kettle", "toaster", "1", "mixer")]
            lots = [await one.sells("toaster", asked={"lot": lot}) for lot in ("L-7", "L-8")]
            await far.close()
            await one("pass", seconds=600)
            away = [await one.state(), *[
                await one.sells(sku, risk=risk)
                for sku in ("kettle", "mixer") for risk in (None, "unheard of", "toys", "pens")
            ]]
        async with running(language, far.url, copy, policy=policy) as one:
            await one("pass", seconds=600)
            again = [await one.state(), await one.sells("kettle"), await one.sells("mixer")]

    assert [False, False, False, True] == fresh
    assert [False, True] == lots
    assert ["stale", False, False, False, True, True, True, False, True] == away
    assert ["stale", False, True] == again
    assert 0o600 == copy.stat().st_mode & 0o777


@BOTH
@pytest.mark.parametrize("damage", [
    lambda text: text[:-3], lambda text: text[:0], lambda text: text[-9:],
    lambda text: text.replace(b"h-1", b"h-9"),
])
async def test_a_damaged_copy_is_never_trusted(language, damage, copy):
    """Unknown, so that nothing is sold, until the server was heard; it is kept aside."""
    async with farside(greeting(language, 7, KETTLE)) as far:
        async with running(language, far.url, copy) as one:
            await reached(one, "ready")
        damaged = damage(copy.read_bytes())
        copy.write_bytes(damaged)
        await far.close()
        async with running(language, far.url, copy) as one:
            away = [await one.state(), await one.sells("kettle"), await one.sells("mixer")]
            await far.open()
            await reached(one, "ready")
            back = [await one.sells("kettle"), await one.sells("mixer")]

    assert ["unknown", False, False] == away
    assert [False, True] == back
    assert damaged == copy.with_name("held.corrupt").read_bytes()


@BOTH
@pytest.mark.parametrize("policy", [{}, {"stale": "keep_last"}, {**KEEP, "unknown": "keep"},
                                    {**KEEP, "classes": {"toys": {"stale": "refuse"}}}])
async def test_nobody_gets_by_without_a_policy(language, policy, copy):
    """Both states, of every class that is named, by words that exist."""
    async with driven(language, "http://127.0.0.1:1", copy, policy=policy) as one:
        answer = await one.answer()

    assert "policy must say stale and unknown" in answer["refused"]


@BOTH
async def test_a_restored_database_sets_nothing_free(language, copy):
    """What it has lost stays held, through a restart too, until an operator has looked."""
    later = greeting(language, 5, TOASTER)
    async with farside(greeting(language, 7, KETTLE), later) as far:
        async with running(language, far.url, copy) as one:
            await reached(one, "ready")
            await one("pass", seconds=61)
            if language == "node":
                await (await far.next()).hang_up()

            async def heard() -> bool:
                await one("refresh")
                return not await one.sells("toaster")

            await until(heard, "the restored database")
            restored = await one("check", sku="kettle")
        async with running(language, far.url, copy) as one:
            kept = await one.sells("kettle")
            await one("forget", sku="toaster")
            other = await one.sells("kettle")
            await one("forget", sku="kettle")
            gone = [await one.sells("kettle"), await one.sells("toaster")]

    assert (False, 5, ["h-1"]) == (
        restored["sellable"], restored["revision"], [one["id"] for one in restored["holds"]]
    )
    assert [False, False] == [kept, other]
    assert [True, False] == gone


@BOTH
@pytest.mark.parametrize(("jump", "state"), [
    ({"wall": 600}, "stale"), ({"clock": 600}, "stale"), ({"wall": -600}, "ready"),
    ({"clock": -1e9}, "stale"),
])
async def test_clocks_that_jump(language, jump, state, copy):
    """The one that went further counts: what may be old is stale. Back from now: nobody knows."""
    async with farside(greeting(language, 7, KETTLE)) as far, running(
        language, far.url, copy
    ) as one:
        await reached(one, "ready")
        await far.close()
        await one("set", **jump)
        answer = await one("check", sku="kettle")

    assert (False, state) == (answer["sellable"], answer["state"])


# ----------------------------------------------------------------------------------------- Node


async def test_node_a_release_that_was_cut_is_none(copy):
    """Nor one that was not confirmed; the next connection begins before it."""
    first = greeting("node", 100, KETTLE)
    async with farside(first, OK, OK) as far, running("node", far.url, copy) as one:
        await (await far.next()).hang_up()
        line = await far.next()
        await line.say(set_(101, TOASTER), released(102, KETTLE), released(103, KETTLE)[:-1])

        async def heard() -> bool:
            return not await one.sells("toaster")

        await until(heard, "the hold")
        await line.hang_up()
        line = await far.next()
        between = [await one.sells("kettle"), await one.sells("toaster")]
        await line.say(set_(101, TOASTER), released(102, KETTLE), sign(102, TOASTER))

        async def free() -> bool:
            return await one.sells("kettle")

        await until(free, "the release")
        after = await one.sells("toaster")

    assert "100" == line.headers["last-event-id"]
    assert [False, False] == between
    assert not after


async def test_node_finds_out_a_history_that_has_overtaken_ours(copy):
    """Its numbers fit, its set does not; what only an earlier connection told of is lost too."""
    first = greeting("node", 100, KETTLE)
    same = b"".join([OK, sign(100, KETTLE)])
    other = b"".join([OK, set_(105, IRON), sign(105, TOASTER, IRON)])
    anew = greeting("node", 105, TOASTER, IRON)
    async with farside(first, b"".join([OK, set_(101, hold("h-4", "mixer"))]), same, other,
                       anew) as far, running("node", far.url, copy) as one:
        for _ in range(3):
            await (await far.next()).hang_up()

        async def heard() -> bool:
            return not await one.sells("toaster")

        await until(heard, "the other history")
        await reached(one, "ready")
        answers = [await one.sells(sku) for sku in ("kettle", "toaster", "1", "mixer", "pen")]
        status, moves = await one("status"), await one("moves")

    assert [False, False, False, False, True] == answers
    assert ["100", None] == [line.headers.get("last-event-id") for line in far.lines[3:5]]
    assert (2, 105) == (status["carried"], status["revision"])
    assert ["ready", "unknown"] in moves


async def test_node_leaves_a_silent_connection(copy):
    """Whether it is silent, or spoke after we had slept: a new one tells."""
    first = greeting("node", 100, KETTLE)
    async with farside(first, OK, b"".join([OK, sign(100, KETTLE)])) as far, running(
        "node", far.url, copy, silence=0.3
    ) as one:
        await far.next()
        line = await far.next()
        await one("pass", seconds=31)
        await line.say(released(101, KETTLE), sign(101))
        again = await far.next()

        assert not await one.sells("kettle")

    assert "100" == again.headers["last-event-id"]


# ------------------------------------------------------------------------------------------ PHP


async def test_php_is_as_old_as_the_replicas_news(copy):
    """A replica that has lost its database confirms nothing, by 200 or by 304."""
    async with farside(set_of(7, KETTLE), unchanged(600), unchanged(0)) as far, running(
        "php", far.url, copy
    ) as one:
        answers = [
            (await one("refresh"), await one("check", sku="kettle"))[1] for _ in range(3)
        ]

    assert ["ready", "stale", "ready"] == [one["state"] for one in answers]
    assert '"7-1"' == far.lines[1].headers["if-none-match"]
    assert not any(one["sellable"] for one in answers)


async def test_php_tells_a_replica_that_lags_from_a_restored_database(copy):
    """An older revision is not taken while the copy is fresh; another set of the same one is."""
    other = set_of(7, TOASTER, tag="other")
    async with farside(set_of(7, KETTLE), set_of(6), other) as far, running(
        "php", far.url, copy
    ) as one:
        await one("refresh")
        refused = await one("refresh")
        taken = await one("refresh")
        answers = [await one.sells("kettle"), await one.sells("toaster")]

    assert [False, "an older revision"] == refused
    assert taken[0]
    assert [False, False] == answers


@pytest.mark.parametrize("greeting", [
    b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 302 Found\r\nLocation: /v1/holds\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<h1>Log in</h1>",
    set_of(8)[:-9], b"nonsense\r\n\r\n", b"",
])
async def test_php_nonsense_changes_nothing(greeting, copy):
    """Neither a proxy's page nor half an answer: it is told, and the copy grows older."""
    async with farside(set_of(7, KETTLE), greeting) as far, running("php", far.url, copy) as one:
        await one("refresh")
        if not greeting:
            await far.close()
        taken, error = await one("refresh")
        await one("pass", seconds=61)
        answer = await one("check", sku="kettle")

    assert not taken
    assert error
    assert (False, "stale", 7) == (answer["sellable"], answer["state"], answer["revision"])


async def test_php_asks_by_itself_and_not_too_often(copy):
    """Where no cron does it: when the copy is older than `refreshAfter`, not after a failure."""
    async with farside(set_of(7, KETTLE), unchanged(0)) as far, running(
        "php", far.url, copy, refreshAfter=10
    ) as one:
        first = await one("check", sku="kettle")
        await one("check", sku="kettle")
        await one("pass", seconds=11)
        again = await one("check", sku="kettle")
        await far.close()
        await one("pass", seconds=61)
        begun = asyncio.get_running_loop().time()
        away = [await one("check", sku="kettle") for _ in range(20)]
        took = asyncio.get_running_loop().time() - begun

    assert ["ready", "ready"] == [first["state"], again["state"]]
    assert 2 == len(far.lines)
    assert {"stale"} == {one["state"] for one in away}
    assert took < 10


async def test_php_after_a_restart_of_the_machine(copy):
    """Another start of the machine: nobody knows how long it was off, so the copy is stale."""
    async with farside(set_of(7, KETTLE)) as far, running("php", far.url, copy) as one:
        await one("refresh")
        await one("set", boot="another")
        answer = await one("check", sku="kettle")

    assert (False, "stale", None) == (answer["sellable"], answer["state"], answer["age_seconds"])
