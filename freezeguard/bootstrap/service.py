"""Runs one replica of the service, and closes it in order."""

import asyncio
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from aiohttp import web

from freezeguard.api.app import Api
from freezeguard.api.context import CheckResult, Context
from freezeguard.api.slowclients import Patience
from freezeguard.bootstrap.canaries import in_words
from freezeguard.bootstrap.house import url_of
from freezeguard.bootstrap.metrics import PrometheusMetrics
from freezeguard.bootstrap.outlets import shared_names
from freezeguard.bootstrap.settings import Settings
from freezeguard.ports.catalogues import Catalogue
from freezeguard.ports.clock import Now
from freezeguard.services.cases.casework import Casework
from freezeguard.services.cases.livechanges import LiveChanges
from freezeguard.services.cases.ownership import Ownership
from freezeguard.services.cases.queue import HarmCounting
from freezeguard.services.cases.timers import Timers
from freezeguard.services.delivering.delivery import Delivery
from freezeguard.services.delivering.posting import Posting
from freezeguard.services.detecting.evaluation import Evaluation
from freezeguard.services.detecting.feeds import Feeds
from freezeguard.services.detecting.ingestion import Ingestion
from freezeguard.services.detecting.learning import PriorLearning
from freezeguard.services.detecting.rulebook import RuleBook
from freezeguard.services.detecting.suppressionnews import SuppressionNews
from freezeguard.services.detecting.trust import Trust
from freezeguard.services.directory import Directory
from freezeguard.services.enforcing.canary import Canaries
from freezeguard.services.enforcing.enforcement import Enforcement
from freezeguard.services.enforcing.heldset import HeldSet
from freezeguard.services.enforcing.reconciliation import Reconciliation
from freezeguard.services.enforcing.watching import DriftWatch
from freezeguard.services.masterdata.access import Access
from freezeguard.services.masterdata.codes import Codes
from freezeguard.services.masterdata.knownskus import KnownSkus
from freezeguard.services.masterdata.signingin import SigningIn
from freezeguard.services.records.auditchain import Anchoring, Chaining
from freezeguard.services.records.retention import Retention
from freezeguard.services.sweeping import Aftercare, ReadAhead, Sweeper, WantedSweep
from freezeguard.services.topics import (
    TOPIC_ACCESS,
    TOPIC_CASES,
    TOPIC_HOLDS,
    TOPIC_NOTICES,
    TOPIC_OBJECTS,
    TOPIC_RULES,
    TOPIC_WEBHOOKS,
)
from freezeguard.storage.database import PostgresDatabase
from freezeguard.storage.databaseclock import DatabaseClock
from freezeguard.storage.idempotency import PostgresIdempotency
from freezeguard.storage.lastrevision import FileRevision
from freezeguard.storage.listener import Listener
from freezeguard.workers.supervision import Crew

log = structlog.get_logger()

PARTITIONS_AHEAD_CHECK = 3600.0
FORGET_EVERY = 600.0
LEARN_EVERY = 600.0
EVIDENCE_SWEEP_EVERY = 3600.0
STALE_AFTER = 10.0
WARM_SECONDS = 3.0
ASK_THE_TIME_EVERY = 5.0
TELL_LIVE_EVERY = 0.25
"""Seconds within which all that happens to cases is told together."""


@dataclass
class Service:
    """One replica, built and not yet running; `run` is what makes it work."""

    settings: Settings
    database: PostgresDatabase
    clock: DatabaseClock
    now: Now
    directory: Directory
    catalogues: Mapping[str, Catalogue]
    access: Access
    signing_in: SigningIn
    codes: Codes
    rules: RuleBook
    held: HeldSet
    known: KnownSkus
    live: LiveChanges
    casework: Casework
    evaluation: Evaluation
    ingestion: Ingestion
    enforcement: Enforcement
    reconciliation: Reconciliation
    canaries: Canaries
    aftercare: Aftercare
    sweeper: Sweeper
    wanted_sweep: WantedSweep
    harm: HarmCounting
    drift_watch: DriftWatch
    feeds: Feeds
    trust: Trust
    ending: SuppressionNews
    ownership: Ownership
    read_ahead: ReadAhead
    delivery: Delivery
    chatting: Delivery
    posting: Posting
    timers: Timers
    learning: PriorLearning
    retention: Retention
    chaining: Chaining
    anchoring: Anchoring
    listener: Listener
    last_revision: FileRevision
    metrics: PrometheusMetrics
    context: Context
    api: Api
    crew: Crew = field(default_factory=Crew)
    url: str = ""

    # ---------------------------------------------------------------------------- running

    async def warm_up(self) -> None:
        """Read what must be known before the first request is answered."""
        await self.database.run(lambda tx: tx.signals.ensure_partitions(self.now()))
        await self.access.refresh()
        await self.rules.refresh()
        await self.trust.refresh()
        await self.held.load()
        await self.live.follow()
        await self.known.follow()
        await self.enforcement.proofs.refresh()
        for one in await self.database.run(lambda tx: shared_names(tx, self.settings)):
            log.error("one_name_for_two_skus", problem=one)
        await asyncio.gather(*(_warm(name, one) for name, one in self.catalogues.items()))

    def start_workers(self) -> None:
        """Start every loop of this replica."""
        every = self.settings.workers
        crew = self.crew
        crew.hire("quick lane", self.ingestion.run_quick)
        for one in ("bulk lane", "second bulk lane"):  # one converts while the other one waits
            crew.hire(one, self.ingestion.run_bulk)
        crew.hire("evaluator", self.ingestion.run_evaluator)
        crew.hire("listener", self.listener.run)
        for one in ("codes", "more codes"):  # a slow mail server holds one of them up
            crew.hire(one, self.codes.run)
        step = crew.hire_stepping
        step("held set", _idle(self.held.follow), TOPIC_HOLDS, poll=every.poll)
        step("live changes", _idle(self._follow_live), TOPIC_CASES, poll=every.poll)
        step("access", _idle(self.access.refresh), TOPIC_ACCESS, poll=every.poll)
        step("rules", _idle(self.rules.refresh), TOPIC_RULES, poll=every.poll)
        step("suppressions", _idle(self.rules.revive), TOPIC_RULES, poll=every.poll)
        step("ending suppressions", _idle(self.ending.tell), poll=every.sweep * 30)
        step("feeds heard", _idle(self.feeds.note), poll=every.poll * 5)
        step("silent feeds", _idle(self.feeds.watch), poll=every.sweep * 60)
        step("trust", _idle(self.trust.refresh), poll=every.poll * 5)
        step("known skus", _idle(self.known.follow), TOPIC_OBJECTS, poll=every.poll * 5)
        step("sweep evaluations", self.sweeper.sweep_evaluations, poll=every.sweep)
        step("sweep cases", _idle(self.sweeper.sweep_cases), poll=every.sweep)
        step("queue", self.harm.run_once, poll=every.sweep * 5)
        step("owners", _idle(self.ownership.run_once), TOPIC_ACCESS, poll=every.sweep * 10)
        step("catalogue checks", _idle(self.enforcement.proofs.refresh), poll=every.poll * 5)
        step("sweep wanted", _idle(self.wanted_sweep.run_once), poll=every.sweep * 30)
        step("journal", _idle(self.sweeper.replay_journal), poll=every.sweep)
        step("last revision", _idle(self._note_revision), poll=every.poll)
        step("timers", self.timers.fire_due, poll=every.timers)
        step("read ahead", self.read_ahead.run_once, TOPIC_OBJECTS, poll=every.poll * 5)
        step("delivery", self.delivery.deliver_due, TOPIC_NOTICES, poll=every.poll)
        for one in ("chats", "more chats"):  # one that is slow holds one of them up
            step(one, self.chatting.deliver_due, TOPIC_NOTICES, poll=every.poll)
        step("vendors told", _idle(self.delivery.sweep_told), poll=every.sweep * 10)
        step("clock", _idle(self.clock.measure), poll=ASK_THE_TIME_EVERY)
        step("webhooks", self.posting.deliver_due, TOPIC_WEBHOOKS, poll=every.poll)
        if self.settings.policy.announce_orders:
            step("orders to announce", self.context.order_lists.announce_due, poll=every.sweep)
        step("dead webhooks", _idle(self.posting.look_after), poll=every.sweep * 60)
        step("partitions", _idle(self._partitions), poll=PARTITIONS_AHEAD_CHECK)
        step("evidence files", _idle(self.context.evidence.sweep), poll=EVIDENCE_SWEEP_EVERY)
        step("audit chain", self.chaining.step, poll=every.poll)
        step("audit anchors", _idle(self.anchoring.step), poll=every.poll)
        step("shadow digest", _idle(self.context.shadows.tell_weekly), poll=every.sweep * 3600)
        step("kept answers", self._forget_answers, poll=FORGET_EVERY)
        step("ended sessions", _idle(self._forget_sessions), poll=FORGET_EVERY)
        step("retention", self.retention.step, poll=FORGET_EVERY)
        if self.settings.detection.learn_priors:
            step("learning", _idle(self._learn), poll=LEARN_EVERY)
        self._start_workers_of_catalogues()

    def _start_workers_of_catalogues(self) -> None:
        """Start the loops that each catalogue has of its own."""
        every, step = self.settings.workers, self.crew.hire_stepping
        if self.canaries.catalogues:
            step("canaries seen", _idle(self.canaries.look), poll=every.poll * 5)
        for name in self.canaries.catalogues:
            step(f"canary {name}", partial(self.canaries.fly_if_due, name), poll=every.sweep * 5)
        for name in self.directory.outlets:
            step(f"read ahead {name}", partial(self.read_ahead.catch_up, name), poll=every.poll * 5)
            step(f"catalogue {name}", partial(self._work_due, name), TOPIC_OBJECTS, poll=0.25)
        for name in self.drift_watch.catalogues:
            step(f"look over {name}", _idle(partial(self.drift_watch.look_over, name)),
                 poll=self.settings.pace.look_over_every)

    async def _work_due(self, name: str) -> int:
        return await self.enforcement.work_due(name)

    async def _follow_live(self) -> None:
        await self.live.follow()
        await asyncio.sleep(TELL_LIVE_EVERY)

    async def _note_revision(self) -> None:
        """Keep on disk what an emergency stop must name to pass a catalogue's fence."""
        revision = await self.database.run(lambda tx: tx.holds.current_revision())
        await self.last_revision.note(revision)

    async def _partitions(self) -> int:
        return await self.database.run(lambda tx: tx.signals.ensure_partitions(self.now()))

    async def _learn(self) -> int:
        zone = ZoneInfo(self.settings.calendar.zone)
        return await self.learning.step(self.settings.detection.learn_at, zone)

    async def _forget_sessions(self) -> None:
        await self.signing_in.forget()
        await self.codes.forget()

    async def _forget_answers(self) -> int:
        return await PostgresIdempotency(self.database).forget(self.now())

    def topic_heard(self, topic: str) -> None:
        """Wake whoever waits for a topic."""
        self.crew.ring(topic)

    @asynccontextmanager
    async def working(self) -> AsyncIterator["Service"]:
        """Run every loop; on the way out, finish what was begun."""
        await self.warm_up()
        try:
            self.start_workers()
            yield self
        finally:
            await self.crew.dismiss()
            await self._note_feeds()
            await self.enforcement.drain(self.settings.limits.drain_seconds)
            await self.posting.drain(self.settings.limits.drain_seconds)

    async def _note_feeds(self) -> None:
        """Write what was heard last; nothing that happens here keeps the rest from ending well."""
        try:
            await self.feeds.note()
        except Exception:
            log.exception("feeds_not_noted")

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Service"]:
        """Serve HTTP and run every loop; on the way out, finish what was begun."""
        settings, limits = self.settings, self.settings.limits
        patience = Patience(head=limits.header_seconds, idle=limits.idle_seconds)
        async with self.working():
            runner = self.api.runner(patience, limits.drain_seconds)
            try:
                await runner.setup()
                site = web.TCPSite(runner, settings.host, settings.port, backlog=1024)
                await site.start()
                self.url = url_of(settings.host, runner.addresses[0][1])
                log.info("service_started", url=self.url)
                yield self
            finally:
                log.info("service_stopping")
                self.held.close()
                self.live.close()
                await runner.cleanup()

    # ------------------------------------------------------------------------------ checks

    def checks(self) -> dict[str, CheckResult]:
        """Answer each named check of readiness; reads memory only."""
        fresh = age(self.held, self.now) < STALE_AFTER
        return {
            "database": CheckResult(fresh, "" if fresh else "not heard of", self.held.as_of),
            "held_set": CheckResult(self.held.is_ready, "", self.held.as_of),
            "rules": CheckResult(self.rules.revision >= 0),
            "keys": CheckResult(self.access.is_ready),
            "workers": CheckResult(self.crew.is_whole),
            "clock": CheckResult(True, _of_skew(self.clock), self.clock.measured_at),
            **{f"canary {name}": self._canary(name) for name in self.canaries.catalogues},
        }

    def _canary(self, name: str) -> CheckResult:
        """Say how a canary did; that a catalogue is slow is no reason to send nobody here."""
        known = self.canaries.known.get(name)
        at = None if known is None else known.succeeded_at
        return CheckResult(True, "not flown yet" if known is None else in_words(known), at)


def age(held: HeldSet, now: Now) -> float:
    """Return the seconds since the held set was last heard of; infinite before the first time."""
    return math.inf if held.as_of is None else (now() - held.as_of).total_seconds()


def _of_skew(clock: DatabaseClock) -> str:
    """Say how far this machine's clock is off, where it is; it is no reason to send nobody here."""
    if not clock.is_apart:
        return ""
    return (
        f"this machine's clock is {clock.skew:+.1f} s from the database's, which counts; let both "
        "follow one time server (NTP)"
    )


def _idle(step: Any) -> Any:
    """Let a step that always finds something wait for its turn all the same."""

    async def once() -> int:
        await step()
        return 0

    return once


async def _warm(name: str, catalogue: Catalogue) -> None:
    """Open a connection ahead where the connector can; the first stop must not pay for it.

    One that is away keeps nobody from starting: signals are taken and stops tried all the same.
    """
    warm = getattr(catalogue, "warm", None)
    if warm is None:
        return
    try:
        async with asyncio.timeout(WARM_SECONDS):
            await warm()
    except Exception as error:  # noqa: BLE001 - whatever a connector raises
        reason = str(error) or type(error).__name__
        log.warning("catalogue_not_warmed", catalogue=name, error=reason)
