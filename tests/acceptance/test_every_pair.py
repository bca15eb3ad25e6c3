"""Every pair of a state and a command over HTTP, against the design as transcribed by hand."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from freezeguard.domain.record import Case
from freezeguard.domain.transitions import State
from tests.acceptance.conftest import TakeSku
from tests.acceptance.rows import NEVER_FROZEN, case_in, put, remote_id, snapshot
from tests.acceptance.steps import timeline
from tests.domain import design
from tests.rig import REMEDY, VERIFICATION, Rig

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = {"seed": 2_000, "register": False, "workers": {"sweep": 0.5}}

IS = {
    "owen": {"owner", "manager", "approver", "reviewer", "staff"},
    "mara": {"manager", "approver", "reviewer", "staff"},
    "miro": {"manager", "staff"},
    "alba": {"associate", "staff"},
    "bert": {"associate", "staff"},
    "quin": {"analyst", "staff"},
    "cora": {"compliance", "staff"},
    "audi": {"staff"},
    "root": {"staff"},
    "vera": {"vendor"},
}
"""Which words of the design each person answers to, for a case of acme's owned by owen."""

BEST = {"approve": "mara", "freeze": "mara", "propose_remedy": "vera", "narrow": "mara"}
"""Who gives a command where the first who may would meet a guard."""

ARGUMENTS: dict[str, dict[str, Any]] = {
    "dismiss": {"reason": "A carton."},
    "freeze": {"reason_code": "defective"},
    "propose_remedy": {"remedy": REMEDY},
    "return_remedy": {"missing": ["The tear test."]},
    "request_approval": {"verification": VERIFICATION},
    "reject_approval": {"reason": "The wrong lot was tested."},
    "approve": {"evidence_revision": 3},
    "declare_false_alarm": {"reason_code": "wrong_item"},
    "comment": {"comment": "Samples are on the way."},
}
"""Arguments that satisfy every guard."""

LACKING: dict[str, dict[str, Any]] = {
    **{name: {} for name in (
        "dismiss", "propose_remedy", "return_remedy", "request_approval", "reject_approval",
        "approve", "declare_false_alarm", "attach_evidence",
    )},
    "resolve_task": {"catalogue": "shop", "remote_id": "nothing of this name"},
}
"""Arguments that leave a guard unmet."""

ILL_TYPED: dict[str, dict[str, Any]] = {
    "dismiss": {"reason": 7},
    "freeze": {"reason_code": "boredom"},
    "accept_ownership": {"comment": []},
    "resolve_task": {},
    "propose_remedy": {"remedy": "a better kettle"},
    "return_remedy": {"missing": "all"},
    "request_approval": {"verification": 1},
    "reject_approval": {"reason": {}},
    "approve": {"evidence_revision": "three"},
    "declare_false_alarm": {"reason_code": 5},
    "comment": {},
    "attach_evidence": {"file": "report.pdf"},
}
"""Arguments of a wrong type, or none where one is required."""

PAIRS = [(state, command) for state in design.EVERY_STATE for command in design.COMMANDS]
LIVE = [
    (state, command)
    for state, command in PAIRS
    if (command, state) in design.LINES and command not in design.LATER
    and design.who_may(command, state) - {"detector", "timer", "reconciler"}
]

GIVEN = [(state, command) for state, command in LIVE if command != "attach_evidence"]
"""Those that are done by giving them; files have an address and a module of tests of their own."""


def may(who: str, command: str, state: str) -> bool:
    """Say whether the design lets a person give a command here, or anywhere if it is illegal."""
    return bool(IS[who] & design.who_may(command, state))


def sees(who: str, state: str) -> bool:
    """Say whether the case is any of a person's business: vendors know of no suspicion."""
    return who != "vera" or State(state) not in NEVER_FROZEN


def the_right_one(command: str, state: str) -> str | None:
    """Return a person who may give a command, None for the system's own."""
    if (best := BEST.get(command)) and may(best, command, state) and sees(best, state):
        return best
    return next((who for who in IS if may(who, command, state)), None)


def arguments(command: str, case: Case) -> dict[str, Any]:
    """Return arguments that satisfy the guards of a command."""
    if command == "resolve_task":
        return {"catalogue": "shop", "remote_id": remote_id(case.scope.sku), "note": "Done."}
    return ARGUMENTS.get(command, {})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def connection(rig: Rig) -> AsyncIterator[asyncpg.Connection]:
    """Look into the database as its owner."""
    assert rig.dsns is not None
    opened = await asyncpg.connect(rig.dsns.owner)
    yield opened
    await opened.close()


class Pair:
    """One case in one state as it was built, and one command on it."""

    def __init__(self, rig: Rig, connection: Any, case: Case, command: str) -> None:
        self.rig, self.connection, self.case, self.command = rig, connection, case, command
        self.before: dict[str, Any] = {}

    async def give(self, who: str, **body: Any):
        """Send the command."""
        path = f"/v1/cases/{self.case.id}/commands"
        return await self.rig.call("POST", path, who, json={"command": self.command, **body})

    async def refused(self, expected: tuple[int, str], who: str, **body: Any) -> Any:
        """Send a command that must be refused in one way."""
        answer = await self.give(who, **body)

        assert expected == (answer.status, answer.body["code"]), (who, body, answer.body)
        return answer

    async def is_unchanged(self) -> None:
        """See that not one row of the case, or number of rows about it, has changed."""
        assert self.before == await snapshot(self.connection, self.case.id)


async def pair_of(
    rig: Rig, connection: Any, sku: str, state: str, command: str, **changes: Any
) -> Pair:
    """Build a case by rows and take a command in hand."""
    case = case_in(sku, State(state), **changes)
    await put(rig, case)
    pair = Pair(rig, connection, case, command)
    pair.before = await snapshot(connection, case.id)
    return pair


# ------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(("state", "command"), PAIRS)
async def test_refusals_come_in_the_designs_order(
    rig: Rig, connection, sku: str, state: str, command: str
):
    """404, then 403, then 409 for the version, then 409 for the state; nothing ever changes."""
    pair = await pair_of(rig, connection, sku, state, command)
    well, ill = arguments(command, pair.case), ILL_TYPED.get(command, {})
    right = the_right_one(command, state)

    await pair.refused((404, "not_found"), "vito", version=9, **ill)
    forbidden = [who for who in IS if not may(who, command, state)]
    bodies = ({"version": 9, **ill}, well)
    for who, body in zip(forbidden[:1] + forbidden[-1:], bodies, strict=False):
        expected = (403, "not_allowed") if sees(who, state) else (404, "not_found")
        await pair.refused(expected, who, **body)
    if right is not None and not sees(right, state):
        await pair.refused((404, "not_found"), right, version=4, **well)
    elif right is not None:
        await _conflicts(pair, right, state, well, ill)
    await pair.is_unchanged()


async def _conflicts(pair: Pair, right: str, state: str, well: Any, ill: Any) -> None:
    """The right person is told of another version first, then of the state; both are 409."""
    command = pair.command
    if command not in design.NEEDS_NO_VERSION:
        await pair.refused((409, "version_conflict"), right, version=5, **ill)
    legal = (command, state) in design.LINES
    if not legal or command in design.LATER:
        code = "not_available_yet" if legal else "illegal_transition"
        await pair.refused((409, code), right, version=4, **well)
        if ill:
            await pair.refused((409, code), right, version=4, **ill)


@pytest.mark.parametrize(("state", "command"), LIVE)
async def test_each_command_is_for_those_whom_the_design_names(
    rig: Rig, connection, sku: str, state: str, command: str
):
    """Where a command works, everybody else is refused, whoever they are."""
    pair = await pair_of(rig, connection, sku, state, command)

    for who in IS:
        if not sees(who, state):
            await pair.refused((404, "not_found"), who, version=9)
        elif not may(who, command, state):
            await pair.refused((403, "not_allowed"), who, version=9)
        elif command not in design.NEEDS_NO_VERSION:
            await pair.refused((409, "version_conflict"), who, version=9)
    await pair.is_unchanged()


@pytest.mark.parametrize(("state", "command"), LIVE)
async def test_what_is_missing_is_said_last(
    rig: Rig, connection, sku: str, state: str, command: str
):
    """The right person in the right state hears what is missing, and nothing changes."""
    pair = await pair_of(rig, connection, sku, state, command)
    right = the_right_one(command, state)
    assert right is not None

    if command not in design.NEEDS_NO_VERSION:
        answer = await pair.refused(
            (422, "invalid_input"), right, **arguments(command, pair.case)
        )
        assert "version" in str(answer.body)
    if command in LACKING:
        answer = await pair.refused((422, "guard_failed"), right, version=4, **LACKING[command])
        assert [] != answer.body["missing"]
    await pair.refused((422, "invalid_input"), right, version=4, **ILL_TYPED[command])
    await pair.is_unchanged()


# --------------------------------------------------------------------------- what is done


@pytest.mark.parametrize(("state", "command"), GIVEN)
async def test_legal_commands_do_what_the_table_says(
    rig: Rig, connection, sku: str, state: str, command: str
):
    """The right person's command leads where the design says, under one more version, by name."""
    pair = await pair_of(rig, connection, sku, state, command)
    right = the_right_one(command, state)
    assert right is not None

    answer = await pair.give(right, version=4, **arguments(command, pair.case))

    assert 200 == answer.status, answer.body
    after = answer.body
    line = design.LINES[command, state]
    assert after["state"] in line.targets
    refrozen = command == "freeze" and state != "suspected"
    assert {
        "version": 4 if command in design.NEEDS_NO_VERSION else 5,
        "evidence_revision": 4 if refrozen else 3,
        "recurrence": 1 if refrozen else 0,
        "lane": "quality",
        "owner": "owen",
    } == {
        name: after[name]
        for name in ("version", "evidence_revision", "recurrence", "lane", "owner")
    }
    history = await timeline(rig, {"id": str(pair.case.id)})
    told = history[pair.before["events"]]
    assert (command, state, after["state"], f"person:{right}", after["version"]) == (
        told["command"], told["from_state"], told["to_state"], told["actor"], told["version"],
    )
    recorded = await connection.fetchrow(
        "SELECT actor, action FROM audit WHERE subject = $1 ORDER BY seq LIMIT 1",
        f"case:{pair.case.id}",
    )
    assert (f"person:{right}", command) == tuple(recorded)


HOLDS = {
    ("suspected", "dismiss"): ("releasing", "hide"),
    ("suspected", "freeze"): ("active", "hard"),
    ("reinstating", "freeze"): ("active", "hard"),
    ("probation", "freeze"): ("active", "hard"),
    ("appealed", "freeze"): ("active", "hard"),
    ("awaiting_approval", "approve"): ("releasing", "hard"),
    **{(state, "declare_false_alarm"): ("releasing", "hard") for state in design.FROZEN_PHASE},
}
"""The hold after the commands that change it; all others leave it alone."""


@pytest.mark.parametrize(("state", "command"), GIVEN)
async def test_only_some_commands_touch_the_hold(
    rig: Rig, connection, sku: str, state: str, command: str
):
    """A freeze puts a hard hold in force, an end of it only begins to release: under a revision."""
    pair = await pair_of(rig, connection, sku, state, command)
    newest = "SELECT state, level, revision FROM holds WHERE case_id = $1 ORDER BY since DESC"
    before = await connection.fetchrow(newest, pair.case.id)

    # Look where the service can't have gone on yet: the change is committed, catalogues are slow.
    await rig.shop.faults(slow=2.0, skus=[sku])
    answer = await pair.give(
        the_right_one(command, state) or "", version=4, **arguments(command, pair.case)
    )
    after = await connection.fetchrow(newest, pair.case.id)

    assert 200 == answer.status
    if (state, command) not in HOLDS:
        assert before == after
        return
    assert HOLDS[state, command] == (after["state"], after["level"])
    assert (before["revision"] if before else 0) < after["revision"]


# --------------------------------------------------------------------- the lane of authority


@pytest.mark.parametrize("command", sorted(design.ILLEGAL_IN_AUTHORITY_LANE))
@pytest.mark.parametrize("state", design.FROZEN_PHASE)
async def test_an_order_is_not_got_around(
    rig: Rig, connection, sku: str, state: str, command: str
):
    """While an order of an authority is in force, these commands are illegal for everybody."""
    pair = await pair_of(rig, connection, sku, state, command, lane="authority")
    right = the_right_one(command, state)
    assert right is not None

    await pair.refused((409, "version_conflict"), right, version=5)
    await pair.refused(
        (409, "illegal_transition"), right, version=4, **arguments(command, pair.case)
    )
    await pair.is_unchanged()


async def test_an_order_is_not_approved_away(rig: Rig, connection, sku: str):
    """In the lane of authority an approval waits for the revocation, whoever approves."""
    pair = await pair_of(
        rig, connection, sku, "awaiting_approval", "approve", lane="authority"
    )

    for who in ("mara", "cora", "quin", "miro"):
        await pair.refused((422, "guard_failed"), who, version=4, evidence_revision=3)
    await pair.is_unchanged()


# ------------------------------------------------------------------------------ unborn cases


@pytest.mark.parametrize("command", design.COMMANDS)
async def test_a_case_that_does_not_exist_takes_no_command(rig: Rig, command: str):
    """What is not there is not found, for every command and everybody, also without an id."""
    for case_id in (str(uuid4()), "no-such-case"):
        for who in ("owen", "vera", "alba"):
            answer = await rig.call(
                "POST", f"/v1/cases/{case_id}/commands", who,
                json={"command": command, "version": 1},
            )
            assert (404, "not_found") == (answer.status, answer.body["code"])


async def test_an_unknown_command_is_no_command(rig: Rig, take_sku: TakeSku):
    """A word that the design does not know is refused as input, and changes nothing."""
    case = case_in(take_sku(), State.FROZEN)
    await put(rig, case)

    answer = await rig.call(
        "POST", f"/v1/cases/{case.id}/commands", "owen", json={"command": "unfreeze", "version": 4}
    )

    assert (422, "invalid_input") == (answer.status, answer.body["code"])
    assert "frozen" == (await rig.case(str(case.id)))["state"]
