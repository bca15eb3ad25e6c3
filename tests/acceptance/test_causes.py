"""Where complaints come from: counted by what they say, beside cases like theirs."""

from typing import Any
from uuid import uuid4

import pytest

from freezeguard.domain.transitions import State
from tests.acceptance.conftest import TakeSku
from tests.acceptance.rows import case_in, put
from tests.rig import REMEDY, Rig

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def causes_of(rig: Rig, case: dict[str, Any]) -> dict[str, Any]:
    """Return the causes of a case as its owner sees them."""
    return await rig.read(f"/v1/cases/{case['id']}/causes", "owen")


def shares(causes: dict[str, Any], field: str) -> list[tuple[Any, ...]]:
    """Return what stands under a field, row by row."""
    return [tuple(one.values()) for one in causes["by"][field]["items"]]


async def test_the_few_that_are_behind_most_stand_first(rig: Rig, sku: str):
    """Complaints and customers by value, the most first, with what they add up to."""
    await rig.complain(sku, 3, lot="L-7", channel="web")
    await rig.complain(sku, 2, lot="L-7", channel="web", customer="twice")
    await rig.complain(sku, 1, lot="L-8", severity="critical", intent="smell")
    await rig.complain(sku, 4, intent="change_of_mind", lot="L-9")
    await rig.complain(sku, 4, severity="minor")
    case = await rig.in_state(sku, "frozen")

    causes = await causes_of(rig, case)

    assert (10, 9) == (causes["complaints"], causes["customers"])
    assert [("L-7", 5, 4, 0.5, 0.5), (None, 4, 4, 0.4, 0.9), ("L-8", 1, 1, 0.1, 1.0)] == (
        shares(causes, "lot"))
    assert [("defect", 9, 8, 0.9, 0.9), ("smell", 1, 1, 0.1, 1.0)] == shares(causes, "intent")
    assert [("major", 5, 4, 0.5, 0.5), ("minor", 4, 4, 0.4, 0.9), ("critical", 1, 1, 0.1, 1.0)] == (
        shares(causes, "severity"))
    assert [(None, 10, 9, 1.0, 1.0)] == shares(causes, "seller")


async def test_no_more_than_fifty_values_are_told(rig: Rig, sku: str):
    """The rest are counted by their number."""
    for number in range(52):
        await rig.complain(sku, 1, lot=f"L-{number}")
    case = await rig.in_state(sku, "frozen")

    lots = (await causes_of(rig, case))["by"]["lot"]

    assert (50, 2) == (len(lots["items"]), lots["more"])
    assert 50 / 52 == pytest.approx(lots["items"][-1]["cumulative"], abs=1e-3)


async def test_closed_cases_say_what_it_was_and_what_was_done(rig: Rig, take_sku: TakeSku):
    """Of a similar case that is still open nobody knows the cause for sure."""
    sku = take_sku()
    await put(
        rig,
        case_in(sku, State.CLOSED_REINSTATED, remedy=REMEDY, category="similar"),
        case_in(take_sku(), State.REMEDY_PROPOSED, category="similar", vendor="nobody"),
        case_in(take_sku(), State.FROZEN, category="similar", vendor="nobody-else"),
    )
    [frozen] = (await rig.read("/v1/cases", "owen", params={
        "category": "similar", "state": "frozen"}))["items"]

    causes = await causes_of(rig, frozen)
    by_state = {one["state"]: one for one in causes["similar"]}

    assert (0, 0) == (causes["complaints"], causes["customers"])
    assert {"closed_reinstated", "remedy_proposed"} == by_state.keys()
    closed, proposed = by_state["closed_reinstated"], by_state["remedy_proposed"]
    assert REMEDY["cause"] == closed["cause"]
    assert {"corrective_action": REMEDY["corrective_action"],
            "preventive_action": REMEDY["preventive_action"]} == closed["fix"]
    assert (sku, None, None) == (closed["sku"], proposed["cause"], proposed["fix"])


async def test_causes_are_the_shops(rig: Rig, sku: str):
    """Sellers, channels and other vendors' cases are no vendor's business."""
    await rig.complain(sku, 5)
    case = await rig.in_state(sku, "frozen")
    path = f"/v1/cases/{case['id']}/causes"

    for who in ("vera", "vito", "catalogue", "source"):
        assert 403 == (await rig.call("GET", path, who)).status
    assert 404 == (await rig.call("GET", f"/v1/cases/{uuid4()}/causes", "owen")).status
    assert 404 == (await rig.call("GET", "/v1/cases/17/causes", "owen")).status
