"""The keeper: a process of its own that runs one server for as long as somebody uses it.

It holds `keeper.lock`, runs PostgreSQL as its child, restarts it when it dies, and stops it once
no process holds `clients.lock` any more. Locks are dropped by the kernel, so that neither a killed
client nor a killed keeper leaves anything behind: a client that lives on starts a new keeper.

Run as `python -m freezeguard.storage.embedded.keeper`. One thread, standard library only.
"""

import argparse
import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

from freezeguard.storage.embedded import postmaster
from freezeguard.storage.embedded.home import (
    Account,
    Home,
    open_private,
    read_facts,
    socket_directory,
    try_lock,
    write_facts,
)

POLL_SECONDS = 0.25
_STARTING_POLL_SECONDS = 0.02
_LOCK_SECONDS = 3.0  # probing clients hold the lock for microseconds, a dying keeper a little more
_RETRY_SECONDS = 0.25
_RETRY_LIMIT_SECONDS = 5.0
_IMPATIENT_AFTER_SECONDS = 20.0
_SMART_SHUTDOWN_SECONDS = 0.5


def say(event: str, **fields: object) -> None:
    """Write one JSON line to the keeper's log."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = json.dumps({"time": now, "event": event, **fields}, default=str) + "\n"
    with contextlib.suppress(OSError):  # a full disk must not take the server down with us
        os.write(2, line.encode())


class Keeper:
    """Tends one server. `clients` is the open file on which every client holds a shared lock."""

    def __init__(self, home: Home, binaries: Path, clients: int, *, test_mode: bool) -> None:
        self._home = home
        self._binaries = binaries
        self._clients = clients
        self._test_mode = test_mode
        earlier = read_facts(home)
        self._recorded = int(earlier.get("postmaster") or 0)
        self._sockets = socket_directory(home, earlier.get("host"))
        self._identity = home.keeper_lock.stat().st_ino
        self._server: postmaster.Postmaster | None = None
        self._facts: dict[str, Any] = {}
        self._told: dict[str, Any] = {}
        self._error = ""
        self._failures = 0
        self._not_before = 0.0
        self._refused_since: float | None = None
        self._stopping_since: float | None = None
        self._told_to_end = False
        self._wake = _wake_on_signals(self._end)
        self._publish(
            "starting"
        )  # before anybody is told of us: an earlier keeper's facts are over

    def run(self) -> None:
        """Tend the server until nobody uses it, we are told to end, or the home is removed."""
        while not self._told_to_end and not self._home_is_gone():
            if try_lock(self._clients, exclusive=True):
                say("nobody_left")
                break  # kept locked: who arrives now waits until we have ended
            self._tend()
            ready = self._facts["state"] == "ready"
            self._wait(POLL_SECONDS if ready else _STARTING_POLL_SECONDS)
        self._finish()

    def _end(self, number: int, frame: FrameType | None) -> None:
        del frame
        say("told_to_end", signal=number)
        self._told_to_end = True

    def _home_is_gone(self) -> bool:
        try:
            return self._home.keeper_lock.stat().st_ino != self._identity
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:  # it can't be seen just now, which is no reason to end a server
            return False

    def _wait(self, seconds: float) -> None:
        """Until a signal, such as a child's death, or for `seconds`."""
        if select.select([self._wake], [], [], seconds)[0]:
            os.read(self._wake, 4096)

    def _tend(self) -> None:
        if self._server is None:
            if time.monotonic() >= self._not_before:
                self._start()
        elif self._server.exited():
            self._mourn(self._server)
        else:
            self._observe(self._server)

    def _start(self) -> None:
        if not self._home.cluster.exists():
            self._publish("making_cluster")
            try:
                postmaster.make_cluster(self._home, self._binaries, test_mode=self._test_mode)
            except postmaster.ClusterNotMade as error:
                self._retry_later(str(error), final=True)
                return
        try:
            self._server = postmaster.Postmaster(
                self._home, self._binaries, self._sockets, test_mode=self._test_mode
            )
        except (OSError, subprocess.SubprocessError) as error:
            self._retry_later(str(error), final=True)
            return
        self._recorded = self._server.pid
        self._stopping_since = None
        say("server_started", pid=self._server.pid)
        self._publish("starting")

    def _observe(self, server: postmaster.Postmaster) -> None:
        server.read_log()
        status = server.status()
        if status == "ready":
            self._failures, self._refused_since = 0, None
            self._publish("ready")
        elif status == "stopping":
            self._hasten(server)
        else:
            self._publish("starting", progress=server.progress)

    def _hasten(self, server: postmaster.Postmaster) -> None:
        """Somebody asked for a smart shutdown, which waits for clients that refuse to go."""
        self._publish("restarting")
        now = time.monotonic()
        self._stopping_since = self._stopping_since or now
        if now - self._stopping_since > _SMART_SHUTDOWN_SECONDS:
            server.send(signal.SIGINT)
            self._stopping_since = now + 30.0

    def _mourn(self, server: postmaster.Postmaster) -> None:
        """The server exited: start it again, at once if it had been ready."""
        complaint = server.complaint()
        server.close()
        self._server = None
        was_ready = self._facts["state"] in {"ready", "restarting"}
        say("server_exited", pid=server.pid, was_ready=was_ready, words=complaint)
        if was_ready:
            self._publish("restarting")
        elif postmaster.refused_by_lock(server.words):
            self._make_way()
        else:
            self._retry_later(complaint)

    def _make_way(self) -> None:
        now = time.monotonic()
        self._refused_since = self._refused_since or now
        impatient = now - self._refused_since > _IMPATIENT_AFTER_SECONDS
        obstacle = postmaster.clear_stale(
            self._home, self._sockets, recorded=self._recorded, impatient=impatient
        )
        say("start_refused_by_lock", obstacle=obstacle)
        self._not_before = now + _RETRY_SECONDS
        self._publish("starting", error=obstacle)

    def _retry_later(self, error: str, *, final: bool = False) -> None:
        """`final` lets those who wait give up; we go on trying while a client lives."""
        self._failures += 1
        pause = min(_RETRY_SECONDS * 2 ** (self._failures - 1), _RETRY_LIMIT_SECONDS)
        self._not_before = time.monotonic() + pause
        if self._failures.bit_count() == 1:  # 1, 2, 4, 8 …: a failure of days fits the log
            say("start_failed", error=error, failures=self._failures)
        self._publish("failing", error=error, final=final or self._failures >= 3)

    def _publish(self, state: str, *, error: str | None = None, **more: object) -> None:
        """Tell the clients; an error stays with the facts until the server is ready."""
        if error is not None or state == "ready":
            self._error = error or ""
        facts = {
            "state": state,
            "host": str(self._sockets),
            "port": postmaster.PORT,
            "keeper": os.getpid(),
            "postmaster": self._recorded,
            "error": self._error,
            **more,
        }
        self._facts = facts
        if facts == self._told:
            return
        try:
            write_facts(self._home, facts)
        except OSError as refusal:  # a full disk, say: told again at the next look
            say("facts_not_written", error=str(refusal))
        else:
            self._told = facts

    def _finish(self) -> None:
        gone = self._home_is_gone()
        if self._server is not None:
            if not gone:
                self._publish("stopping")
            self._server.stop(at_once=gone)
            say("server_stopped", pid=self._server.pid)
        if not gone:
            self._home.facts.unlink(missing_ok=True)
        if not gone or self._sockets.parent != self._home.path:  # else another home may be there
            shutil.rmtree(self._sockets, ignore_errors=True)


def _wake_on_signals(end: Any) -> int:
    """Signals wake the loop through a pipe; a dead child needs no more than that."""
    wake, notify = os.pipe()
    for handle in (wake, notify):
        os.set_blocking(handle, False)
    signal.set_wakeup_fd(notify, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, _note)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    return wake


def _note(number: int, frame: FrameType | None) -> None:
    """A handler that does nothing, so that the signal wakes the loop instead of being ignored."""


def _detach() -> int:
    """Leave the starter's session; it waits until we report that there is a keeper, or our end.

    Returns the handle to report on.
    """
    read, report = os.pipe()
    if os.fork():
        os.close(report)
        sys.exit(0 if os.read(read, 1) else 1)
    os.close(read)
    os.setsid()
    os.chdir("/")
    return report


def _redirect(home: Home) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    log = open_private(home, home.keeper_log, os.O_WRONLY | os.O_APPEND)
    for source, target in ((nowhere, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.close(nowhere)
    os.close(log)


def _acquire(home: Home) -> bool:
    """Become the only keeper; False where another one is."""
    handle = open_private(home, home.keeper_lock, os.O_RDWR)  # stays open for our life
    until = time.monotonic() + _LOCK_SECONDS
    while not try_lock(handle, exclusive=True):
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def main(arguments: list[str]) -> None:
    """Become the keeper of `--home`, or leave at once where there is one."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--binaries", type=Path, required=True)
    parser.add_argument("--account", help="uid:gid that runs the server; root only")
    parser.add_argument("--test-mode", action="store_true")
    asked = parser.parse_args(arguments)
    account = Account(*map(int, asked.account.split(":"))) if asked.account else None
    home = Home(asked.home, account)
    os.umask(0o077)
    report = _detach()
    _redirect(home)
    if not _acquire(home):
        os.write(report, b"0")
        return
    clients = open_private(home, home.clients_lock, os.O_RDWR)
    postmaster.adopt_orphans()
    keeper = Keeper(home, asked.binaries, clients, test_mode=asked.test_mode)
    os.write(report, b"1")
    os.close(report)
    say("keeper_started", pid=os.getpid(), binaries=asked.binaries)
    try:
        keeper.run()
    finally:
        say("keeper_ended", pid=os.getpid())


if __name__ == "__main__":
    main(sys.argv[1:])
