"""Files on a case: what comes back, who sees it, and what a file does to the case."""

import asyncio
import io
import json
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_LZMA, ZipFile

import pytest

from freezeguard.domain.files.content import EXTENSIONS
from freezeguard.domain.files.office import DOCX
from freezeguard.domain.history import replay
from freezeguard.domain.transitions import FINAL, OPEN, State
from tests import files
from tests.acceptance.rows import NEVER_FROZEN, case_in, put
from tests.acceptance.steps import approve, attach, body_of, mails_arrived, sql, timeline
from tests.files import PDF, SOUND
from tests.rig import Rig, register_skus

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = {
    "register": False,
    "workers": {"sweep": 60.0},
    "evidence": {"file_bytes": 10 * 1024 * 1024, "files": 9, "case_bytes": 12 * 1024 * 1024},
}
MIB = 1024 * 1024


async def a_case(rig: Rig, sku: str, state: str = "frozen", **changes: Any) -> dict[str, Any]:
    """Return a case of acme's that was put there by rows."""
    case = case_in(sku, State(state), **changes)
    await put(rig, case)
    return await rig.case(str(case.id))


async def listed(rig: Rig, case: Any, who: str) -> list[str]:
    """Return the names of the files that somebody sees on a case, in both places alike."""
    answer = await rig.call("GET", f"/v1/cases/{case['id']}/evidence", who)
    whole = await rig.case(case["id"], who)
    assert answer.body["items"] == whole["evidence_files"]
    return [one["name"] for one in answer.body["items"]]


@pytest.mark.parametrize("kind", EXTENSIONS)
async def test_every_kind_comes_back_as_it_was_sent(rig: Rig, sku: str, kind: str):
    """Byte for byte, as an attachment that no browser shows, under a name for every system."""
    name, raw = SOUND[kind]
    case = await a_case(rig, sku)

    sent = await attach(rig, case, "vera", raw, kind=kind, name=f"Prüfung/ä {name}", note="L-8")
    file = sent.body["file"]
    path = f"/v1/cases/{case['id']}/evidence/{file['id']}"
    got = await rig.call("GET", path, "owen")
    head = await rig.call("HEAD", path, "owen")

    assert (201, 5, 4) == (sent.status, sent.body["version"], sent.body["evidence_revision"])
    assert {
        "name": f"ä {name}", "media_type": kind, "size": len(raw), "note": "L-8",
        "sha256": sha256(raw).hexdigest(), "uploaded_by": "person:vera",
        "visible_to_vendor": True, "erased_at": None,
    } == {key: value for key, value in file.items() if key not in {"id", "uploaded_at"}}
    plain = got.body if isinstance(got.body, bytes) else b""
    assert (200, raw) == (got.status, plain)
    for one in (got, head):
        assert kind == one.headers["Content-Type"]
        assert one.headers["Content-Disposition"].startswith('attachment; filename="_ ')
        assert "filename*=UTF-8''%C3%A4%20" in one.headers["Content-Disposition"]
        assert "nosniff" == one.headers["X-Content-Type-Options"]
        assert one.headers["Content-Security-Policy"].endswith("sandbox")
        assert str(len(raw)) == one.headers["Content-Length"]


async def test_a_picture_comes_back_without_its_metadata(rig: Rig, sku: str):
    """What is kept, hashed and given out is the picture alone."""
    case = await a_case(rig, sku)
    full = files.jpeg(files.EXIF)

    sent = await attach(rig, case, "vera", full, kind="image/jpeg", name="crack.jpg")
    got = await rig.call(
        "GET", f"/v1/cases/{case['id']}/evidence/{sent.body['file']['id']}", "owen"
    )

    assert files.jpeg() == got.body
    assert sha256(files.jpeg()).hexdigest() == sent.body["file"]["sha256"]


@pytest.mark.parametrize(
    ("raw", "name", "kind"),
    [
        (b"<svg onload='alert(1)'/>", "drawing.png", "image/png"),
        (b"<!doctype html><p>hello", "notes.txt", "text/plain"),
        (b"MZ\x90\0" + bytes(60), "report.pdf", "application/pdf"),
        (b"\x1f\x8b\x08\0" + bytes(60), "pulls.csv", "text/csv"),
        (files.office(word__embeddings__a=b"MZ"), "report.docx", DOCX),
        (files.broken_office(ZIP_DEFLATED), "report.docx", DOCX),
        (files.broken_office(ZIP_BZIP2), "report.docx", DOCX),
        (files.broken_office(ZIP_LZMA), "report.docx", DOCX),
        (files.png()[:-9], "crack.png", "image/png"),
        (PDF, "report.pdf", "application/x-www-form-urlencoded"),
    ],
    ids=["svg", "html", "exe", "gzip", "macro", "deflated", "bzip2", "lzma", "cut", "undeclared"],
)
async def test_what_is_refused_leaves_nothing(
    rig: Rig, sku: str, raw: bytes, name: str, kind: str
):
    """The content decides, whatever name and type say; the case stays as it was."""
    case = await a_case(rig, sku)

    answer = await attach(rig, case, "vera", raw, kind=kind, name=name)

    assert (415, "evidence_type_refused") == (answer.status, answer.body["code"])
    assert case == await rig.case(case["id"])
    assert not await sql(rig, "SELECT FROM evidence_contents c WHERE NOT EXISTS"
                         " (SELECT FROM evidence_files f WHERE f.id = c.file_id)")


async def test_a_file_may_have_ten_mebibytes_and_no_byte_more(rig: Rig, sku: str):
    """The limit is exact, whether the length is announced or not."""
    case = await a_case(rig, sku)
    most = b"a" * (10 * MIB)

    async def unannounced():
        yield most
        yield b"b"

    refused = [
        await attach(rig, case, "vera", most + b"b", kind="text/plain"),
        await rig.call(
            "POST", f"/v1/cases/{case['id']}/evidence", "vera", data=unannounced(),
            params={"name": "a.txt", "version": "4"}, headers={"Content-Type": "text/plain"},
        ),
    ]
    taken = await attach(rig, case, "vera", most, kind="text/plain")
    got = await rig.call(
        "GET", f"/v1/cases/{case['id']}/evidence/{taken.body['file']['id']}", "vera"
    )

    assert [(413, "too_large")] * 2 == [(one.status, one.body["code"]) for one in refused]
    assert (201, most) == (taken.status, got.body)
    again = {"id": case["id"], "version": taken.body["version"]}
    full = await attach(rig, again, "vera", b"c" * (3 * MIB), kind="text/plain")
    assert (422, "evidence_full") == (full.status, full.body["code"])


async def test_a_case_takes_so_many_files(rig: Rig, sku: str):
    """The tenth of nine is refused, and says so."""
    case = await a_case(rig, sku)
    for n in range(10):
        answer = await attach(rig, case, "vera", f"note {n}".encode(), kind="text/plain")
        assert (201 if n < 9 else 422) == answer.status
        if n < 9:
            case["version"] = answer.body["version"]
    assert ("evidence_full", True) == (answer.body["code"], "9 files" in answer.body["detail"])


# ------------------------------------------------------------------------------ who may, who sees


async def test_a_vendor_sees_its_own_and_what_is_shared(rig: Rig, sku: str):
    """Staff's own files do not exist for the vendor: not in lists, not by id, not in history."""
    case = await a_case(rig, sku)
    kept = await attach(rig, case, "owen", b"our own test", kind="text/plain", name="inner.txt")
    case = await rig.case(case["id"])
    await attach(rig, case, "owen", b"for you", kind="text/plain", name="shared.txt", share="true")
    case = await rig.case(case["id"])
    await attach(rig, case, "vera", name="vendor.pdf")

    path = f"/v1/cases/{case['id']}/evidence/{kept.body['file']['id']}"
    statuses = [
        (await rig.call("GET", path, who)).status for who in ("owen", "audi", "vera", "vito")
    ]
    history = str(await timeline(rig, case, "vera"))

    assert ["inner.txt", "shared.txt", "vendor.pdf"] == await listed(rig, case, "audi")
    assert ["shared.txt", "vendor.pdf"] == await listed(rig, case, "vera")
    assert [200, 200, 404, 404] == statuses
    assert kept.body["file"]["id"] not in history
    assert kept.body["file"]["sha256"] not in history


async def test_a_strange_vendor_learns_nothing(rig: Rig, sku: str):
    """Attaching, listing and fetching on another vendor's case answer as for no case at all."""
    case = await a_case(rig, sku)
    file = (await attach(rig, case, "vera")).body["file"]["id"]
    nowhere = {"id": str(uuid4()), "version": 4}

    for one in (case, nowhere):
        answers = [
            await attach(rig, one, "vito"),
            await rig.call("GET", f"/v1/cases/{one['id']}/evidence", "vito"),
            await rig.call("GET", f"/v1/cases/{one['id']}/evidence/{file}", "vito"),
        ]
        assert [(404, "not_found")] * 3 == [(a.status, a.body["code"]) for a in answers]
    other = await a_case(rig, f"{sku}-b")
    assert 404 == (await rig.call("GET", f"/v1/cases/{other['id']}/evidence/{file}", "vera")).status


async def test_only_people_attach_and_only_while_a_case_is_open(rig: Rig, sku: str):
    """Keys and strangers are refused; what has ended takes no evidence; a version must fit."""
    case = await a_case(rig, sku)
    ended = await a_case(rig, f"{sku}-c", "closed_reinstated")
    stale = {**case, "version": 3}

    answers = [
        (await attach(rig, case, "catalogue")).body["code"],
        (await attach(rig, case, "source")).body["code"],
        (await attach(rig, ended, "owen")).body["code"],
        (await attach(rig, stale, "owen")).body["code"],
        (await rig.command(case, "attach_evidence", "owen")).body["code"],
        (await rig.command(case, "attach_evidence", "owen", file="x")).body["code"],
        (await attach(rig, case, "owen", version="new")).body["code"],
    ]

    assert [
        "not_allowed", "not_allowed", "illegal_transition", "version_conflict", "guard_failed",
        "invalid_input", "invalid_parameter",
    ] == answers
    assert case == await rig.case(case["id"])


@pytest.mark.parametrize("state", sorted(FINAL))
async def test_a_final_case_takes_nothing(rig: Rig, sku: str, state: str):
    """Whoever tries is told so before a byte is sent."""
    case = await a_case(rig, sku, state)

    answer = await attach(rig, case, "owen", b"")

    assert (409, "illegal_transition") == (answer.status, answer.body["code"])


# ------------------------------------------------------------------------ what it does to a case


@pytest.mark.parametrize("state", sorted(OPEN - {State.AWAITING_APPROVAL}))
async def test_a_file_is_new_evidence_in_every_open_state(rig: Rig, sku: str, state: str):
    """The state stays, version and evidence revision rise by one, and the history says so."""
    case = await a_case(rig, sku, state)
    who = "owen" if State(state) in NEVER_FROZEN else "vera"

    answer = await attach(rig, case, who)

    assert (201, state, 5, 4) == (
        answer.status, *(answer.body[name] for name in ("state", "version", "evidence_revision"))
    )
    told = (await timeline(rig, case))[-1]
    assert ("attach_evidence", f"person:{who}", state, 5, 4) == (
        told["command"], told["actor"], told["to_state"], told["version"],
        told["evidence_revision"],
    )
    assert answer.body["file"]["id"] == told["arguments"]["file"]
    assert not {"name", "note"} & told["arguments"].keys()


async def test_an_approval_does_not_outlive_a_file(rig: Rig, sku: str):
    """The vote and the request are void in the same transaction, and everybody hears of it."""
    case = await a_case(rig, sku, "awaiting_approval")

    answer = await attach(rig, case, "vera", name="second-test.pdf", note="It tore again.")
    events = await timeline(rig, case)
    refused = await rig.command(
        case, "approve", "mara", evidence_revision=case["evidence_revision"]
    )
    arrived = await mails_arrived(rig, case)
    rows = await sql(
        rig, "SELECT count(DISTINCT xmin::text) AS transactions FROM case_events"
        " WHERE case_id = $1 AND command IN ('attach_evidence', 'void_approval')", case["id"]
    )

    assert (201, "diagnosing") == (answer.status, answer.body["state"])
    assert ["attach_evidence", "void_approval"] == [one["command"] for one in events[-2:]]
    assert [{"transactions": 1}] == rows
    assert 409 == refused.status
    assert ["evidence_attached", "approval_voided"] == arrived["person:owen"]  # owner and approver
    assert "approval_voided" == arrived["vendor:acme"][-1]
    mails = [body_of(one) for one in rig.mailbox.to("owen@shop.example")]
    (told,) = [one for one in mails if "second-test.pdf" in one]
    assert "It tore again." in told


async def test_a_life_with_files_replays(rig: Rig, sku: str):
    """From complaints to a request for approval that a file voids: the history leads there."""
    await register_skus(rig, (sku,))
    case = await rig.to_awaiting_approval(sku)

    answer = await attach(rig, case, "vera")

    assert rig.service is not None
    events = await rig.service.database.run(lambda tx: tx.cases.events(UUID(case["id"])))
    after = replay(events)
    assert ("diagnosing", answer.body["version"], answer.body["evidence_revision"]) == (
        after.state, after.version, after.evidence_revision,
    )


async def test_a_vote_on_older_evidence_is_void(rig: Rig, sku: str):
    """Where two must approve, the first one has not agreed to what came afterwards."""
    case = await a_case(rig, sku, "awaiting_approval", recurrence=1)
    voted = await approve(rig, case, "mara")

    answer = await attach(rig, voted, "alba", b"I saw it break.", kind="text/plain")

    assert "diagnosing" == answer.body["state"]
    assert [{"n": 0}] == await sql(
        rig, "SELECT count(*) AS n FROM approvals WHERE case_id = $1 AND void_at IS NULL",
        case["id"],
    )


async def test_sharing_tells_the_vendor_and_names_nobody(rig: Rig, sku: str):
    """The vendor's mail says what was shared and not by whom."""
    case = await a_case(rig, sku)

    await attach(rig, case, "owen", name="tear-test.pdf", share="true", note="Lot L-7.")
    arrived = await mails_arrived(rig, case)
    mails = [body_of(one) for one in rig.mailbox.to("quality@acme.example")]
    (told,) = [one for one in mails if "tear-test.pdf" in one]
    seen = (await rig.case(case["id"], "vera"))["evidence_files"][0]

    assert {"vendor:acme": ["evidence_attached"]} == arrived
    assert "owen" not in told.lower()
    assert "somebody else" == seen["uploaded_by"]


# ------------------------------------------------------------------------------------ twice


async def test_the_same_file_again_changes_nothing(rig: Rig, sku: str):
    """A repeat answers 200 with the file that is there, whatever version it names."""
    case = await a_case(rig, sku)
    first = await attach(rig, case, "vera")

    again = await attach(rig, case, "vera", name="other-name.pdf")
    by_staff = await attach(rig, case, "owen")

    assert [201, 200, 200] == [first.status, again.status, by_staff.status]
    assert first.body["file"] == again.body["file"]
    assert 5 == by_staff.body["version"]
    assert ["report.pdf"] == await listed(rig, case, "owen")


async def test_a_key_belongs_to_one_file(rig: Rig, sku: str):
    """A repeat under its Idempotency-Key gets the first answer, another file under it none."""
    case = await a_case(rig, sku)
    key = str(uuid4())

    first = await attach(rig, case, "vera", key=key)
    again = await attach(rig, case, "vera", key=key)
    other = await attach(rig, case, "vera", b"another file", kind="application/pdf", key=key)

    assert [201, 201] == [first.status, again.status]
    assert first.body == again.body
    assert (422, "idempotency_mismatch") == (other.status, other.body["code"])


async def test_a_vendor_does_not_learn_that_staff_has_its_file(rig: Rig, sku: str):
    """Where staff keeps the same content to itself, the vendor's upload is a new one."""
    case = await a_case(rig, sku)
    inner = await attach(rig, case, "owen")
    case = await rig.case(case["id"])

    own = await attach(rig, case, "vera")

    assert [201, 201] == [inner.status, own.status]
    assert inner.body["file"]["id"] != own.body["file"]["id"]
    assert 1 == len(await listed(rig, case, "vera"))


async def test_two_uploads_of_one_file_at_once_attach_it_once(rig: Rig, sku: str):
    """One is new, the other is told of it; one revision, one copy."""
    case = await a_case(rig, sku)
    raw = b"a large note " * 100_000

    answers = await asyncio.gather(
        *(attach(rig, case, who, raw, kind="text/plain") for who in ("vera", "vera", "vera"))
    )
    files_there = await sql(
        rig, "SELECT DISTINCT f.id, c.file_id FROM evidence_contents c"
        " FULL JOIN evidence_files f ON f.id = c.file_id WHERE case_id = $1 OR f.id IS NULL",
        case["id"],
    )

    assert [200, 200, 201] == sorted(one.status for one in answers)
    assert 1 == len({one.body["file"]["id"] for one in answers})
    assert 1 == len(files_there)
    after = await rig.case(case["id"])
    assert (5, 4) == (after["version"], after["evidence_revision"])


async def test_two_files_on_one_version_are_a_conflict(rig: Rig, sku: str):
    """Who did not see the first file is told to look: one of two, and nothing of the other."""
    case = await a_case(rig, sku)

    answers = await asyncio.gather(
        attach(rig, case, "vera", b"one", kind="text/plain"),
        attach(rig, case, "owen", b"two", kind="text/plain"),
    )

    assert [201, 409] == sorted(one.status for one in answers)
    assert 1 == len(await listed(rig, case, "owen"))


async def test_an_erased_file_leaves_its_entry(rig: Rig, sku: str):
    """Name and hash stay on the case, the bytes are gone, and the content may come again."""
    case = await a_case(rig, sku)
    sent = await attach(rig, case, "vera")
    file = sent.body["file"]["id"]
    await sql(rig, "DELETE FROM evidence_contents WHERE file_id = $1", file)
    path = f"/v1/cases/{case['id']}/evidence/{file}"

    lost = await rig.call("GET", path, "owen")
    await sql(rig, "UPDATE evidence_files SET erased_at = now(), erased_why = 'asked for'"
              " WHERE id = $1", file)
    erased = await rig.call("GET", path, "owen")
    again = await attach(rig, {**case, "version": 5}, "vera")

    assert [503, 404, 201] == [lost.status, erased.status, again.status]
    assert "erased on" in erased.body["detail"]
    assert 2 == len(await listed(rig, case, "vera"))


async def test_a_pack_names_the_files_that_its_reader_may_see(rig: Rig, sku: str):
    """Name, size and hash of each file; in a vendor's pack only of those that are shared."""
    case = await a_case(rig, sku)
    await attach(rig, case, "owen", name="ours.pdf")
    case = await rig.case(case["id"])
    await attach(rig, case, "owen", SOUND["image/png"][1], kind="image/png", name="both.png",
                 share="true")
    packs = {}
    for reader in ("internal", "vendor"):
        answer = await rig.call("GET", f"/v1/cases/{case['id']}/pack", "owen",
                                params={"for": reader})
        with ZipFile(io.BytesIO(answer.body)) as pack:
            packs[reader] = json.loads(pack.read("case.json"))["files"]

    assert ["ours.pdf", "both.png"] == [one["name"] for one in packs["internal"]]
    assert ["both.png"] == [one["name"] for one in packs["vendor"]]
    assert (len(PDF), sha256(PDF).hexdigest()) == (
        packs["internal"][0]["bytes"], packs["internal"][0]["sha256"]
    )
