"""All three clients against the real service, over real HTTP, until it is killed and after."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from freezeguard.client import AsyncClient, Choice, Client, Policy, State
from freezeguard.client.follower import Pace
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests.client.driven import KEEP, Driven, running
from tests.client.told import Clocks
from tests.faults.stage import a_stage
from tests.rig import Rig, shop_with_service, until

SKUS = ("KETTLE 17/blue", "TOASTER-2", "IRON-☕", "MIXER-4", "PEN-5")
PACE = Pace(first_retry=0.02, longest_retry=0.2, look_every=0.02)
BY_CLASS = Policy(Choice.KEEP_LAST, classes={"toys": Choice.REFUSE, "pens": Choice.ALLOW})
CLASSES = {"toys": {"stale": "refuse", "unknown": "refuse"},
           "pens": {"stale": "allow", "unknown": "allow"}}


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Three:
    """The same questions to the clients for Python, Node and PHP."""

    python: AsyncClient
    others: list[Driven]
    clocks: Clocks

    async def sells(self, sku: str, risk: str | None = None, **asked: str) -> set[bool]:
        """Ask all of them; PHP asks the server first, as cron would have it do."""
        found = {self.python.check(sku, risk=risk, **asked).sellable}
        for one in self.others:
            await one("refresh")
            found.add(await one.sells(sku, risk=risk, asked=asked))
        return found

    async def states(self) -> list[str]:
        return [str(self.python.state()), *[await one.state() for one in self.others]]

    async def reach(self, sku: str, *, sellable: bool) -> None:
        """Wait until all of them answer so."""

        async def agreed() -> bool:
            return await self.sells(sku) == {sellable}

        await until(agreed, f"{sku} sellable: {sellable}", seconds=20)

    async def reach_state(self, state: str) -> None:
        async def reached() -> bool:
            return set(await self.states()) == {state}

        await until(reached, f"every client {state}", seconds=20)

    async def pass_(self, seconds: float) -> None:
        """Let time pass for all of them."""
        self.clocks.pass_(seconds)
        for one in self.others:
            await one("pass", seconds=seconds)


@asynccontextmanager
async def three(rig: Rig, place: Path) -> AsyncIterator[Three]:
    """Run the three clients on copies of their own in a directory."""
    clocks, key, policy = Clocks(), rig.secrets["catalogue"], {**KEEP, "classes": CLASSES}
    async with contextlib.AsyncExitStack() as stack:
        python = await stack.enter_async_context(
            AsyncClient(rig.url, key, policy=BY_CLASS, copy=place / "python", pace=PACE,
                        clock=clocks.running, wall=clocks.walls)
        )
        others = [
            await stack.enter_async_context(
                running(language, rig.url, place / language, key=key, policy=policy)
            )
            for language in ("node", "php")
        ]
        yield Three(python, others, clocks)


async def freeze(rig: Rig, sku: str, **narrowed: str) -> dict[str, Any]:
    """Have a manager stop a sale; return the case."""
    pull = {"scope": {"sku": sku, **narrowed}, "reason_code": "defective", "comment": "Breaks."}
    answer = await rig.call("POST", "/v1/freezes", "owen", json=pull)
    assert 201 == answer.status, answer.body
    return dict(answer.body)


async def release(rig: Rig, sku: str) -> None:
    """Let the owner say that it was a false alarm."""
    case = await rig.in_state(sku, "frozen", seconds=30)
    await rig.done(case, "declare_false_alarm", "owen", reason_code="wrong_item", comment="Mug.")
    await rig.in_state(sku, "closed_false_alarm", seconds=30)



async def test_frozen_killed_still_refused(dsns: OwnerAndRuntimeDsns, tmp_path: Path):
    """Stops arrive, a kill -9 takes nothing back, nor do a restart of the clients and of both."""
    kettle, toaster, iron, mixer, _ = SKUS
    async with a_stage(dsns, tmp_path, skus=SKUS, port=free_port()) as stage:
        rig = stage.rig
        replica = await stage.replica("first")
        async with three(rig, tmp_path) as clients:
            await clients.reach_state("ready")
            await freeze(rig, kettle)
            await freeze(rig, iron, lot="L/7")
            await freeze(rig, mixer)
            for sku in (kettle, iron, mixer):
                await clients.reach(sku, sellable=False)
            await release(rig, mixer)
            await clients.reach(mixer, sellable=True)
            lots = [await clients.sells(iron, lot=lot) for lot in ("L/7", "L/8")]
            await replica.kill()
            await clients.pass_(600)
            states = await clients.states()
            away = {
                (sku, risk): await clients.sells(sku, risk)
                for sku in (kettle, iron, toaster) for risk in (None, "toys", "pens")
            }
        async with three(rig, tmp_path) as clients:
            await clients.pass_(600)
            again = await clients.states(), await clients.sells(kettle), await clients.sells(mixer)
            await stage.replica("second")
            await clients.reach_state("ready")
            back = [await clients.sells(sku) for sku in SKUS]
            await release(rig, kettle)
            await clients.reach(kettle, sellable=True)
            status = clients.python.status()

    assert [{False}, {True}] == lots
    assert ["stale"] * 3 == states
    assert away == {
        (kettle, None): {False}, (kettle, "toys"): {False}, (kettle, "pens"): {True},
        (iron, None): {False}, (iron, "toys"): {False}, (iron, "pens"): {True},
        (toaster, None): {True}, (toaster, "toys"): {False}, (toaster, "pens"): {True},
    }
    assert (["stale"] * 3, {False}, {True}) == again
    assert [{False}, {True}, {False}, {True}, {True}] == back
    assert (0, 0) == (status.carried, status.counts.get("other_histories", 0))


async def test_a_whole_life_of_a_case_keeps_every_checksum(dsns, tmp_path):
    """Widened, narrowed, merged, released: clients that follow never find their copy to differ."""
    kettle, toaster = SKUS[:2]
    async with shop_with_service(dsns, tmp_path, skus=SKUS) as rig, AsyncClient(
        rig.url, rig.secrets["catalogue"], policy=BY_CLASS, copy=None, pace=PACE
    ) as one:
        assert State.READY is await one.wait_until_ready(10)
        await freeze(rig, kettle, lot="L-7")
        case = await rig.in_state(kettle, "frozen")
        await until_sells(one, kettle, sellable=False)
        narrow = one.check(kettle, lot="L-8").sellable
        await rig.done(case, "widen", "owen", scope={"sku": kettle}, reason="All lots break.")

        async def widened() -> bool:
            return not one.check(kettle, lot="L-8").sellable

        await until(widened, "the wider hold")
        await freeze(rig, toaster)
        await release(rig, kettle)
        await until_sells(one, kettle, sellable=True)

        async def agrees() -> bool:
            answer = await rig.call("GET", "/v1/holds", "catalogue")
            return answer.body["revision"] == one.status().revision

        await until(agrees, "the client at the server's revision")
        answer = await rig.call("GET", "/v1/holds", "catalogue")
        status = one.status()

    assert narrow
    assert {toaster} == {hold["scope"]["sku"] for hold in answer.body["items"]}
    assert [True, False] == [one.may_sell(kettle), one.may_sell(toaster)]
    assert (1, 0, 0) == (
        status.counts["snapshots"], status.carried, status.counts.get("disconnections", 0)
    )


async def test_a_restored_database_under_a_running_service(dsns, tmp_path, postgres):
    """The service notices by itself, and clients keep what was lost until somebody has looked."""
    kettle, toaster = SKUS[:2]
    database = postgres.endpoint.dsn(dsns.owner.rpartition("/")[2].partition("?")[0])
    async with shop_with_service(dsns, tmp_path, skus=SKUS) as rig, AsyncClient(
        rig.url, rig.secrets["catalogue"], policy=BY_CLASS, copy=None, pace=PACE
    ) as one:
        assert State.READY is await one.wait_until_ready(10)
        await set_revision(database, 1_000)
        await freeze(rig, kettle)
        await rig.in_state(kettle, "frozen")
        await until_sells(one, kettle, sellable=False)
        await set_revision(database, 10)

        async def heard() -> bool:
            return one.status().carried == 1 and one.state() is State.READY

        await until(heard, "the other history")
        lost = await rig.status(kettle), one.may_sell(kettle), one.may_sell(toaster)
        gone = one.forget_carried(kettle), one.may_sell(kettle)

    assert ("sellable", False, True) == lost
    assert (1, True) == gone


async def set_revision(database: str, revision: int) -> None:
    """Set the revision; one that is lower takes away what came after, as an older backup would."""
    connection = await asyncpg.connect(database)
    try:
        async with connection.transaction():
            await connection.execute("SET LOCAL session_replication_role = replica")
            await connection.execute("DELETE FROM hold_changes WHERE revision > $1", revision)
            await connection.execute("DELETE FROM holds WHERE revision > $1", revision)
            await connection.execute("UPDATE held_set SET revision = $1", revision)
    finally:
        await connection.close()


async def until_sells(one: AsyncClient, sku: str, *, sellable: bool) -> None:
    async def is_so() -> bool:
        return one.may_sell(sku) is sellable

    await until(is_so, f"{sku} sellable: {sellable}")


async def test_a_key_that_is_none_tells_nothing(dsns, tmp_path):
    """Refused: unknown, by its policy, and the reason is there to read; a good key is ready."""
    async with shop_with_service(dsns, tmp_path, skus=SKUS) as rig:
        with Client(rig.url, "fg_wrong", policy=Policy(Choice.KEEP_LAST), copy=None,
                    pace=PACE) as one:

            async def told() -> str:
                return one.status().last_error

            error = await until(told, "the refusal")
            unknown = one.state(), one.may_sell(SKUS[0])
        with Client(rig.url, rig.secrets["catalogue"], policy=Policy(Choice.KEEP_LAST), copy=None,
                    pace=PACE) as one:
            ready = await asyncio.to_thread(one.wait_until_ready, 10), one.may_sell(SKUS[0])

    assert "answered 401" in error
    assert (State.UNKNOWN, False) == unknown
    assert (State.READY, True) == ready
