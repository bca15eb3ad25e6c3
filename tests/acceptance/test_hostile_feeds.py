"""Attacks on a shop that configured nothing: what one hand can bring about, and what it can't."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from freezeguard.detection.defaultpolicy import BODIES
from tests.acceptance.conftest import TakeSku
from tests.acceptance.steps import body_of, can_be_bought, cannot_be_bought, sql
from tests.rig import Rig, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = {"rules": tuple(BODIES), "budget": {"per_source": 20, "window": "1h"}}
HOUR = timedelta(hours=1)
FLOOD = int(os.environ.get("FLOOD_SKUS", "60"))
"""How many SKUs a flood is about; `make soak-flood` takes 10,000."""
COPIED = (
    "I bought this two weeks ago and it stopped working after three days, the seller refuses to "
    "answer my mails and I want everybody to know what kind of rubbish they are selling here."
)


async def send(rig: Rig, signals: list[dict[str, Any]], who: str = "source") -> None:
    """Report signals, a thousand at a time."""
    for start in range(0, len(signals), 1000):
        answer = await rig.call("POST", "/v1/signals", who, json=signals[start : start + 1000])
        assert answer.status == 202, answer.body
        assert answer.body["accepted"] == len(signals[start : start + 1000])


def ago(hours: float) -> str:
    return (datetime.now(UTC) - hours * HOUR).isoformat()


async def shown(rig: Rig, sku: str) -> dict[str, Any]:
    """Return the case in which a person sees the pattern; whoever owns it was told by mail."""
    case = await rig.in_state(sku, "suspected")
    sentence = case["reason"]["sentence"]

    async def told() -> list[str]:
        return [body for body in map(body_of, rig.mailbox.messages) if sku in body]

    bodies = await until(told, "the owner is told")
    flat = [" ".join(body.split()) for body in bodies]
    assert any("a person is to look" in body for body in flat), flat
    assert "a person is to look" in sentence
    return case


async def test_one_customer_with_a_thousand_complaints(rig: Rig, take_sku: TakeSku) -> None:
    """Whether in one hour or over two months: it sells on, and somebody is shown who it is."""
    for hours in (1, 24 * 59):
        sku = take_sku()
        await send(rig, [
            rig.complaint(sku, "angry", occurred_at=ago(hours * n / 1000)) for n in range(1000)
        ])

        case = await shown(rig, sku)

        assert "One customer made" in case["reason"]["sentence"]
        await can_be_bought(rig, sku)


async def test_fifty_fresh_accounts_with_copied_text(rig: Rig, take_sku: TakeSku) -> None:
    """Whether at once, over ten days, or each with a few words of its own: shown, not obeyed."""
    for hours, words in ((1, ""), (240, ""), (240, "My name is {}, by the way!")):
        sku = take_sku()
        await send(rig, [
            rig.complaint(
                sku, f"{sku}-{n}", occurred_at=ago(hours * n / 50),
                text=COPIED + words.format("abcdefghij"[n % 10] * 3),
                customer_since=ago(hours * n / 50 + 1),
            )
            for n in range(50)
        ])  # fmt: skip

        case = await shown(rig, sku)

        assert "alike" in case["reason"]["sentence"]
        await can_be_bought(rig, sku)


async def test_accounts_of_yesterday_are_one_voice_whatever_they_write(
    rig: Rig, sku: str
) -> None:
    """Fifty accounts, each opened an hour before its complaint, each with words of its own."""
    await send(rig, [
        rig.complaint(
            sku, f"{sku}-{n}", occurred_at=ago(5 * n), customer_since=ago(5 * n + 1),
            text=f"Number {n} broke.",
        )
        for n in range(50)
    ])  # fmt: skip

    case = await shown(rig, sku)

    assert "accounts opened the day before" in case["reason"]["sentence"]
    await can_be_bought(rig, sku)


async def test_true_complaints_freeze_in_spite_of_a_brigade(rig: Rig, sku: str) -> None:
    """Whoever hides a defect in a flood of copies hides nothing: what is left counts."""
    await send(rig, [
        rig.complaint(sku, f"fake-{n}", occurred_at=ago(100 + n / 10), text=COPIED)
        for n in range(50)
    ])
    await shown(rig, sku)

    await send(rig, [
        rig.complaint(sku, f"true-{n}", occurred_at=ago(24 * (4 - n / 2)), text=f"Mine broke {n}.")
        for n in range(8)
    ])

    case = await rig.in_state(sku, "frozen")
    assert "were not counted" in case["reason"]["sentence"]
    await cannot_be_bought(rig, sku)


@pytest.mark.parametrize("severity", ["major", "safety"])
async def test_a_source_that_floods_everything_drowns_no_true_defect(
    rig: Rig, take_sku: TakeSku, severity: str
) -> None:
    """One source complains of every SKU while another reports one safety defect.

    The true one is stopped at once; the flood freezes no more than its own budget, with the claim
    of safety as without it, since it may not make that claim.
    """
    await sql(rig, "UPDATE automatic_freezes SET at = at - interval '1 day'")
    flooded = [f"flood-{severity}-{n}" for n in range(FLOOD)]
    signals = [
        rig.complaint(sku, f"{sku}-{n}", occurred_at=ago(24 * n), severity=severity)
        for sku in flooded
        for n in range(8)
    ]
    true = take_sku()
    flood = asyncio.create_task(send(rig, signals))
    begun = datetime.now(UTC)
    told = {**rig.complaint(true, "hurt"), "source": "lab", "severity": "safety"}
    answer = await rig.call("POST", "/v1/signals", "safety", json=told)
    assert answer.status == 202, answer.body
    case = await rig.in_state(true, "frozen")
    taken = (datetime.now(UTC) - begun).total_seconds()
    await flood

    assert case["lane"] == "safety"
    await cannot_be_bought(rig, true)
    assert taken < 10

    async def all_looked_at() -> bool:
        return [] == await sql(rig, "SELECT FROM pending_evaluations")

    await until(all_looked_at, "the whole flood is evaluated", seconds=60 + FLOOD / 10)
    rows = await sql(
        rig,
        "SELECT outcome, count(DISTINCT sku) AS skus FROM crossings WHERE sku LIKE $1"
        " GROUP BY outcome",
        f"flood-{severity}-%",
    )
    outcomes = {row["outcome"]: row["skus"] for row in rows}
    assert outcomes["freeze"] == 20
    assert outcomes["budget"] == FLOOD - 20
