"""The queue: who needs somebody first, whose turn it is, and pages that fit together."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from freezeguard.domain.record import Case
from freezeguard.domain.transitions import FINAL, OPEN, State
from freezeguard.ports.storage import Transaction
from tests.acceptance.conftest import TakeSku
from tests.acceptance.rows import case_in, put
from tests.acceptance.steps import pull
from tests.rig import Rig, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOW = datetime.now(UTC)
SHOP = {"seed": 80}


async def queue(rig: Rig, who: str = "mara", **asked: Any) -> list[dict[str, Any]]:
    """Return the first page of the queue."""
    params = {"order": "harm", "limit": 200, **asked}
    answer = await rig.read("/v1/cases", who, params=params)
    return list(answer["items"])


async def harm_of(rig: Rig, sku: str) -> dict[str, Any]:
    """Wait until somebody has counted for the one case of a SKU; return what was counted."""

    async def counted() -> Any:
        [listed] = await queue(rig, sku=sku)
        return listed["harm"]["customers"] is not None and listed["harm"]

    return dict(await until(counted, f"{sku} counted"))


async def test_a_rank_is_the_product_of_what_it_says(rig: Rig, sku: str):
    """Customers, units, money and age are those of the case, and the formula is the documented."""
    body = {"title": "Kettle", "vendor": "acme", "category": "kitchen", "price": "99"}
    assert 200 == (await rig.call("PUT", f"/v1/skus/{sku}", "root", json=body)).status
    shipped = {"id": f"u-{sku}", "source": "helpdesk", "sku": sku, "units": 20,
               "shipped_at": (NOW - timedelta(days=2)).isoformat()}
    assert 202 == (await rig.call("POST", "/v1/units", "source", json=shipped)).status
    await rig.complain(sku, 5, severity="critical", contact_cost="180")
    await rig.complain(sku, 1, intent="change_of_mind", severity="minor")
    await rig.in_state(sku, "frozen")

    async def told() -> Any:
        [listed] = await queue(rig, sku=sku)
        return listed["harm"]["contact_cost"] == "900.0000" and listed["harm"]

    harm = await until(told, "all five are counted")

    assert {"severity": "critical", "customers": 5, "units": 20, "price": "99.0000",
            "overdue": 0} == {name: harm[name] for name in
                              ("severity", "customers", "units", "price", "overdue")}
    expected = 4 * (1 + 5) * (1 + 4 * 5 / 20) * (1 + 3) * (1 + harm["days"])
    assert expected == pytest.approx(harm["rank"], rel=1e-2)


async def test_what_hurts_people_comes_first(rig: Rig, take_sku: TakeSku):
    """Lane before severity, and an old or a late case before the same one, new and in time."""
    mild, old, hurt = take_sku(), take_sku(), take_sku()
    at = NOW - timedelta(hours=1)
    cases = [
        case_in(mild, State.FROZEN, opened_at=at, known_evidence={"severity": 2}),
        case_in(old, State.FROZEN, opened_at=at - timedelta(days=4),
                known_evidence={"severity": 2}),
        case_in(hurt, State.FROZEN, opened_at=at, lane="safety"),
    ]
    await put(rig, *cases)
    wanted = [mild, old, hurt]

    async def order() -> list[str]:
        return [one["scope"]["sku"] for one in await queue(rig) if one["scope"]["sku"] in wanted]

    assert [hurt, old, mild] == await order()
    await _overdue(rig, cases[0], clocks=4, days=5)

    [late] = await queue(rig, sku=mild)
    [in_time] = await queue(rig, sku=old)
    assert (4, 0) == (late["harm"]["overdue"], in_time["harm"]["overdue"])
    assert 3 == pytest.approx(
        late["harm"]["rank"] / (1 + late["harm"]["days"])
        / (in_time["harm"]["rank"] / (1 + in_time["harm"]["days"])), rel=1e-2)


async def _overdue(rig: Rig, case: Case, *, clocks: int, days: int) -> None:
    """Start clocks that have run out already, and say nothing of it."""
    assert rig.service is not None

    async def work(tx: Transaction) -> None:
        for n in range(clocks):
            await tx.cases.start_clock(
                uuid4(), case, f"gpsr_{n}", NOW - timedelta(days=days), NOW - timedelta(days=1)
            )

    await rig.service.database.run(work)


async def test_a_new_complaint_moves_its_case_up(rig: Rig, sku: str):
    """A case that is stopped already gets worse with everybody who complains of it."""
    await rig.complain(sku, 5)
    await rig.in_state(sku, "frozen")
    before = await harm_of(rig, sku)
    await rig.complain(sku, 3)

    async def more() -> Any:
        [listed] = await queue(rig, sku=sku)
        return listed["harm"]["customers"] == 8 and listed["harm"]

    after = await until(more, "three more are counted")

    assert after["rank"] > before["rank"]


async def test_pages_show_every_case_once(rig: Rig, take_sku: TakeSku):
    """Page by page, in falling rank, each open case once; no final one is in the queue."""
    states = [*sorted(OPEN), *sorted(FINAL)]
    skus = [take_sku() for _ in range(2 * len(states))]
    await put(rig, *(
        case_in(sku, state, category="paging", opened_at=NOW - timedelta(hours=n % 5))
        for n, (sku, state) in enumerate(zip(skus, states * 2, strict=True))
    ))
    asked: dict[str, Any] = {"order": "harm", "limit": 4, "category": "paging"}
    seen: list[tuple[float, str]] = []
    while True:
        page = await rig.read("/v1/cases", "mara", params=asked)
        seen += [(one["harm"]["rank"], one["id"]) for one in page["items"]]
        assert {one["state"] for one in page["items"]} <= OPEN
        if page["next"] is None:
            break
        asked["cursor"] = page["next"]

    assert 2 * len(OPEN) == len({one for _, one in seen}) == len(seen)
    assert sorted(seen, reverse=True) == seen


async def test_any_cursor_is_one(rig: Rig):
    """Forty-six hexadecimal digits are a place in either order, however senseless."""
    for cursor in ("f" * 46, "0" * 46, "00000ff" + "c" * 39):
        for order in ("newest", "harm"):
            params = {"cursor": cursor, "order": order}
            assert 200 == (await rig.call("GET", "/v1/cases", "mara", params=params)).status


async def test_filters_narrow_both_orders(rig: Rig, take_sku: TakeSku):
    """Category, lane, degraded and several states are for the queue and for the list alike."""
    skus = [take_sku() for _ in range(4)]
    frozen, hurt, ill, done = skus
    await put(
        rig,
        case_in(frozen, State.FROZEN, category="filters"),
        case_in(hurt, State.DIAGNOSING, category="filters", lane="safety"),
        case_in(ill, State.FROZEN, category="filters", degraded=True),
        case_in(done, State.DELISTED, category="filters"),
    )
    for order in ("newest", "harm"):
        async def found(order: str = order, **asked: Any) -> set[str]:
            params = {"category": "filters", "order": order, **asked}
            answer = await rig.read("/v1/cases", "mara", params=params)
            return {one["scope"]["sku"] for one in answer["items"]}

        every = {frozen, hurt, ill} | ({done} if order == "newest" else set())
        assert every == await found()
        assert {hurt} == await found(lane="safety")
        assert {ill} == await found(degraded="true")
        assert every - {ill} == await found(degraded="false")
        assert {frozen, ill} == await found(state="frozen")
        assert {frozen, ill, hurt} == await found(state="frozen,diagnosing")
        assert set() == await found(my_areas="true")  # mara answers for the kitchen


async def test_my_areas_are_those_i_answer_for(rig: Rig, take_sku: TakeSku):
    """A manager of the garden sees the garden's; whoever answers for all sees all."""
    kitchen, garden = take_sku(), take_sku()
    await put(rig, case_in(kitchen, State.FROZEN),
              case_in(garden, State.FROZEN, category="garden"))

    async def found(who: str, **asked: str) -> set[str]:
        params = {"my_areas": "true", "order": "harm", "limit": "200", **asked}
        answer = await rig.read("/v1/cases", who, params=params)
        return {one["scope"]["sku"] for one in answer["items"]} & {kitchen, garden}

    assert {garden} == await found("miro")
    assert {kitchen} == await found("mara")
    assert {kitchen, garden} == await found("quin")
    assert set() == await found("miro", category="kitchen")


async def test_mine_is_what_waits_for_me(rig: Rig, take_sku: TakeSku):
    """What I own, or am offered, or am to approve, to judge or to second; not my own requests."""
    names = ("owned", "offered", "to_approve", "appeal", "elsewhere")
    skus = {name: take_sku() for name in names}
    await put(
        rig,
        case_in(skus["owned"], State.FROZEN, owner="mara"),
        case_in(skus["offered"], State.FROZEN, hand_off={"to": "mara", "by": "owen"}),
        case_in(skus["to_approve"], State.AWAITING_APPROVAL),
        case_in(skus["appeal"], State.APPEALED, decided_by=("owen", "quin")),
        case_in(skus["elsewhere"], State.FROZEN),
    )
    pulled = take_sku()
    await pull(rig, "alba", pulled)
    skus["pulled"] = pulled

    async def mine(who: str) -> set[str]:
        answer = await rig.read("/v1/cases", who, params={"mine": "true", "limit": "200"})
        found = {one["scope"]["sku"] for one in answer["items"]}
        return {name for name, one in skus.items() if one in found}

    assert {"owned", "offered", "to_approve", "appeal", "pulled"} == await mine("mara")
    # owen asked for the approval and decided what is appealed; the rest is his
    assert {"offered", "to_approve", "appeal", "elsewhere", "pulled"} == await mine("owen")
    assert {"pulled"} == await mine("bert")
    assert set() == await mine("alba") == await mine("audi") == await mine("vera")
    assert {"pulled"} == await mine("miro")  # of another category
    assert set() == await mine("catalogue")


async def test_a_first_vote_waits_for_another_one(rig: Rig, take_sku: TakeSku):
    """Where two must agree, the case waits for an analyst too once one has."""
    sku = take_sku()
    await put(rig, case_in(sku, State.DIAGNOSING))
    [case] = await rig.cases(sku)
    params = {"mine": "true", "sku": sku}
    assert [] == (await rig.read("/v1/cases", "quin", params=params))["items"]

    voted = await rig.command(case, "delist", "mara", reason="No remedy.")

    assert 200 == voted.status, voted.body
    assert [sku] == [one["scope"]["sku"] for one in
                     (await rig.read("/v1/cases", "quin", params=params))["items"]]
    assert [] == (await rig.read("/v1/cases", "mara", params=params))["items"]
    assert [] == (await rig.read("/v1/cases", "alba", params=params))["items"]


async def test_what_i_am_to_approve_i_am_offered(rig: Rig, sku: str):
    """Whoever finds a case among theirs for its approval has the command to give."""
    case = await rig.to_awaiting_approval(sku)

    mine = await rig.read("/v1/cases", "mara", params={"mine": "true", "sku": sku})
    [offer] = [one for one in (await rig.case(case["id"], "mara"))["available_commands"]
               if one["command"] == "approve"]

    assert [case["id"]] == [one["id"] for one in mine["items"]]
    assert not [one for one in offer["unmet"] if "another person" in one]


async def test_the_queue_is_the_shops(rig: Rig, sku: str):
    """What is weighed is none of a vendor's business; a catalogue system may see it."""
    await put(rig, case_in(sku, State.FROZEN))

    refused = await rig.call("GET", "/v1/cases", "vera", params={"order": "harm"})
    listed = await rig.read("/v1/cases", "vera", params={"sku": sku, "degraded": "false"})

    assert (403, "not_allowed") == (refused.status, refused.body["code"])
    assert [None] == [one["harm"] for one in listed["items"]]
    assert [sku] == [one["scope"]["sku"] for one in await queue(rig, "catalogue", sku=sku)]


@pytest.mark.parametrize("asked", [
    {"state": "frozen,"}, {"state": "thawed"}, {"state": ",frozen"}, {"state": "frozen frozen"},
    {"order": "age"}, {"lane": "fast"}, {"mine": "perhaps"}, {"degraded": ""}, {"category": ""},
])
async def test_what_is_no_filter_is_refused(rig: Rig, asked):
    """A misspelt filter is named; it never shows everything instead."""
    answer = await rig.call("GET", "/v1/cases", "mara", params=asked)

    assert (422, list(asked)) == (
        answer.status, [one["parameter"] for one in answer.body["errors"]]), answer.body
