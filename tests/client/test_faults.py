"""The client under faults: whatever was frozen when it was last heard of is not sold."""

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from freezeguard.client import (
    AsyncClient,
    Because,
    Choice,
    Client,
    Policy,
    State,
    Transition,
    WhenUnsure,
    Why,
)
from freezeguard.client.follower import Pace
from tests.client.farside import OK, Farside, farside
from tests.client.told import KEEP, Clocks, hold, released, set_, sign, snapshot
from tests.rig import until

QUICK = Pace(connect=5, silence=30, first_retry=0.01, longest_retry=0.05, look_every=0.01)
KETTLE, TOASTER, IRON = hold("h-1", "kettle"), hold("h-2", "toaster"), hold("h-3", "iron")
BY_CLASS = Policy(
    WhenUnsure(stale=Choice.KEEP_LAST, unknown=Choice.REFUSE),
    classes={"child_safety": Choice.REFUSE, "stationery": Choice.ALLOW},
)
GREETING = (OK, snapshot(100, KETTLE), sign(100, KETTLE))


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "held"


def client(
    far: Farside, clocks: Clocks, copy: Path | None, policy: Policy = KEEP, **more: Any
) -> AsyncClient:
    return AsyncClient(far.url, "key", policy=policy, copy=copy, clock=clocks.running,
                       wall=clocks.walls, **{"pace": QUICK, **more})


async def reached(asked: AsyncClient | Client, state: State) -> None:
    """Wait for a state."""

    async def is_so() -> bool:
        return asked.state() is state

    await until(is_so, f"the client is {state}")


async def copied(clocks: Clocks, copy: Path) -> None:
    """Leave the copy of a client that has heard of the kettle."""
    async with farside(GREETING) as far, client(far, clocks, copy) as one:
        assert State.READY is await one.wait_until_ready(10)


async def test_a_server_that_is_away_for_ten_minutes(clocks, copy, caplog):
    """Stale after one; then the policy decides by class; ready once it is back. All is logged."""
    moves: list[Transition] = []
    with caplog.at_level(logging.INFO, "freezeguard.client"):
        async with farside(GREETING, (OK, sign(100, KETTLE))) as far, client(
            far, clocks, copy, BY_CLASS, on_transition=moves.append
        ) as one:
            await one.wait_until_ready(10)
            before = one.check("kettle"), one.check("toaster")
            await far.close()
            clocks.pass_(59)
            soon = one.state()
            clocks.pass_(541)
            away = {
                (sku, risk): one.may_sell(sku, risk)
                for sku in ("kettle", "toaster")
                for risk in (None, "unheard of", "child_safety", "stationery")
            }
            told = one.check("kettle")
            await far.open()
            await reached(one, State.READY)
            line = far.lines[-1]
            after = one.may_sell("kettle"), one.may_sell("toaster")

    assert [(False, Because.HELD), (True, Because.NOT_HELD)] == [
        (one.sellable, one.why) for one in before
    ]
    assert State.READY is soon
    assert away == {
        ("kettle", None): False, ("kettle", "unheard of"): False,
        ("kettle", "child_safety"): False, ("kettle", "stationery"): True,
        ("toaster", None): True, ("toaster", "unheard of"): True,
        ("toaster", "child_safety"): False, ("toaster", "stationery"): True,
    }
    assert (State.STALE, 600.0, 100) == (told.state, told.age_seconds, told.revision)
    assert ["h-1"] == [one["id"] for one in told.holds]
    assert ("100", "Bearer key") == (line.headers["last-event-id"], line.headers["authorization"])
    assert (False, True) == after
    assert [
        (State.UNKNOWN, State.STALE, Why.SNAPSHOT), (State.STALE, State.READY, Why.CONFIRMED),
        (State.READY, State.STALE, Why.SILENCE), (State.STALE, State.READY, Why.CONFIRMED),
    ] == [(move.before, move.after, move.why) for move in moves]
    assert tuple(moves) == one.status().transitions
    assert 2 == one.status().counts["stale->ready"]
    assert "state ready -> stale: silence" in caplog.text


async def test_whoever_follows_may_hang_or_be_dead(clocks):
    """Each question looks at the clock itself: without anybody's help it is stale in time."""
    async with farside(GREETING) as far, client(far, clocks, None, Policy(Choice.REFUSE)) as one:
        await one.wait_until_ready(10)
        assert one._task is not None
        one._task.cancel()
        await asyncio.wait([one._task])
        fresh = one.may_sell("toaster")
        clocks.pass_(60)
        late = one.may_sell("toaster")

    assert (True, False) == (fresh, late)


@pytest.mark.parametrize("away_for", [1.0, 86_400.0])
async def test_a_start_while_the_server_is_away(clocks, copy, away_for):
    """The copy is read, and is stale however young it is; its age is told."""
    await copied(clocks, copy)
    clocks.pass_(away_for)
    async with farside(GREETING) as far:
        await far.close()
        async with client(far, Clocks(5.0, clocks.wall), copy, BY_CLASS) as one:
            answers = one.check("kettle"), one.check("toaster")
            cautious = one.may_sell("toaster", "child_safety")

    assert [State.STALE] * 2 == [one.state for one in answers]
    assert [(False, Because.HELD_WHEN_LAST_HEARD), (True, Because.NOT_HELD_WHEN_LAST_HEARD)] == [
        (one.sellable, one.why) for one in answers
    ]
    assert [away_for] * 2 == [pytest.approx(one.age_seconds) for one in answers]
    assert not cautious


async def test_a_checkout_that_is_killed(clocks, copy):
    """What was heard is on disk within moments, confirmed or not: the next start knows it."""
    async with farside(GREETING) as far, client(far, clocks, copy) as killed:
        await killed.wait_until_ready(10)
        line = await far.next()
        await line.say(set_(101, TOASTER))
        await until_held(killed, "toaster")

        async def saved() -> bool:
            return b"h-2" in copy.read_bytes()

        await until(saved, "the hold on disk")
        await far.close()
        async with client(far, clocks, copy) as heir:
            answers = heir.check("kettle"), heir.check("toaster"), heir.check("iron")

    assert [State.STALE] * 3 == [one.state for one in answers]
    assert [False, False, True] == [one.sellable for one in answers]


@pytest.mark.parametrize("jump", [-3_600.0, 3_600.0, 1e9])
async def test_a_wall_clock_that_was_set_between_two_starts(clocks, copy, jump):
    """Never ready by a clock that may be wrong; a copy from the future is of unknown age."""
    await copied(clocks, copy)
    clocks.wall += jump
    async with farside(GREETING) as far:
        await far.close()
        async with client(far, Clocks(5.0, clocks.wall), copy) as one:
            answer = one.check("kettle")

    assert (False, State.STALE) == (answer.sellable, answer.state)
    assert answer.age_seconds == (None if jump < 0 else pytest.approx(jump))


@pytest.mark.parametrize("jump", [-3_600.0, 3_600.0])
async def test_a_wall_clock_that_is_set_while_it_runs(clocks, copy, jump):
    """Changes nothing: age is measured by another clock."""
    async with farside(GREETING) as far, client(far, clocks, copy) as one:
        await one.wait_until_ready(10)
        clocks.pass_(7)
        clocks.wall += jump
        answer = one.check("kettle")

    assert (False, State.READY, 7.0) == (answer.sellable, answer.state, answer.age_seconds)


async def test_a_running_clock_that_jumps(clocks, copy):
    """Back, as on a machine that was moved: the age is unknown. Ahead, as after a sleep: stale."""
    async with farside(GREETING) as far, client(far, clocks, copy, BY_CLASS) as one:
        await one.wait_until_ready(10)
        clocks.now -= 100
        back = one.check("kettle"), one.status().why, one.may_sell("toaster", "child_safety")
        clocks.now += 200
        ahead = one.check("kettle"), one.status().why

    assert (False, State.STALE, None) == (back[0].sellable, back[0].state, back[0].age_seconds)
    assert (Why.CLOCK_WENT_BACK, False) == back[1:]
    assert (False, State.STALE, 100.0, Why.SILENCE) == (
        ahead[0].sellable, ahead[0].state, ahead[0].age_seconds, ahead[1]
    )


def truncated(copy: Path) -> None:
    copy.write_bytes(copy.read_bytes()[:-7])


def flipped(copy: Path) -> None:
    text = bytearray(copy.read_bytes())
    text[len(text) // 2] ^= 1
    copy.write_bytes(text)


def emptied(copy: Path) -> None:
    copy.write_bytes(b"")


def of_another_format(copy: Path) -> None:
    copy.write_bytes(copy.read_bytes().replace(b"held set 1", b"held set 2"))


def foreign(copy: Path) -> None:
    copy.write_text(json.dumps({"revision": 100, "in_force": []}))


@pytest.mark.parametrize("damage", [truncated, flipped, emptied, of_another_format, foreign])
async def test_a_damaged_copy_is_never_trusted(clocks, copy, damage, caplog):
    """Unknown: nothing is sold unless the caller chose so; it is kept aside, and made anew."""
    await copied(clocks, copy)
    damage(copy)
    damaged = copy.read_bytes()
    async with farside(GREETING) as far:
        await far.close()
        async with client(far, clocks, copy) as one:
            answers = one.check("kettle"), one.check("toaster")
            status = one.status()
            assert not copy.exists()
            await far.open()
            await reached(one, State.READY)
            after = one.may_sell("kettle"), one.may_sell("toaster")

    assert [(False, State.UNKNOWN, Because.NOTHING_TO_KEEP)] * 2 == [
        (one.sellable, one.state, one.why) for one in answers
    ]
    assert (Why.COPY_CORRUPT, 1) == (status.why, status.counts["corrupt_copies"])
    assert "not to be trusted" in caplog.text
    assert damaged == copy.with_name("held.corrupt").read_bytes()
    assert (False, True) == after
    assert copy.exists()


@pytest.mark.parametrize(("choice", "sells"), [("keep_last", False), ("refuse", False),
                                               ("allow", True)])
async def test_without_any_copy_the_caller_decides(clocks, copy, choice, sells):
    """Nothing was ever heard: there is nothing to keep, so that keeping refuses."""
    async with farside(GREETING) as far:
        await far.close()
        async with client(far, clocks, copy, Policy(Choice(choice))) as one:
            answer = one.check("kettle")

    assert (sells, State.UNKNOWN, None) == (answer.sellable, answer.state, answer.revision)
    assert not copy.exists()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
async def test_a_release_that_was_cut_is_none(clocks, copy, share):
    """Nor one that the server has not confirmed; the next connection begins before it."""
    cut = released(101, KETTLE)
    async with farside(GREETING, (OK, released(101, KETTLE), sign(101))) as far, client(
        far, clocks, copy
    ) as one:
        await one.wait_until_ready(10)
        far.greetings.insert(0, OK)
        line = await far.next()
        await line.say(set_(101, TOASTER), cut[: int(len(cut) * share)])
        await until_held(one, "toaster")
        await line.hang_up()
        line = await far.next()
        between = one.may_sell("kettle"), one.may_sell("toaster")
        await line.say(set_(101, TOASTER), released(102, KETTLE))
        unconfirmed = one.may_sell("kettle")
        await line.say(sign(102, TOASTER))
        await until_held(one, "kettle", held=False)
        after = one.may_sell("toaster")

    assert "100" == line.headers["last-event-id"]
    assert (False, False) == between
    assert not unconfirmed
    assert not after


async def until_held(one: AsyncClient, sku: str, *, held: bool = True) -> None:
    """Wait until the client has heard of a hold, or of its release."""

    async def is_so() -> bool:
        return one.may_sell(sku) is not held

    await until(is_so, f"{sku} {'held' if held else 'free'}")


async def test_a_restored_database_sets_nothing_free(clocks, copy, caplog):
    """What it has lost stays held, through a restart too, until an operator has looked."""
    later = (OK, snapshot(50, TOASTER), sign(50, TOASTER))
    async with farside(GREETING, later, (OK, sign(50, TOASTER))) as far:
        async with client(far, clocks, copy) as one:
            await one.wait_until_ready(10)
            await (await far.next()).hang_up()
            await until_held(one, "toaster")
            restored = one.may_sell("kettle"), one.status()
        async with client(far, clocks, copy) as one:
            await reached(one, State.READY)
            again = one.may_sell("kettle"), one.check("kettle").holds[0]["id"]
            gone = one.forget_carried("toaster"), one.forget_carried("kettle")
            at_last = one.may_sell("kettle"), one.may_sell("toaster"), one.status().carried

    assert (False, 50, 1) == (restored[0], restored[1].revision, restored[1].carried)
    assert 1 == restored[1].counts["carried"]
    assert "another history: 1 holds" in caplog.text
    assert (False, "h-1") == again
    assert (0, 1) == gone
    assert (True, False, 0) == at_last
    assert "let go of hold h-1 on kettle" in caplog.text


async def test_a_release_by_name_ends_what_is_carried(clocks, copy):
    """The server speaks of the very hold, so somebody has decided."""
    async with farside(GREETING, (OK, snapshot(50), sign(50))) as far, client(
        far, clocks, copy
    ) as one:
        await one.wait_until_ready(10)
        await (await far.next()).hang_up()
        line = await far.next()
        await reached(one, State.READY)
        carried = one.may_sell("kettle")
        await line.say(set_(51, KETTLE), sign(51, KETTLE), released(52, KETTLE), sign(52))
        await until_held(one, "kettle", held=False)

    assert not carried
    assert 0 == one.status().carried


async def test_a_history_that_has_overtaken_ours_is_found_out(clocks, copy, caplog):
    """Restored, and further on than we were: its numbers fit, its set does not."""
    other = (OK, set_(105, IRON), sign(105, TOASTER, IRON))
    anew = (OK, snapshot(105, TOASTER, IRON), sign(105, TOASTER, IRON))
    moves: list[Transition] = []
    async with farside(GREETING, other, anew) as far, client(
        far, clocks, copy, on_transition=moves.append
    ) as one:
        await one.wait_until_ready(10)
        await (await far.next()).hang_up()
        await until_held(one, "toaster")
        await reached(one, State.READY)
        answers = [one.may_sell(sku) for sku in ("kettle", "toaster", "iron", "mixer")]

    assert [False, False, False, True] == answers
    assert ["100", None] == [line.headers.get("last-event-id") for line in far.lines[1:3]]
    assert (State.READY, State.UNKNOWN, Why.OTHER_HISTORY) in [
        (move.before, move.after, move.why) for move in moves
    ]
    assert 1 == one.status().counts["other_histories"]
    assert "differs from ours" in caplog.text


async def test_a_replica_that_has_lost_its_database_makes_nothing_fresh(clocks):
    """It answers and knows nothing new: the copy is as old as what it says."""
    async with farside((OK, snapshot(100, KETTLE), sign(100, KETTLE, age=600.0))) as far, client(
        far, clocks, None
    ) as one:
        await far.next()
        await reached(one, State.STALE)
        await until_age(one)
        answer, why = one.check("kettle"), one.status().why

    assert (False, State.STALE, 600.0) == (answer.sellable, answer.state, answer.age_seconds)
    assert Why.SERVER_BEHIND is why


async def until_age(one: AsyncClient) -> None:
    async def is_known() -> bool:
        return one.age() is not None

    await until(is_known, "the first sign of life")


async def test_what_has_waited_is_not_taken_for_fresh(clocks):
    """Bytes that lay in a connection while we slept are not believed: a new one tells."""
    async with farside(GREETING, (OK, sign(100, KETTLE))) as far, client(far, clocks, None) as one:
        await one.wait_until_ready(10)
        line = await far.next()
        clocks.pass_(31)
        far.greetings.insert(0, OK)
        await line.say(released(101, KETTLE), sign(101))
        again = await far.next()
        kept = one.may_sell("kettle"), one.age()

    assert "100" == again.headers["last-event-id"]
    assert (False, 31.0) == kept


async def test_a_silent_connection_is_left(clocks):
    """The server's host is gone without a word: after so much silence another one is tried."""
    pace = Pace(silence=0.1, first_retry=0.01, longest_retry=0.05)
    async with farside(GREETING) as far, client(far, clocks, None, pace=pace):
        await far.next()
        line = await far.next()

    assert "100" == line.headers["last-event-id"]


@pytest.mark.parametrize("greeting", [
    b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: /v1/holds/stream\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<h1>Log in</h1>",
    b"no HTTP at all\r\n\r\n",
    OK + b'event: hold\nid: 101\ndata: {"id": 7}\n\n',
    OK + b"event: hold\nid: x\ndata: {}\n\n",
    OK + b"event: snapshot\nid: 101\ndata: []\n\n",
    OK + b"event: release\nid: 101\ndata: {\n\n",
    OK + b': still here {"revision": 101}\n\n',
    OK + b"data: \xff\n\n",
])
async def test_nonsense_changes_nothing(clocks, copy, greeting):
    """Neither a proxy's page nor an event that is none: it is told, and tried again."""
    await copied(clocks, copy)
    async with farside(greeting, (OK, sign(100, KETTLE))) as far, client(
        far, clocks, copy
    ) as one:
        await far.next()
        await reached(one, State.READY)
        status = one.status()

    assert not one.may_sell("kettle")
    assert one.may_sell("toaster")
    assert (100, 1) == (status.revision, status.counts["disconnections"])
    assert status.last_error


async def test_a_copy_that_can_not_be_written_stops_nothing(clocks, tmp_path):
    """It is counted and told; answers come from memory."""
    async with farside(GREETING) as far, client(far, clocks, tmp_path / "absent" / "held") as one:
        await one.wait_until_ready(10)

        async def told() -> int:
            return one.status().counts.get("failed_saves", 0)

        await until(told, "a failed write")

        assert "FileNotFoundError" in one.status().last_error
        assert not one.may_sell("kettle")


async def test_who_listens_to_moves_can_do_no_harm(clocks, caplog):
    """A listener that fails is logged, and everything goes on."""

    def fail(_: Transition) -> None:
        raise RuntimeError("no pager")

    async with farside(GREETING) as far, client(far, clocks, None, on_transition=fail) as one:
        state = await one.wait_until_ready(10)

    assert State.READY is state
    assert "on_transition failed" in caplog.text


async def test_a_thread_follows_for_programs_that_do_not_wait(clocks, copy):
    """The same states and answers, from any thread; closed, it answers on and grows stale."""
    async with farside(GREETING, (OK, snapshot(50), sign(50))) as far:
        with Client(far.url, "key", policy=KEEP, copy=copy, pace=QUICK, clock=clocks.running,
                    wall=clocks.walls) as one:
            ready = await asyncio.to_thread(one.wait_until_ready, 10)
            first = one.may_sell("kettle"), one.may_sell("toaster")
            await (await far.next()).hang_up()

            async def carried() -> int:
                return one.status().carried

            await until(carried, "the restored database")
            restored = one.may_sell("kettle")
            gone = await asyncio.to_thread(one.forget_carried)
            await reached(one, State.READY)
            at_last = one.may_sell("kettle")
        clocks.pass_(61)
        closed = one.state(), one.forget_carried()

    assert State.READY is ready
    assert (False, True) == first
    assert (False, 1, True) == (restored, gone, at_last)
    assert (State.STALE, 0) == closed
    assert 0o600 == copy.stat().st_mode & 0o777
