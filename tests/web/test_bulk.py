"""One command for many cases: each for itself, with a result of its own."""

from typing import Any

import pytest

from tests.acceptance.conftest import TakeSku
from tests.rig import Rig
from tests.web.visiting import Browser, Seen, signed_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def stopped(rig: Rig, *skus: str) -> list[dict[str, Any]]:
    for sku in skus:
        await rig.complain(sku)
    return [await rig.in_state(sku, "frozen") for sku in skus]


async def ask(browser: Browser, command: str, *cases: dict[str, Any]) -> Seen:
    """Open the form of a command for cases that were ticked."""
    query = "&".join(f"case={one['id']}" for one in cases)
    return await browser.get(f"/console/bulk/{command}?{query}")


def fields(cases: list[dict[str, Any]], **more: str) -> list[tuple[str, str]]:
    """Return what the form sends: each case at the version that it showed."""
    return [*(("case", f"{one['id']}:{one['version']}") for one in cases), *more.items()]


async def test_each_case_has_its_own_result(rig: Rig, take_sku: TakeSku) -> None:
    """One has changed meanwhile, one is none: they are named, and the others are done."""
    first, second, third = await stopped(rig, *(take_sku() for _ in range(3)))
    owen = await signed_in(rig, "owen")
    form = await ask(owen, "accept_ownership", first, second, third)
    await rig.done(second, "comment", "mara", comment="Wait.")
    await rig.done(second, "accept_ownership", "owen")
    unknown = {"id": "no-such-case", "version": 1}
    csrf = form.text.split('name="csrf" value="')[1].split('"')[0]
    seen = await owen._send(
        "POST", "/console/bulk/accept_ownership", True,
        {"Origin": rig.url, "Sec-Fetch-Site": "same-origin"},
        data=[("csrf", csrf), *fields([first, second, unknown, third])],
    )

    states = [(await rig.case(one["id"]))["state"] for one in (first, second, third)]
    assert ["diagnosing"] * 3 == states
    assert "Done: 2" in seen.words
    assert "Not done: 2" in seen.words
    assert "It has changed since you saw it." in seen.words
    assert "There is no case no-such-case." in seen.words


async def test_what_was_typed_is_kept_for_what_failed(rig: Rig, take_sku: TakeSku) -> None:
    """Handing off to somebody who can't own a case is refused for each, and the words stay."""
    cases = await stopped(rig, take_sku(), take_sku())
    owen = await signed_in(rig, "owen")
    taken = [await rig.done(one, "accept_ownership", "owen") for one in cases]
    form = await ask(owen, "hand_off", *taken)
    csrf = form.text.split('name="csrf" value="')[1].split('"')[0]

    async def give(to: str) -> Seen:
        return await owen._send(
            "POST", "/console/bulk/hand_off", True,
            {"Origin": rig.url, "Sec-Fetch-Site": "same-origin"},
            data=[("csrf", csrf), *fields(taken, to=to, reason="I am away.")],
        )

    refused = await give("alba")
    done = await give("mara")
    offered = [(await rig.case(one["id"]))["hand_off"]["to"] for one in taken]
    mara = await signed_in(rig, "mara")
    over = await ask(mara, "accept_hand_off", *taken)

    assert "Not done: 2" in refused.words
    assert "I am away.</textarea>" in refused.text
    assert 2 == refused.text.count('name="case"')
    assert "Done: 2" in done.words
    assert ["mara", "mara"] == offered
    assert 2 == over.text.count('name="case"')


async def test_what_is_not_for_many_cases_is_offered_for_none(rig: Rig, take_sku: TakeSku) -> None:
    """No approval for several at once, whoever asks how; and at most fifty of anything else."""
    case = await rig.to_awaiting_approval(take_sku())
    mara = await signed_in(rig, "mara")
    queue = await mara.get("/console")
    for command in ("approve", "declare_false_alarm", "narrow", "freeze", "no-such"):
        assert 404 == (await ask(mara, command, case)).status
        sent = await mara.post(
            f"/console/bulk/{command}", {"case": f"{case['id']}:{case['version']}"}
        )
        assert sent.status in {403, 404}
    many = [{"id": f"c-{n}"} for n in range(51)]
    nobody = await ask(mara, "comment")

    assert "/console/bulk/comment" in queue.text
    assert "/console/bulk/approve" not in queue.text
    assert "awaiting_approval" == (await rig.case(case["id"]))["state"]
    assert 422 == (await ask(mara, "comment", *many)).status
    assert "No case is ticked." in nobody.words
    assert case["version"] == (await rig.case(case["id"]))["version"]
