"""Probation: what stops the sale again, and what does not end it."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from freezeguard.services.detecting.recomputing import recompute
from tests.acceptance.conftest import SAFETY
from tests.acceptance.steps import (
    approve,
    ask_for_approval,
    body_of,
    can_be_bought,
    cannot_be_bought,
    moves,
    pull,
    reaches,
    ring,
    ship,
    sql,
    to_probation,
)
from tests.rig import FIVE_CUSTOMERS, Rig, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

RATE = {
    "id": "one-in-fifty", "family": "rate", "window": "30d", "bound": 0.02, "min_units": 100,
    "min_customers": 2, "mode": "armed", "scope": {"sku": "SKU-000030"},
}
SHOP = {"rules": (FIVE_CUSTOMERS, SAFETY, RATE), "policy": {"probation_time": "1h"}}


async def injury(rig: Rig, sku: str, **more) -> None:
    """Report an injury from a source that may assert safety."""
    sent = rig.complaint(sku, "victim", severity="safety", source="lab", **more)
    assert 202 == (await rig.call("POST", "/v1/signals", "safety", json=sent)).status


@pytest.mark.parametrize("earlier", [timedelta(0), timedelta(days=2)], ids=["just now", "before"])
async def test_one_safety_signal_freezes_again(rig: Rig, sku: str, earlier):
    """Whoever was hurt was hurt: before the approval too, and by a lot that was given up."""
    case = await to_probation(rig, sku, affected_lots=["L-7"])
    await can_be_bought(rig, sku)

    when = (datetime.now(UTC) - earlier).isoformat()
    await injury(rig, sku, lot="L-7", occurred_at=when)

    case = await reaches(rig, case, "frozen")
    assert ("safety", 1) == (case["lane"], case["recurrence"])
    assert "safety" == case["hold"]["lane"]
    await cannot_be_bought(rig, sku)
    assert rig.service is not None
    again = await recompute(rig.service.database, UUID(case["id"]), datetime.now(UTC))
    assert again.is_same, again.as_dict()


async def test_a_new_statement_quotes_what_came_since(rig: Rig, sku: str):
    """Complaints that were dealt with are no ground to stop a sale again: only the new one is."""
    case = await to_probation(rig, sku)
    await injury(rig, sku, text="The handle broke off, and I was burnt.")
    await reaches(rig, case, "frozen")

    def again() -> list[str]:
        mails = [" ".join(body_of(one).split()) for one in rig.mailbox.to("quality@acme.example")]
        return [one for one in mails if sku in one and "It is the same case as before" in one]

    async def has_come() -> bool:
        return any("Complaints counted: 1 " in one for one in again())

    await until(has_come, "the new statement")
    assert any("I was burnt." in one for one in again())


async def test_a_case_of_one_lot_has_tightened_bounds_too(rig: Rig, sku: str):
    """The rule counts by SKU, the case is about a lot: half the customers of that lot freeze."""
    case = await pull(rig, "mara", sku, scope={"lot": "L-7"})
    case = await reaches(rig, case, "frozen")
    case = await approve(rig, await ask_for_approval(rig, case), "mara")
    case = await reaches(rig, case, "probation")

    await rig.complain(sku, 2, lot="L-7")
    assert "probation" == (await rig.case(case["id"]))["state"]
    await rig.complain(sku, 1, lot="L-7")

    case = await reaches(rig, case, "frozen")
    assert (1, "L-7") == (case["recurrence"], case["scope"]["lot"])
    assert 1 == len(await rig.cases(sku))


async def test_units_of_given_up_lots_do_not_dilute_the_rate(rig: Rig):
    """Four complaints on 200 sound units are 2 %, however many of the old lot were shipped too."""
    sku = "SKU-000030"
    case = await pull(rig, "mara", sku)
    case = await reaches(rig, case, "frozen")
    remedy = await ask_for_approval(rig, case, affected_lots=["L-7"])
    case = await approve(rig, remedy, "mara")
    case = await reaches(rig, case, "probation")

    await ship(rig, sku, 1000, lot="L-7")
    await ship(rig, sku, 200, lot="L-8")
    await rig.complain(sku, 2, lot="L-8")

    case = await reaches(rig, case, "frozen")
    assert "rate" == case["reason"]["family"]


async def test_probation_never_ends_past_signals_that_nobody_has_evaluated(rig: Rig, sku: str):
    """The timer re-checks its reason: what has arrived and waits may still freeze."""
    case = await to_probation(rig, sku)
    await sql(
        rig, "UPDATE cases SET probation = probation || jsonb_build_object('until', now(), "
        "'units', 0) WHERE id = $1 RETURNING id", case["id"],
    )
    await sql(
        rig, "INSERT INTO pending_evaluations VALUES ($1, 0, now(), now() + interval '1 hour') "
        "RETURNING sku", sku,
    )
    await ring(rig, case, "probation")

    async def rung_and_restarted() -> bool:
        rows = await sql(rig, "SELECT count(*) AS n FROM clocks WHERE case_id = $1 AND "
                         "kind = 'probation' AND due_at > now()", case["id"])
        return bool(rows[0]["n"])

    await until(rung_and_restarted, "the clock of the probation started again")
    assert "probation" == (await rig.case(case["id"]))["state"]
    await sql(rig, "DELETE FROM pending_evaluations WHERE sku = $1 RETURNING sku", sku)
    await ring(rig, case, "probation")
    case = await reaches(rig, case, "closed_reinstated")
    assert ("complete_probation", "closed_reinstated") == (await moves(rig, case))[-1]
