"""The record over HTTP and from the command line: whole, verified by the reader, handed out."""

import asyncio
import io
import json
import re
import subprocess
import sys
import zipfile
from hashlib import sha256
from html import unescape
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.acceptance.steps import pull
from tests.cli.shell import Shell, bare_environment
from tests.rig import PEOPLE, REMEDY, VERIFICATION, Answer, Rig, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOP = {"audit": {"every": "1s", "rows": 5}}
DOCS = Path(__file__).parents[2] / "docs" / "audit.md"


def shell_of(rig: Rig, who: str, place: Path) -> Shell:
    """Return a shell whose commands talk to the service as this person."""
    return Shell(place, bare_environment(
        place, FREEZEGUARD_URL=rig.url, FREEZEGUARD_TOKEN=rig.secrets[who]
    ))


async def anchored(rig: Rig) -> None:
    """Wait until every row is chained and the head is anchored."""

    async def done() -> bool:
        verdict = (await rig.call("GET", "/v1/audit/verify", "audi")).body
        head = verdict["head"]
        return (verdict["unchained"]["rows"] == 0 and head is not None
                and verdict["last_anchored"] == head["position"])

    await until(done, "the head is anchored")


def anchor_file(rig: Rig) -> Path:
    """Where the replica keeps its anchors."""
    assert rig.service is not None
    return rig.service.settings.anchor_file


async def pack(rig: Rig, case: dict[str, Any], who: str, reader: str) -> Answer:
    """Ask for a pack."""
    return await rig.call("GET", f"/v1/cases/{case['id']}/pack", who, params={"for": reader})


def unpacked(answer: Answer, place: Path) -> Path:
    """Unpack a pack into a directory of its own."""
    assert answer.status == 200, answer.body
    place.mkdir(parents=True)
    zipfile.ZipFile(io.BytesIO(answer.body)).extractall(place)
    return place


def recipe(place: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Verify a pack the way that it says itself."""
    return subprocess.run(
        [sys.executable, "-I", str(place / "verify.py"), *arguments], capture_output=True,
        text=True, check=False, timeout=30,
    )


# ------------------------------------------------------------------------------------ verification


async def test_an_auditor_verifies_on_their_own_machine(rig: Rig, sku: str, tmp_path: Path):
    """`audit verify` recomputes the whole chain and compares the anchors that the auditor kept."""
    await pull(rig, "mara", sku)
    await anchored(rig)
    audi = shell_of(rig, "audi", tmp_path)
    kept = str(anchor_file(rig))
    bare, with_anchors = await asyncio.gather(
        audi.run("audit", "verify"), audi.run("audit", "verify", "--anchors", kept, "--json")
    )
    verdict = with_anchors.document
    served = (await rig.call("GET", "/v1/audit/verify", "audi")).body

    assert (True, True) == (served["ok"], served["complete"])
    assert (0, 0) == (bare.code, with_anchors.code)
    assert "whole." in bare.out
    assert "would not be noticed" in bare.err
    assert (True, []) == (verdict["ok"], verdict["findings"])
    assert verdict["anchors"] > 0
    assert 0 < verdict["last_anchored"] <= verdict["checked"]


async def test_what_is_wrong_is_named_with_its_place(rig: Rig, sku: str, tmp_path: Path):
    """An edit by the owner of the table: exit code 1, the position and the row."""
    case = await pull(rig, "mara", sku)
    await anchored(rig)
    assert rig.dsns is not None
    owner = await asyncpg.connect(rig.dsns.owner)
    await owner.execute("ALTER TABLE audit DISABLE TRIGGER USER")
    edit = ("UPDATE audit SET actor = $2 WHERE seq = (SELECT min(seq) FROM audit"
            " WHERE subject = 'case:' || $1) RETURNING seq")
    seq = await owner.fetchval(edit, case["id"], "person:eve")
    ran = await shell_of(rig, "audi", tmp_path).run("audit", "verify")
    served = (await rig.call("GET", "/v1/audit/verify", "audi")).body
    await owner.execute(edit, case["id"], "person:mara")
    await owner.execute("ALTER TABLE audit ENABLE TRIGGER USER")
    await owner.close()

    assert 1 == ran.code
    assert f"row {seq}: the row is not what was chained" in ran.out
    assert "NOT WHOLE" in ran.out
    assert (False, ["edited"]) == (served["ok"], [one["what"] for one in served["findings"]])


async def test_foreign_anchors_and_files_without_any_are_told(rig: Rig, tmp_path: Path):
    """A stamp of something else proves nothing, and a wrong file is no proof either."""
    await anchored(rig)
    line = json.loads(anchor_file(rig).read_text().splitlines()[-1])
    foreign, empty = tmp_path / "foreign.ndjson", tmp_path / "empty.ndjson"
    foreign.write_text(json.dumps({**line, "instance": "0" * 32}) + "\n")
    empty.write_text("no anchors here\n")
    audi = shell_of(rig, "audi", tmp_path)
    of_others, of_none = await asyncio.gather(
        audi.run("audit", "verify", "--anchors", str(foreign), "--json"),
        audi.run("audit", "verify", "--anchors", str(empty)),
    )

    assert 1 == of_others.code
    assert ["foreign_anchor"] == [one["what"] for one in of_others.document["findings"]]
    assert 2 == of_none.code


async def test_the_record_of_one_case_is_listed(rig: Rig, sku: str, tmp_path: Path):
    """`audit list --subject` shows who did what to a case, newest first."""
    case = await pull(rig, "mara", sku)
    listed = await shell_of(rig, "audi", tmp_path).run(
        "audit", "list", "--subject", f"case:{case['id']}", "--json"
    )

    assert ("person:mara", "freeze") == tuple(
        listed.document["items"][-1][name] for name in ("actor", "action")
    )


@pytest.mark.parametrize("path", ["", "/verify", "/chain", "/unchained"])
async def test_only_auditors_and_administrators_read_the_record(rig: Rig, path: str):
    """Nobody else, whatever their role."""
    readers = set()
    for who in PEOPLE:
        answer = await rig.call("GET", f"/v1/audit{path}", who)
        if answer.status == 200:
            readers.add(who)

    assert {"audi", "root"} == readers
    assert 401 == (await rig.call("GET", f"/v1/audit{path}")).status


async def test_the_chain_is_read_page_by_page(rig: Rig):
    """Pages join without a gap, in order."""
    await anchored(rig)
    positions: list[int] = []
    cursor = None
    while True:
        query = {"limit": "3", **({"cursor": cursor} if cursor else {})}
        page = (await rig.call("GET", "/v1/audit/chain", "audi", params=query)).body
        positions += [one["position"] for one in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break

    assert list(range(1, len(positions) + 1)) == positions


async def test_lag_and_anchors_are_measured(rig: Rig):
    """/metrics says how many rows wait, and how old the last anchor is."""
    await anchored(rig)
    text = (await rig.call("GET", "/metrics")).body.decode()

    assert re.search(r"^freezeguard_audit_unchained_rows 0\.0$", text, re.MULTILINE)
    assert re.search(r'^freezeguard_audit_anchors_total\{result="kept"\} [1-9]', text, re.MULTILINE)
    assert "freezeguard_audit_anchor_age_seconds" in text


async def test_doctor_says_that_anchors_are_missing(rig: Rig, tmp_path: Path):
    """A chain without a file of anchors is a note that names the file."""
    await anchored(rig)
    assert rig.dsns is not None
    ran = await Shell(tmp_path, bare_environment(
        tmp_path, FREEZEGUARD_DATABASE_URL=rig.dsns.runtime,
    )).run("doctor", "--json")
    named = {one["name"]: one for one in ran.document["findings"]}

    assert "well" == named["audit chain"]["verdict"]
    assert "warning" == named["audit anchors"]["verdict"]
    assert "audit-anchors.ndjson" in named["audit anchors"]["detail"]


# ------------------------------------------------------------------------------------------- packs


async def _told_everywhere(rig: Rig, sku: str) -> dict[str, Any]:
    """Lead a case through its life, with secrets in every place that only staff may read."""
    secret = "SECRET Erika Mustermann"
    case = await pull(rig, "alba", sku, comment=f"{secret} 1")
    await pull(rig, "bert", sku, comment=f"{secret} 2", status=200)
    await rig.complain(sku, 1, text=f"{secret} 3 <script>alert(1)</script>")
    case = await rig.in_state(sku, "frozen")
    await rig.command(case, "comment", "owen", comment=f"{secret} 4")
    await rig.command(case, "comment", "vera", comment="Samples are on the way.")
    case = await rig.case(case["id"])
    case = await rig.done(case, "accept_ownership", "owen", comment=f"{secret} 5")
    case = await rig.done(case, "propose_remedy", "vera", remedy=REMEDY)
    case = await rig.done(case, "request_approval", "owen", verification=VERIFICATION)
    case = await rig.done(case, "reject_approval", "mara", reason="Of another lot.")
    case = await rig.done(case, "propose_remedy", "vera", remedy=REMEDY)
    case = await rig.done(case, "request_approval", "owen", verification=VERIFICATION)
    await rig.done(case, "approve", "mara", evidence_revision=case["evidence_revision"],
                   comment=f"{secret} 6")
    return await rig.in_state(sku, "probation")


async def test_a_pack_verifies_by_its_own_recipe(rig: Rig, sku: str, tmp_path: Path):
    """Whoever has the pack and the anchors needs nothing of ours; each change is noticed."""
    case = await _told_everywhere(rig, sku)
    await anchored(rig)
    place = unpacked(await pack(rig, case, "cora", "authority"), tmp_path / "pack")
    good, own = recipe(place), recipe(place, str(anchor_file(rig)))
    entries = [json.loads(line) for line in (place / "audit.ndjson").read_text().splitlines()]
    document = json.loads((place / "case.json").read_text())

    assert (0, 0) == (good.returncode, own.returncode), good.stderr + own.stderr
    assert re.search(r"[1-9]\d* entries, [1-9]\d* anchors: good", good.stdout)
    ours = [one["entry"] for one in entries if "entry" in one]  # between them lie bare digests
    assert all(f"case:{case['id']}" in one for one in ours)
    assert len(ours) >= len(document["timeline"]) - 1
    assert all(one["seen_at"] for one in document["enforcement"])
    assert all(one["text"] for one in document["notices"])
    assert (place / "verify.py").read_text() in DOCS.read_text()
    _each_change_is_noticed(place)


def _each_change_is_noticed(place: Path) -> None:
    for name, old, new in (
        ("case.json", "probation", "delisted"), ("audit.ndjson", "person:mara", "person:eve"),
        ("chain.ndjson", '"digest": "', '"digest": "00'),
        ("anchors.ndjson", '"hash": "', '"hash": "0'),
    ):  # fmt: skip
        file = place / name
        whole, manifest = file.read_text(), (place / "manifest.json").read_text()
        file.write_text(whole.replace(old, new, 1))
        assert "FALSE" in recipe(place).stderr, name
        if name != "case.json":  # also where the manifest was made to fit
            listed = json.loads(manifest)
            for one in listed["files"]:
                one["sha256"] = sha256((place / one["name"]).read_bytes()).hexdigest()
            (place / "manifest.json").write_text(json.dumps(listed))
            assert 0 != recipe(place).returncode, name
        file.write_text(whole)
        (place / "manifest.json").write_text(manifest)


async def test_a_vendors_pack_leaks_nothing(rig: Rig, sku: str, tmp_path: Path):
    """No word of staff, no customer, no name of a colleague: whoever asks for it."""
    case = await _told_everywhere(rig, sku)
    await anchored(rig)
    own = unpacked(await pack(rig, case, "vera", "vendor"), tmp_path / "own")
    made = unpacked(await pack(rig, case, "owen", "vendor"), tmp_path / "made")
    whole = unpacked(await pack(rig, case, "owen", "internal"), tmp_path / "whole")
    people = [one for one in PEOPLE if one not in {"vera", "vito"}]
    secrets = ["SECRET", "Mustermann", "customer-", "alba", "bert", "mara", "owen",
               *(PEOPLE[one].name for one in people)]

    for place in (own, made):
        everything = {one.name: one.read_text() for one in place.iterdir()}
        for name, text in everything.items():
            for secret in secrets:
                assert secret not in text, (name, secret)
        assert "Brittle resin" in everything["case.json"]
        assert 0 == recipe(place).returncode
    assert "Samples are on the way." in (own / "case.json").read_text()
    assert {str(n) for n in range(1, 7)} == set(
        re.findall(r"SECRET Erika Mustermann (\d)", (whole / "case.json").read_text())
    )


async def test_what_is_written_in_a_pack_is_text(rig: Rig, sku: str, tmp_path: Path):
    """Nothing that a customer wrote runs in the reader's browser, and the page fetches nothing."""
    case = await _told_everywhere(rig, sku)
    page = (unpacked(await pack(rig, case, "owen", "internal"), tmp_path / "pack")
            / "case.html").read_text()

    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in page
    assert not re.search(r"(src|href)=|url\(|@import", page)


async def test_a_text_that_looks_like_a_time_stays_a_text(rig: Rig, sku: str, tmp_path: Path):
    """A comment may be any text: what only looks like a moment stands in the pack as written."""
    case = await pull(rig, "mara", sku)
    texts = ("2026-99-99T00:00:00Z", "2026-01-01T99:99:99Z", "0000-00-00T00:00:00.5+00:00",
             "2026-01-01T12:00:00Z\n", "\u0662\u0660\u0662\u0666-01-01T12:00:00Z")
    for one in texts:
        said = await rig.command(case, "comment", "owen", comment=one)
        assert 200 == said.status, said.body
    real = await rig.command(case, "comment", "owen", comment="2026-01-02T03:04:05.678901Z")
    place = unpacked(await pack(rig, case, "owen", "internal"), tmp_path / "pack")
    page = (place / "case.html").read_text()

    assert 200 == real.status
    assert [one for one in texts if one.strip() not in page] == []
    assert "2026-01-02 03:04:05" in page


async def test_a_pack_names_orders_and_votes_for_staff_alone(
    rig: Rig, sku: str, tmp_path: Path
):
    """Orders and revocations with who wrote them down; each vote, and what became of it.

    The page names people and tells no codes; a vendor's pack has nothing of it.
    """
    case = await pull(rig, "cora", sku, "authority_order", comment="Customs", document="ORD-1")
    case = await rig.in_state(sku, "frozen")
    case = await rig.done(case, "register_order", "cora", authority="Market watch",
                          document="ORD-2", jurisdiction="de")
    case = await rig.done(case, "register_revocation", "cora", document="END-2", order="ORD-2")
    case = await rig.done(case, "register_revocation", "cora", document="END-1")
    for who in ("mara", "cora"):
        case = await rig.done(case, "approve", who, evidence_revision=case["evidence_revision"])
    whole, outside, own = [
        unpacked(await pack(rig, case, "owen", reader), tmp_path / reader)
        for reader in ("internal", "authority", "vendor")
    ]
    document = json.loads((whole / "case.json").read_text())
    page = unescape((whole / "case.html").read_text())

    assert [
        ("order", "Customs", "ORD-1", None, False), ("order", "Market watch", "ORD-2", "DE", False),
        ("revocation", "END-2", "ORD-2"), ("revocation", "END-1", None),
    ] == [
        (one["what"], one["authority"], one["document"], one["jurisdiction"], one["in_force"])
        if one["what"] == "order" else (one["what"], one["document"], one["revokes"])
        for one in document["orders"]
    ]
    cora, mara = PEOPLE["cora"].name, PEOPLE["mara"].name
    assert {("cora", cora)} == {(one["registered_by"], one["name"]) for one in document["orders"]}
    assert [("mara", mara, "counted"), ("cora", cora, "decided")] == [
        (one["person"], one["name"], one["outcome"]) for one in document["votes"]]
    assert all(one["cast_at"] for one in document["votes"])
    assert document["orders"] == json.loads((outside / "case.json").read_text())["orders"]
    for words in ("Orders of authorities", "revocation of ORD-2", "order, no longer in force",
                  f"{mara} (mara)", "stopped, confirmed in every catalogue", "it decided",
                  "order of an authority"):
        assert words in page, words
    given = json.loads((own / "case.json").read_text())
    assert ([], []) == (given["orders"], given["votes"])
    seen = (own / "case.html").read_text()
    assert not [one for one in ("Orders of authorities", "Votes", mara, cora) if one in seen]


async def test_who_may_have_which_pack(rig: Rig, sku: str):
    """Vendors get the vendor's, of their own cases; of staff only those who hand out."""
    case = await pull(rig, "mara", sku)
    await rig.in_state(sku, "frozen")
    suspicion = await pull(rig, "alba", f"{sku}-b")

    got = {
        (who, reader): (await pack(rig, case, who, reader)).status
        for who in ("vera", "vito", "owen", "cora", "audi", "root", "alba", "quin")
        for reader in ("vendor", "internal")
    }

    assert {(who, reader) for (who, reader), status in got.items() if status == 200} == {
        ("vera", "vendor"),
        *((who, reader) for who in ("owen", "cora", "audi", "root")
          for reader in ("vendor", "internal")),
    }
    assert 404 == got["vito", "vendor"]
    assert 403 == (await pack(rig, suspicion, "owen", "vendor")).status
    assert 422 == (await pack(rig, case, "owen", "everybody")).status


async def test_a_pack_is_saved_from_the_command_line_and_noted(
    rig: Rig, sku: str, tmp_path: Path
):
    """`cases export` writes the file once; the record says who took it, for whom, and what."""
    case = await pull(rig, "mara", sku)
    file = tmp_path / "pack.zip"
    owen = shell_of(rig, "owen", tmp_path)
    saved = await owen.run(
        "cases", "export", case["id"], "--for", "authority", "-o", str(file), "--json"
    )
    again = await owen.run("cases", "export", case["id"], "-o", str(file))
    refused = await shell_of(rig, "alba", tmp_path).run(
        "cases", "export", case["id"], "-o", str(tmp_path / "other.zip")
    )
    listed = (await rig.call(
        "GET", "/v1/audit", "audi", params={"subject": f"case:{case['id']}"}
    )).body["items"]
    manifest = zipfile.ZipFile(file).read("manifest.json")

    assert sha256(file.read_bytes()).hexdigest() == saved.document["sha256"]
    assert (2, 4) == (again.code, refused.code)
    assert ("person:owen", "export_pack", "authority", sha256(manifest).hexdigest()) == (
        listed[0]["actor"], listed[0]["action"], listed[0]["details"]["for"],
        listed[0]["details"]["manifest_sha256"],
    )
