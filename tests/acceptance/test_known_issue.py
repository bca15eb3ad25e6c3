"""What a contact centre hears on each call."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from freezeguard.domain.knownissue import WORDS
from freezeguard.domain.scope import Scope
from freezeguard.domain.transitions import State
from tests.acceptance.conftest import TakeSku
from tests.acceptance.rows import case_in, put
from tests.acceptance.steps import pull
from tests.rig import Rig, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

OFFER = {"en": "A replacement.", "de": "Ersatz."}
SHOP = {"contact_centre": {"quality_offer": OFFER}}


async def known(rig: Rig, sku: str, who: str = "source", **asked: str) -> dict[str, Any]:
    """Ask as the contact centre's system, unless told otherwise."""
    return await rig.read(f"/v1/skus/{sku}/known-issue", who, params=asked)


async def test_a_call_about_a_stopped_item_is_answered(rig: Rig, sku: str):
    """From the first complaint on nothing, then what may be said, and the vendor's own date."""
    await rig.complain(sku, 4)
    nothing = {"sku": sku, "known": False, "state": None, "scope": None, "since": None,
               "words": None, "offer": None, "fix_by": None, "case": None}
    assert nothing == await known(rig, sku)

    await rig.complain(sku, 1)
    case = await rig.in_state(sku, "frozen")
    told = await known(rig, sku)

    assert (True, "stopped", WORDS["quality"], OFFER, None, None) == tuple(
        told[name] for name in ("known", "state", "words", "offer", "fix_by", "case"))
    assert datetime.fromisoformat(case["frozen_at"]) == datetime.fromisoformat(told["since"])

    date = (datetime.now(UTC) + timedelta(days=5)).replace(microsecond=0)
    await rig.done(case, "commit_date", "vera", date=date.isoformat())
    told = await known(rig, sku, language="de-AT")

    assert date == datetime.fromisoformat(told["fix_by"])
    assert ["de"] == [*told["words"]] == [*told["offer"]]
    assert told["words"]["de"].startswith(WORDS["quality"]["de"] + " Voraussichtlich")


async def test_a_pull_alone_is_not_told(rig: Rig, sku: str):
    """What one associate suspects pauses the sale, and no customer hears of it."""
    await pull(rig, "alba", sku)

    async def frozen() -> bool:
        return await rig.status(sku) == "frozen"

    await until(frozen, "readers are told")
    assert not (await known(rig, sku))["known"]
    await pull(rig, "bert", sku, status=200)
    assert (await known(rig, sku))["known"]


async def test_a_false_alarm_is_not_told(rig: Rig, sku: str):
    """From the moment that it is declared nobody hears of it any more."""
    await rig.complain(sku, 5)
    case = await rig.in_state(sku, "frozen")

    await rig.done(case, "declare_false_alarm", "owen", reason_code="wrong_item")

    assert not (await known(rig, sku))["known"]


async def test_the_case_is_named_to_staff_only(rig: Rig, sku: str):
    """A key learns what may be said; an associate may open the case."""
    await rig.complain(sku, 5)
    case = await rig.in_state(sku, "frozen")

    assert case["number"] == (await known(rig, sku, "alba"))["case"]
    assert [None, None] == [(await known(rig, sku, who))["case"] for who in ("source", "catalogue")]


async def test_a_question_may_be_about_a_lot(rig: Rig, take_sku: TakeSku):
    """Only what touches the question is told, and the scope says what to ask the customer for."""
    sku = take_sku()
    await put(rig, case_in(sku, State.DIAGNOSING, lane="safety", scope=Scope(sku, lot="L-7")))

    told = await known(rig, sku)

    assert (True, "L-7") == (told["known"], told["scope"]["lot"])
    assert told["words"]["en"].endswith(WORDS["caution"]["en"])
    assert told["offer"] is None  # nothing is offered in the lane safety
    assert (await known(rig, sku, lot="L-7"))["known"]
    assert not (await known(rig, sku, lot="L-8"))["known"]


async def test_a_sku_may_be_anything(rig: Rig):
    """What nobody knows has no issue: no error, whatever stands in the address."""
    for sku in ("nobody-knows", "a%2Fb", "%F0%9F%92%A5"):
        assert not (await known(rig, sku))["known"]


async def test_no_vendor_asks(rig: Rig, sku: str):
    """A vendor's people see their cases; what is said to customers is the shop's."""
    for who in ("vera", "vito"):
        answer = await rig.call("GET", f"/v1/skus/{sku}/known-issue", who)
        assert (403, "not_allowed") == (answer.status, answer.body["code"])
    refused = await rig.call("GET", f"/v1/skus/{sku}/known-issue", "source",
                             params={"language": "Deutsch!"})
    assert (422, "language") == (refused.status, refused.body["errors"][0]["parameter"])
