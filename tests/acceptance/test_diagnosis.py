"""The diagnosis of a case, end to end: suggested, argued, confirmed, and whose business it is."""

from typing import Any
from uuid import uuid4

import pytest

from freezeguard.domain.transitions import State
from tests.acceptance.conftest import TakeSku
from tests.acceptance.rows import case_in, put
from tests.acceptance.steps import attach, sql, timeline
from tests.rig import REMEDY, Answer, Rig

pytestmark = pytest.mark.asyncio(loop_scope="module")

RESIN = {"branch": "material", "description": "Brittle resin.", "whys": ["It tore.", "Cheap."]}


async def post(rig: Rig, case: dict[str, Any], who: str, path: str = "", **body: Any) -> Answer:
    """Suggest, judge or argue."""
    return await rig.call("POST", f"/v1/cases/{case['id']}/diagnosis{path}", who, json=body)


async def diagnosis(rig: Rig, case: dict[str, Any], who: str) -> dict[str, Any]:
    """Read the diagnosis."""
    return await rig.read(f"/v1/cases/{case['id']}/diagnosis", who)


async def test_from_a_suggestion_to_the_cause_of_the_remedy(rig: Rig, sku: str):
    """Argued with a file, confirmed, seen by the vendor without what the shop said for it."""
    await rig.complain(sku, 5, lot="L-7")
    case = await rig.in_state(sku, "frozen")
    made = await post(rig, case, "quin", **RESIN)
    assert 201 == made.status, made.body
    one = made.body
    assert 403 == (await post(rig, case, "alba", **RESIN)).status
    assert 404 == (await post(rig, case, "vera", f"/{one['id']}", version=1, state="open")).status
    nothing = await post(rig, case, "owen", f"/{one['id']}", version=1, state="confirmed")
    assert 422 == nothing.status
    case = await rig.case(case["id"])
    attached = await attach(rig, case, "owen")
    file = attached.body["file"]["id"]
    wrong = await post(
        rig, case, "owen", f"/{one['id']}/evidence", speaks="for", text="x", file=str(uuid4()))
    assert 422 == wrong.status
    said = await post(
        rig, case, "owen", f"/{one['id']}/evidence", speaks="for", text="6 broke.", file=file)
    assert attached.body["file"]["name"] == said.body["evidence"][0]["file_name"]
    assert [] == (await diagnosis(rig, case, "vera"))["causes"]
    before = await rig.case(case["id"])
    stale = await post(rig, case, "owen", f"/{one['id']}", version=1, state="confirmed")
    assert (409, "version_conflict") == (stale.status, stale.body["code"])
    done = await post(rig, case, "owen", f"/{one['id']}", version=2, state="confirmed")
    assert 200 == done.status, done.body
    after = await rig.case(case["id"])

    assert (before["version"], before["evidence_revision"]) == (
        after["version"], after["evidence_revision"])
    theirs = await diagnosis(rig, case, "vera")
    [shown] = theirs["causes"]
    assert ([], "the shop", False) == (shown["evidence"], shown["made_by"], shown["may_change"])
    assert RESIN["whys"] == theirs["root_cause"]["whys"]
    inside = await diagnosis(rig, case, "owen")
    assert {**RESIN, "proof": "6 broke."} == inside["root_cause"]
    lines = [one["command"] for one in await timeline(rig, case) if "cause" in one["command"]]
    assert ["suggest_cause", "argue_cause", "judge_cause"] == lines
    told = [one for one in await timeline(rig, case, "vera") if "cause" in one["command"]]
    assert [("the shop", "confirmed")] == [
        (one["actor"], one["arguments"]["standing"]) for one in told]


async def test_a_vendor_works_on_its_own(rig: Rig, sku: str):
    """It suggests and argues; the shop rules out; another vendor finds nothing at all."""
    await rig.complain(sku, 5)
    case = await rig.in_state(sku, "frozen")
    await post(rig, case, "quin", branch="people", description="Mr Secret did it.")
    own = (await post(rig, case, "vera", **RESIN)).body
    argued = await post(rig, case, "vera", f"/{own['id']}/evidence", speaks="for", text="Tests.")
    assert ["person:vera"] == [one["by"] for one in argued.body["evidence"]]
    inside = await post(
        rig, case, "quin", f"/{own['id']}/evidence", speaks="against", text="Mr Secret says no.")
    assert 201 == inside.status

    theirs = await diagnosis(rig, case, "vera")
    assert [own["id"]] == [one["id"] for one in theirs["causes"]]
    assert "Secret" not in str(theirs)
    assert "Secret" not in str(await timeline(rig, case, "vera"))
    confirming = await post(rig, case, "vera", f"/{own['id']}", version=3, state="confirmed")
    assert 422 == confirming.status
    ruled_out = await post(rig, case, "owen", f"/{own['id']}", version=3, state="ruled_out")
    assert "ruled_out" == ruled_out.body["state"]
    for who, status in (("vito", 404), ("catalogue", 403)):
        answer = await rig.call("GET", f"/v1/cases/{case['id']}/diagnosis", who)
        assert status == answer.status
        assert status == (await post(rig, case, who, **RESIN)).status


async def test_similar_cases_say_why_and_are_the_readers_own(rig: Rig, take_sku: TakeSku):
    """Those that share more stand first; a vendor sees its own, the shop everybody's."""
    sku, other, foreign = take_sku(), take_sku(), take_sku()
    await sql(rig, "UPDATE skus SET category = 'alike' WHERE sku = $1", sku)
    seen = {"intents": ["defect"], "lots": ["L-7"]}
    await put(
        rig,
        case_in(other, State.CLOSED_REINSTATED, category="alike", remedy=REMEDY,
                known_evidence=seen),
        case_in(foreign, State.FROZEN, category="alike", vendor="rival"),
    )
    await rig.complain(sku, 5, lot="L-7")
    case = await rig.in_state(sku, "frozen")

    inside, theirs = await diagnosis(rig, case, "owen"), await diagnosis(rig, case, "vera")
    first = inside["similar"][0]
    assert (other, ["vendor", "category"], ["L-7"], ["defect"]) == (
        first["sku"], first["same"], first["lots"], first["intents"])
    assert REMEDY["cause"]["description"] == first["cause"]["description"]
    assert foreign in {one["sku"] for one in inside["similar"]}
    assert foreign not in {one["sku"] for one in theirs["similar"]}
    assert other in {one["sku"] for one in theirs["similar"]}


async def test_what_was_found_goes_to_related_items(rig: Rig, take_sku: TakeSku):
    """Named with their complaints; their owners hear of it once, and only of what is confirmed."""
    sku, near, by_lot, far = (take_sku() for _ in range(4))
    await sql(rig, "UPDATE skus SET category = 'found' WHERE sku = ANY ($1)", [sku, near])
    await sql(rig, "UPDATE skus SET category = 'other', owner = 'mara' WHERE sku = ANY ($1)",
              [by_lot, far])
    await sql(rig, "UPDATE skus SET owner = 'mara' WHERE sku = $1", near)
    await rig.complain(near, 2)
    await rig.complain(by_lot, 1, lot="L-77")
    await rig.complain(sku, 5, lot="L-77")
    case = await rig.in_state(sku, "frozen")
    path = f"/v1/cases/{case['id']}/siblings"
    listed = (await rig.read(path, "alba"))["items"]
    known = {one["sku"]: (one["complaints"], one["lots"]) for one in listed}
    assert ((2, []), (1, ["L-77"])) == (known[near], known[by_lot])
    assert far not in known
    assert [403, 403] == [(await rig.call("GET", path, who)).status for who in ("vera", "source")]

    early = await rig.call("POST", f"{path}/tell", "owen")
    assert 422 == early.status
    one = (await post(rig, case, "quin", **RESIN)).body
    await post(rig, case, "owen", f"/{one['id']}/evidence", speaks="for", text="6 broke.")
    await post(rig, case, "owen", f"/{one['id']}", version=2, state="confirmed")
    assert 403 == (await rig.call("POST", f"{path}/tell", "alba")).status
    told = await rig.call("POST", f"{path}/tell", "owen")
    assert 200 == told.status, told.body
    again = await rig.call("POST", f"{path}/tell", "owen")
    assert (422, True) == (again.status, "already" in again.body["missing"][0])
    [notice] = await sql(
        rig, "SELECT recipient, facts ->> 'cause' AS cause FROM notices WHERE case_id = $1"
        " AND kind = 'finding'", case["id"])
    assert ("person:mara", "Brittle resin.") == (notice["recipient"], notice["cause"])


async def test_who_takes_a_case_over_reads_what_is_known(rig: Rig, sku: str):
    """Why, causes, open questions and the next clock stand in the notice: nobody asks anew."""
    await rig.complain(sku, 5)
    case = await rig.in_state(sku, "frozen")
    await post(rig, case, "quin", **RESIN)
    await rig.call("POST", f"/v1/cases/{case['id']}/questions", "owen", json={
        "of": "vendor", "text": "Since which lot?"})
    await rig.done(await rig.case(case["id"]), "hand_off", "owen", to="quin", reason="Away.")
    [facts] = [one["facts"] for one in await sql(
        rig, "SELECT facts::text AS facts FROM notices WHERE case_id = $1"
        " AND kind = 'hand_off_offered'", case["id"])]

    assert '"open_causes": ["Brittle resin."]' in facts
    assert '"open_questions": ["Since which lot?"]' in facts
    assert '"next_clock": "' in facts
