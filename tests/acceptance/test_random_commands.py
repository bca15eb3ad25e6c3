"""Random commands of random people over HTTP, with the promises of the design as invariants."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
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
from freezeguard.storage.embedded import EmbeddedServer
from tests.acceptance.conftest import SAFETY, fresh_database
from tests.acceptance.steps import sql, timeline
from tests.rig import (
    FIVE_CUSTOMERS,
    OWNER,
    PEOPLE,
    REMEDY,
    VERIFICATION,
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
COMMANDS = (
    "suspect", "expire", "dismiss", "freeze", "confirm_freeze", "drifted", "accept_ownership",
    "propose_remedy", "return_remedy", "request_approval", "reject_approval", "void_approval",
    "approve", "confirm_release", "refuse_release", "complete_probation", "declare_false_alarm",
    "comment", "waive", "delist", "merge", "register_order", "extend_deadline",
)
WAYS_ON = (
    "accept_ownership", "propose_remedy", "request_approval", "approve", "declare_false_alarm",
    "dismiss", "freeze", "return_remedy", "reject_approval",
)
"""Commands that lead somewhere: random words alone would hardly ever reach a reinstatement."""

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
   AND NOT EXISTS (SELECT FROM cases WHERE sku = $1 AND state IN ('freezing', 'reinstating'))
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


def sensible(command: str, case: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments with which a command may go through."""
    given: dict[str, dict[str, Any]] = {
        "dismiss": {"reason": "A carton."},
        "freeze": {"reason_code": "defective"},
        "propose_remedy": {"remedy": REMEDY},
        "return_remedy": {"missing": ["The tear test."]},
        "request_approval": {"verification": VERIFICATION},
        "reject_approval": {"reason": "The wrong lot."},
        "approve": {"evidence_revision": case["evidence_revision"]},
        "declare_false_alarm": {"reason_code": "rule_error"},
        "comment": {"comment": "Hm."},
        "resolve_task": {"catalogue": "shop"},
    }
    return given.get(command, {})


class Life(RuleBasedStateMachine):
    """The life of one SKU."""

    world: World

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

    @rule(who=st.sampled_from(EVERYBODY), reason=st.sampled_from(["defective", "safety_hazard"]))
    def somebody_pulls(self, who: str, reason: str) -> None:
        """Somebody pulls the cord."""
        body = {"scope": {"sku": self.sku}, "reason_code": reason}
        answer = self.run(self.rig.call("POST", "/v1/freezes", who, json=body))
        assert answer.status in {200, 201, 403, 422}, answer.body

    @rule(
        who=st.sampled_from(STAFF),
        command=st.sampled_from(COMMANDS),
        behind=st.sampled_from([0, 0, 0, 1]),
    )
    def somebody_commands(self, who: str, command: str, behind: int) -> None:
        """Somebody gives any command, sometimes on an older version: that never goes through."""
        if (case := self._newest()) is not None:
            version = case["version"] - behind
            answer = self._give(case, command, who, version=version, **sensible(command, case))
            if behind and command != "comment":
                assert answer.status != 200, answer.body

    @rule(who=st.sampled_from((*STAFF, "vera")), command=st.sampled_from(WAYS_ON))
    @precondition(lambda self: self.versions)
    def somebody_goes_on(self, who: str, command: str) -> None:
        """Somebody gives a command that leads on, if it is offered to them."""
        case = self._newest(who)
        if case is None:
            return
        offered = {one["command"] for one in case["available_commands"]}
        if command in offered:
            self._give(case, command, who, version=case["version"], **sensible(command, case))

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
            self._give(case, command, who, version=case["version"], **sensible(command, case))
            self.run(until(self._settled, f"{self.sku} settled"))

    @rule(clock=st.sampled_from(["second_opinion", "probation"]))
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
        found = self.run(self.rig.cases(self.sku, who))
        return self.run(self.rig.case(found[0]["id"], who)) if found else None

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
            _has_its_votes(case, history)
        open_ones = [one for one in cases if one["closed_at"] is None]
        assert len(open_ones) <= 1, "two open cases for one scope"
        await self._sold_or_not([one["hold"] for one in cases if one["hold"]])

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

    async def _sold_or_not(self, holds: list[Mapping[str, Any]]) -> None:
        status = await self.rig.status(self.sku)
        new_cart = await self.rig.shop.buy(self.sku)
        assert (bool(holds), bool(holds)) == (status == "frozen", not new_cart.ok)
        if any(one["level"] == "hard" for one in holds):
            assert not (await self.rig.shop.checkout(self.cart)).ok


def _has_its_votes(case: Mapping[str, Any], history: list[dict[str, Any]]) -> None:
    """Nobody was reinstated without the people that the lane needs, on the evidence they saw."""
    lane, recurrence, authors = "quality", 0, set[str]()
    votes: dict[str, set[str]] = {"approve": set(), "declare_false_alarm": set()}
    for event in history:
        command, person = event["command"], event["actor"].removeprefix("person:")
        lane = event["arguments"].get("lane") or lane
        recurrence += command == "freeze" and event["from_state"] not in {None, "suspected"}
        if command == "propose_remedy":
            authors = {person}
        elif command == "request_approval":
            authors |= {person}
        elif command in votes:
            _one_votes(event, person, votes[command])
            if event["to_state"] == "reinstating":
                _enough(command, votes[command], lane, recurrence, authors)
        if command in {"news", "void_approval", "reject_approval", "freeze"}:
            votes = {"approve": set(), "declare_false_alarm": set()}


def _one_votes(event: Mapping[str, Any], person: str, voters: set[str]) -> None:
    assert event["actor"].startswith("person:"), "no machine key counts as a person"
    assert person not in voters, "nobody votes twice"
    voters.add(person)
    if event["command"] == "approve":
        assert event["evidence_revision"] == event["arguments"]["evidence_revision"]


def _enough(
    command: str, voters: set[str], lane: str, recurrence: int, authors: set[str]
) -> None:
    if command == "declare_false_alarm":
        assert OWNER in voters
        assert len(voters) >= (2 if lane == "safety" else 1)
        return
    assert voters & MANAGERS
    assert not voters & authors
    assert len(voters) >= (2 if lane == "safety" or recurrence else 1)


@pytest.mark.timeout(400)
def test_whatever_people_do_the_promises_hold(world: World):
    """No order of complaints, pulls, commands and clocks breaks a promise of the design."""
    Life.world = world
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=14, stateful_step_count=18, deadline=None, derandomize=True,
            suppress_health_check=list(HealthCheck), print_blob=False,
        ),
    )
