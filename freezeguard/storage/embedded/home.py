"""Where an embedded server lives: its cluster, locks, passwords, logs and socket.

Everything lies in one directory, the home: `<data dir>/postgres`. PostgreSQL refuses to run as
root; started by root it runs under an unprivileged account that exists already. Where that account
can't enter the data directory (a root shell in a 0700 directory), the home is placed elsewhere and
`<data dir>/postgres` becomes a symbolic link to it. No parent directory is ever changed.

Standard library only: the keeper imports this module too.
"""

import fcntl
import hashlib
import json
import os
import pwd
import secrets
import stat
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freezeguard.storage.embedded.errors import HomeUnusable

SUPERUSER = "postgres"
OWNER_ROLE = "freezeguard_owner"
RUNTIME_ROLE = "freezeguard_runtime"
PERSISTENT_PLACES = (Path("/var/lib/freezeguard"), Path("/var/tmp"))  # noqa: S108 - made by mkdtemp
FLEETING_PLACES = (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - same
_SOCKET_NAME_BYTES = len("/.s.PGSQL.5432.lock")
_SOCKET_PATH_LIMIT = 100  # sun_path holds 103 bytes on macOS, 107 on Linux
_PRIVATE_FILE = 0o600


@dataclass(frozen=True, slots=True)
class Account:
    """The unprivileged account under which root runs PostgreSQL."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Home:
    """The directory of one embedded server. `account` is None unless we are root."""

    path: Path
    account: Account | None

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own data directory."""
        return self.path / "cluster"

    @property
    def clients_lock(self) -> Path:
        """Held shared by every client for its life; the kernel lets go when a client is killed."""
        return self.path / "clients.lock"

    @property
    def keeper_lock(self) -> Path:
        """Held by the one keeper for its life."""
        return self.path / "keeper.lock"

    @property
    def start_lock(self) -> Path:
        """Held by a client while it starts a keeper."""
        return self.path / "start.lock"

    @property
    def facts(self) -> Path:
        """What the keeper tells its clients: state, socket directory, port, process ids."""
        return self.path / "server.json"

    @property
    def passwords(self) -> Path:
        """Passwords of the three roles; readable by the home's owner only."""
        return self.path / "passwords.json"

    @property
    def keeper_log(self) -> Path:
        return self.path / "keeper.log"

    @property
    def server_log(self) -> Path:
        return self.path / "postgres.log"

    @property
    def cluster_name(self) -> str:
        """Shown in the title of every server child, so that orphans can be told from strangers."""
        return "freezeguard-" + hashlib.sha256(os.fsencode(self.cluster)).hexdigest()[:12]


def open_home(data_dir: Path, *, elsewhere: Sequence[Path] = PERSISTENT_PLACES) -> Home:
    """Find or make the home of `data_dir`; safe against others doing the same at this moment.

    `elsewhere` are the places for a home that the account can't reach below `data_dir`.
    Raises `HomeUnusable` where the home belongs to somebody else or its target is gone.
    """
    data_dir = data_dir.absolute()
    if not data_dir.is_dir():
        _make_data_dir(data_dir)
    data_dir = data_dir.resolve()
    link = data_dir / "postgres"
    if not link.is_symlink() and not link.exists():
        _make(link, elsewhere)
    path = _follow(link)
    home = Home(path, _account(path / "cluster", path, data_dir))
    _check_owner(home)
    _tighten(home)
    _make_passwords(home)
    return home


def _make_data_dir(data_dir: Path) -> None:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HomeUnusable(
            f"The data directory {data_dir} can't be made: {error.strerror}. Name one that this "
            "account may write to: FREEZEGUARD_DATA_DIR; or set FREEZEGUARD_DATABASE_URL to a "
            "PostgreSQL of your own."
        ) from error
    data_dir.chmod(0o711 if os.geteuid() == 0 else 0o700)


def _make(link: Path, elsewhere: Sequence[Path]) -> None:
    account = _account(link.parent)
    if account is None or reachable(link.parent, account):
        link.mkdir(mode=0o700, exist_ok=True)
        _give_to(link, link.parent)
        return
    place = _place(elsewhere, account)
    try:
        link.symlink_to(place)
    except FileExistsError:
        place.rmdir()


def _place(places: Sequence[Path], account: Account) -> Path:
    for place in places:
        try:
            if not place.is_dir():
                place.mkdir(parents=True)
                place.chmod(0o755)
            if not reachable(place.resolve(), account):
                continue
            return Path(tempfile.mkdtemp(prefix="pg-", dir=place.resolve()))
        except OSError:
            continue
    raise HomeUnusable(
        f"uid {account.uid}, which runs PostgreSQL for root, can enter none of "
        f"{', '.join(map(str, places))}; set FREEZEGUARD_DATA_DIR to a directory that it can enter"
    )


def _follow(link: Path) -> Path:
    if os.geteuid() == 0 and link.is_symlink() and link.lstat().st_uid != 0:
        raise HomeUnusable(f"{link} is a link that root did not make; remove it")
    if not link.is_dir():
        raise HomeUnusable(
            f"{link} points to {os.path.realpath(link)}, which is gone; bring it back from a "
            f"backup, or remove the link to begin with an empty database"
        )
    return link.resolve()


def _account(*places: Path) -> Account | None:
    """For root: the first owner of `places` that is not root, else `postgres`, else `nobody`."""
    if os.geteuid() != 0:
        return None
    for place in places:
        if place.exists() and (facts := place.stat()).st_uid != 0:
            return Account(facts.st_uid, facts.st_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise HomeUnusable(
        "PostgreSQL refuses to run as root and there is neither an account 'postgres' nor "
        "'nobody'; start freezeguard as an ordinary user or set FREEZEGUARD_DATABASE_URL"
    )


def reachable(directory: Path, account: Account) -> bool:
    """Whether `account` may enter `directory` and all its parents, by their mode bits."""
    return all(_may(place, account, 0o1) for place in (directory, *directory.parents))


def _may(place: Path, account: Account, bit: int) -> bool:
    facts = place.stat()
    if facts.st_uid == account.uid:
        return bool(facts.st_mode & bit << 6)
    if facts.st_gid == account.gid:
        return bool(facts.st_mode & bit << 3)
    return bool(facts.st_mode & bit)


def _check_owner(home: Home) -> None:
    me = os.geteuid()
    for place in (home.path, home.cluster):
        if me != 0 and place.exists() and place.stat().st_uid != me:
            raise HomeUnusable(
                f"{place} belongs to uid {place.stat().st_uid}, you are uid {me}; run freezeguard "
                f"as its owner or set FREEZEGUARD_DATA_DIR to a directory of your own"
            )


def _tighten(home: Home) -> None:
    """Root's home lets the account pass through to the cluster; any other is its owner's alone."""
    wanted = 0o711 if home.path.stat().st_uid == 0 else 0o700
    if stat.S_IMODE(home.path.stat().st_mode) != wanted:
        home.path.chmod(wanted)


def _give_to(place: Path, like: Path) -> None:
    """Root hands what it makes to the owner of the place in which it made it."""
    if os.geteuid() == 0:
        owner = like.stat()
        os.chown(place, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _make_passwords(home: Home) -> None:
    """Written once, before the cluster exists; the first of several processes wins."""
    if home.passwords.exists():
        return
    if home.cluster.exists():
        raise HomeUnusable(
            f"{home.passwords} is missing, so nobody can sign in to {home.cluster}; bring the file "
            f"back from a backup, or move {home.path} away to begin with an empty database"
        )
    made = {role: secrets.token_urlsafe(24) for role in (SUPERUSER, OWNER_ROLE, RUNTIME_ROLE)}
    draft = write_private(home, json.dumps(made), "passwords.draft-")
    try:
        os.link(draft, home.passwords)
        sync_directory(home.path)
    except FileExistsError:
        pass  # another process was first: its passwords count
    finally:
        draft.unlink()


def read_passwords(home: Home) -> dict[str, str]:
    """Passwords by role name."""
    found: dict[str, str] = json.loads(home.passwords.read_text())
    return found


def write_private(home: Home, text: str, prefix: str) -> Path:
    """Write `text` durably to a new file of the home, mode 0600, and return its path."""
    handle, name = tempfile.mkstemp(prefix=prefix, dir=home.path)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft = Path(name)
    _give_to(draft, home.path)
    return draft


def sync_directory(path: Path) -> None:
    """Make renames and links inside `path` durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def open_private(home: Home, path: Path, flags: int) -> int:
    """Open or make a file of the home, mode 0600, never through a symbolic link."""
    handle = os.open(path, flags | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, _PRIVATE_FILE)
    owner = home.path.stat()
    if os.geteuid() == 0 and os.fstat(handle).st_uid != owner.st_uid:
        os.fchown(handle, owner.st_uid, owner.st_gid)
    return handle


def try_lock(handle: int, *, exclusive: bool) -> bool:
    """Try to lock an open file; False where somebody else's lock is in the way."""
    try:
        fcntl.flock(handle, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_locked(path: Path) -> bool:
    """Whether somebody holds `path` exclusively. Raises FileNotFoundError where it is gone."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return not try_lock(handle, exclusive=False)
    finally:
        os.close(handle)


def write_facts(home: Home, facts: Mapping[str, Any]) -> None:
    """Replace the facts that clients read, all or nothing. Only the keeper writes them."""
    draft = home.path / "server.json.draft"
    with os.fdopen(open_private(home, draft, os.O_WRONLY | os.O_TRUNC), "w") as file:
        json.dump(facts, file)
    draft.replace(home.facts)


def read_facts(home: Home) -> dict[str, Any]:
    """What the keeper last told; empty where there is nothing yet."""
    try:
        found: dict[str, Any] = json.loads(home.facts.read_text())
    except FileNotFoundError:
        return {}
    return found


def socket_directory(home: Home, recorded: str | None) -> Path:
    """Make the directory of the socket: in the home, or in a temp directory if the path is long.

    A directory that an earlier keeper recorded is used again, for clients still know it.
    """
    inside = home.path / "run"
    if len(os.fsencode(inside)) + _SOCKET_NAME_BYTES <= _SOCKET_PATH_LIMIT:
        return _own_directory(home, inside)
    if recorded is not None and Path(recorded).name.startswith("fg-"):
        try:
            return _own_directory(home, Path(recorded))
        except OSError:
            pass  # somebody else's by now: take a new one
    for place in FLEETING_PLACES:
        if place.is_dir() and (home.account is None or reachable(place.resolve(), home.account)):
            return _own_directory(home, Path(tempfile.mkdtemp(prefix="fg-", dir=place)))
    raise HomeUnusable(f"no short path for a socket beside {home.path}; choose a shorter data dir")


def _own_directory(home: Home, path: Path) -> Path:
    path.mkdir(mode=0o700, exist_ok=True)
    uid = os.geteuid() if home.account is None else home.account.uid
    facts = path.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid not in {uid, os.geteuid()}:
        raise PermissionError(f"{path} is not our directory")
    if home.account is not None:
        os.chown(path, home.account.uid, home.account.gid, follow_symlinks=False)
    path.chmod(0o700)
    return path
