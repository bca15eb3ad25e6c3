"""Related items of one in which a defect was found: the lower bound stops them too, for a while."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from freezeguard.services.detecting.recomputing import recompute
from tests.acceptance.conftest import TakeSku
from tests.acceptance.steps import (
    approve,
    ask_for_approval,
    body_of,
    can_be_bought,
    cannot_be_bought,
    mails_arrived,
    sql,
    to_probation,
)
from tests.rig import FIVE_CUSTOMERS, REMEDY, Rig

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOOKS = {**FIVE_CUSTOMERS, "id": "looks-at-two", "bound": 5, "look": 2}
SHOP = {"rules": (LOOKS,), "policy": {"soft_hold": False, "sibling_days": 90}}


async def of(rig: Rig, sku: str, vendor: str | None, category: str | None) -> str:
    """Make a SKU one of this vendor and category."""
    await sql(
        rig, "UPDATE skus SET vendor = $2, category = $3 WHERE sku = $1", sku, vendor, category
    )
    return sku


async def found(rig: Rig, sku: str, **remedy: object) -> None:
    """Have a defect found in an item: its vendor says how it will be remedied."""
    await rig.complain(sku, 5)
    case = await rig.in_state(sku, "frozen")
    case = await rig.done(case, "accept_ownership", "owen")
    await rig.done(case, "propose_remedy", "vera", remedy={**REMEDY, **remedy})


async def test_the_lower_bound_stops_a_related_item(rig: Rig, take_sku: TakeSku):
    """Two complaints are a suspicion; beside a found defect they stop the sale, and say why."""
    first, second = [await of(rig, take_sku(), "acme", "kettles") for _ in range(2)]
    await found(rig, first)
    [case] = await rig.cases(first)
    before = len(rig.mailbox.messages)

    await rig.complain(second, 2)

    sister = await rig.in_state(second, "frozen")
    await cannot_be_bought(rig, second)
    assert {"sku": first, "case": str(case["number"])} == sister["reason"]["sibling"]
    assert 2 == sister["reason"]["bound"]
    theirs = await rig.read(f"/v1/cases/{sister['id']}", "vera")
    assert sister["reason"]["sibling"] == theirs["reason"]["sibling"]
    await mails_arrived(rig, sister)
    said = [" ".join(body_of(one).split()) for one in rig.mailbox.messages[before:]]
    assert any(f"in {first}, a related item" in one for one in said)
    assert rig.service is not None
    again = await recompute(rig.service.database, UUID(sister["id"]), datetime.now(UTC))
    assert again.is_same, again.as_dict()


async def test_a_suspicion_becomes_a_stop_once_the_defect_is_found(rig: Rig, take_sku: TakeSku):
    """What was merely suspected before is stopped by the next complaint, in the same case."""
    first, second = [await of(rig, take_sku(), "acme", "lamps") for _ in range(2)]
    await rig.complain(second, 2)
    suspicion = await rig.in_state(second, "suspected")
    await found(rig, first)

    await rig.complain(second, 1)

    assert suspicion["id"] == (await rig.in_state(second, "frozen"))["id"]


async def test_a_lot_relates_items_of_different_categories(rig: Rig, take_sku: TakeSku):
    """The lot that a remedy gives up stands in complaints about another of the vendor's items."""
    first = await of(rig, take_sku(), "acme", "pans")
    second = await of(rig, take_sku(), "acme", "lids")
    third = await of(rig, take_sku(), "acme", "lids")
    await found(rig, first, affected_lots=["L-7"])

    await rig.complain(second, 2, lot="L-7")
    await rig.complain(third, 2, lot="L-8")

    await rig.in_state(second, "frozen")
    await rig.in_state(third, "suspected")


@pytest.mark.parametrize(
    ("vendor", "category"), [("other", "pots"), ("acme", "forks"), (None, None)]
)
async def test_unrelated_items_are_suspected_as_ever(
    rig: Rig, take_sku: TakeSku, vendor: str | None, category: str | None
):
    """Another vendor's, another category's, and an item of which neither is known."""
    await found(rig, await of(rig, take_sku(), "acme", "pots"))
    sku = await of(rig, take_sku(), vendor, category)

    await rig.complain(sku, 2)

    await rig.in_state(sku, "suspected")
    await can_be_bought(rig, sku)


async def test_items_without_a_category_are_not_all_related(rig: Rig, take_sku: TakeSku):
    """Where nobody says what an item is, being of one vendor is not enough."""
    await found(rig, await of(rig, take_sku(), "acme", None))
    sku = await of(rig, take_sku(), "acme", None)

    await rig.complain(sku, 2)

    await rig.in_state(sku, "suspected")


async def test_a_false_alarm_that_is_being_released_is_no_defect(rig: Rig, take_sku: TakeSku):
    """The catalogue refuses to sell again: what was found is still that nothing was wrong."""
    first, second, third = [await of(rig, take_sku(), "acme", "bowls") for _ in range(3)]
    await rig.complain(first, 5)
    case = await rig.in_state(first, "frozen")
    await rig.shop.faults(skus=[first], refuse=422, operations=["restore"])
    await rig.done(case, "declare_false_alarm", "owen", reason_code="wrong_item")
    assert "reinstating" == (await rig.case(case["id"]))["state"]

    await rig.complain(second, 2)

    await rig.in_state(second, "suspected")
    await rig.complain(first, 6)  # it is stopped again before it sold: nobody has found more
    await rig.in_state(first, "frozen")
    await rig.complain(third, 2)
    await rig.in_state(third, "suspected")
    await rig.shop.no_faults()


async def test_more_complaints_about_the_first_item_change_nothing(rig: Rig, take_sku: TakeSku):
    """They void its approval, and later stop it again: its defect was found all the same."""
    skus = [await of(rig, take_sku(), "acme", "kitchen") for _ in range(3)]
    case = await rig.to_awaiting_approval(skus[0])
    await rig.complain(skus[0], 8)
    await rig.in_state(skus[0], "diagnosing")
    await rig.complain(skus[1], 2)
    await rig.in_state(skus[1], "frozen")

    now = await rig.case(case["id"])
    await approve(rig, await ask_for_approval(rig, now), "mara")
    await rig.in_state(skus[0], "probation")
    await rig.complain(skus[0], 3)
    await rig.in_state(skus[0], "frozen")
    await rig.complain(skus[2], 2)
    await rig.in_state(skus[2], "frozen")
    await sql(rig, "UPDATE cases SET category = 'told' WHERE sku = $1", skus[0])  # of others


async def test_it_ends_some_time_after_the_case(rig: Rig, take_sku: TakeSku):
    """Ninety days after the remedy proved itself its sisters are items like any other."""
    first, second, third = [await of(rig, take_sku(), "acme", "kitchen") for _ in range(3)]
    await to_probation(rig, first)
    await rig.in_state(first, "closed_reinstated", seconds=20)
    days = "UPDATE cases SET closed_at = closed_at - $2 * interval '1 day' WHERE sku = $1"

    await sql(rig, days, first, 89)
    await rig.complain(second, 2)
    await rig.in_state(second, "frozen")
    await sql(rig, days, first, 2)
    await rig.complain(third, 2)

    await rig.in_state(third, "suspected")
