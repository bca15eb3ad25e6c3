"""Every command by staff, with a marker in every text: none comes back to the vendor anywhere."""

import io
import json
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from freezeguard.api.models.commands import argument_schema
from freezeguard.domain.history import TWO_PERSON
from freezeguard.domain.transitions import Command, State
from freezeguard.storage.embedded import EmbeddedServer
from tests.acceptance.conftest import fresh_database
from tests.acceptance.pairs import Pair, legal_pairs, pair_of, sees, the_right_one
from tests.acceptance.rows import case_in, put
from tests.acceptance.steps import pull, sql, timeline
from tests.domain import design
from tests.rig import PEOPLE, Rig, register_skus, shop_with_service, until
from tests.webhooks.farm import Receiver, receiving

pytestmark = pytest.mark.asyncio(loop_scope="module")

MARK = "SECRET Erika Mustermann"
NO_TEXT = {
    "catalogue", "remote_id", "clock", "verdict", "reason_code", "to", "into", "lane", "branch",
    "jurisdiction", "evidence_revision", "scope", "until", "date", "order", "whys",
}
"""Arguments that the rules read: a code, an id or a moment and no text."""

FOR_THE_VENDOR = {
    "answer_contest", "delist", "narrow", "propose_remedy", "register_order", "reject_approval",
    "reopen", "request_approval", "return_remedy", "uphold", "widen",
}
"""Commands whose words are for the vendor too: its notices say them, and the case where they are
the remedy, how it was verified, or an answer that the vendor was owed."""
NEVER_FOR_IT = ("approve", "comment", "declare_false_alarm", "extend_deadline", "hand_off", "merge",
                "record_action", "register_revocation", "resolve_task", "review", "unwaive",
                "waive")
OWN = {"acknowledge", "commit_date", "contest", "appeal", "attach_evidence"}
STAFF = sorted({*PEOPLE} - {"vera", "vito"})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def receiver() -> AsyncIterator[Receiver]:
    """The vendor's system."""
    async with receiving() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(postgres: EmbeddedServer, place: Any, receiver: Receiver) -> AsyncIterator[Rig]:
    """A shop of many SKUs whose vendor has an endpoint."""
    opened = {"allow_private": True, "ports": [receiver.port]}
    async with (
        fresh_database(postgres) as dsns,
        shop_with_service(
            dsns, place, seed=400, register=False, webhooks=opened, workers={"sweep": 0.5},
        ) as running,
    ):
        body = {"url": receiver.url}
        added = await running.call("POST", "/v1/webhook-endpoints", "vera", json=body)
        assert 201 == added.status
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def connection(rig: Rig) -> AsyncIterator[asyncpg.Connection]:
    """Look into the database as its owner."""
    assert rig.dsns is not None
    opened = await asyncpg.connect(rig.dsns.owner)
    yield opened
    await opened.close()


def marked(command: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return arguments with the marker in every text that a command takes."""
    schema = argument_schema(Command(command))
    return {**arguments, **_texts(schema, schema, arguments)}


def _texts(whole: dict[str, Any], part: dict[str, Any], given: Any) -> dict[str, Any]:
    texts = {}
    for name, one in part.get("properties", {}).items():
        kinds = [_resolved(whole, kind) for kind in one.get("anyOf", [one])]
        if name in NO_TEXT:
            continue
        before = given.get(name) if isinstance(given, dict) else None
        if any("properties" in kind for kind in kinds):
            inner = next(kind for kind in kinds if "properties" in kind)
            texts[name] = {**(before or {}), **_texts(whole, inner, before)}
        elif any(kind.get("type") == "array" for kind in kinds):
            texts[name] = [MARK]
        elif any(kind.get("type") == "string" and "enum" not in kind for kind in kinds):
            texts[name] = MARK
    return texts


def _resolved(whole: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    reference = part.get("$ref")
    return part if reference is None else whole["$defs"][reference.rpartition("/")[2]]


async def shown_to_the_vendor(rig: Rig, case_id: str, sku: str) -> dict[str, str]:
    """Return every answer that a vendor's person can get about a case, as text."""
    path = f"/v1/cases/{case_id}"
    ways = {
        "case": path, "timeline": f"{path}/timeline?limit=200", "files": f"{path}/evidence",
        "chart": f"{path}/chart",
        "list": f"/v1/cases?sku={sku}",
    }
    found = {}
    for name, way in ways.items():
        answer = await rig.call("GET", way, "vera")
        assert 200 == answer.status, (way, answer.body)
        found[name] = json.dumps(answer.body, ensure_ascii=False)
    for who in ("vera", "mara"):
        pack = await rig.call("GET", f"{path}/pack?for=vendor", who)
        assert 200 == pack.status, pack.body
        archive = zipfile.ZipFile(io.BytesIO(pack.body))
        for part in ("case.html", "case.json", "audit.ndjson"):
            found[f"pack of {who}: {part}"] = archive.read(part).decode()
    posted = await sql(rig, "SELECT data::text FROM webhook_messages WHERE case_id = $1"
                       " AND vendor IS NOT NULL", case_id)
    found["webhooks"] = json.dumps(posted, ensure_ascii=False)
    return found


def staff_pairs() -> list[tuple[str, str]]:
    """Return, of each command by staff, the states where its vendor knows the case."""
    chosen: dict[tuple[str, str], tuple[str, str]] = {}
    for state, command in legal_pairs():
        phase = "frozen" if state in design.FROZEN_PHASE else state
        if sees("vera", state) and command not in OWN | {"accept_hand_off"}:
            chosen.setdefault((phase, command), (state, command))
    return [*sorted(chosen.values()), ("diagnosing", "register_revocation")]


def by_staff(pair: Pair, state: str) -> str:
    """Return a person of the shop who may give a command."""
    right = the_right_one(pair.command, state, pair.case.lane)
    return "owen" if right in {None, "vera"} else str(right)


def around(text: str) -> str:
    """Return what stands around the marker in a text."""
    place = text.find(MARK)
    return text[max(0, place - 200) : place + 80]


def of_colleagues(text: str) -> list[str]:
    """Return the people of the shop who are named in a text."""
    return [
        who for who in STAFF
        if f'"{who}"' in text or f"person:{who}" in text or PEOPLE[who].name in text
    ]


@pytest.mark.parametrize(("state", "command"), staff_pairs())
async def test_no_word_and_no_name_of_staff_reaches_a_vendor(
    rig: Rig, connection, sku: str, state: str, command: str
):
    """But for words that are addressed to it, which stand in its notices and not in the history.

    Of whatever is asked: the case, its history, the list, files, packs, letters and webhooks.
    """
    lane = {"lane": "authority"} if command == "register_revocation" else {}
    pair = await pair_of(rig, connection, sku, state, command, **lane)
    version, arguments = 4, marked(command, pair.arguments)
    if command == "delist":  # takes two
        first = await pair.give("quin", version=version, **arguments)
        assert 200 == first.status, first.body
        version += 1
    given = await pair.give(by_staff(pair, state), version=version, **arguments)
    assert 200 == given.status, given.body

    shown = await shown_to_the_vendor(rig, str(pair.case.id), sku)

    for where, text in shown.items():
        assert [] == of_colleagues(text), (where, text)
        if command not in FOR_THE_VENDOR:
            assert MARK not in text, (where, around(text))
    if command not in {"propose_remedy", "request_approval", "return_remedy"}:
        assert MARK not in shown["timeline"]
    assert MARK not in shown["list"], around(shown["list"])
    assert MARK in json.dumps(await timeline(rig, {"id": str(pair.case.id)})) or not any(
        MARK in json.dumps(one) for one in arguments.values()
    )


async def test_every_command_of_staff_is_gone_through(rig: Rig):
    """The list above has all that the table lets people of the shop do to a case with a vendor."""
    del rig
    people = {name for name in design.COMMANDS if (OWN | {"accept_hand_off"}).isdisjoint({name})}
    gone_through = {command for _, command in staff_pairs()}
    assert {*NEVER_FOR_IT, *FOR_THE_VENDOR} <= gone_through
    assert gone_through <= people


@pytest.mark.parametrize("command", sorted(TWO_PERSON))
async def test_a_first_vote_is_not_told(rig: Rig, connection, sku: str, command: str):
    """What two must agree to is not decided by one: the vendor hears nothing of it."""
    state = "awaiting_approval" if command == "approve" else "diagnosing"
    pair = await pair_of(rig, connection, sku, state, command)
    await connection.execute("UPDATE cases SET lane = 'safety' WHERE id = $1", pair.case.id)
    voter = "quin" if command != "approve" else "mara"
    given = await pair.give(voter, version=4, **marked(command, pair.arguments))
    assert (200, state) == (given.status, given.body["state"]), given.body

    shown = await shown_to_the_vendor(rig, str(pair.case.id), sku)

    for where, text in shown.items():
        assert MARK not in text, (where, around(text))
    case = {"id": str(pair.case.id)}
    assert command not in [one["command"] for one in await timeline(rig, case, "vera")]
    assert command in [one["command"] for one in await timeline(rig, case)]


async def test_what_stands_in_a_case_names_nobody_of_the_shop(rig: Rig, sku: str):
    """Owner, author, who waived and why, who answered: none of the case's own fields tells."""
    case = case_in(
        sku, State.AWAITING_APPROVAL, remedy_author="owen",
        contest={"at": "2026-11-20T12:00:00+00:00", "by": "vera", "reason": "Not ours.",
                 "answer_by": "2026-11-22T12:00:00+00:00", "answered_by": "owen",
                 "answered_at": "2026-11-21T12:00:00+00:00", "answer": "It is."},
        appeal={"at": "2026-11-20T12:00:00+00:00", "by": "quin", "new_facts": MARK,
                "answer_by": "2026-11-22T12:00:00+00:00", "answered_by": "mara"},
        narrowing={"scope": {"sku": sku, "lot": "L-7"}, "since": "2026-11-20T12:00:00+00:00",
                   "why": MARK},
        hand_off={"to": "quin", "by": "owen", "at": "2026-11-20T12:00:00+00:00", "reason": MARK},
    )
    await put(rig, case)
    await sql(rig, "UPDATE catalogue_objects SET waived_by = 'mara', waived_why = $2,"
              " waived_until = now() + interval '1 day' WHERE sku = $1 RETURNING sku", sku, MARK)

    shown = await shown_to_the_vendor(rig, str(case.id), sku)
    seen = await rig.case(str(case.id), "vera")

    for where, text in shown.items():
        assert ([], False) == (of_colleagues(text), MARK in text), (where, text)
    assert ("Not ours.", "It is.") == (seen["contest"]["reason"], seen["contest"]["answer"])
    assert seen["contact_cost"] is None


async def test_a_vendors_own_words_stay_its_own(rig: Rig, connection, sku: str):
    """What the vendor wrote it reads again, also in a pack that the shop made for it."""
    pair = await pair_of(rig, connection, sku, "diagnosing", "contest")
    given = await pair.give("vera", version=4, reason="Lot L-7 is not ours.")
    assert 200 == given.status

    shown = await shown_to_the_vendor(rig, str(pair.case.id), sku)

    for where in ("case", "timeline", "pack of vera: case.json", "pack of mara: case.json"):
        assert "Lot L-7 is not ours." in shown[where], where


async def test_webhooks_that_arrive_hold_no_words_of_staff(
    rig: Rig, receiver: Receiver, sku: str
):
    """A pull with a comment and a document that only the shop may know, as it is posted."""
    await register_skus(rig, (sku,))
    await pull(rig, "mara", sku, comment=MARK, document="Mustermann.pdf",
               scope={"sku": sku, "lot": "L-7"})
    async def posted() -> list[Any]:
        return [one for one in receiver.bodies if sku in json.dumps(one)]

    bodies = json.dumps(await until(posted, "the statement is posted"))
    assert "Mustermann" not in bodies
