"""Evidence files in a directory: on disk before the case says so, and swept if it never does."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from freezeguard.domain.transitions import State
from freezeguard.services.commands.evidencefiles import EvidenceFiles, EvidenceLimits
from freezeguard.storage.embedded import OwnerAndRuntimeDsns
from freezeguard.storage.vault import DirectoryVault
from tests.acceptance.rows import case_in, put
from tests.acceptance.steps import attach
from tests.files import PDF
from tests.rig import Rig, ServiceProcess, fast_settings, shop_with_service, until

TOMORROW = timedelta(days=1, minutes=1)


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """Return the directory where files shall lie."""
    return tmp_path / "evidence"


@pytest.fixture
def in_the_way(shelf: Path) -> Path:
    """Have a file where the directory should be."""
    shelf.write_text("in the way")
    return shelf


@pytest.fixture
async def rig(dsns: OwnerAndRuntimeDsns, tmp_path: Path, shelf: Path) -> AsyncIterator[Rig]:
    """Run one replica with a directory for files."""
    async with shop_with_service(
        dsns, tmp_path, seed=2, register=False, evidence={"directory": shelf}
    ) as running:
        yield running


async def a_case(rig: Rig) -> dict[str, Any]:
    """Return a frozen case."""
    case = case_in("SKU-000001", State.FROZEN)
    await put(rig, case)
    return await rig.case(str(case.id))


def names_in(shelf: Path) -> list[str]:
    """Return the names of what lies in the directory."""
    return [one.name for one in shelf.iterdir()]


def sweeper(rig: Rig, shelf: Path, now: datetime) -> EvidenceFiles:
    """Return the service of evidence files as it is at another time."""
    service = rig.service
    assert service is not None
    return EvidenceFiles(
        service.database, service.context.commands, DirectoryVault(shelf),
        EvidenceLimits(), lambda: now, service.context.new_id,
    )


async def test_files_lie_in_the_directory(rig: Rig, shelf: Path) -> None:
    """Whole, under their id, for nobody else to read; refused and repeated ones leave nothing."""
    case = await a_case(rig)

    sent = await attach(rig, case, "vera")
    again = await attach(rig, case, "vera")
    stale = await attach(rig, {**case, "version": 2}, "vera", b"other", kind="text/plain")
    file = sent.body["file"]["id"]
    got = await rig.call("GET", f"/v1/cases/{case['id']}/evidence/{file}", "owen")

    assert [201, 200, 409] == [sent.status, again.status, stale.status]
    assert [file] == names_in(shelf)
    assert (PDF, 0o600) == ((shelf / file).read_bytes(), (shelf / file).stat().st_mode & 0o777)
    assert PDF == got.body
    (shelf / file).unlink()
    lost = await rig.call("GET", f"/v1/cases/{case['id']}/evidence/{file}", "owen")
    assert (503, "unavailable") == (lost.status, lost.body["code"])


async def test_a_kill_between_file_and_commit_leaves_no_lie(
    rig: Rig, shelf: Path, tmp_path: Path, dsns: OwnerAndRuntimeDsns
) -> None:
    """No case knows of the file; what lies there is swept a day later, and what is known stays."""
    case = await a_case(rig)
    known = (await attach(rig, case, "vera")).body["file"]["id"]
    case = await rig.case(case["id"])
    gate = await asyncpg.connect(dsns.owner)
    held = gate.transaction()
    await held.start()
    await gate.execute("SELECT FROM cases WHERE id = $1 FOR UPDATE", case["id"])

    settings = fast_settings(dsns, tmp_path / "victim", rig.shop, 1, evidence={"directory": shelf})
    victim = await ServiceProcess.start(settings, tmp_path, "victim")
    upload = asyncio.create_task(
        attach(rig, case, "vera", b"half done", kind="text/plain", url=victim.url)
    )

    async def lies_there() -> bool:
        names = names_in(shelf)
        return len(names) == 2 and not any(one.endswith(".part") for one in names)

    await until(lies_there, "the file lies in the directory")
    await victim.kill()
    await asyncio.wait([upload])
    assert upload.exception() is not None
    await held.rollback()
    rows = await gate.fetch("SELECT id FROM evidence_files")
    standing = await gate.fetchrow("SELECT version, evidence_revision FROM cases")
    await gate.close()

    assert [known] == [str(row["id"]) for row in rows]
    assert (5, 4) == tuple(standing)
    now = datetime.now(UTC)
    assert 0 == await sweeper(rig, shelf, now).sweep()
    (shelf / "00000000-0000-0000-0000-000000000000.part").touch()
    assert 1 == await sweeper(rig, shelf, now + TOMORROW).sweep()
    assert [known] == names_in(shelf)


@pytest.mark.usefixtures("in_the_way")
async def test_a_directory_that_takes_nothing_is_said_so(rig: Rig) -> None:
    """A place that is no directory: 503, nothing attached, and no half of a file."""
    case = await a_case(rig)

    answer = await attach(rig, case, "vera")

    assert (503, "unavailable") == (answer.status, answer.body["code"])
    assert case["version"] == (await rig.case(case["id"]))["version"]
