"""Runs one replica until it is told to stop."""

import asyncio
import contextlib
import gc
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import structlog

from freezeguard.bootstrap.administration import first_start
from freezeguard.bootstrap.building import open_service
from freezeguard.bootstrap.house import house_of
from freezeguard.bootstrap.settings import Settings
from freezeguard.services.delivering.carriers import CASE_PLACE

log = structlog.get_logger()

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Started:
    """What whoever started a replica has to know; `admin_token` at the very first start only.

    `data_dir` is where an embedded database lies that other commands would not find by themselves.
    """

    url: str
    admin_token: str | None
    unsafe: tuple[str, ...]
    data_dir: Path | None = None


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, on uvloop where that is installed."""
    if find_spec("uvloop") is None:
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=import_module("uvloop").new_event_loop) as runner:
        return runner.run(work)


async def serve(settings: Settings, announce: Callable[[Started], None]) -> None:
    """Serve until SIGTERM or SIGINT, then finish what was begun; a second signal ends at once."""
    stop = asyncio.Event()
    with ended_by_signals(stop):
        async with open_service(settings) as service:
            await service.database.warm_up()
            async with service.serving():
                token = await first_start(service.database, service.access, service.now)
                _set_aside_what_stays()
                unsafe = unsafe_for_production(settings)
                for lacking in nowhere_to_go(settings):
                    log.warning("notices_lead_nowhere", what=lacking)
                announce(Started(service.url, token, unsafe, _unusual_place(settings)))
                await stop.wait()


def _unusual_place(settings: Settings) -> Path | None:
    """Return where the embedded database lies, unless it is where every command looks."""
    usual = Settings.model_fields["data_dir"].default
    if settings.database_url is not None or settings.data_dir == usual:
        return None
    return settings.data_dir.absolute()


def _set_aside_what_stays() -> None:
    """Never look for cycles again among what was loaded: `main` says how often among the rest."""
    gc.collect()
    gc.freeze()


@contextlib.contextmanager
def ended_by_signals(stop: asyncio.Event) -> Iterator[None]:
    """Set `stop` at the first SIGTERM or SIGINT; end the process at the second."""
    loop = asyncio.get_running_loop()

    def heard(number: int) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, heard, number)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def unsafe_for_production(settings: Settings) -> tuple[str, ...]:
    """Say what is fit for a trial and not for a shop, each with its remedy."""
    found = []
    if settings.database_url is None:
        found.append(
            "The database is embedded, on this machine only: set FREEZEGUARD_DATABASE_URL to a "
            "PostgreSQL that is backed up."
        )
    if settings.allow_owner_role:
        found.append("allow_owner_role is on: nothing keeps the service from changing history.")
    if settings.webhooks.allow_private:
        found.append("webhooks.allow_private is on: whoever registers an endpoint reaches inside.")
    if settings.mail.host is None:
        found.append("No mail server is set, so notices wait: set FREEZEGUARD_MAIL__HOST.")
    elif settings.mail.security == "none" and not is_this_machine(settings.mail.host):
        found.append("Mail leaves unencrypted: set FREEZEGUARD_MAIL__SECURITY to starttls or tls.")
    found += nowhere_to_go(settings)
    if not settings.catalogues:
        found.append("No catalogue is configured, so nothing is stopped: see docs/catalogues.md.")
    if not is_this_machine(settings.host):
        found.append(
            f"It listens on {settings.host} without TLS: put a proxy that ends TLS in front."
        )
    return tuple(found)


def nowhere_to_go(settings: Settings) -> tuple[str, ...]:
    """Say what keeps readers of mails from opening a link or answering, each with its remedy."""
    mail = settings.mail
    if mail.host is None:
        return ()
    found = []
    if settings.public_url is None:
        found.append(
            f"Links in notices lead to {house_of(settings).url}: set FREEZEGUARD_PUBLIC_URL to "
            "where readers reach the service."
        )
    if mail.reply_to is None or CASE_PLACE not in mail.reply_to:
        found.append(
            "Answers to notices reach no case: set FREEZEGUARD_MAIL__REPLY_TO to an address with "
            f"{CASE_PLACE} in it, and pipe its mail in (docs/notices.md)."
        )
    return tuple(found)


def is_this_machine(host: str) -> bool:
    """Say whether a host name means this machine alone."""
    return host in {"localhost", "::1"} or host.startswith("127.")
