"""Run PostgreSQL as a child: make its cluster, start it, watch it, stop it, clear what it left.

Standard library only: this is the keeper's part.
"""

import contextlib
import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from freezeguard.storage.embedded.home import (
    SUPERUSER,
    Home,
    open_private,
    read_passwords,
    sync_directory,
    write_private,
)

PORT = 5432  # only names the socket file: the server listens on no network address
_DRAFT_CLUSTER = "cluster.draft-"
_INITDB_SECONDS = 300
_LOG_BYTES_KEPT = 8 << 20
_PROC = Path("/proc")
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": str(PORT),
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_line_prefix": "%m [%p] %b ",
    "log_startup_progress_interval": "1s",  # the keeper reads from it that recovery advances
    "log_min_error_statement": "panic",  # statements may hold what customers wrote
    "log_timezone": "UTC",
    "timezone": "UTC",
    "lc_messages": "C",
    "jit": "off",
}
_PRODUCTION = {"max_connections": "100", "fsync": "on", "synchronous_commit": "on"}
_TEST_MODE = {"max_connections": "300", "fsync": "off", "full_page_writes": "off"}


class ClusterNotMade(Exception):
    """initdb failed; the text is what it said."""


def adopt_orphans() -> None:
    """Server children whose postmaster was killed become ours, so that we can reap them."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _die_with_parent(number: int) -> Callable[[], None] | None:
    """For a new child: be sent `number` when the keeper dies, however it dies (Linux)."""
    if _LIBC is None:
        return None
    prctl, keeper = _LIBC.prctl, os.getpid()

    def ask_kernel() -> None:
        prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != keeper:  # it died before we asked
            os._exit(1)

    return ask_kernel


def _environment() -> dict[str, str]:
    """Nothing secret reaches a server that may run under a shared account."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def make_cluster(home: Home, binaries: Path, *, test_mode: bool) -> None:
    """Make the cluster under another name and rename it: it is whole or absent.

    Raises `ClusterNotMade`.
    """
    try:
        _make_cluster(home, binaries, test_mode=test_mode)
    except (OSError, subprocess.SubprocessError) as error:
        raise ClusterNotMade(str(error)) from error


def _make_cluster(home: Home, binaries: Path, *, test_mode: bool) -> None:
    _remove_drafts(home)
    draft = Path(tempfile.mkdtemp(prefix=_DRAFT_CLUSTER, dir=home.path))
    password = write_private(home, read_passwords(home)[SUPERUSER] + "\n", _DRAFT_CLUSTER)
    if home.account is not None:
        for place in (draft, password):
            os.chown(place, home.account.uid, home.account.gid)
    try:
        _initdb(home, binaries, draft, password, test_mode=test_mode)
    finally:
        password.unlink()
    draft.rename(home.cluster)
    sync_directory(home.path)


def _remove_drafts(home: Home) -> None:
    """What an initdb that was cut off left behind."""
    for left_over in home.path.glob(f"{_DRAFT_CLUSTER}*"):
        if left_over.is_dir():
            shutil.rmtree(left_over, ignore_errors=True)
        else:
            left_over.unlink()


def _initdb(home: Home, binaries: Path, draft: Path, password: Path, *, test_mode: bool) -> None:
    command = [
        str(binaries / "initdb"), f"--pgdata={draft}", f"--username={SUPERUSER}",
        f"--pwfile={password}", "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale",
        "--data-checksums", "--no-instructions", *(["--no-sync"] if test_mode else []),
    ]  # fmt: skip
    uid, gid, groups = _identity(home)
    done = subprocess.run(  # noqa: S603 - a program found by us, no shell
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        cwd="/", env=_environment(), timeout=_INITDB_SECONDS, check=False,
        preexec_fn=_die_with_parent(signal.SIGKILL),
        user=uid, group=gid, extra_groups=groups,
    )  # fmt: skip
    if done.returncode != 0:
        raise ClusterNotMade(done.stdout.decode(errors="replace").strip())


def _identity(home: Home) -> tuple[int | None, int | None, list[int] | None]:
    """User, group and further groups for a child; None leaves them as they are."""
    if home.account is None:
        return None, None, None
    return home.account.uid, home.account.gid, []


class Postmaster:
    """One run of the server, from start to exit."""

    def __init__(self, home: Home, binaries: Path, sockets: Path, *, test_mode: bool) -> None:
        self._home = home
        self.words = b""
        self.progress = 0
        self._log, target = _open_log(home)
        uid, gid, groups = _identity(home)
        try:
            self._child = subprocess.Popen(  # noqa: S603 - a program found by us, no shell
                _command(home, binaries, sockets, test_mode=test_mode),
                stdin=subprocess.DEVNULL, stdout=target, stderr=target,
                cwd="/", env=_environment(), start_new_session=True,
                preexec_fn=_die_with_parent(signal.SIGINT),  # noqa: PLW1509 - the keeper has one thread
                user=uid, group=gid, extra_groups=groups,
            )  # fmt: skip
        finally:
            os.close(target)

    @property
    def pid(self) -> int:
        return self._child.pid

    def exited(self) -> bool:
        """Reap every dead child, adopted ones too; True once the postmaster is among them."""
        while self._child.returncode is None:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                pid, status = self._child.pid, 0
            if pid == 0:
                return False
            if pid == self._child.pid:
                self._child.returncode = os.waitstatus_to_exitcode(status)
        return True

    def status(self) -> str:
        """What the postmaster says of itself: `starting`, `ready`, `stopping`; '' before that."""
        lines = _pid_file(self._home)
        return lines[7] if len(lines) > 7 and lines[0] == str(self.pid) else ""

    def read_log(self) -> None:
        """Follow the log: keep the last words, count the lines by which recovery shows progress.

        The log is cut when it grew large; what it held moves aside.
        """
        news = self._log.read()
        if self._log.tell() > _LOG_BYTES_KEPT:
            path = self._home.server_log
            with contextlib.suppress(OSError):  # on a full disk the old log is given up
                shutil.copyfile(path, path.with_suffix(".log.1"))
            os.truncate(path, 0)
            self._log.seek(0)
        self.words = (self.words + news)[-8192:]
        self.progress += news.count(b"] startup ") + news.count(b"] checkpointer ")

    def complaint(self) -> str:
        """Its last words, without time and process id."""
        self.read_log()
        lines = self.words.decode(errors="replace").splitlines()[-4:]
        said = " ".join(re.sub(r"^[-\d]+ [:.\d]+ UTC \[\d+] (postmaster )?", "", x) for x in lines)
        return said or f"exit code {self._child.returncode}"

    def send(self, number: int) -> None:
        """Send a signal unless it is dead already."""
        if not self.exited():
            os.kill(self.pid, number)

    def stop(self, *, at_once: bool) -> None:
        """Fast shutdown; immediate after 30 s; killed after 5 s more.

        `at_once` kills: a server whose files were taken away must not tidy up at paths where
        another one may live by now.
        """
        steps = [(signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)]
        for number, patience in steps[2:] if at_once else steps:
            self.send(number)
            until = time.monotonic() + patience
            while not self.exited() and time.monotonic() < until:
                time.sleep(0.01)
        self.close()

    def close(self) -> None:
        self._log.close()


def _command(home: Home, binaries: Path, sockets: Path, *, test_mode: bool) -> list[str]:
    settings = {
        **_SETTINGS,
        **(_TEST_MODE if test_mode else _PRODUCTION),
        "unix_socket_directories": str(sockets),
        "cluster_name": home.cluster_name,
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return [str(binaries / "postgres"), "-D", str(home.cluster), *options]


def _open_log(home: Home) -> tuple[BinaryIO, int]:
    """A reader at the log's present end, and a writer that appends."""
    writer = open_private(home, home.server_log, os.O_WRONLY | os.O_APPEND)
    reader = home.server_log.open("rb")
    reader.seek(0, os.SEEK_END)
    return reader, writer


def _pid_file(home: Home) -> list[str]:
    try:
        text = (home.cluster / "postmaster.pid").read_text(errors="replace")
    except OSError:
        return []
    return [line.strip() for line in text.splitlines()]


def refused_by_lock(words: bytes) -> bool:
    """Whether a start failed because PostgreSQL believes that another server is running."""
    return b'lock file "' in words or b"pre-existing shared memory block" in words


def clear_stale(home: Home, sockets: Path, *, recorded: int, impatient: bool) -> str:
    """Make way for a start that PostgreSQL refused; returns who is in the way, '' if nobody is.

    A postmaster of ours (`recorded` by an earlier keeper) that lost its keeper is told to stop.
    Orphaned children of a killed postmaster are ended, for they hold its shared memory.
    The lock files are removed where their process is a zombie, or no server of this cluster.
    """
    lines = _pid_file(home)
    pid = int(lines[0]) if lines and lines[0].isdigit() else 0
    answers = len(lines) > 4 and _answers(Path(lines[4]) / f".s.PGSQL.{lines[3]}")
    if pid and (_is_postmaster(home, pid) or (answers and pid == recorded)):
        _kill(pid, signal.SIGQUIT if impatient else signal.SIGINT)
        return f"the server with process id {pid} is still shutting down"
    if answers:
        return f"another server, process id {pid}, uses {home.cluster}; stop it"
    orphans = list(_orphans(home))
    for orphan in orphans:
        _kill(orphan, signal.SIGKILL if impatient else signal.SIGQUIT)
    if orphans:
        return f"{len(orphans)} processes of the killed server are still ending"
    if _PROC.is_dir():
        (home.cluster / "postmaster.pid").unlink(missing_ok=True)
        (sockets / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)
    return ""


def _kill(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _is_postmaster(home: Home, pid: int) -> bool:
    """Whether `pid` is alive, no zombie, and was started on this very cluster (needs /proc)."""
    arguments = _arguments(pid)
    return "-D" in arguments and str(home.cluster) in arguments


def _orphans(home: Home) -> Iterator[int]:
    title = f"postgres: {home.cluster_name}: "
    for place in _PROC.glob("[0-9]*") if _PROC.is_dir() else ():
        if any(part.startswith(title) for part in _arguments(int(place.name))):
            yield int(place.name)


def _arguments(pid: int) -> list[str]:
    """The command line of a process, readable whoever owns it; empty for a zombie."""
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def _answers(path: Path) -> bool:
    """Whether a server listens on the socket, even one in another container."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
