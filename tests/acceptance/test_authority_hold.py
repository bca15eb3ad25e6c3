"""While an order of an authority is in force nothing lifts its hold: every command, by everybody.

Generated from the design's table: for each frozen state and each command, every person gives it
with the best arguments there are, on a case of its own wherever the last one went through.
"""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from freezeguard.domain.people import Role
from freezeguard.domain.scope import Scope
from tests.acceptance.conftest import TakeSku
from tests.acceptance.pairs import ARGUMENTS, IS, Pair, enrol, is_legal, pair_of
from tests.acceptance.rows import STOPPED, remote_id
from tests.acceptance.steps import attach
from tests.domain import design
from tests.rig import Rig

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = {"seed": 2_000, "register": False, "workers": {"sweep": 0.5}}

EVERYBODY = (*IS, "both", "vito", "freezer")
EVERY_PAIR = [(state, command) for state in design.FROZEN_PHASE for command in design.COMMANDS]
WITH_ONE_VOTE = [
    (state, command) for state, command in EVERY_PAIR if is_legal(command, state, "authority")
]


@pytest.fixture(scope="module")
def tried() -> list[int]:
    """Collect how the commands were answered, to be counted at the end."""
    return []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def connection(rig: Rig) -> AsyncIterator[asyncpg.Connection]:
    """Look into the database as its owner; one person is compliance and manager at once."""
    assert rig.dsns is not None
    await enrol(rig, "finn", Role.FINANCE)
    await enrol(rig, "both", Role.COMPLIANCE, Role.MANAGER)
    opened = await asyncpg.connect(rig.dsns.owner)
    yield opened
    await opened.close()


async def stopped(
    rig: Rig, connection: Any, sku: str, state: str, command: str, **changes: Any
) -> Pair:
    """Build a case whose sale an authority has forbidden, and stop it in the shop."""
    pair = await pair_of(rig, connection, sku, state, command, lane="authority", **changes)
    await rig.shop.change(remote_id(sku), STOPPED)
    return pair


async def still_held(pair: Pair, *, lane: str = "authority") -> None:
    """See the hold in force: hard, the same case's, of the same scope or more; the shop refuses."""
    scope = pair.case.scope
    rows = await pair.connection.fetch("SELECT * FROM holds WHERE sku = $1", scope.sku)
    mine = [
        row for row in rows
        if row["case_id"] == pair.case.id
        and Scope.of(scope.sku, dict(row)).covers(scope)
    ]
    assert [("active", "hard", lane, None)] == [
        (row["state"], row["level"], row["lane"], row["ended_at"]) for row in mine
    ]
    case = await pair.connection.fetchrow(
        "SELECT state, lane FROM cases WHERE id = $1", pair.case.id
    )
    assert case["state"] in design.FROZEN_PHASE
    assert lane == case["lane"]
    assert not (await pair.rig.shop.buy(scope.sku)).ok


async def standing(pair: Pair) -> tuple[Any, ...]:
    """Return what decides whether the next one can be tried on the same case, and its version."""
    row = await pair.connection.fetchrow(
        """SELECT state, lane, evidence_revision,
                  (SELECT count(*) FROM approvals WHERE case_id = cases.id AND void_at IS NULL),
                  version
             FROM cases WHERE id = $1""", pair.case.id)
    return tuple(row)


@pytest.mark.parametrize(("state", "command"), EVERY_PAIR)
async def test_no_command_lifts_it(
    rig: Rig, connection, take_sku: TakeSku, tried: list[int], state: str, command: str
):
    """Without a revocation, whatever anybody orders, the sale stays forbidden."""
    pair = await stopped(rig, connection, take_sku(), state, command)
    for who in EVERYBODY:
        answer = await pair.give(who, version=4, **pair.arguments)
        tried.append(answer.status)

        assert answer.status in {200, 403, 404, 409, 422}, (who, answer.body)
        if answer.status == 200:
            await still_held(pair)
            pair = await stopped(rig, connection, take_sku(), state, command)
    await still_held(pair)
    await pair.is_unchanged()


@pytest.mark.parametrize(("state", "command"), WITH_ONE_VOTE)
async def test_one_vote_after_the_revocation_is_not_enough(
    rig: Rig, connection, take_sku: TakeSku, tried: list[int], state: str, command: str
):
    """Revoked, and one of compliance agrees: every command but a manager's approval lifts nothing.

    Nor does the approval of a person who is compliance and manager, given twice.
    """
    async def begun(voter: str) -> Pair:
        pair = await stopped(rig, connection, take_sku(), state, command, revoked=True)
        named = [f"shop/{remote_id(pair.case.scope.sku)}"]
        vote = await pair.give(
            voter, "approve", version=4, evidence_revision=3, unconfirmed=named
        )
        assert (200, state) == (vote.status, vote.body["state"]), vote.body
        return pair

    voter = "both" if command == "approve" else "cora"
    pair, version = await begun(voter), 5
    *voted, _ = await standing(pair)
    for who in EVERYBODY:
        if command == "approve" and IS.get(who, set()) & {"manager", "compliance"}:
            continue  # the second of two who are enough: see test_every_pair
        answer = await pair.give(who, version=version, **pair.arguments)
        tried.append(answer.status)

        assert answer.status in {200, 403, 404, 409, 422}, (who, answer.body)
        if answer.status != 200:
            continue
        await still_held(pair)
        *now, version = await standing(pair)
        if now != voted:
            pair, version = await begun(voter), 5
    await still_held(pair)


@pytest.mark.parametrize("state", design.FROZEN_PHASE)
async def test_no_pull_and_no_file_lifts_it(
    rig: Rig, connection, take_sku: TakeSku, state: str
):
    """Pulls of any reason, files, complaints and what machines say leave it in force as well."""
    pair = await stopped(rig, connection, take_sku(), state, "comment")
    sku = pair.case.scope.sku
    for who in EVERYBODY:
        for reason in ("defective", "other", "safety_hazard", "authority_order"):
            body = {"scope": {"sku": sku}, "reason_code": reason, "document": "orders/13"}
            answer = await rig.call("POST", "/v1/freezes", who, json=body)
            assert answer.status in {200, 201, 403, 422}, answer.body
        now = await rig.case(str(pair.case.id))
        sent = await attach(rig, now, who)
        # 409: what is being stopped may have been confirmed meanwhile
        assert sent.status in {200, 201, 403, 404, 409}, sent.body
    await rig.complain(sku, 6, lot="L-99", intent="fire")

    await still_held(pair)


@pytest.mark.parametrize("state", design.FROZEN_PHASE)
async def test_no_other_case_takes_it_away(
    rig: Rig, connection, take_sku: TakeSku, state: str
):
    """A case of the same item, of a part of it, is merged with it in neither direction."""
    sku = take_sku()
    pair = await stopped(rig, connection, sku, state, "comment")
    for opened in ("merge", "comment"):
        other = await pair_of(
            rig, connection, sku, "frozen", opened, scope=Scope(sku, channel=opened)
        )
        for one, into in ((pair, other), (other, pair)):
            answer = await one.give(
                "owen", "merge", version=4, into=str(into.case.id), **ARGUMENTS["merge"]
            )
            assert answer.status in {409, 422}, answer.body
    await still_held(pair)


async def test_so_many_were_tried(tried: list[int], record_property):
    """Some of the commands were legal and went through; none of those lifted the hold."""
    legal = tried.count(200)
    record_property(
        "figure", f"{len(tried)} commands on authority holds, {legal} legal, 0 lifted one"
    )
    assert 0 < legal < len(tried)
