"""Random commands of random people over HTTP, with the promises of the design as invariants."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from freezeguard.domain.history import replay
from freezeguard.domain.scope import Scope
from freezeguard.domain.transitions import FROZEN_PHASE, Command
from freezeguard.storage.embedded import EmbeddedServer
from tests.acceptance.conftest import SAFETY, fresh_database
from tests.acceptance.pairs import ARGUMENTS
from tests.acceptance.steps import sql, timeline
from tests.domain import design
from tests.rig import (
    FIVE_CUSTOMERS,
    OWNER,
    PEOPLE,
    Answer,
    Rig,
    shop_with_service,
    until,
)

T = TypeVar("T")
RULE = {**FIVE_CUSTOMERS, "id": "three-customers", "bound": 3, "look": 2}
STAFF = tuple(name for name, person in PEOPLE.items() if person.is_staff)
EVERYBODY = (*PEOPLE, "freezer", "catalogue", "source")
MANAGERS = frozenset({"owen", "mara"})
"""Of the category; miro manages another one."""

COMMANDS = tuple(command.value for command in Command)
ORDINARY = {
    "suspected": ("freeze", "quin"),
    "frozen": ("accept_ownership", "owen"),
    "diagnosing": ("propose_remedy", "vera"),
    "remedy_proposed": ("request_approval", "owen"),
    "awaiting_approval": ("approve", "mara"),
}
"""Who takes the next step in which state."""

SETTLED = """
SELECT NOT EXISTS (SELECT FROM pending_evaluations WHERE sku = $1)
   AND NOT EXISTS (SELECT FROM holds WHERE sku = $1 AND state = 'releasing')
   AND NOT EXISTS (SELECT FROM cases WHERE sku = $1
                    AND (state IN ('freezing', 'reinstating') OR narrowing IS NOT NULL))
   AND NOT EXISTS (SELECT FROM catalogue_objects WHERE sku = $1
                    AND status NOT IN ('idle', 'confirmed', 'not_listed')) AS quiet,
       (SELECT coalesce(max(revision), 0) FROM hold_changes) AS revision
"""


@dataclass
class World:
    """A shop and a service that run on a loop in a thread of their own."""

    rig: Rig
    loop: asyncio.AbstractEventLoop
    taken: int = 0

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine over there; return what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=60)

    def new_sku(self) -> str:
        """Return a SKU that nothing has happened to."""
        self.taken += 1
        sku = f"LIFE-{self.taken}"
        self.run(self._register(sku))
        return sku

    async def _register(self, sku: str) -> None:
        await self.rig.shop.seed([{"sku": sku, "stock": 10_000}])
        body = {"title": "Kettle", "vendor": "acme", "category": "kitchen", "owner": OWNER}
        answer = await self.rig.call("PUT", f"/v1/skus/{sku}", "root", json=body)
        assert answer.status in {200, 201}, answer.body


@pytest.fixture(scope="module")
def world(postgres: EmbeddedServer, place: Path) -> Iterator[World]:
    """Run the world for as long as the module's tests last."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    stack = AsyncExitStack()

    async def begin() -> Rig:
        dsns = await stack.enter_async_context(fresh_database(postgres))
        return await stack.enter_async_context(
            shop_with_service(
                dsns, place, seed=0, rules=(RULE, SAFETY), policy={"probation_time": "1h"}
            )
        )

    try:
        rig = asyncio.run_coroutine_threadsafe(begin(), loop).result(timeout=60)
        yield World(rig, loop)
    finally:
        asyncio.run_coroutine_threadsafe(stack.aclose(), loop).result(timeout=60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def sensible(command: str, case: Mapping[str, Any], others: list[Any]) -> dict[str, Any]:
    """Return arguments with which a command may go through."""
    now = datetime.now(UTC)
    soon = (now + timedelta(days=3)).isoformat()
    objects = [one for one in case["enforcement"] if one["catalogue"] == "shop"]
    where = {"catalogue": "shop", "remote_id": objects[0]["remote_id"] if objects else ""}
    clocks = [one["kind"] for one in case["clocks"] if one["stopped_at"] is None]
    named = {
        "merge": {"into": others[0]["id"] if others else "none"},
        "approve": {"evidence_revision": case["evidence_revision"]},
        "narrow": {"evidence_revision": case["evidence_revision"]},
        "waive": {**where, "until": soon},
        "unwaive": where,
        "resolve_task": where,
        "commit_date": {"date": soon},
        "extend_deadline": {"clock": clocks[0] if clocks else "none",
                            "until": (now + timedelta(days=20)).isoformat()},
        "record_action": {"clock": next((one for one in clocks if "law" in one), "none")},
        "declare_false_alarm": {"reason_code": "rule_error"},
    }
    return {**ARGUMENTS.get(command, {}), **named.get(command, {})}


class Life(RuleBasedStateMachine):
    """The life of one SKU."""

    world: World
    reached: set[str]

    def __init__(self) -> None:
        super().__init__()
        self.rig, self.run = self.world.rig, self.world.run
        self.sku, self.cart = "", ""
        self.versions: dict[str, int] = {}
        self.asked = 0

    @initialize(complaints=st.integers(0, 3))
    def begin(self, complaints: int) -> None:
        """Everybody starts with a SKU on sale and a cart that holds it."""
        self.sku = self.world.new_sku()
        self.cart = self.run(self.rig.shop.open_cart(self.sku)).cart
        assert self.cart
        self.run(self.rig.complain(self.sku, complaints))

    # ---------------------------------------------------------------------- what happens

    @rule(
        number=st.integers(1, 4),
        lot=st.sampled_from([None, None, "L-7", "L-8"]),
        intent=st.sampled_from(["defect", "defect", "leak"]),
    )
    def customers_complain(self, number: int, lot: str | None, intent: str) -> None:
        """Some new customers complain."""
        more = {"intent": intent, **({"lot": lot} if lot else {})}
        self.run(self.rig.complain(self.sku, number, **more))

    @rule()
    def laboratory_warns(self) -> None:
        """A trusted source reports a safety defect."""
        self.asked += 1
        signal = {
            **self.rig.complaint(self.sku, "laboratory"), "source": "lab", "severity": "safety",
        }
        assert 202 == self.run(
            self.rig.call("POST", "/v1/signals", "safety", json=signal)
        ).status

    @rule(
        who=st.sampled_from(EVERYBODY),
        reason=st.sampled_from(["defective", "safety_hazard", "authority_order"]),
        lot=st.sampled_from([None, None, "L-7"]),
    )
    def somebody_pulls(self, who: str, reason: str, lot: str | None) -> None:
        """Somebody pulls the cord, for all of it or for a lot."""
        scope = {"sku": self.sku, **({"lot": lot} if lot else {})}
        body = {"scope": scope, "reason_code": reason, "document": "orders/1"}
        answer = self.run(self.rig.call("POST", "/v1/freezes", who, json=body))
        assert answer.status in {200, 201, 403, 422}, answer.body

    @rule(
        who=st.sampled_from(tuple(PEOPLE)),
        command=st.sampled_from(COMMANDS),
        behind=st.sampled_from([0, 0, 0, 1]),
        which=st.integers(0, 2),
    )
    def somebody_commands(self, who: str, command: str, behind: int, which: int) -> None:
        """Somebody gives any command, sometimes on an older version: that never goes through."""
        if (case := self._one(which)) is not None:
            version = case["version"] - behind
            arguments = sensible(command, case, self._others(case))
            answer = self._give(case, command, who, version=version, **arguments)
            if behind and command not in design.NEEDS_NO_VERSION:
                assert answer.status != 200, answer.body

    @rule(
        who=st.sampled_from(("owen", "mara", "quin", "cora", "bert", "vera")),
        choice=st.integers(0, 29), which=st.integers(0, 2),
    )
    @precondition(lambda self: self.versions)
    def somebody_goes_on(self, who: str, choice: int, which: int) -> None:
        """Somebody gives a command that is offered to them: random words would hardly lead on."""
        case = self._one(which, who)
        if case is None or not case["available_commands"]:
            return
        offered = [one["command"] for one in case["available_commands"]]
        command = offered[choice % len(offered)]
        arguments = sensible(command, case, self._others(case))
        self._give(case, command, who, version=case["version"], **arguments)

    @rule(first=st.sampled_from([None, "L-7"]), settles=st.booleans())
    def two_cases_become_one(self, first: str | None, settles: bool) -> None:
        """A lot and the whole are stopped by two pulls; their owner says it is one matter."""
        for lot in (first, None if first else "L-8"):
            scope = {"sku": self.sku, **({"lot": lot} if lot else {})}
            body = {"scope": scope, "reason_code": "defective"}
            answer = self.run(self.rig.call("POST", "/v1/freezes", "quin", json=body))
            assert answer.status in {200, 201}, answer.body
        if settles:
            self.run(until(self._settled, f"{self.sku} settled"))
        case = self._newest()
        assert case is not None
        arguments = sensible("merge", case, self._others(case))
        self._give(case, "merge", case["owner"], version=case["version"], **arguments)

    @rule(
        ways=st.sampled_from([
            (("delist", "quin"), ("delist", "mara"), ("appeal", "vera"), ("reopen", "cora")),
            (("delist", "mara"), ("delist", "cora"), ("appeal", "vera"), ("uphold", "quin")),
            (("register_order", "cora"), ("register_revocation", "cora"), ("approve", "cora"),
             ("approve", "miro")),
            (("narrow", "mara"), ("narrow", "quin"), ("widen", "owen"), ("delist", "quin")),
            (("widen", "owen"), ("narrow", "mara"), ("narrow", "cora"), ("waive", "mara")),
            (("hand_off", "owen"), ("accept_hand_off", "quin"), ("declare_false_alarm", "quin")),
            (("contest", "vera"), ("answer_contest", "owen"), ("commit_date", "vera")),
        ]),
        which=st.integers(0, 2),
    )
    @precondition(lambda self: self.versions)
    def some_go_another_way(self, ways: tuple[tuple[str, str], ...], which: int) -> None:
        """Some people do what belongs together, on one case; whatever is refused is refused."""
        if (case := self._one(which)) is None:
            return
        for command, who in ways:
            now = self.run(self.rig.case(case["id"], "audi"))
            arguments = sensible(command, now, self._others(now))
            self._give(now, command, who, version=now["version"], **arguments)
            self.run(until(self._settled, f"{self.sku} settled"))

    @rule(steps=st.integers(2, 7), second=st.sampled_from(["quin", "cora", "miro"]))
    @precondition(lambda self: self.versions)
    def the_right_ones_go_on(self, steps: int, second: str) -> None:
        """Owner, vendor and approvers take the next steps of the ordinary course."""
        for step in range(steps):
            case = self._newest()
            if case is None or case["state"] not in ORDINARY:
                return
            command, who = ORDINARY[case["state"]]
            if command == "approve" and step % 2:
                who = second
            self._give(case, command, who, version=case["version"], **sensible(command, case, []))
            self.run(until(self._settled, f"{self.sku} settled"))

    @rule(clock=st.sampled_from(["second_opinion", "probation", "hand_off"]))
    @precondition(lambda self: self.versions)
    def time_passes(self, clock: str) -> None:
        """A clock is due."""
        due = (
            "UPDATE clocks SET due_at = now(), next_at = now()"
            " WHERE sku = $1 AND kind = $2 AND stopped_at IS NULL"
        )
        self.run(sql(self.rig, due, self.sku, clock))
        gone = (
            "SELECT NOT EXISTS (SELECT FROM clocks WHERE sku = $1 AND kind = $2"
            " AND stopped_at IS NULL AND next_at <= now()) AS gone"
        )

        async def fired() -> bool:
            return bool((await sql(self.rig, gone, self.sku, clock))[0]["gone"])

        self.run(until(fired, "the clock has fired"))

    def _give(self, case: Mapping[str, Any], command: str, who: str, **body: Any) -> Answer:
        path = f"/v1/cases/{case['id']}/commands"
        answer = self.run(self.rig.call("POST", path, who, json={"command": command, **body}))
        assert answer.status in {200, 403, 404, 409, 422}, answer.body
        return answer

    def _newest(self, who: str = "audi") -> dict[str, Any] | None:
        return self._one(0, who)

    def _one(self, which: int, who: str = "audi") -> dict[str, Any] | None:
        found = self.run(self.rig.cases(self.sku, who))
        return self.run(self.rig.case(found[which % len(found)]["id"], who)) if found else None

    def _others(self, case: Mapping[str, Any]) -> list[dict[str, Any]]:
        found = self.run(self.rig.cases(self.sku, "audi"))
        return [one for one in found if one["id"] != case["id"] and one["closed_at"] is None]

    # ------------------------------------------------------------------- what always holds

    @invariant()
    def promises_hold(self) -> None:
        """Look at everything once the dust has settled."""
        if self.sku:
            self.run(self._look())

    async def _look(self) -> None:
        rig = self.rig
        await until(self._settled, f"{self.sku} settled")
        cases = [await rig.case(one["id"], "audi") for one in await rig.cases(self.sku, "audi")]
        for case in cases:
            history = await timeline(rig, case, "audi")
            self._replays(case, history)
            self._grows(case)
            _has_its_votes(history)
            self.reached.update(event["command"] for event in history)
        open_ones = [str(one["scope"]) for one in cases if one["closed_at"] is None]
        assert len(open_ones) == len(set(open_ones)), "two open cases for one scope"
        holds = await sql(rig, HOLDS, self.sku)
        _every_scope_is_held(cases, holds)
        await self._ended_for_a_reason(holds)
        await self._sold_or_not([one for one in holds if one["in_force"]])

    async def _settled(self) -> bool:
        service = self.rig.service
        assert service is not None
        found = await service.database.run(
            lambda tx: tx.connection.fetchrow(SETTLED, self.sku)
        )
        return bool(found["quiet"]) and service.held.revision >= found["revision"]

    def _replays(self, case: Mapping[str, Any], history: list[dict[str, Any]]) -> None:
        replayed = replay([SimpleNamespace(**event) for event in history])
        assert (case["state"], case["version"], case["evidence_revision"], case["recurrence"]) == (
            replayed.state, replayed.version, replayed.evidence_revision, replayed.recurrence,
        )

    def _grows(self, case: Mapping[str, Any]) -> None:
        assert self.versions.get(case["id"], 0) <= case["version"]
        self.versions[case["id"]] = case["version"]

    async def _ended_for_a_reason(self, holds: list[dict[str, Any]]) -> None:
        """A hold ends by what people decide, or by what they never seconded; no other way."""
        for hold in holds:
            if hold["state"] != "released":
                continue
            history = await timeline(self.rig, {"id": str(hold["case_id"])}, "audi")
            assert LIFTS & {event["command"] for event in history}, history

    async def _sold_or_not(self, holds: list[dict[str, Any]]) -> None:
        status = await self.rig.status(self.sku)
        new_cart = await self.rig.shop.buy(self.sku)
        assert (bool(holds), bool(holds)) == (status == "frozen", not new_cart.ok)
        if any(one["level"] == "hard" for one in holds):
            assert not (await self.rig.shop.checkout(self.cart)).ok


HOLDS = """
SELECT case_id, sku, seller, channel, country, lot, level, state,
       state IN ('active', 'releasing') AS in_force
  FROM holds WHERE sku = $1
"""
LIFTS = frozenset({"approve", "declare_false_alarm", "dismiss", "expire"})


def _every_scope_is_held(cases: list[dict[str, Any]], holds: list[dict[str, Any]]) -> None:
    """Whatever is stopped, or off sale for good, is held: once for each case and scope."""
    in_force = [one for one in holds if one["in_force"]]
    keys = [(one["case_id"], Scope.of(one["sku"], one)) for one in in_force]
    assert len(keys) == len(set(keys)), "two holds of one case for one scope"
    hard = [
        (str(one["case_id"]), Scope.of(one["sku"], one)) for one in in_force
        if one["level"] == "hard" and one["state"] == "active"
    ]
    for case in cases:
        delisted = case["state"] == "delisted" or (
            case["state"] == "appealed" and case["outcome"] == "delisted"
        )
        if case["state"] in FROZEN_PHASE or delisted:
            scope = Scope.of(case["scope"]["sku"], case["scope"])
            mine = [held for owner, held in hard if owner == case["id"]]
            assert any(held.covers(scope) for held in mine), (case["state"], scope, in_force)


# ------------------------------------------------------------------------------ who agreed

NEW_EVIDENCE = frozenset({
    "news", "void_approval", "reject_approval", "freeze", "widen", "attach_evidence", "absorb",
    "register_order", "register_revocation", "reopen",
})
"""What makes the votes cast before it void."""

TWO_PERSON = ("approve", "declare_false_alarm", "delist", "narrow")
LANES = ("quality", "safety", "authority")


class Ballot:
    """Follows a history by the rules of the design, in its own words."""

    def __init__(self) -> None:
        self.owner, self.lane, self.before_order = OWNER, "quality", "quality"
        self.recurrence, self.revoked = 0, False
        self.authors, self.deciders = set[str](), set[str]()
        self.votes: dict[str, set[str]] = {command: set() for command in TWO_PERSON}

    def take(self, event: Mapping[str, Any]) -> None:
        """Take one event in; fails where somebody was let through who should not have been."""
        command, person = event["command"], event["actor"].removeprefix("person:")
        moved = event["from_state"] != event["to_state"]
        if command in TWO_PERSON:
            self._vote(event, command, person)
            if moved or (command == "narrow" and self._narrows(event)):
                self._enough(command)
                self._decided(command)
        elif command in {"reopen", "uphold"}:
            assert person not in self.deciders, "who decided judges the appeal"
        self._follow(event, command, person)
        if command in NEW_EVIDENCE:
            self.votes = {command: set() for command in TWO_PERSON}

    def _follow(self, event: Mapping[str, Any], command: str, person: str) -> None:
        again = event["from_state"] in {"reinstating", "probation", "appealed"}
        given = event["arguments"].get("lane")
        if command in {"freeze", "news"} and given:
            self.lane = max(self.lane, given, key=LANES.index)
        match command:
            case "freeze" | "register_order" if again:
                self.recurrence += 1
            case "absorb":
                self.recurrence = max(self.recurrence, event["arguments"]["recurrence"])
            case "propose_remedy":
                self.authors = {person}
            case "request_approval":
                self.authors |= {person}
            case "accept_hand_off":
                self.owner = person
            case "register_revocation":
                self.revoked = True
            case "dismiss":
                self.deciders = {person}
        if command == "register_order":
            self.before_order = self.lane if self.lane != "authority" else self.before_order
            self.lane, self.revoked = "authority", False

    def _vote(self, event: Mapping[str, Any], command: str, person: str) -> None:
        assert event["actor"].startswith("person:"), "no machine key counts as a person"
        assert person not in self.votes[command] or command == "narrow", "nobody votes twice"
        self.votes[command].add(person)
        if command == "approve":
            assert event["evidence_revision"] == event["arguments"]["evidence_revision"]

    @staticmethod
    def _narrows(event: Mapping[str, Any]) -> bool:
        return bool(event["evidence_revision"] > event["arguments"]["evidence_revision"])

    def _enough(self, command: str) -> None:
        voters = self.votes[command]
        strict = self.lane != "quality" or self.recurrence > 0
        match command:
            case "declare_false_alarm":
                assert self.owner in voters
                assert len(voters) >= (2 if self.lane == "safety" else 1)
                assert self.lane != "authority"
            case "approve" if self.lane == "authority":
                assert self.revoked
                assert "cora" in voters
                assert voters & {*MANAGERS, "miro"}
            case "delist":
                assert (len(voters) >= 2, self.lane != "authority") == (True, True)
                assert voters & MANAGERS
            case _:
                assert voters & MANAGERS
                assert command == "narrow" or not voters & self.authors
                assert len(voters) >= (2 if strict else 1)

    def _decided(self, command: str) -> None:
        if command != "narrow":
            self.deciders = set(self.votes[command])
        if command == "approve" and self.lane == "authority":
            self.lane = self.before_order
        self.votes = {command: set() for command in TWO_PERSON}


def _has_its_votes(history: list[dict[str, Any]]) -> None:
    """Nothing was lifted without the people that the lane needs, on the evidence they saw."""
    ballot = Ballot()
    for event in history:
        ballot.take(event)


@pytest.mark.timeout(400)
def test_whatever_people_do_the_promises_hold(world: World, record_property):
    """No order of complaints, pulls, commands and clocks breaks a promise of the design."""
    Life.world, Life.reached = world, set()
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=18, stateful_step_count=20, deadline=None, derandomize=True,
            suppress_health_check=list(HealthCheck), print_blob=False,
        ),
    )
    missed = sorted(set(Command) - Life.reached)
    record_property("figure", f"random lives reached all commands but {', '.join(missed)}")
    assert Life.reached >= {"approve", "delist", "register_order", "freeze", "merge"}, missed
