"""Feeds that fall silent: told once, told again when they speak, and never taken for recovery."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.header import decode_header, make_header
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from freezeguard.domain.policy import Policy
from freezeguard.services.detecting.feeds import Feeds
from freezeguard.services.telling.telling import House, Telling
from tests.acceptance.steps import body_of, moves, reaches, ring, sql, to_probation
from tests.rig import FIVE_CUSTOMERS, SOURCE, Rig, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

TWO_TO_LOOK = {**FIVE_CUSTOMERS, "id": "two-to-look", "bound": 50, "look": 2, "window": "7d"}
SHOP = {"rules": (FIVE_CUSTOMERS, TWO_TO_LOOK), "policy": {"probation_time": "1h"}}
STEP = timedelta(minutes=5)


class Watched:
    """A replica's watch over feeds on a clock of its own, that the test moves."""

    def __init__(self, rig: Rig, now: datetime) -> None:
        assert rig.service is not None
        self.now = now
        telling = Telling(rig.service.directory, House(), uuid4, Policy())
        self.feeds = Feeds(rig.service.database, telling, lambda: self.now)

    async def go_on(self, time: timedelta) -> int:
        """Look every five minutes for so long; return how many feeds were told of."""
        told = 0
        until = self.now + time
        while self.now < until:
            self.now += STEP
            told += await self.feeds.watch()
        return told


async def has_spoken(rig: Rig, source: str, last: datetime, *, days: int = 28) -> None:
    """Let a feed have spoken every hour for some weeks, until its last signal."""
    await sql(
        rig, "INSERT INTO source_hours (source, hour, signals) SELECT $1, hour, 4 FROM "
        "generate_series(date_trunc('hour', $2::timestamptz) - $3::interval,"
        " date_trunc('hour', $2::timestamptz), '1 hour') AS hour",
        source, last, timedelta(days=days),
    )
    await sql(
        rig, "INSERT INTO sources (source, name, updated_at, first_heard_at, last_heard_at)"
        " VALUES ($1, $1, $2::timestamptz, $2::timestamptz - $3::interval, $2::timestamptz)",
        source, last, timedelta(days=days),
    )


async def subjects(rig: Rig, words: str) -> list[str]:
    """Wait until no notice waits; return the subjects with these words, one per mail."""

    async def all_left() -> bool:
        waiting = await sql(rig, "SELECT 1 FROM notices WHERE state IN ('queued', 'sending')")
        return not waiting

    await until(all_left, "every mail has left")
    told = [str(make_header(decode_header(str(one["Subject"])))) for one in rig.mailbox.messages]
    return [one for one in told if words in one]


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def nobody_listens(rig: Rig) -> AsyncIterator[None]:
    """Begin and end each test with no feed silent, and nobody known to have listened."""
    async def reset() -> None:
        await sql(rig, "DELETE FROM listening")
        await sql(rig, "UPDATE sources SET silent_since = NULL, max_silence = NULL,"
                       " last_heard_at = NULL WHERE source <> $1", SOURCE)
        await sql(rig, "UPDATE sources SET silent_since = NULL WHERE source = $1", SOURCE)

    await reset()
    yield
    await reset()


async def test_a_silence_beyond_chance_is_told_once_and_again_when_it_ends(rig: Rig):
    """Two replicas look, one mail goes to each; a second one when the feed is heard again."""
    begun = datetime.now(UTC)
    await has_spoken(rig, "till", begun)
    first, second = Watched(rig, begun), Watched(rig, begun)

    told = await asyncio.gather(*(one.go_on(timedelta(hours=4, minutes=10)) for one in
                                  (first, second)))

    assert 1 == sum(told)
    assert 2 == len(await subjects(rig, "A feed has fallen silent: till"))  # root and owen
    [letter] = [one for one in rig.mailbox.to("root@shop.example")
                if "till" in str(one["Subject"])]
    assert "Usual signals a day: 9" in body_of(letter)
    shown = await rig.read("/v1/sources/till", "owen")
    assert begun == datetime.fromisoformat(shown["silent_since"])
    assert ["till"] == [one["source"] for one in (await rig.read("/v1/sources", "quin"))["items"]
                        if one["silent_since"]]
    assert rig.service is not None
    await rig.service.feeds.watch()
    assert b"freezeguard_silent_feeds 1.0" in (await rig.call("GET", "/metrics")).body

    assert 0 == await first.go_on(timedelta(hours=1))
    second.now = first.now
    second.feeds.heard({"till": 1})
    await second.feeds.note()
    assert 1 == await first.go_on(STEP)
    assert 0 == await first.go_on(timedelta(hours=1))

    assert 2 == len(await subjects(rig, "A feed speaks again: till"))
    assert None is (await rig.read("/v1/sources/till", "owen"))["silent_since"]
    assert ["feed_silent", "feed_speaks"] == [one["action"] for one in await sql(
        rig, "SELECT action FROM audit WHERE subject = 'source:till' ORDER BY seq")]


async def test_a_stop_of_the_service_is_no_silence_of_its_feeds(rig: Rig):
    """After a night without the service nobody is alarmed; only what is silent from then on is."""
    begun = datetime.now(UTC)
    await has_spoken(rig, "phone", begun)
    await has_spoken(rig, "chat", begun)
    watched = Watched(rig, begun)
    assert 0 == await watched.go_on(STEP)

    watched.now += timedelta(hours=12)
    assert 0 == await watched.go_on(timedelta(hours=2))
    watched.feeds.heard({"phone": 3})
    await watched.feeds.note()

    assert 1 == await watched.go_on(timedelta(hours=2, minutes=10))
    assert [] == await subjects(rig, "A feed has fallen silent: phone")
    assert 2 == len(await subjects(rig, "A feed has fallen silent: chat"))


async def test_a_feed_has_the_silence_that_an_admin_allows(rig: Rig):
    """An hour where the settings say so, whatever is usual; a feed without a habit too."""
    begun = datetime.now(UTC)
    watched = Watched(rig, begun)
    watched.feeds.heard({"lab-2": 1, "young": 1})
    await watched.feeds.note()
    for source in ("lab-2", "quiet"):
        allowed = {"max_silence": "60m", "trust": 0.9}
        put = await rig.call("PUT", f"/v1/sources/{source}", "root", json=allowed)
        assert (200, "1h") == (put.status, put.body["max_silence"])

    assert 0 == await watched.go_on(timedelta(minutes=60))
    assert 1 == await watched.go_on(timedelta(hours=30))

    assert begun == datetime.fromisoformat(
        (await rig.read("/v1/sources/lab-2", "owen"))["silent_since"])
    assert None is (await rig.read("/v1/sources/quiet", "owen"))["last_heard_at"]
    [mail, _] = [one for one in rig.mailbox.messages if "lab-2" in str(one["Subject"])]
    assert "Silent for at most: 1 hour" in body_of(mail)
    await rig.call("PUT", "/v1/sources/lab-2", "root", json={})  # as it was


@pytest.mark.parametrize("wrong", ["5x", "", "-1h", 5, "99999w"])
async def test_a_wrong_silence_is_refused_with_its_place(rig: Rig, wrong):
    """What is no length of time, or longer than ten years, is named."""
    answer = await rig.call("PUT", "/v1/sources/odd", "root", json={"max_silence": wrong})

    assert 422 == answer.status
    assert "max_silence" in str(answer.body)


async def test_new_signals_are_counted_and_repeats_are_not(rig: Rig, sku: str):
    """What a feed sends again is no news: a system that repeats itself for ever is silent."""
    assert rig.service is not None

    async def counted() -> int:
        await rig.service.feeds.note()
        rows = await sql(rig, "SELECT coalesce(sum(signals), 0)::int AS n FROM source_hours"
                              " WHERE source = $1", SOURCE)
        return rows[0]["n"]

    before = await counted()
    sent = [rig.complaint(sku, "anna"), rig.complaint(sku, "anna")]
    for _ in range(3):
        await rig.call("POST", "/v1/signals", "source", json=sent)
    many = [rig.complaint(sku, "anna") for _ in range(30)]
    await rig.call("POST", "/v1/signals", "source", json=many)

    assert before + 32 == await counted()
    shown = await rig.read(f"/v1/sources/{SOURCE}", "owen")
    assert datetime.now(UTC) - datetime.fromisoformat(shown["last_heard_at"]) < timedelta(minutes=1)
    assert shown["usual_per_day"] >= 32


async def falls_silent(rig: Rig) -> None:
    """Let the feed of the complaints be silent, as the watch would have found it."""
    assert rig.service is not None
    await rig.service.feeds.note()
    await sql(rig, "UPDATE sources SET silent_since = last_heard_at WHERE source = $1", SOURCE)


async def speaks(rig: Rig) -> None:
    """Let it speak again."""
    await sql(rig, "UPDATE sources SET silent_since = NULL WHERE source = $1", SOURCE)


async def rung(rig: Rig, case, clock: str) -> None:
    """Let a clock of a case fire, and see it run on."""
    await ring(rig, case, clock)

    async def runs_on() -> bool:
        return bool(await sql(rig, "SELECT 1 FROM clocks WHERE case_id = $1 AND kind = $2"
                                   " AND due_at > now()", case["id"], clock))

    await until(runs_on, f"the clock {clock} runs on")


async def test_no_probation_ends_on_the_silence_of_a_feed(rig: Rig, sku: str):
    """Where nobody could complain, that nobody did proves nothing; when it speaks, it may end."""
    case = await to_probation(rig, sku)
    await sql(rig, "UPDATE cases SET probation = jsonb_set(probation, '{until}',"
                   " to_jsonb(now()::text)) WHERE id = $1", UUID(case["id"]))
    await falls_silent(rig)
    await rung(rig, case, "probation")

    assert "probation" == (await rig.case(case["id"]))["state"]
    await speaks(rig)
    await ring(rig, case, "probation")
    case = await reaches(rig, case, "closed_reinstated")
    assert ("complete_probation", "closed_reinstated") == (await moves(rig, case))[-1]


async def test_no_suspicion_expires_on_the_silence_of_a_feed(rig: Rig, sku: str):
    """A suspicion waits for more evidence, or for a feed that could have brought it and did not."""
    await rig.complain(sku, 2)
    case = await rig.in_state(sku, "suspected")
    await falls_silent(rig)
    await rung(rig, case, "second_opinion")

    assert "suspected" == (await rig.case(case["id"]))["state"]
    await speaks(rig)
    await ring(rig, case, "second_opinion")
    await reaches(rig, case, "expired")
