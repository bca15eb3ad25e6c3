"""Every pair of a state and a command over HTTP, against the design as transcribed by hand.

The pairs and who may give them come from `tests.domain.design`; how a case is built in a state,
and which arguments satisfy the guards, stands in `tests.acceptance.pairs`.
"""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from freezeguard.domain.people import Role
from freezeguard.domain.transitions import State
from tests.acceptance.conftest import TakeSku
from tests.acceptance.pairs import (
    ILL_TYPED,
    IS,
    LACKING,
    LOT,
    NEVER_MET,
    PAIRS,
    WHO_LACKS,
    Pair,
    enrol,
    given_by_people,
    is_legal,
    legal_pairs,
    may,
    pair_of,
    sees,
    the_right_one,
)
from tests.acceptance.rows import case_in, put
from tests.acceptance.steps import attach, timeline
from tests.domain import design
from tests.rig import Rig, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = {"seed": 2_000, "register": False, "workers": {"sweep": 0.5}}

IN_ORDER_OF_AUTHORITY = [
    (state, command) for state in design.FROZEN_PHASE for command in design.COMMANDS
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def connection(rig: Rig) -> AsyncIterator[asyncpg.Connection]:
    """Look into the database as its owner; there is somebody of finance, too."""
    assert rig.dsns is not None
    await enrol(rig, "finn", Role.FINANCE)
    opened = await asyncpg.connect(rig.dsns.owner)
    yield opened
    await opened.close()


# ------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(("state", "command"), PAIRS)
async def test_refusals_come_in_the_designs_order(
    rig: Rig, connection, sku: str, state: str, command: str
):
    """404, then 403, then 409 for the version, then 409 for the state, then 422: nothing changes.

    Of everybody, whatever their role, a machine key included.
    """
    pair = await pair_of(rig, connection, sku, state, command)

    await _refused_to_everybody(pair, state, "quality")
    await pair.is_unchanged()


@pytest.mark.parametrize(("state", "command"), IN_ORDER_OF_AUTHORITY)
async def test_refusals_while_an_order_is_in_force(
    rig: Rig, connection, sku: str, state: str, command: str
):
    """The same in the lane of authority, where four commands are illegal for everybody."""
    pair = await pair_of(rig, connection, sku, state, command, lane="authority")

    await _refused_to_everybody(pair, state, "authority")
    await pair.is_unchanged()


async def _refused_to_everybody(pair: Pair, state: str, lane: str) -> None:
    command, ill = pair.command, ILL_TYPED.get(pair.command, {})
    await pair.refused((404, "not_found"), "vito", version=9, **ill)
    await pair.refused((403, "not_allowed"), "freezer", version=9, **ill)
    bodies = ({"version": 9, **ill}, {"version": 4, **pair.arguments})
    conflicts = ({"version": 5, **ill}, {"version": 3, **pair.arguments})
    for n, who in enumerate(IS):
        if not sees(who, state):
            await pair.refused((404, "not_found"), who, **bodies[n % 2])
        elif not may(who, command, state, lane):
            await pair.refused((403, "not_allowed"), who, **bodies[n % 2])
        elif command not in design.NEEDS_NO_VERSION:
            await pair.refused((409, "version_conflict"), who, **conflicts[n % 2])
    right = the_right_one(command, state, lane)
    if right is None or not sees(right, state):
        return
    if is_legal(command, state, lane):
        await _lacks_something(pair, right, state)
        return
    for body in (pair.arguments, ill, {}):
        await pair.refused((409, "illegal_transition"), right, version=4, **body)


async def _lacks_something(pair: Pair, right: str, state: str) -> None:
    """The right person in the right state hears what is missing, last of all."""
    command = pair.command
    if command not in design.NEEDS_NO_VERSION:
        answer = await pair.refused((422, "invalid_input"), right, **pair.arguments)
        assert "version" in str(answer.body)
    if command in LACKING:
        who = WHO_LACKS.get(command, right)
        answer = await pair.refused((422, "guard_failed"), who, version=4, **LACKING[command])
        assert [] != answer.body["missing"]
    if (state, command) in NEVER_MET:
        await pair.refused((422, "guard_failed"), right, version=4, **pair.arguments)
    await pair.refused((422, "invalid_input"), right, version=4, **ILL_TYPED[command])


# --------------------------------------------------------------------------- what is done

AGAIN = {"reinstating", "probation", "appealed"}
STOPS = {"freeze", "register_order", "reopen"}
MORE_EVIDENCE = {"widen", "narrow", "register_order"}
"""Commands that are news of a case whose sale is stopped; an approval is void with them."""


def became(state: str, command: str) -> dict[str, Any]:
    """Return what a command makes of a case at version 4, evidence 3, owned by owen."""
    again = command in STOPS and state in AGAIN
    news = command in MORE_EVIDENCE and (state in design.FROZEN_PHASE or command == "widen")
    return {
        "evidence_revision": 3 + (again or news),
        "recurrence": int(again and command != "reopen"),
        "lane": "authority" if command == "register_order" else "quality",
        "owner": "quin" if command == "accept_hand_off" else "owen",
    }


def voids(state: str, command: str) -> bool:
    """Say whether a command takes a request for approval with it."""
    return state == "awaiting_approval" and command in MORE_EVIDENCE


@pytest.mark.parametrize(("state", "command"), legal_pairs())
async def test_legal_commands_do_what_the_table_says(
    rig: Rig, connection, sku: str, state: str, command: str
):
    """The right person's command leads where the design says, under one more version, by name."""
    pair = await pair_of(rig, connection, sku, state, command)
    right, version = the_right_one(command, state), 4
    assert right is not None
    if command == "delist":  # it takes two: the first changes no state
        first = await pair.give("quin", version=version, **pair.arguments)
        assert (200, state) == (first.status, first.body["state"])
        version += 1

    answer = await pair.give(right, version=version, **pair.arguments)

    assert 200 == answer.status, answer.body
    after = answer.body
    expected = became(state, command)
    if "vendor" in IS[right]:
        expected["owner"] = ""  # a vendor sees no names of staff
    assert expected == {name: after[name] for name in expected}
    # Where it stood right then is read from its history: the service goes on at once.
    history = await timeline(rig, {"id": str(pair.case.id)})
    told, *later = history[pair.before["events"] + (command == "delist") :]
    versioned = command not in design.NEEDS_NO_VERSION
    assert (command, state, f"person:{right}", version + versioned) == (
        told["command"], told["from_state"], told["actor"], told["version"],
    )
    assert told["to_state"] in design.LINES[command, state].targets
    if voids(state, command):
        assert ("void_approval", "detector", "diagnosing", version + 2) == (
            later[0]["command"], later[0]["actor"], later[0]["to_state"], later[0]["version"],
        )
    recorded = await connection.fetch(
        "SELECT actor, action FROM audit WHERE subject = $1 ORDER BY seq", f"case:{pair.case.id}"
    )
    assert (f"person:{right}", command) == tuple(recorded[command == "delist"])


async def test_what_survives_a_merger_takes_it_over_by_name(rig: Rig, connection, sku: str):
    """The older case absorbs the younger one in the same transaction, in the system's name."""
    pair = await pair_of(rig, connection, sku, "frozen", "merge")
    assert pair.other is not None

    assert 200 == (await pair.give("owen", version=4, **pair.arguments)).status

    survivor = (await timeline(rig, {"id": str(pair.other.id)}))[-1]
    assert ("absorb", "reconciler", "diagnosing") == (
        survivor["command"], survivor["actor"], survivor["to_state"],
    )


@pytest.mark.parametrize("state", design.EVERY_STATE)
@pytest.mark.parametrize("who", ["alba", "vera"])
async def test_files_are_attached_where_the_design_says(
    rig: Rig, connection, sku: str, state: str, who: str
):
    """A file is new evidence of an open case; of a closed one, or an unseen one, it is refused."""
    pair = await pair_of(rig, connection, sku, state, "attach_evidence")
    case = {"id": str(pair.case.id), "version": 4}

    answer = await attach(rig, case, who)

    if not sees(who, state):
        assert (404, "not_found") == (answer.status, answer.body["code"])
    elif is_legal("attach_evidence", state):
        waited = state == "awaiting_approval"
        assert 201 == answer.status, answer.body
        now = await rig.case(str(pair.case.id))
        assert ("diagnosing" if waited else state, 5 + waited, 4) == (
            now["state"], now["version"], now["evidence_revision"],
        )
        return
    else:
        assert (409, "illegal_transition") == (answer.status, answer.body["code"])
    await pair.is_unchanged()


# ------------------------------------------------------------------------ what becomes of holds

TOUCHED = {
    ("suspected", "dismiss"): "released",
    ("awaiting_approval", "approve"): "released",
    **{(state, "declare_false_alarm"): "released" for state in design.FROZEN_PHASE},
    **{(state, "freeze"): "set" for state in (*AGAIN, "suspected")},
    ("appealed", "reopen"): "set",
    **{(state, "register_order"): "set" for state in design.OPEN},
    **{(state, "widen"): "widened" for state in (*design.FROZEN_PHASE, "appealed")},
    **{(state, "narrow"): "narrowed" for state in design.FROZEN_PHASE},
    **{(state, "merge"): "handed over" for state in (*design.FROZEN_PHASE, "suspected")},
}
"""What becomes of the hold by the commands that touch it; all others leave it alone."""


async def holds_of(connection: Any, sku: str) -> dict[Any, dict[str, Any]]:
    """Return every hold of a SKU by its id."""
    rows = await connection.fetch(
        "SELECT id, case_id, lot, state, level, lane, revision FROM holds WHERE sku = $1", sku
    )
    return {row["id"]: dict(row) for row in rows}


@pytest.mark.parametrize(("state", "command"), legal_pairs())
async def test_only_some_commands_touch_the_hold(
    rig: Rig, connection, sku: str, state: str, command: str
):
    """A freeze puts a hard hold in force, an end of it only begins to release: under a revision.

    Widening widens it, narrowing adds one, merging gives it to the other case; a delisting and
    whatever else leaves it as it is.
    """
    pair = await pair_of(rig, connection, sku, state, command)
    before = await holds_of(connection, sku)
    if (state, command) in TOUCHED:
        # Look where the service can't have gone on yet: committed, and catalogues are slow.
        await rig.shop.faults(slow=2.0, skus=[sku])
    version = 4
    if command == "delist":
        version = (await pair.give("quin", version=4, **pair.arguments)).body["version"]

    answer = await pair.give(
        the_right_one(command, state) or "", version=version, **pair.arguments
    )
    after = await holds_of(connection, sku)

    assert 200 == answer.status, answer.body
    revisions = [one["revision"] for one in before.values()]
    changed = [one for key, one in after.items() if one != before.get(key)]
    assert all(one["revision"] > max(revisions, default=0) for one in changed)
    _became(pair, TOUCHED.get((state, command)), before, changed)


def _became(pair: Pair, touched: str | None, before: Any, changed: list[dict[str, Any]]) -> None:
    seen = [(one["case_id"], one["lot"], one["state"], one["level"]) for one in changed]
    mine, lot = pair.case.id, LOT["lot"]
    soft = pair.case.state is State.SUSPECTED
    expected: list[Any] = {
        None: [],
        "released": [(mine, None, "releasing", "hide" if soft else "hard")],
        "set": [(mine, None, "active", "hard")],
        "widened": [(mine, None, "active", "hard")],
        "narrowed": [(mine, lot, "active", "hard")],
        "handed over": [(
            pair.other and pair.other.id, None, "active", "hide" if soft else "hard"
        )],
    }[touched]
    assert expected == seen
    if touched == "narrowed":
        assert "active" == next(iter(before.values()))["state"]
    if pair.command == "register_order":
        assert ["authority"] == [one["lane"] for one in changed]


# --------------------------------------------------------------------- the lane of authority


@pytest.mark.parametrize("order_of_votes", [("cora", "mara"), ("miro", "cora")])
@pytest.mark.parametrize("state", design.FROZEN_PHASE)
async def test_a_revoked_order_is_lifted_by_two(
    rig: Rig, connection, sku: str, state: str, order_of_votes: tuple[str, str]
):
    """From any frozen phase, by compliance and a manager, in whichever order, once it is revoked.

    One of them alone leaves all as it was; before the revocation neither may even begin.
    """
    pair = await pair_of(rig, connection, sku, state, "approve", lane="authority")
    one, other = order_of_votes
    for who in order_of_votes:
        await pair.refused((422, "guard_failed"), who, version=4, evidence_revision=3)
    await pair.is_unchanged()

    revoked = await pair.give("cora", "register_revocation", version=4, document="orders/8")
    assert (200, state, 5) == (
        revoked.status, revoked.body["state"], revoked.body["version"],
    )
    first = await pair.give(one, version=5, evidence_revision=3)
    assert (200, state, 6) == (first.status, first.body["state"], first.body["version"])
    again = await pair.give(one, version=6, evidence_revision=3)
    assert (422, "guard_failed") == (again.status, again.body["code"])
    second = await pair.give(other, version=6, evidence_revision=3)

    assert (200, "reinstating", 7, "quality") == (
        second.status, second.body["state"], second.body["version"], second.body["lane"],
    )


@pytest.mark.parametrize("state", design.FROZEN_PHASE)
async def test_a_new_order_takes_the_revocation_back(rig: Rig, connection, sku: str, state: str):
    """Whoever registers an order after a revocation voids it, and the first vote with it."""
    pair = await pair_of(
        rig, connection, sku, state, "approve", lane="authority", revoked=True
    )
    first = await pair.give("cora", version=4, evidence_revision=3)
    assert (200, state) == (first.status, first.body["state"])

    again = await pair.give(
        "cora", "register_order", version=5, authority="The customs", document="orders/11"
    )
    assert 200 == again.status, again.body

    async def refused_by_a_guard():
        """Give the second vote on the case as it stands: the system may confirm its freeze."""
        now = await rig.case(str(pair.case.id))
        answer = await pair.give("mara", version=now["version"], evidence_revision=4)
        return None if answer.body["code"] == "version_conflict" else answer

    refused = await until(refused_by_a_guard, "an answer to the case as it stands")
    assert (422, "guard_failed") == (refused.status, refused.body["code"])
    assert "authority" == (await rig.case(str(pair.case.id)))["lane"]


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


async def test_nothing_of_the_design_is_left_out():
    """Every line that people bring about is given by somebody, and refused to somebody."""
    lines = {(state, command) for command, state in design.LINES if state is not None}
    asked = {(s, c) for s, c in lines if given_by_people(c)}

    assert asked == set(legal_pairs()) | NEVER_MET
    assert set(ILL_TYPED) == {c for _, c in asked} | {"attach_evidence", "register_revocation"}
