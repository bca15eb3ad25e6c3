"""Approvals that meet another approval, or news, on another replica."""

from collections.abc import Sequence
from typing import Any

import pytest

from freezeguard.domain.record import Case
from freezeguard.domain.transitions import State
from tests.acceptance.rows import case_in, put
from tests.races.trials import (
    STOPPED,
    TRIALS,
    at_first_asking,
    command,
    new_skus,
    owner_connection,
    race,
    signals,
    tell,
    timed,
    until_all,
)
from tests.rig import Rig

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(400)]

REFUSED = (409, "version_conflict")

EVENTS = """
SELECT command, to_state, evidence_revision, arguments FROM case_events
 WHERE case_id = $1 ORDER BY n
"""


async def _waiting(rig: Rig, number: int, **changes: Any) -> list[Case]:
    """Build cases by rows that wait for approval, each with its SKU stopped in the shop.

    Their owner is no manager, so that two managers of the category may approve.
    """
    skus = await new_skus(rig, number, **STOPPED)
    asked = {"owner": "root", "approval_requested_by": "root", **changes}
    cases = [case_in(sku, State.AWAITING_APPROVAL, **asked) for sku in skus]
    await put(rig, *cases)
    return cases


async def _histories(rig: Rig, cases: Sequence[Case]) -> list[list[Any]]:
    async with owner_connection(rig) as connection:
        return [await connection.fetch(EVENTS, case.id) for case in cases]


async def test_of_two_managers_one_approves(replicas: Rig):
    """Of 300 pairs of approvals, one each goes through and the other is a clean conflict."""
    rig = replicas
    cases = await _waiting(rig, TRIALS)
    one, other = rig.urls
    seen = {"evidence_revision": 3}

    async with timed(f"{TRIALS} pairs of approvals"):
        answers = await race([
            (
                command(rig, case, "approve", "owen", one, **seen),
                command(rig, case, "approve", "mara", other, **seen),
            )
            for case in cases
        ])
        await until_all(rig, [case.scope.sku for case in cases], ["probation"])

    clean = at_first_asking(answers)
    firsts = sum(pair[0].status == 200 for pair in clean)
    tell(f"{len(clean)} pairs of approvals: the first replica won {firsts}")
    outcomes = [sorted(answer.outcome for answer in pair) for pair in clean]
    assert [[(200, "reinstating"), REFUSED]] * len(clean) == outcomes
    for history in await _histories(rig, cases):
        approved = [event for event in history if event["command"] == "approve"]
        assert ["reinstating"] == [event["to_state"] for event in approved]
    assert {case.scope.sku for case in cases} <= set(await rig.shop.sellable())


async def test_two_first_votes_are_one_vote(replicas: Rig):
    """Where two people are needed, two votes on the same version are one vote and a conflict."""
    rig = replicas
    cases = await _waiting(rig, TRIALS // 3, lane="safety")
    one, other = rig.urls
    seen = {"evidence_revision": 3}

    answers = await race([
        (
            command(rig, case, "approve", "mara", one, **seen),
            command(rig, case, "approve", "quin", other, **seen),
        )
        for case in cases
    ])

    outcomes = [sorted(answer.outcome for answer in pair) for pair in at_first_asking(answers)]
    assert [[(200, "awaiting_approval"), REFUSED]] * len(outcomes) == outcomes
    async with owner_connection(rig) as connection:
        votes = await connection.fetch(
            "SELECT count(*) FROM approvals WHERE case_id = ANY ($1) AND void_at IS NULL"
            " GROUP BY case_id", [case.id for case in cases],
        )
    assert [1] * len(cases) == [row["count"] for row in votes]
    assert not {case.scope.sku for case in cases} & set(await rig.shop.sellable())


async def test_nobody_approves_past_news(replicas: Rig):
    """Of 300 approvals against news, none reinstates on evidence that had changed by then."""
    rig = replicas
    cases = await _waiting(rig, TRIALS)
    one, other = rig.urls
    pairs = []
    for number, case in enumerate(cases):
        sku = case.scope.sku
        few = rig.complaint(sku, "late", lot="L-9")
        many = [rig.complaint(sku, f"late-{n}", lot="L-9") for n in range(9)]  # the bulk lane
        news = signals(rig, many if number % 2 else few, one)
        approval = command(rig, case, "approve", "mara", other, evidence_revision=3)
        pairs.append((news, approval) if number % 3 else (approval, news))

    async with timed(f"{TRIALS} approvals against news"):
        answers = await race(pairs)
        await until_all(
            rig, [case.scope.sku for case in cases], ["probation", "diagnosing", "frozen"]
        )

    approved = 0
    histories = await _histories(rig, cases)
    for number, (pair, history) in enumerate(zip(answers, histories, strict=True)):
        news, approval = pair if number % 3 else pair[::-1]
        assert 202 == news.status
        commands = [event["command"] for event in history]
        if "approve" in commands:
            approved += 1
            assert approval.repeated or (200, "reinstating") == approval.outcome
            assert 3 == history[commands.index("approve")]["evidence_revision"]
            assert "news" not in commands[: commands.index("approve")]
        else:
            assert REFUSED == approval.outcome
            assert ["news", "void_approval"] == commands[1:3]
    tell(f"{TRIALS} approvals against news: {approved} came first, {TRIALS - approved} were late")
    assert 0 < approved < TRIALS
    sellable = set(await rig.shop.sellable())
    for case, history in zip(cases, histories, strict=True):
        if not any(event["to_state"] == "reinstating" for event in history):
            assert case.scope.sku not in sellable
