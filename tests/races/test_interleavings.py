"""Exact interleavings of two replicas, each held at a chosen place until the other has gone on."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from freezeguard.bootstrap.building import open_service
from freezeguard.bootstrap.service import Service
from freezeguard.domain.transitions import Command
from freezeguard.storage.embedded import EmbeddedServer
from tests.acceptance.conftest import SAFETY, fresh_database
from tests.acceptance.steps import (
    approve,
    ask_for_approval,
    can_be_bought,
    cannot_be_bought,
    is_sold_again,
    open_cart,
    pull,
    reaches,
    ring,
    sql,
    timeline,
)
from tests.races.gates import gate_after, gate_before, waiting_for_a_lock
from tests.races.trials import new_skus
from tests.rig import (
    FIVE_CUSTOMERS,
    Rig,
    register_skus,
    shop_with_service,
    until,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Nobody sweeps but where a test asks for it, or an interleaving would not be exact.
SLOW = {"workers": {"sweep": 3600.0, "timers": 3600.0}}


@dataclass
class Both:
    """Two replicas inside this process, on one database."""

    rig: Rig
    one: Service
    other: Service

    def send(self, service: Service, sku: str, customer: str, **more: Any) -> asyncio.Task:
        """Start to send a complaint to one of them."""
        sent = self.rig.complaint(sku, customer, **more)
        return asyncio.create_task(
            self.rig.call("POST", "/v1/signals", "source", url=service.url, json=sent)
        )

    def give(self, service: Service, case: Any, command: str, who: str, **more) -> asyncio.Task:
        """Start to give a command to one of them."""
        body = {"command": command, "version": case["version"], **more}
        path = f"/v1/cases/{case['id']}/commands"
        return asyncio.create_task(
            self.rig.call("POST", path, who, url=service.url, json=body)
        )

    def pull(self, service: Service, who: str, sku: str, **scope: str) -> asyncio.Task:
        """Start to pull the cord at one of them."""
        body = {"scope": {"sku": sku, **scope}, "reason_code": "defective"}
        return asyncio.create_task(
            self.rig.call("POST", "/v1/freezes", who, url=service.url, json=body)
        )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def both(postgres: EmbeddedServer, place) -> AsyncIterator[Both]:
    """Run two replicas in this process."""
    async with (
        fresh_database(postgres) as dsns,
        shop_with_service(
            dsns, place, seed=0, rules=(FIVE_CUSTOMERS, SAFETY), register=False,
            mail={"host": None}, policy={"probation_time": "1h", "probation_units": 0}, **SLOW,
        ) as rig,
        open_service(rig.service.settings) as other,
        other.serving(),
    ):
        yield Both(rig, rig.service, other)


@pytest_asyncio.fixture(loop_scope="module")
async def sku(both: Both) -> str:
    """Return a SKU of a test's own, on the shelf and registered."""
    [made] = await new_skus(both.rig, 1)
    await register_skus(both.rig, (made,))
    return made


def _no_case_yet(cases: list[Any]) -> bool:
    return not cases


# ------------------------------------------------------------------------------- thresholds


async def test_the_second_complaint_waits_for_the_first_to_be_counted(both: Both, sku: str):
    """While one replica is between storing and counting, the other's complaint waits its turn."""
    await both.rig.complain(sku, 3)
    async with waiting_for_a_lock(both.rig) as somebody_waits:
        with gate_after(both.one.ingestion, "_worth_a_look") as gate:
            fourth = both.send(both.one, sku, "fourth")
            await gate.somebody_waits()
            fifth = both.send(both.other, sku, "fifth")
            await somebody_waits()
            assert not fifth.done()
            gate.let_in()

            assert [202, 202] == [one.status for one in await asyncio.gather(fourth, fifth)]
    case = await both.rig.in_state(sku, "frozen")
    assert (1, 5) == (len(await both.rig.cases(sku)), case["reason"]["observed"])


async def test_what_one_replica_left_behind_another_evaluates(both: Both, sku: str):
    """A replica stores a crossing in the bulk lane and stops there: another one freezes, once."""
    with gate_before(both.one.ingestion, "evaluate_pending") as gate:
        many = [both.rig.complaint(sku, f"customer-{n}") for n in range(9)]
        answer = await both.rig.call(
            "POST", "/v1/signals", "source", url=both.one.url, json=many
        )
        assert (202, 9) == (answer.status, answer.body["accepted"])
        await gate.somebody_waits()
        assert _no_case_yet(await both.rig.cases(sku))

        async def swept() -> list[Any]:
            await both.other.sweeper.sweep_evaluations()  # other SKUs may be due before ours
            return await both.rig.cases(sku)

        await until(swept, "the other replica sweeps")
        case = await both.rig.in_state(sku, "frozen")
        gate.let_in()
    await cannot_be_bought(both.rig, sku)
    assert [case["id"]] == [one["id"] for one in await both.rig.cases(sku)]
    assert 1 == (await sql(
        both.rig, "SELECT count(*) FROM crossings WHERE sku = $1 AND outcome = 'freeze'", sku
    ))[0]["count"]


@pytest.mark.parametrize("number", [1, 9], ids=["a quick one", "a batch"])
async def test_the_first_body_counts_whatever_overtakes_it(both: Both, sku: str, number: int):
    """Sent while the first is still being stored, in whatever lane: the later body conflicts."""
    first = [both.rig.complaint(sku, f"customer-{n}") for n in range(9)]
    other = {**first[0], "text": "Quite another story."}
    later = [other, *(both.rig.complaint(sku, "customer-0") for _ in range(number - 1))]

    def send(body: list[dict[str, Any]]) -> asyncio.Task:
        return asyncio.create_task(
            both.rig.call("POST", "/v1/signals", "source", url=both.one.url, json=body)
        )

    with gate_before(both.one.ingestion, "_stored") as gate:
        before = send(first)
        await gate.somebody_waits()
        after = send(later)
        done, _ = await asyncio.wait({after}, timeout=0.3)
        gate.let_in()
        answers = [await before, await after]

    assert not done
    assert (9, []) == (answers[0].body["accepted"], answers[0].body["rejected"])
    [conflict] = await sql(
        both.rig, "SELECT detail, code FROM rejected_signals WHERE body LIKE $1",
        f"%{first[0]['id']}%Quite another story%",
    )
    assert "id_conflict" == conflict["code"]


async def test_a_complaint_sent_twice_at_once_counts_once(both: Both, sku: str):
    """The same complaint at both replicas is one: the second waits, and is a duplicate."""
    await both.rig.complain(sku, 3)
    sent = both.rig.complaint(sku, "fourth")

    def send(service: Service) -> asyncio.Task:
        return asyncio.create_task(
            both.rig.call("POST", "/v1/signals", "source", url=service.url, json=sent)
        )

    async with waiting_for_a_lock(both.rig) as somebody_waits:
        with gate_after(both.one.ingestion, "_worth_a_look") as gate:
            first = send(both.one)
            await gate.somebody_waits()
            second = send(both.other)
            await somebody_waits()
            gate.let_in()
            answers = [await first, await second]

    assert [(1, 0), (0, 1)] == [
        (one.body["accepted"], one.body["duplicates"]) for one in answers
    ]
    assert _no_case_yet(await both.rig.cases(sku))


# -------------------------------------------------------------------------------- approvals


def _is(command: Command):
    return lambda _tx, _case, given, **_: given is command


async def test_a_second_approval_meets_the_first(both: Both, sku: str):
    """One approval is between its lock and its decision; the other waits and is a conflict."""
    case = await both.rig.to_awaiting_approval(sku)
    await sql(both.rig, "UPDATE cases SET approval_requested_by = 'root' WHERE id = $1 "
                        "RETURNING id", case["id"])
    seen = {"evidence_revision": case["evidence_revision"]}
    async with waiting_for_a_lock(both.rig) as somebody_waits:
        with gate_before(both.one.casework, "execute", _is(Command.APPROVE)) as gate:
            first = both.give(both.one, case, "approve", "mara", **seen)
            await gate.somebody_waits()
            second = both.give(both.other, case, "approve", "owen", **seen)
            await somebody_waits()
            gate.let_in()
            answers = [await first, await second]

    assert [200, 409] == [one.status for one in answers]
    assert "version_conflict" == answers[1].body["code"]
    approved = [one for one in await timeline(both.rig, case) if one["command"] == "approve"]
    assert ["person:mara"] == [one["actor"] for one in approved]


async def test_news_that_is_stored_and_not_evaluated_stops_an_approval(both: Both, sku: str):
    """Nobody approves past signals that were accepted, even where nobody has looked at them yet."""
    case = await both.rig.to_awaiting_approval(sku)
    with gate_before(both.one.ingestion, "evaluate_pending") as gate:
        many = [both.rig.complaint(sku, f"new-{n}", lot="L-9") for n in range(9)]
        await both.rig.call("POST", "/v1/signals", "source", url=both.one.url, json=many)
        await gate.somebody_waits()
        assert "awaiting_approval" == (await both.rig.case(case["id"]))["state"]

        answer = await both.give(
            both.other, case, "approve", "mara", evidence_revision=case["evidence_revision"]
        )

        assert (409, "version_conflict") == (answer.status, answer.body["code"])
        gate.let_in()
    await reaches(both.rig, case, "diagnosing")
    assert "approve" not in {one["command"] for one in await timeline(both.rig, case)}
    await cannot_be_bought(both.rig, sku)


async def test_an_approval_waits_for_news_under_way(both: Both, sku: str):
    """News is stored and being counted; an approval that comes then waits, and finds it void."""
    case = await both.rig.to_awaiting_approval(sku)
    async with waiting_for_a_lock(both.rig) as somebody_waits:
        with gate_after(both.one.ingestion, "_worth_a_look") as gate:
            news = both.send(both.one, sku, "late", lot="L-9")
            await gate.somebody_waits()
            approval = both.give(
                both.other, case, "approve", "mara", evidence_revision=case["evidence_revision"]
            )
            await somebody_waits()
            gate.let_in()
            answers = [await news, await approval]

    assert [202, 409] == [one.status for one in answers]
    assert "diagnosing" == (await both.rig.case(case["id"]))["state"]
    await cannot_be_bought(both.rig, sku)


async def test_news_waits_for_an_approval_under_way(both: Both, sku: str):
    """An approval that was first stands; the news that waited is evidence after it."""
    case = await both.rig.to_awaiting_approval(sku)
    async with waiting_for_a_lock(both.rig) as somebody_waits:
        with gate_before(both.one.casework, "execute", _is(Command.APPROVE)) as gate:
            approval = both.give(
                both.one, case, "approve", "mara", evidence_revision=case["evidence_revision"]
            )
            await gate.somebody_waits()
            news = both.send(both.other, sku, "late", lot="L-9")
            await somebody_waits()
            gate.let_in()
            answers = [await approval, await news]

    assert [200, 202] == [one.status for one in answers]
    after = await reaches(both.rig, case, "probation")
    assert 6 == after["evidence"]["signals"]
    await is_sold_again(both.rig, sku)


async def test_the_last_vote_meets_news(both: Both, sku: str):
    """With one of two votes cast, news at the other replica voids it before the second counts."""
    signal = {**both.rig.complaint(sku, "anna"), "source": "lab", "severity": "safety"}
    await both.rig.call("POST", "/v1/signals", "safety", json=signal)
    case = await ask_for_approval(both.rig, await both.rig.in_state(sku, "frozen"))
    case = await approve(both.rig, case, "mara")
    with gate_after(both.one.ingestion, "_worth_a_look") as gate:
        news = both.send(both.one, sku, "late", lot="L-9")
        await gate.somebody_waits()
        last = both.give(
            both.other, case, "approve", "cora", evidence_revision=case["evidence_revision"]
        )
        gate.let_in()
        answers = [await news, await last]

    assert [202, 409] == [one.status for one in answers]
    again = await ask_for_approval(both.rig, await both.rig.case(case["id"]))
    again = await approve(both.rig, again, "cora")
    assert "awaiting_approval" == again["state"]
    await cannot_be_bought(both.rig, sku)


# ------------------------------------------------------------------------------------ pulls


async def test_two_first_pulls_are_a_pull_and_its_second(both: Both, sku: str):
    """Two associates pull at once at two replicas: one case, and together they freeze."""
    async with waiting_for_a_lock(both.rig) as somebody_waits:
        with gate_before(both.one.casework, "open") as gate:
            first = both.pull(both.one, "alba", sku)
            await gate.somebody_waits()
            second = both.pull(both.other, "bert", sku)
            await somebody_waits()
            gate.let_in()
            answers = [await first, await second]

    assert [(201, "suspected"), (200, "freezing")] == [
        (one.status, one.body["state"]) for one in answers
    ]
    assert 1 == len(await both.rig.cases(sku))
    await reaches(both.rig, answers[1].body, "frozen")
    await cannot_be_bought(both.rig, sku)


async def test_a_pull_that_lapses_while_it_is_seconded(both: Both, sku: str):
    """The clock fires first: the pull is over, and the second associate's is a first pull again."""
    case = await pull(both.rig, "alba", sku)
    await ring(both.rig, case, "second_opinion")
    async with waiting_for_a_lock(both.rig) as somebody_waits:
        with gate_before(both.one.casework, "execute", _is(Command.EXPIRE)) as gate:
            clock = asyncio.create_task(both.one.timers.fire_due())
            await gate.somebody_waits()
            second = both.pull(both.other, "bert", sku)
            await somebody_waits()
            gate.let_in()
            await clock
            answer = await second

    assert (201, "suspected") == (answer.status, answer.body["state"])
    states = {one["id"]: one["state"] for one in await both.rig.cases(sku)}
    assert {case["id"]: "expired", answer.body["id"]: "suspected"} == states
    await _hidden(both.rig, sku)


async def test_a_second_opinion_that_comes_just_before_the_clock(both: Both, sku: str):
    """The second associate is first: the clock then finds nothing to end."""
    case = await pull(both.rig, "alba", sku)
    await ring(both.rig, case, "second_opinion")
    async with waiting_for_a_lock(both.rig) as somebody_waits:
        with gate_before(both.one.casework, "execute", _is(Command.FREEZE)) as gate:
            second = both.pull(both.one, "bert", sku)
            await gate.somebody_waits()
            clock = asyncio.create_task(both.other.timers.fire_due())
            await somebody_waits()
            gate.let_in()
            answer = await second
            await clock

    assert (200, "freezing") == (answer.status, answer.body["state"])
    await reaches(both.rig, case, "frozen")
    await cannot_be_bought(both.rig, sku)


async def _hidden(rig: Rig, sku: str) -> None:
    async def gone() -> bool:
        return not (await rig.shop.buy(sku)).ok

    await until(gone, f"{sku} hidden")


# ------------------------------------------------------------------------------------ holds


async def _image(rig: Rig, sku: str) -> Any:
    rows = await sql(rig, "SELECT before_image FROM catalogue_objects WHERE sku = $1", sku)
    return json.loads(rows[0]["before_image"])


async def test_a_second_hold_never_saves_the_stopped_state(both: Both, sku: str):
    """A stop has landed and is not recorded yet; a second hold keeps the image from before it."""
    before = await both.rig.shop.product(sku)
    shop = both.one.catalogues["shop"]
    with gate_before(shop, "read_back", lambda asked, *_, **__: asked == sku) as gate:
        first = (await both.pull(both.one, "mara", sku, lot="L-7")).body
        await gate.somebody_waits()
        assert (await both.rig.shop.product(sku))["sale_stop"]
        second = (await both.pull(both.other, "quin", sku)).body
        await sql(both.rig, "UPDATE skus SET read_ahead_at = NULL WHERE sku = $1", sku)
        assert await both.other.read_ahead.run_once()
        gate.let_in()
    for case in (first, second):
        await _confirmed(both, case)
    image = await _image(both.rig, sku)
    assert {name: before[name] for name in image} == image

    for case in (second, first):
        now = await both.rig.case(case["id"])
        await both.rig.done(now, "declare_false_alarm", "owen", reason_code="rule_error")
        await _closed(both, case)
    await is_sold_again(both.rig, sku)
    after = await both.rig.shop.product(sku)
    assert {**before, "stock": before["stock"] - 1} == after


async def test_a_release_and_a_new_hold_of_the_same_moment(both: Both, sku: str):
    """One hold is about to be released when another is set: the SKU stays stopped throughout."""
    cart = await open_cart(both.rig, sku)
    first = await _confirmed(both, (await both.pull(both.one, "mara", sku, lot="L-7")).body)
    async with waiting_for_a_lock(both.rig) as somebody_waits:
        with gate_before(both.one.casework, "execute", _is(Command.DECLARE_FALSE_ALARM)) as gate:
            release = both.give(
                both.one, first, "declare_false_alarm", "owen", reason_code="rule_error"
            )
            await gate.somebody_waits()
            hold = both.pull(both.other, "quin", sku)
            await somebody_waits()
            gate.let_in()
            answers = [await release, await hold]

    assert [200, 201] == [one.status for one in answers]
    second = await _confirmed(both, answers[1].body)
    await _closed(both, first)
    await cannot_be_bought(both.rig, sku, cart)
    await both.rig.done(second, "declare_false_alarm", "owen", reason_code="rule_error")
    await _closed(both, second)
    await is_sold_again(both.rig, sku)
    assert (await both.rig.shop.checkout(cart)).ok


async def test_a_restore_under_way_meets_a_new_hold(both: Both, sku: str):
    """A restore is on its way when the SKU is frozen again: it ends stopped, its image intact."""
    before = await both.rig.shop.product(sku)
    first = await _confirmed(both, (await both.pull(both.one, "mara", sku)).body)
    shops = [one.catalogues["shop"] for one in (both.one, both.other)]
    with gate_before(shops[0], "restore") as here, gate_before(shops[1], "restore") as there:
        await both.rig.done(first, "declare_false_alarm", "owen", reason_code="rule_error")
        arrived = [asyncio.create_task(gate.somebody_waits()) for gate in (here, there)]
        await asyncio.wait(arrived, return_when=asyncio.FIRST_COMPLETED)
        for task in arrived:
            task.cancel()
        again = (await both.pull(both.other, "alba", sku)).body
        assert (first["id"], "freezing") == (again["id"], again["state"])
        here.let_in()
        there.let_in()
    await _confirmed(both, again)

    async def stays_stopped() -> bool:
        return not (await both.rig.shop.buy(sku)).ok

    await until(stays_stopped, "stopped again", seconds=15)
    image = await _image(both.rig, sku)
    assert {name: before[name] for name in image} == image


async def _confirmed(both: Both, case: Any) -> Any:
    """Wait for a freeze to be read back; where that fell to a sweeper, sweep."""

    async def frozen() -> Any:
        await both.one.sweeper.sweep_cases()
        now = await both.rig.case(case["id"])
        return now if now["state"] == "frozen" else None

    return await until(frozen, f"case {case['number']} frozen", seconds=15)


async def _closed(both: Both, case: Any) -> None:
    """Wait for a release to be read back; where that fell to a sweeper, sweep."""

    async def closed() -> bool:
        await both.one.sweeper.sweep_cases()
        return bool((await both.rig.case(case["id"]))["state"] == "closed_false_alarm")

    await until(closed, f"case {case['number']} closed", seconds=15)


async def test_other_skus_do_not_wait(both: Both, sku: str):
    """While one SKU's transaction is held, complaints about another are taken in."""
    [neighbour] = await new_skus(both.rig, 1)
    await register_skus(both.rig, (neighbour,))
    with gate_after(both.one.ingestion, "_worth_a_look") as gate:
        held = both.send(both.one, sku, "first")
        await gate.somebody_waits()
        for number in range(5):
            answer = await both.send(both.other, neighbour, f"customer-{number}")
            assert 202 == answer.status
        await reaches(both.rig, (await both.rig.cases(neighbour))[0], "frozen")
        gate.let_in()
        assert 202 == (await held).status
    await can_be_bought(both.rig, sku)
