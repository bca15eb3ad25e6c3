"""Whatever people write about somebody, by whichever command: an erasure reaches it."""

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pytest

from freezeguard.ports.storage import Transaction
from freezeguard.services.records.subjects import Asked, Subjects
from freezeguard.storage.database import PostgresDatabase
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from freezeguard.storage.journal import FileJournal
from freezeguard.storage.subjects import PLACES
from tests.files import PDF
from tests.privacy.conftest import (
    FROZEN,
    ORDER,
    PULLED,
    REFERENCE,
    TEXT,
    UNFROZEN,
    Traced,
    sql,
)
from tests.privacy.leftovers import in_any_spelling, leftovers
from tests.rig import PEOPLE, Rig
from tests.storage.makers import NOW, endpoint, open_case, put_people

SAID = f"{REFERENCE} has called about {ORDER}: {TEXT}"
WORDS_OF_CASES = (
    "diagnosis", "remedy", "verification", "probation", "narrowing", "authority_order",
    "commitment", "contest", "appeal", "hand_off",
)
BY_HAND = {
    **{f"cases.{name}": f"UPDATE cases SET {name} = jsonb_build_object('words', $1::text)"
       for name in WORDS_OF_CASES},
    "clocks.details":
        "INSERT INTO clocks (id, case_id, sku, kind, started_at, due_at, details) SELECT"
        " gen_random_uuid(), id, sku, 'x', now(), now(), jsonb_build_object('x', $1::text)"
        " FROM cases",
    "waivers.why":
        "INSERT INTO waivers (case_id, sku, catalogue, remote_id, waived_by, waived_at, until, why)"
        " SELECT id, sku, 'shop', '', 'mara', now(), now(), $1 FROM cases",
    "catalogue_objects.waived_why":
        "INSERT INTO catalogue_objects (sku, catalogue, remote_id, wanted, status, waived_why)"
        " VALUES ('x', 'shop', '', 'hard', 'waived', $1)",
    "approvals.arguments":
        "INSERT INTO approvals (id, case_id, sku, command, person, cast_at, expires_at,"
        " evidence_revision, arguments) SELECT gen_random_uuid(), id, sku, 'approve', 'cora',"
        " now(), now(), 1, jsonb_build_object('comment', $1::text) FROM cases",
    "approvals.void_why": "UPDATE approvals SET void_why = $1",
    "case_questions.answer":
        "INSERT INTO case_questions (id, case_id, sku, asked_of, question, asked_by, asked_at,"
        " due_at, answer, closed_at, outcome) SELECT gen_random_uuid(), id, sku, 'owner', $1, 'x',"
        " now(), now(), $1, now(), 'answered' FROM cases",
    "case_causes.evidence":
        "INSERT INTO case_causes (id, case_id, sku, branch, description, state, whys, evidence,"
        " made_by, made_at, changed_by, changed_at, version) SELECT gen_random_uuid(), id, sku,"
        " 'people', $1, 'open', jsonb_build_array($1::text),"
        " jsonb_build_array(jsonb_build_object('text', $1::text)), 'x', now(), 'x', now(), 1"
        " FROM cases",
    "reviews.comment":
        "INSERT INTO reviews (id, case_id, sku, verdict, comment, reviewed_by, reviewed_at)"
        " SELECT gen_random_uuid(), id, sku, 'right', $1, 'x', now() FROM cases",
    "manual_tasks.note":
        "INSERT INTO manual_tasks (id, case_id, sku, catalogue, remote_id, task, instruction, note,"
        " opened_at) SELECT gen_random_uuid(), id, sku, 'shop', '', 'stop', $1, $1, now()"
        " FROM cases",
    "evidence_files.note":
        "INSERT INTO evidence_files (id, case_id, sku, name, media_type, size, sha256, note,"
        " uploaded_by, uploaded_at, visible_to_vendor, stored_in, erased_at, erased_why)"
        " SELECT gen_random_uuid(), id, sku, $1, 'text/plain', 1, repeat('0', 64), $1, 'x', now(),"
        " true, 'database', now(), $1 FROM cases",
    "webhook_endpoints.description":
        "INSERT INTO webhook_endpoints (id, url, scheme, secret, description, state, why,"
        " created_at, created_by, updated_at) VALUES (gen_random_uuid(), 'x', 'v1', 'x', $1,"
        " 'active', $1, now(), 'x', now())",
    "saved_views.name":
        "INSERT INTO saved_views (id, person, name, filters, saved_at)"
        " SELECT gen_random_uuid(), 'cora', $1, '{}', now()",
    "webhook_messages.data":
        "INSERT INTO webhook_messages (id, thread, type, at, data) VALUES (gen_random_uuid(),"
        " 'x', 'x', now(), jsonb_build_object('note', $1::text))",
    "notices.last_error":
        "INSERT INTO notices (id, n, recipient, channel, kind, facts, language, time_zone, state,"
        " last_error, created_at) VALUES (gen_random_uuid(), 1, 'x', 'mail', 'x',"
        " jsonb_build_object('note', $1::text), 'en', 'UTC', 'queued', $1, now())",
    "notice_digests.last_error":
        "INSERT INTO notice_digests (id, recipient, channel, address, opened_at, due_at,"
        " last_error) VALUES (gen_random_uuid(), 'x', 'mail', 'x', now(), now(), $1)",
}
"""Every column of words, filled by hand, whether or not a command writes into it so far."""


async def desk(rig: Rig) -> None:
    """Have everybody name the person in everything that they may write."""
    case = await rig.in_state(FROZEN, "frozen")
    await attach(rig, case)
    soon = datetime.now(UTC) + timedelta(days=3)
    for command, who, more in (
        ("acknowledge", "vera", {"comment": SAID}),
        ("contest", "vera", {"reason": SAID}),
        ("answer_contest", "owen", {"reason": SAID}),
        ("commit_date", "vera", {"date": soon.isoformat(), "comment": SAID}),
        ("extend_deadline", "owen", {
            "clock": "vendor_date", "until": (soon + timedelta(days=1)).isoformat(),
            "reason": SAID,
        }),
        ("hand_off", "owen", {"to": "mara", "reason": SAID}),
        ("narrow", "owen", {"scope": {"sku": FROZEN, "lot": "L-7"}, "reason": SAID}),
    ):
        case = await rig.case(case["id"])
        seen = case["evidence_revision"]
        given = {**more, "evidence_revision": seen} if command == "narrow" else more
        await rig.done(case, command, who, **given)


async def attach(rig: Rig, case: dict[str, Any]) -> None:
    """Attach a file that is called and said to be about the person."""
    query = {"name": f"{ORDER}.pdf", "note": SAID, "version": str(case["version"])}
    answer = await rig.call(
        "POST", f"/v1/cases/{case['id']}/evidence", "owen", params=query, data=io.BytesIO(PDF),
        headers={"Content-Type": "application/pdf"},
    )
    assert answer.status == 201, answer.body


async def endings(rig: Rig) -> None:
    """Delist and appeal one case; give an order of an authority on another; review it."""
    await rig.complain(UNFROZEN, 4)
    case = await rig.in_state(UNFROZEN, "frozen")
    for command, who, more in (
        ("delist", "mara", {"reason": SAID}),
        ("delist", "quin", {"reason": SAID}),
        ("appeal", "vera", {"new_facts": SAID}),
    ):
        case = await rig.done(await rig.case(case["id"]), command, who, **more)
    case = await rig.in_state(PULLED, "frozen")
    for command, who, more in (
        ("review", "mara", {"verdict": "right", "comment": SAID}),
        ("register_order", "cora", {"authority": SAID, "document": ORDER, "comment": SAID}),
        ("register_revocation", "cora", {"document": ORDER, "authority": SAID}),
    ):
        case = await rig.done(await rig.case(case["id"]), command, who, **more)


@pytest.fixture
async def written(traced: Traced, dsns: OwnerAndRuntimeDsns) -> Traced:
    """Leave the person in words of people, everywhere; an endpoint is told of it all."""
    rig = traced.rig
    assert rig.service is not None

    async def register(tx: Transaction) -> None:
        await tx.webhooks.add_endpoint(endpoint(description=SAID), NOW)

    await rig.service.database.run(register)
    await desk(rig)
    await endings(rig)
    return traced


async def test_all_that_people_write_is_erased(
    written: Traced, dsns: OwnerAndRuntimeDsns
) -> None:
    """Contests, dates, appeals, orders, votes, reviews, webhooks, files' names: nothing is left.

    The export named all of them before. The record had none of it, neither then nor now.
    """
    found = {f"{table}.{column}" for table, column, _ in
             await leftovers(dsns.owner, written.needles)}
    held = await written.export()
    erased = await written.erase()

    assert {
        "cases.contest", "cases.appeal", "cases.hand_off", "cases.authority_order",
        "approvals.arguments", "reviews.comment", "webhook_messages.data",
        "webhook_endpoints.description", "evidence_files.name", "evidence_files.note",
        "case_events.arguments", "notices.facts",
    } <= found
    assert not {one for one in found if one.startswith("audit")}
    assert set() == await leftovers(dsns.owner, written.needles)
    assert {name for name, n in erased.items() if n} == {
        name for name, items in held.items() if items
    }


SPELLED = (
    (REFERENCE, SAID),
    (REFERENCE.upper(), SAID),
    ("Jörg.Müßig@Shop.Example", "JÖRG.MÜSSIG@SHOP.EXAMPLE called"),
    ("jörg.müßig@shop.example", normalize("NFD", "Jörg.Müßig@shop.example called")),
    (normalize("NFD", "Ёлкина-4711"), "ЁЛКИНА-4711 called"),
    ("김철수/47", normalize("NFD", "김철수/47 called")),
    ("Ё7", normalize("NFD", "ё7")),
)


@pytest.mark.parametrize(("asked", "said"), SPELLED)
async def test_each_place_is_looked_through(
    database: PostgresDatabase, dsns: OwnerAndRuntimeDsns, tmp_path: Path, asked: str, said: str
) -> None:
    """A mention in any column of words is found and taken out, by the service's own rights.

    However it is spelled there; the export names all of it before.
    """
    await put_people(database, PEOPLE["cora"])
    await open_case(database, "SKU-1")
    for plant in BY_HAND.values():
        await sql(dsns, plant, said)
    traces = [said.removesuffix("called").split(" has")[0]]
    found = {f"{table}.{column}" for table, column, _ in await leftovers(dsns.owner, traces)}
    journal = FileJournal(tmp_path / "journal.ndjson")
    subjects = Subjects(database, PLACES, journal, lambda _: b"x" * 16, lambda: NOW)
    export = await subjects.export(Asked(asked), PEOPLE["cora"])
    erased = await subjects.erase(Asked(asked), "A letter.", PEOPLE["cora"])

    assert set() == BY_HAND.keys() - found
    assert set() == await leftovers(dsns.owner, traces, in_any_spelling)
    assert {one.place.name for one in export.places if one.items} == {
        name for name, rows in erased.rows.items() if rows
    }


async def test_files_of_the_cases_are_named_for_somebody_to_read(
    written: Traced, dsns: OwnerAndRuntimeDsns
) -> None:
    """What a file shows only people can say: the answer names it, without the person's name.

    Its id stands in the record too, for afterwards nothing leads from the person to it.
    """
    body = {"reference": REFERENCE, "reason": "A letter."}
    answer = await written.rig.call("POST", "/v1/subjects/erase", "cora", json=body)
    [file] = answer.body["files"]
    line = await sql(dsns, "SELECT details FROM audit WHERE action = 'erase_subject'")

    assert ("[erased].pdf", written.frozen["id"]) == (file["name"], file["case"])
    assert [file["file"]] == json.loads(line[-1]["details"])["files_to_read"]
