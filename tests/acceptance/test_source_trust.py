"""Sources lose trust by false alarms: what they alone say is suspected until a person agrees."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
import pytest_asyncio

from freezeguard.services.detecting.recomputing import recompute
from tests.acceptance.conftest import SAFETY, TakeSku
from tests.acceptance.steps import (
    approve,
    ask_for_approval,
    body_of,
    can_be_bought,
    mails_arrived,
    pull,
    reaches,
    sql,
)
from tests.rig import FIVE_CUSTOMERS, SOURCE, Rig

pytestmark = pytest.mark.asyncio(loop_scope="module")

TWO = {**FIVE_CUSTOMERS, "id": "two-customers", "bound": 2}
SHOP = {"rules": (TWO, SAFETY), "policy": {"trust_limit": 0.5}}


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def clean_slate(rig: Rig):
    """Begin each test with sources of which nothing is known."""
    await sql(rig, "DELETE FROM source_verdicts")
    await read_again(rig)


async def read_again(rig: Rig) -> None:
    """Let the replica read what is known of sources now."""
    assert rig.service is not None
    await rig.service.trust.refresh()


async def false_alarm(rig: Rig, sku: str, code: str = "abuse") -> None:
    """Freeze a SKU by complaints that prove to be none."""
    await rig.complain(sku, 2)
    case = await rig.in_state(sku, "frozen")
    await rig.done(case, "declare_false_alarm", "owen", reason_code=code)
    await reaches(rig, case, "closed_false_alarm")


async def judged(rig: Rig, source: str, *, right: int = 0, wrong: int = 0) -> None:
    """Let so many cases of a source have ended today."""
    for was_right, number in ((True, right), (False, wrong)):
        await sql(
            rig, "INSERT INTO source_verdicts (source, case_id, at, was_right) SELECT $1,"
            " gen_random_uuid(), now(), $2 FROM generate_series(1, $3::int)",
            source, was_right, number,
        )
    await read_again(rig)


async def test_after_three_false_alarms_a_feed_only_suspects(rig: Rig, take_sku: TakeSku):
    """Three stops by abuse and no right one: the fourth is a suspicion that says why."""
    for _ in range(3):
        await false_alarm(rig, take_sku())
    await read_again(rig)
    sku = take_sku()
    await rig.complain(sku, 3)

    case = await rig.in_state(sku, "suspected")
    assert None is case["hold"]
    await can_be_bought(rig, sku)
    [doubted] = case["reason"]["doubted"]
    assert (SOURCE, 0.0) == (doubted["source"], doubted["confirmed"])
    assert 2.9 < doubted["false_alarms"] <= 3
    assert 0.42 < doubted["trust"] < 0.44
    assert ["suspected"] == (await mails_arrived(rig, case))["person:owen"]
    [letter] = [one for one in rig.mailbox.to("owen@shop.example") if sku in str(one["Subject"])]
    said = " ".join(body_of(letter).split())
    assert f"but by {SOURCE} alone, which is trusted 42.9 % only" in said
    outcomes = await sql(rig, "SELECT outcome FROM crossings WHERE sku = $1", sku)
    assert ["suspect", "suspect"] == [one["outcome"] for one in outcomes]
    standing = (await rig.read(f"/v1/sources/{SOURCE}", "quin"))["standing"]
    assert doubted["trust"] == pytest.approx(standing["trust"], abs=0.01)


async def test_a_person_who_agrees_stops_the_sale(rig: Rig, sku: str):
    """The suspicion is frozen in the same case by a manager, and can be recomputed."""
    await judged(rig, SOURCE, wrong=5)
    await rig.complain(sku, 2)
    case = await rig.in_state(sku, "suspected")

    frozen = await pull(rig, "mara", sku, status=200)

    assert (case["id"], "freezing") == (frozen["id"], frozen["state"])
    case = await reaches(rig, frozen, "frozen")
    assert rig.service is not None
    again = await recompute(rig.service.database, UUID(case["id"]), datetime.now(UTC))
    assert again.is_same, again.as_dict()


async def test_another_source_that_is_trusted_is_enough(rig: Rig, sku: str):
    """The doubted feed is not alone: one of the two complaints comes from the lab."""
    await judged(rig, SOURCE, wrong=5)
    await rig.complain(sku, 1)
    await rig.complain(sku, 1, who="safety", source="lab")

    assert "doubted" not in (await rig.in_state(sku, "frozen"))["reason"]


async def test_safety_is_not_weighed(rig: Rig, sku: str):
    """One safety signal of a source that may assert it stops the sale, whatever its cases were."""
    await judged(rig, "lab", wrong=20)
    await rig.complain(sku, 1, who="safety", source="lab", severity="safety")

    assert "safety" == (await rig.in_state(sku, "frozen"))["lane"]


@pytest.mark.parametrize("code", ["rule_error", "delivery_fault"])
async def test_what_is_not_its_fault_costs_no_trust(rig: Rig, take_sku: TakeSku, code):
    """A wrong rule, or a carrier, is scored elsewhere: the feed is trusted as before."""
    for _ in range(3):
        await false_alarm(rig, take_sku(), code)
    await read_again(rig)
    sku = take_sku()
    await rig.complain(sku, 2)

    await rig.in_state(sku, "frozen")


async def test_right_cases_win_trust_back(rig: Rig, take_sku: TakeSku):
    """A case that ends with a remedy proves its sources right."""
    await judged(rig, SOURCE, wrong=3)
    sku = take_sku()
    await rig.complain(sku, 2)
    await pull(rig, "mara", sku, status=200)
    case = await rig.in_state(sku, "frozen")
    await approve(rig, await ask_for_approval(rig, case), "mara")

    verdicts = await sql(rig, "SELECT was_right FROM source_verdicts WHERE case_id = $1",
                         UUID(case["id"]))
    assert [True] == [one["was_right"] for one in verdicts]
    await read_again(rig)
    again = take_sku()
    await rig.complain(again, 2)
    await rig.in_state(again, "frozen")


async def test_an_admin_takes_trust_away_at_once(rig: Rig, sku: str):
    """A feed that is given half the trust only suspects from then on."""
    put = await rig.call("PUT", f"/v1/sources/{SOURCE}", "root", json={"trust": 0.5})
    assert 200 == put.status
    await rig.complain(sku, 2)

    case = await rig.in_state(sku, "suspected")

    assert 0.375 == case["reason"]["doubted"][0]["trust"]
    await rig.call("PUT", f"/v1/sources/{SOURCE}", "root", json={"trust": 1.0})
