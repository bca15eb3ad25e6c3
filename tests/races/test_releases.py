"""Two holds on one catalogue object, released in either order, on two replicas."""

import asyncio
import json
from collections.abc import Sequence

import pytest

from freezeguard.domain.record import Case
from freezeguard.domain.scope import Scope
from freezeguard.domain.transitions import State
from tests.acceptance.rows import IMAGE, case_in, put
from tests.races.trials import (
    STOPPED,
    TRIALS,
    Raced,
    Request,
    at_first_asking,
    command,
    crowds,
    new_skus,
    owner_connection,
    race,
    tell,
    timed,
    together,
    until_all,
)
from tests.rig import Rig, until

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(400)]


async def _held_twice(rig: Rig, number: int) -> list[tuple[Case, Case]]:
    """Build SKUs by rows, each stopped in the shop by a hold on a lot and a hold on all of it."""
    skus = await new_skus(rig, number, **STOPPED)
    pairs = [
        (case_in(sku, State.FROZEN, scope=Scope(sku, lot="L-7")), case_in(sku, State.FROZEN))
        for sku in skus
    ]
    await put(rig, *(case for pair in pairs for case in pair))
    return pairs


def _release(rig: Rig, case: Case, url: str) -> Request:
    return command(rig, case, "declare_false_alarm", "owen", url, reason_code="rule_error")


async def _as_before(rig: Rig, skus: Sequence[str]) -> None:
    """See every SKU in the shop as it was before its first stop, and its image as it was saved."""
    for sku in skus:
        product = await rig.shop.product(sku)
        assert IMAGE == {name: product[name] for name in IMAGE}, sku
    query = "SELECT before_image FROM catalogue_objects WHERE sku = ANY ($1)"
    async with owner_connection(rig) as connection:
        images = [json.loads(row[0]) for row in await connection.fetch(query, list(skus))]
    assert [IMAGE] * len(skus) == images


async def _on_sale_in_ns(rig: Rig, skus: Sequence[str]) -> dict[str, list[int]]:
    """Return when the shop was told to sell each SKU again, by its own log."""
    moments: dict[str, list[int]] = {sku: [] for sku in skus}
    for entry in await rig.shop.log():
        fields = entry["fields"] or {}
        if entry["applied_ns"] and entry["sku"] in moments and fields.get("sale_stop") is False:
            moments[entry["sku"]].append(entry["applied_ns"])
    return moments


async def _released_in_ns(rig: Rig, skus: Sequence[str]) -> dict[str, list[int]]:
    """Return when each hold of each SKU began to be released."""
    query = (
        "SELECT sku, extract(epoch FROM at) * 1e9 AS ns FROM case_events"
        " WHERE sku = ANY ($1) AND command = 'declare_false_alarm' ORDER BY at"
    )
    moments: dict[str, list[int]] = {sku: [] for sku in skus}
    async with owner_connection(rig) as connection:
        for row in await connection.fetch(query, list(skus)):
            moments[row["sku"]].append(int(row["ns"]))
    return moments


async def test_two_holds_released_together_or_in_either_order(replicas: Rig):
    """Of 300 SKUs held twice, each is sold again once, when its last hold ended, as it was."""
    rig = replicas
    pairs = await _held_twice(rig, TRIALS)
    skus = [case.scope.sku for case, _ in pairs]
    one, other = rig.urls

    async with timed(f"{TRIALS} times two releases"):
        at_once = [
            (_release(rig, lot, one), _release(rig, whole, other)) for lot, whole in pairs[::3]
        ]
        answers = [answer for pair in await race(at_once) for answer in pair]
        answers += await _one_after_the_other(rig, pairs[1::3], [0, 1])
        answers += await _one_after_the_other(rig, pairs[2::3], [1, 0])
        await until_all(rig, skus, ["closed_false_alarm"])

    assert {200} == {answer.status for answer in answers if not answer.repeated}
    await _as_before(rig, skus)
    sold, released = await _on_sale_in_ns(rig, skus), await _released_in_ns(rig, skus)
    early = sum(min(sold[sku]) < max(released[sku]) for sku in skus)
    repeated = sum(len(sold[sku]) > 1 for sku in skus)
    tell(f"{TRIALS} SKUs held twice: {early} sold too early, {repeated} restored more than once")
    assert (0, 0) == (early, repeated)
    assert not any([(await rig.shop.buy(sku)).ok is False for sku in skus[::10]])


async def _one_after_the_other(
    rig: Rig, pairs: Sequence[tuple[Case, Case]], order: list[int]
) -> list[Raced]:
    """Release both holds of each SKU, the second as soon as the first was answered."""
    answers = []
    for crowd in crowds(pairs):
        for turn in order:
            answers += await together([
                _release(rig, pair[turn], rig.urls[turn]) for pair in crowd
            ])
    return answers


async def test_a_release_against_a_new_hold(replicas: Rig):
    """Of 100 releases that meet a new freeze, each ends stopped; the later release restores it."""
    rig = replicas
    number = TRIALS // 3
    skus = await new_skus(rig, number, **STOPPED)
    cases = [case_in(sku, State.FROZEN, scope=Scope(sku, lot="L-7")) for sku in skus]
    await put(rig, *cases)
    one, other = rig.urls

    def pull(sku: str) -> Request:
        body = {"scope": {"sku": sku}, "reason_code": "defective"}
        return lambda: rig.call("POST", "/v1/freezes", "quin", url=other, json=body)

    async with timed(f"{number} releases against a new hold"):
        answers = await race([(_release(rig, case, one), pull(case.scope.sku)) for case in cases])
        await until_all(rig, skus, ["closed_false_alarm", "frozen"])
    assert {(200, 201)} == {
        (first.status, second.status) for first, second in at_first_asking(answers)
    }

    async def none_is_sold() -> bool:
        return not set(skus) & set(await rig.shop.sellable())

    await until(none_is_sold, "every SKU stopped", seconds=15)
    for crowd in crowds([second.body["id"] for _, second in answers]):
        frozen = await asyncio.gather(*(rig.case(case_id) for case_id in crowd))
        await asyncio.gather(*(
            rig.done(case, "declare_false_alarm", "owen", reason_code="rule_error")
            for case in frozen
        ))
    await until_all(rig, skus, ["closed_false_alarm"])
    await _as_before(rig, skus)
