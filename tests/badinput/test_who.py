"""Who may: every operation with every person, every key, and every credential that is none."""

from typing import Any
from uuid import uuid4

import pytest

from freezeguard.domain.people import Role
from tests.badinput.conftest import FURTHER
from tests.badinput.operations import EVERYBODY, WHO, Operation, ask, operations, wrong_with
from tests.rig import KEYS, PEOPLE, SOURCE, Rig

pytestmark = pytest.mark.asyncio(loop_scope="package")

BAD_TOKENS = {
    "nothing after the scheme": "Bearer ",
    "another scheme": "Basic cm9vdDpyb290",
    "no scheme": "fgp_abc",
    "two tokens": "Bearer a b",
    "Latin-1": "Bearer f\u00e4hre",
    "endless": "Bearer " + "x" * 7000,
    "SQL": "Bearer ' OR 1=1 --",
}


async def test_nobody_is_forgotten(every: list[Operation]):
    """Each operation has an expectation, each expectation an operation; each role a person."""
    present = {*PEOPLE.values(), *FURTHER}

    assert {one.name for one in every} == set(WHO)
    assert {*PEOPLE, *KEYS, *(one.id for one in FURTHER)} == EVERYBODY
    assert set(Role) == {role for person in present for role in person.roles}
    assert set(Role) == {next(iter(one.roles)) for one in present if 1 == len(one.roles)}


async def test_two_operations_ask_for_a_signature(document: dict[str, Any]):
    """Nothing else is open to whoever has no token."""
    signed = operations(document, signed=True)

    assert {"POST /v1/inbound/{name}", "POST /v1/tips/{name}"} == {one.name for one in signed}


async def test_exactly_those_named_are_let_in(rig: Rig, every: list[Operation]):
    """Everybody else gets 403 not_allowed, before a body is looked at; the admin is not exempt."""
    wrong, asked = [], 0
    for one in every:
        allowed = WHO[one.name]
        for who in EVERYBODY if allowed is not None else ():
            answer = await ask(rig, one.method, one.address(), who, stream=one.is_stream)
            asked += 1
            is_in = answer.status not in {401, 403}
            fault = None if is_in else wrong_with(answer, 403, "not_allowed")
            if fault or is_in != (who in allowed) or answer.status >= 500:
                wrong.append((one.name, who, answer.status, fault))

    assert asked >= 32 * 15
    assert [] == wrong


async def test_a_refusal_says_who_may(rig: Rig, every: list[Operation]):
    """Whoever is refused learns whom to ask."""
    for one in every:
        refused = EVERYBODY - (WHO[one.name] or EVERYBODY)
        if refused:
            answer = await ask(rig, one.method, one.address(), min(refused))
            assert f"{one.name} is for " in answer.body["detail"]


async def test_public_operations_ask_nobody(rig: Rig, every: list[Operation]):
    """Without a token, and with a wrong one, they answer the same."""
    for one in (one for one in every if WHO[one.name] is None):
        with_none = await ask(rig, one.method, one.address(code="not_found"))
        with_wrong = await ask(rig, one.method, one.address(code="not_found"),
                               headers={"Authorization": "Bearer wrong"})

        assert (200, 200) == (with_none.status, with_wrong.status), one.name


async def test_without_a_token_nothing_goes(rig: Rig, every: list[Operation]):
    """401, with the challenge that RFC 9110 asks for."""
    wrong = []
    for one in (one for one in every if WHO[one.name] is not None):
        answer = await ask(rig, one.method, one.address())
        fault = wrong_with(answer, 401, "unauthenticated")
        if fault or 'Bearer realm="freezeguard"' != answer.headers["WWW-Authenticate"]:
            wrong.append((one.name, fault))

    assert [] == wrong


@pytest.mark.parametrize("name", BAD_TOKENS)
async def test_a_bad_token_opens_nothing(rig: Rig, every: list[Operation], name: str):
    """401 everywhere, whatever stands in the header."""
    wrong = []
    for one in (one for one in every if WHO[one.name] is not None):
        answer = await ask(rig, one.method, one.address(),
                           headers={"Authorization": BAD_TOKENS[name]})
        fault = wrong_with(answer, 401, "unauthenticated", "invalid_token")
        if fault or "WWW-Authenticate" not in answer.headers:
            wrong.append((one.name, fault))

    assert [] == wrong


@pytest.mark.parametrize("who", ["gone", "expired token", "revoked key"])
async def test_what_was_withdrawn_opens_nothing(rig: Rig, every: list[Operation], who: str):
    """A person who left, a token past its time, a revoked key: 401 like an unknown one."""
    unknown = await ask(rig, "GET", "/v1/cases", headers={"Authorization": f"Bearer {uuid4()}"})
    wrong = []
    for one in (one for one in every if WHO[one.name] is not None):
        answer = await ask(rig, one.method, one.address(), who)
        if fault := wrong_with(answer, 401, "invalid_token"):
            wrong.append((one.name, fault))
        same = {**unknown.body, "request_id": ""} == {**answer.body, "request_id": ""}
        if not same:
            wrong.append((one.name, "tells itself apart from an unknown one"))

    assert [] == wrong


async def test_a_key_ends_with_its_revocation(rig: Rig):
    """A key that an admin issues works at once, and no more as soon as it is revoked."""
    body = {"name": "Till 7", "rights": ["catalogue"]}
    issued = await ask(rig, "POST", "/v1/keys", "root", json=body)
    headers = {"Authorization": f"Bearer {issued.body['secret']}"}
    statuses = []
    for _ in range(2):
        statuses.append((await ask(rig, "GET", "/v1/holds", headers=headers)).status)
        gone = await ask(rig, "DELETE", f"/v1/keys/{issued.body['id']}", "root")
        statuses.append(gone.status)
    listed = await ask(rig, "GET", "/v1/keys", "root")

    assert [200, 204, 401, 404] == statuses
    assert issued.body["secret"] not in str(listed.body)


@pytest.mark.parametrize(("path", "more"), [
    ("/v1/signals", {"kind": "complaint", "severity": "major"}),
    ("/v1/units", {"units": 3}),
])
async def test_a_source_key_sends_for_its_source_only(rig: Rig, sku: str, path: str, more):
    """One foreign entry refuses the batch (403 wrong_source), and nothing of it is stored."""
    when = "2026-01-01T00:00:00Z"
    entries = [
        {"id": f"{uuid4()}", "source": source, "sku": sku, **more,
         **({"units": 3, "shipped_at": when} if "units" in more else {"occurred_at": when})}
        for source in (SOURCE, "lab", SOURCE)
    ]

    refused = await ask(rig, "POST", path, "source", json=entries)
    afterwards = await ask(rig, "POST", path, "source", json=[entries[0], entries[2]])
    lab = await ask(rig, "POST", path, "safety", json=entries[1])

    assert None is wrong_with(refused, 403, "wrong_source")
    assert (202, 2, 0) == (afterwards.status, afterwards.body["accepted"],
                           afterwards.body["duplicates"])
    assert (202, 1) == (lab.status, lab.body["accepted"])


async def test_a_source_sees_its_own_rejected_signals_only(rig: Rig, sku: str):
    """What another source sent in vain is none of its business."""
    marker = f"marker-{uuid4()}"
    sent = {**rig.complaint(sku, "x"), "severity": marker}
    answer = await ask(rig, "POST", "/v1/signals", "source", json=sent)
    seen = {
        who: marker in str((await ask(rig, "GET", "/v1/signals/rejected", who)).body)
        for who in ("source", "safety", "quin", "audi")
    }

    assert 422 == answer.status
    assert {"source": True, "safety": False, "quin": True, "audi": True} == seen
