"""Questions on cases, end to end: the notice, the clock, the answer, and whose business it is."""

from typing import Any
from uuid import uuid4

import pytest

from tests.acceptance.conftest import TakeSku
from tests.acceptance.steps import mails_arrived, reaches, ring, sql, timeline
from tests.rig import Answer, Rig

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = {"workers": {"timers": 3600}}


async def ask(rig: Rig, case: dict[str, Any], who: str, **body: Any) -> Answer:
    """Ask on a case."""
    return await rig.call("POST", f"/v1/cases/{case['id']}/questions", who, json=body)


async def settle(
    rig: Rig, case: dict[str, Any], question: dict[str, Any], who: str, deed: str, **body: Any
) -> Answer:
    """Answer a question or take it back."""
    path = f"/v1/cases/{case['id']}/questions/{question['id']}/{deed}"
    return await rig.call("POST", path, who, json=body)


async def frozen(rig: Rig, sku: str) -> dict[str, Any]:
    """Return a case that is stopped, and of which its vendor knows."""
    await rig.complain(sku, 5)
    return await rig.in_state(sku, "frozen")


async def clocks_of(rig: Rig, case: dict[str, Any]) -> list[tuple[str, bool]]:
    """Return the sorts of the questions' clocks of a case, and which of them run."""
    rows = await sql(
        rig, "SELECT kind, stopped_at FROM clocks WHERE case_id = $1 AND kind LIKE '%question:%'"
        " ORDER BY started_at", case["id"],
    )
    return [(one["kind"].partition(":")[0], one["stopped_at"] is None) for one in rows]


async def told(rig: Rig, case: dict[str, Any], *kinds: str) -> list[tuple[str, str]]:
    """Return which notices of these kinds a case has, and to whom they went."""
    rows = await sql(
        rig, "SELECT kind, recipient FROM notices WHERE case_id = $1 AND kind = ANY ($2)"
        " ORDER BY created_at, n", case["id"], list(kinds),
    )
    return [(one["kind"], one["recipient"]) for one in rows]


async def test_a_vendor_is_asked_and_answers(rig: Rig, sku: str):
    """It gets a notice and a clock, who asked gets the answer, and no approver must look again."""
    case = await frozen(rig, sku)
    asked = await ask(rig, case, "quin", of="vendor", text="Since which lot?")
    assert 201 == asked.status, asked.body
    now = await rig.case(case["id"])
    assert (case["version"], case["evidence_revision"]) == (
        now["version"], now["evidence_revision"])
    assert [("vendor_question", True)] == await clocks_of(rig, case)
    again = await ask(rig, case, "mara", of="vendor", text="since which lot")
    assert 422 == again.status
    assert "asked already" in again.body["missing"][0]

    theirs = await rig.read(f"/v1/cases/{case['id']}", "vera")
    [question] = theirs["questions"]
    assert ("the shop", True, None) == (
        question["asked_by"], question["may_answer"], question["person"])
    assert any(one["kind"].startswith("vendor_question:") for one in theirs["clocks"])
    listed = await rig.read("/v1/cases", "vera", params={"sku": sku})
    assert listed["items"][0]["next_deadline"] is not None
    answered = await settle(rig, case, question, "vera", "answer", text="Since L-8.")
    assert ("answered", False) == (answered.body["outcome"], answered.body["may_answer"])
    assert [("vendor_question", False)] == await clocks_of(rig, case)
    assert [
        ("question_asked", "vendor:acme"), ("question_answered", "person:quin"),
    ] == await told(rig, case, "question_asked", "question_answered")
    arrived = await mails_arrived(rig, await rig.case(case["id"]))
    assert "question_asked" in arrived["vendor:acme"]
    assert ["question_answered"] == arrived["person:quin"]
    assert 409 == (await settle(rig, case, question, "vera", "answer", text="No.")).status
    known = await ask(rig, case, "mara", of="owner", text="Since which lot?")
    assert "Since L-8." in known.body["missing"][0]


async def test_what_colleagues_ask_each_other_stays_inside(rig: Rig, sku: str):
    """No vendor sees it: not in the case, its history, its list, its clocks or its pack."""
    case = await frozen(rig, sku)
    asked = await ask(rig, case, "alba", of="person", person="quin", text="Who packed it?")
    question = asked.body
    await settle(rig, case, question, "quin", "answer", text="Night shift, Mr Secret.")
    theirs = await ask(rig, case, "vera", text="Which parcel was it?")
    assert 201 == theirs.status
    [seen] = (await rig.read(f"/v1/cases/{case['id']}/questions", "vera"))["items"]

    assert theirs.body["id"] == seen["id"]
    own, inside = await timeline(rig, case, "vera"), await timeline(rig, case)
    assert ["ask_question"] == [one["command"] for one in own if "question" in one["command"]]
    assert ["ask_question", "answer_question", "ask_question"] == [
        one["command"] for one in inside if "question" in one["command"]]
    pack = await rig.call("GET", f"/v1/cases/{case['id']}/pack", "vera", params={"for": "vendor"})
    assert 200 == pack.status
    for text in (str(own), str(await rig.read(f"/v1/cases/{case['id']}", "vera"))):
        assert "Night shift" not in text
        assert "Who packed" not in text
    assert 404 == (await settle(rig, case, question, "vera", "answer", text="x")).status
    for who, status in (("vito", 404), ("catalogue", 403), ("source", 403)):
        assert status == (await ask(rig, case, who, text="?")).status
        assert status == (
            await rig.call("GET", f"/v1/cases/{case['id']}/questions", who)).status
    assert 404 == (await settle(rig, case, {"id": uuid4()}, "quin", "answer", text="x")).status
    assert 404 == (await settle(rig, case, {"id": "17"}, "quin", "answer", text="x")).status


async def test_the_shop_answers_a_vendor_and_names_nobody(rig: Rig, sku: str):
    """Whoever owns the case is asked; the vendor hears what the shop says, and a date before."""
    case = await frozen(rig, sku)
    question = (await ask(rig, case, "vera", text="Which parcel was it?")).body
    assert [("question_asked", "person:owen")] == await told(rig, case, "question_asked")
    promised = await rig.read(f"/v1/cases/{case['id']}", "vera")
    assert any(one["kind"].startswith("question:") for one in promised["clocks"])
    assert 403 == (await settle(rig, case, question, "alba", "answer", text="?")).status

    await settle(rig, case, question, "quin", "answer", text="Parcel 9.")

    [seen] = (await rig.read(f"/v1/cases/{case['id']}/questions", "vera"))["items"]
    assert ("Parcel 9.", "the shop", "person:vera") == (
        seen["answer"], seen["closed_by"], seen["asked_by"])
    assert [("question_answered", "vendor:acme")] == await told(rig, case, "question_answered")
    last = (await timeline(rig, case, "vera"))[-1]
    assert ("the shop", "Parcel 9.") == (last["actor"], last["arguments"]["comment"])


async def test_what_nobody_answers_goes_up_the_ladder(rig: Rig, sku: str):
    """First whoever was asked is warned, then those who stand above; an answer ends it."""
    assert rig.service is not None
    case = await frozen(rig, sku)
    question = (await ask(rig, case, "alba", of="person", person="bert", text="Is it?")).body
    assert [case["id"]] == [
        one["id"] for one in (
            await rig.read("/v1/cases", "bert", params={"mine": "true", "sku": sku}))["items"]]
    kind = f"question:{question['id']}"
    await sql(rig, "UPDATE clocks SET next_at = now() WHERE kind = $1", kind)
    await rig.service.timers.fire_due()
    assert [("clock_warning", "person:bert")] == await told(rig, case, "clock_warning")
    await ring(rig, case, kind)
    await rig.service.timers.fire_due()
    await sql(rig, "UPDATE clocks SET next_at = now() WHERE kind = $1", kind)
    await rig.service.timers.fire_due()

    assert ("clock_breached", "person:owen") == (
        await told(rig, case, "clock_breached"))[0]
    assert 2 <= len({one for _, one in await told(rig, case, "clock_breached")})
    late = await rig.case(case["id"])
    assert any(one["kind"] == kind for one in late["overdue"])
    answered = await settle(rig, case, question, "bert", "answer", text="It is.")
    assert 200 == answered.status
    assert [] == [one for one in (await rig.case(case["id"]))["overdue"] if one["kind"] == kind]


async def test_questions_end_with_their_case_or_go_along(rig: Rig, take_sku: TakeSku):
    """Dismissed: nobody waits any more. Merged: the one that survives has question and clock."""
    sku = take_sku()
    await rig.call(
        "POST", "/v1/freezes", "alba", json={"scope": {"sku": sku}, "reason_code": "defective"}
    )
    case = await rig.in_state(sku, "suspected")
    early = await ask(rig, case, "alba", of="vendor", text="Is it?")
    assert 422 == early.status  # a suspicion stays inside the shop
    asked = await ask(rig, case, "alba", of="person", person="quin", text="Is it?")
    assert 201 == asked.status
    await rig.done(await rig.case(case["id"]), "dismiss", "bert", reason="A display fault.")
    over = await reaches(rig, case, "closed_false_alarm")
    assert [("case_over", None, False)] == [
        (one["outcome"], one["answer"], one["may_answer"]) for one in over["questions"]]
    assert [("question", False)] == await clocks_of(rig, case)

    sku = take_sku()
    scopes = [{"sku": sku, "lot": "L-1"}, {"sku": sku, "channel": "web"}]
    for scope in scopes:
        answer = await rig.call(
            "POST", "/v1/freezes", "mara", json={"scope": scope, "reason_code": "defective"}
        )
        assert answer.status in {200, 201}, answer.body
    both = sorted(await rig.cases(sku), key=lambda one: one["number"])
    survivor, merged = [await reaches(rig, one, "frozen") for one in both]
    asked = await ask(rig, merged, "mara", of="vendor", text="Both lots?")
    assert 201 == asked.status, asked.body
    await rig.done(
        await rig.case(merged["id"]), "merge", "owen", into=str(survivor["number"]), reason="One."
    )
    [question] = (await rig.case(survivor["id"]))["questions"]
    assert (asked.body["id"], None) == (question["id"], question["outcome"])
    assert [("vendor_question", True)] == await clocks_of(rig, survivor)
    answered = await settle(rig, survivor, question, "vera", "answer", text="Both.")
    assert 200 == answered.status, answered.body
