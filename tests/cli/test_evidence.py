"""Files on a case from a terminal."""

from pathlib import Path

from freezeguard.domain.transitions import State
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from tests import files
from tests.acceptance.rows import case_in, put
from tests.cli.test_remote import shell_of
from tests.rig import shop_with_service


async def test_a_file_goes_there_and_back(dsns: OwnerAndRuntimeDsns, tmp_path: Path) -> None:
    """A vendor attaches, an owner lists and saves; refusals and repeats say what they are."""
    async with shop_with_service(dsns, tmp_path, seed=2, register=False) as rig:
        case = case_in("SKU-000001", State.FROZEN)
        await put(rig, case)
        vera, owen = shell_of(rig, "vera", tmp_path), shell_of(rig, "owen", tmp_path)
        report, page = tmp_path / "report.pdf", tmp_path / "page.html"
        report.write_bytes(files.PDF)
        page.write_bytes(b"<!doctype html>")
        inner = tmp_path / "inner.txt"
        inner.write_bytes(b"our own test")
        name, shelf = str(case.id), str(tmp_path / "saved")

        sent = await vera.run("cases", "attach", name, str(report), "--note", "Lot L-8")
        kept = await owen.run("cases", "attach", name, str(inner), "--json")
        refused = await vera.run("cases", "attach", name, str(page))
        stale = await vera.run("cases", "attach", name, str(page), "--version", "1")
        missing = await vera.run("cases", "attach", name, str(tmp_path / "nothing.pdf"))
        theirs = await vera.run("cases", "evidence", name, "--json")
        saved = await owen.run("cases", "evidence", name, "--save", shelf)
        again = await owen.run("cases", "evidence", name, "--save", shelf, "--json")
        shown = await owen.run("cases", "show", name)

    assert (0, True) == (sent.code, "version 5, evidence revision 4" in sent.out)
    assert (6, False) == (kept.document["version"], kept.document["file"]["visible_to_vendor"])
    assert (4, True) == (refused.code, "Content-Type" in refused.err or "markup" in refused.err)
    assert [4, 2] == [stale.code, missing.code]
    assert ["report.pdf"] == [one["name"] for one in theirs.document["items"]]
    assert (0, True) == (saved.code, "report.pdf" in saved.out)
    assert files.PDF == (tmp_path / "saved" / "report.pdf").read_bytes()
    assert ["report (2).pdf", "inner (2).txt"] == [
        Path(one["saved"]).name for one in again.document["items"]
    ]
    assert f"report.pdf ({len(files.PDF)} bytes, person:vera) Lot L-8" in shown.out
