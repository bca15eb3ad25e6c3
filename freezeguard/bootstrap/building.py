"""Puts one replica of the service together, out of its settings."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from freezeguard.api import bodies
from freezeguard.api.app import build_api
from freezeguard.api.context import Context
from freezeguard.api.idempotency import Idempotency
from freezeguard.bootstrap.calendars import calendars_of, legal_clocks_of, warm_calendars
from freezeguard.bootstrap.database import Dsns, check_role, ensure_instance, reach_database
from freezeguard.bootstrap.house import code_sender_of, house_of, sender_of
from freezeguard.bootstrap.inbound import open_endpoints
from freezeguard.bootstrap.metrics import PrometheusMetrics
from freezeguard.bootstrap.outlets import outlet_of
from freezeguard.bootstrap.pages import attach_pages, provider_of
from freezeguard.bootstrap.service import Service, age
from freezeguard.bootstrap.settings import Settings
from freezeguard.bootstrap.surroundings import (
    ids_by,
    jitter,
    new_code,
    new_secret,
    new_signing_secret,
    random_bytes,
    request_ids,
    utc_now,
)
from freezeguard.catalogues.registry import open_catalogues
from freezeguard.catalogues.tips import schemes_in
from freezeguard.detection.watch import Watch
from freezeguard.domain.masking import mask
from freezeguard.notices.anchorpost import AnchorPost
from freezeguard.notices.chat import chat_body
from freezeguard.notices.languages import WordedLanguages
from freezeguard.notices.mail import MailServer, MailTransport
from freezeguard.notices.render import render
from freezeguard.notices.wording import DEFAULT_LANGUAGE, Wording
from freezeguard.ports.catalogues import Catalogue
from freezeguard.ports.clock import Moment, NewId, Now, no_moment
from freezeguard.ports.identity import IdentityProvider
from freezeguard.services.cases.casefile import Casefiles
from freezeguard.services.cases.casepack import CasePacks
from freezeguard.services.cases.casework import Casework
from freezeguard.services.cases.diagnosing import Diagnosing
from freezeguard.services.cases.livechanges import LIVE_BEAT, LiveChanges, LiveTerms
from freezeguard.services.cases.ownership import Ownership
from freezeguard.services.cases.places import Places
from freezeguard.services.cases.questioning import Questioning
from freezeguard.services.cases.queue import HarmCounting
from freezeguard.services.cases.timers import Timers
from freezeguard.services.commands.commands import Commands
from freezeguard.services.commands.emergencies import Emergencies
from freezeguard.services.commands.evidencefiles import (
    EvidenceFiles,
    EvidenceLimits,
    attached_files,
)
from freezeguard.services.commands.freezes import Freezes
from freezeguard.services.delivering.bounces import Bounces
from freezeguard.services.delivering.carriers import MailCarrier
from freezeguard.services.delivering.channels import Channels
from freezeguard.services.delivering.chatting import ChatCarrier
from freezeguard.services.delivering.delivery import Delivery
from freezeguard.services.delivering.digests import Digests
from freezeguard.services.delivering.endpoints import Endpoints
from freezeguard.services.delivering.posting import Posting
from freezeguard.services.detecting.evaluation import Evaluation
from freezeguard.services.detecting.feeds import Feeds
from freezeguard.services.detecting.ingestion import Ingestion
from freezeguard.services.detecting.learning import PriorLearning
from freezeguard.services.detecting.preview import Preview
from freezeguard.services.detecting.rulebook import RuleBook
from freezeguard.services.detecting.rulereview import RuleReview
from freezeguard.services.detecting.shadows import Shadows
from freezeguard.services.detecting.suppressionnews import SuppressionNews
from freezeguard.services.detecting.trial import Trial
from freezeguard.services.detecting.trust import Trust
from freezeguard.services.directory import Directory, Outlet
from freezeguard.services.enforcing.canary import Canaries
from freezeguard.services.enforcing.catalogues import Catalogues
from freezeguard.services.enforcing.enforcement import Enforcement
from freezeguard.services.enforcing.heldset import HeldSet
from freezeguard.services.enforcing.orderlists import OrderLists
from freezeguard.services.enforcing.pace import Pace
from freezeguard.services.enforcing.reconciliation import Reconciliation
from freezeguard.services.enforcing.watching import DriftWatch
from freezeguard.services.masterdata.access import Access, hash_customer, hash_mark, hash_spelling
from freezeguard.services.masterdata.codes import Codes
from freezeguard.services.masterdata.knownskus import KnownSkus
from freezeguard.services.masterdata.signingin import SigningIn
from freezeguard.services.masterdata.vendorlinks import VendorLinks
from freezeguard.services.records.auditchain import Anchoring, AuditReading, Chaining
from freezeguard.services.records.retention import Retention
from freezeguard.services.records.subjects import Subjects
from freezeguard.services.sweeping import Aftercare, ReadAhead, Sweeper, WantedSweep
from freezeguard.services.telling.telling import Telling
from freezeguard.storage.database import PostgresDatabase
from freezeguard.storage.databaseclock import DatabaseClock
from freezeguard.storage.idempotency import PostgresIdempotency
from freezeguard.storage.journal import FileJournal
from freezeguard.storage.lastrevision import FileRevision
from freezeguard.storage.listener import Listener
from freezeguard.storage.subjects import PLACES
from freezeguard.storage.vault import DirectoryVault
from freezeguard.webhooks.addresses import AddressPolicy
from freezeguard.webhooks.post import HttpPost


@asynccontextmanager
async def open_service(
    settings: Settings, *, now: Now | None = None, moment: Moment = no_moment
) -> AsyncIterator[Service]:
    """Reach the database, build the service, and close everything afterwards.

    Its services go by `now`, and what is due (clocks, notices, webhooks) by `moment`; without them
    by the database's clock. Leases and calls to catalogues are on the database's clock always.
    """
    async with AsyncExitStack() as stack:
        dsns = await stack.enter_async_context(reach_database(settings))
        yield await _open(settings, dsns, stack, now, moment)


async def _open(
    settings: Settings, dsns: Dsns, stack: AsyncExitStack, now: Now | None, moment: Moment
) -> Service:
    await warm_calendars(settings)
    await check_role(dsns.runtime, allow_owner=settings.allow_owner_role)
    database = await PostgresDatabase.connect(
        dsns.runtime, min_size=3, max_size=settings.limits.pool
    )
    stack.push_async_callback(database.close)
    clock = await DatabaseClock.open(database, utc_now)
    customer_key = await ensure_instance(database, clock.now(), settings)
    catalogues = open_catalogues(settings.catalogues)
    for catalogue in catalogues.values():
        stack.push_async_callback(catalogue.close)
    transport = _transport(settings)
    if transport is not None:
        stack.push_async_callback(transport.close)
    webhooks = settings.webhooks
    post = HttpPost(AddressPolicy(webhooks.ports, allow_private=webhooks.allow_private))
    stack.push_async_callback(post.close)
    return build(
        settings, database, dsns.runtime, catalogues, transport, post, customer_key, clock, now,
        anchor_post=_anchor_post(settings, stack), vouching=_vouching(settings, stack),
        moment=moment,
    )


def _vouching(settings: Settings, stack: AsyncExitStack) -> IdentityProvider | None:
    provider = provider_of(settings)
    if provider is not None:
        stack.push_async_callback(provider.close)
    return provider


def _anchor_post(settings: Settings, stack: AsyncExitStack) -> AnchorPost | None:
    if settings.audit.anchor_webhook is None:
        return None
    post = AnchorPost(settings.audit.anchor_webhook)
    stack.push_async_callback(post.close)
    return post


def _transport(settings: Settings) -> MailTransport | None:
    mail = settings.mail
    if mail.host is None:
        return None
    password = None if mail.password is None else mail.password.get_secret_value()
    return MailTransport(
        MailServer(
            mail.host, mail.port, mail.security, mail.user, password, ca_file=mail.ca_file
        )
    )


def _outlets(settings: Settings, catalogues: Mapping[str, Catalogue]) -> list[Outlet]:
    return [outlet_of(settings, catalogue) for catalogue in catalogues.values()]


def _evidence(
    settings: Settings, database: PostgresDatabase, commands: Commands, now: Now, new_id: NewId
) -> EvidenceFiles:
    wanted = settings.evidence
    vault = None if wanted.directory is None else DirectoryVault(wanted.directory)
    limits = EvidenceLimits(wanted.file_bytes, wanted.files, wanted.case_bytes)
    return EvidenceFiles(database, commands, vault, limits, now, new_id)


def build(
    settings: Settings,
    database: PostgresDatabase,
    dsn: str,
    catalogues: Mapping[str, Catalogue],
    transport: MailTransport | None,
    post: HttpPost,
    customer_key: bytes,
    clock: DatabaseClock,
    now: Now | None = None,
    *,
    anchor_post: AnchorPost | None = None,
    vouching: IdentityProvider | None = None,
    moment: Moment = no_moment,
) -> Service:
    """Put the parts together; opens nothing. All of them go by one clock.

    Long on purpose: one list, in the order in which parts need each other. In pieces, nearly every
    part would be handed on by name once more.
    """
    now = now or clock.now
    new_id = ids_by(now)
    metrics = PrometheusMetrics()
    directory = Directory(_outlets(settings, catalogues))
    house = house_of(settings)
    telling = Telling(directory, house, new_id, settings.to_policy())
    calendars = calendars_of(settings)
    places = Places(calendars, legal_clocks_of(settings), settings.calendar.zone)
    casework = Casework(directory, telling, places, settings.to_policy(), now, new_id)
    learns = settings.detection.learn_priors
    rules = RuleBook(database, now, uses_learned=learns)
    learning = PriorLearning(database, now, new_id)
    trust = Trust(database, now, casework.policy.trust_limit)
    evaluation = Evaluation(rules, casework, telling, trust, now, new_id)
    feeds = Feeds(database, telling, now)
    reconciliation = Reconciliation(directory, casework, now)
    journal = FileJournal(settings.journal_file)
    enforcement = Enforcement(
        database, directory, reconciliation, journal, now, new_id,
        Pace(**settings.pace.model_dump(), jitter=jitter), metrics,
    )
    aftercare = Aftercare(database, enforcement, reconciliation, metrics)
    ingestion = Ingestion(
        database, rules, evaluation, Watch(()), now, aftercare.take, metrics, feeds.heard
    )
    access = Access(database, now, new_id, new_secret)
    signing_in = SigningIn(database, access, now, new_secret, settings.sessions.terms())
    links = VendorLinks(customer_key)
    codes = Codes(
        database, access, signing_in, links, transport, render, code_sender_of(settings), now,
        new_id, new_secret, new_code,
    )
    held, known = HeldSet(database, now), KnownSkus(database, hash, now)
    live = LiveChanges(
        database, now, new_id, LiveTerms(beat=min(settings.limits.keep_alive_seconds, LIVE_BEAT))
    )
    commands = Commands(casework, evaluation, now)
    audit = settings.audit
    anchoring = Anchoring(
        database, FileJournal(settings.anchor_file), anchor_post, audit.every, audit.rows,
        metrics, now,
    )
    casefiles = Casefiles(casework, now)
    bounces = Bounces(telling, now, new_id)
    digests = Digests(settings.mail.digests(), house.url, new_id)
    service: list[Service] = []
    context = Context(
        database=database,
        ingestion=ingestion,
        casework=casework,
        casefiles=casefiles,
        audit=AuditReading(database, anchoring, now),
        packs=CasePacks(
            database, casefiles, render, anchoring.known, now, files=attached_files,
            words=Wording(DEFAULT_LANGUAGE, "UTC").word,
        ),
        freezes=Freezes(casework, now, new_id),
        commands=commands,
        evidence=_evidence(settings, database, commands, now, new_id),
        questioning=Questioning(telling, places, casework.policy, now, new_id),
        diagnosing=Diagnosing(telling, now, new_id),
        held=held,
        order_lists=OrderLists(database, directory, enforcement, now, new_id),
        drift_watch=DriftWatch(database, directory, enforcement),
        rules=rules,
        trust=trust,
        preview=Preview(database, rules, now),
        trial=Trial(database, rules, now),
        catalogues=Catalogues(database, directory, enforcement, now),
        review=RuleReview(database, rules, telling, now, new_id),
        shadows=Shadows(database, telling, now),
        access=access,
        calendars=calendars,
        languages=WordedLanguages(),
        contact=settings.contact_centre.terms(settings.calendar.zone),
        subjects=Subjects(
            database, PLACES, journal, partial(hash_spelling, customer_key), now
        ),
        endpoints=Endpoints(database, post, now, new_id, new_signing_secret),
        live=live,
        channels=Channels(database, post, telling, now, new_id),
        aftercare=aftercare.take,
        known_skus=known.__contains__,
        hash_customer=partial(hash_customer, customer_key),
        hash_mark=partial(hash_mark, customer_key),
        mask=mask,
        checks=lambda: service[0].checks(),  # noqa: PLW0108 - it is built below
        metrics=metrics.text,
        now=now,
        new_id=new_id,
        keep_alive=settings.limits.keep_alive_seconds,
        inbound=open_endpoints(settings.inbound),
        tips=schemes_in(settings.catalogues),
        upload_seconds=settings.evidence.upload_seconds,
        uploads_at_once=settings.evidence.uploads_at_once,
    )
    api = build_api(
        context,
        new_request_id=request_ids(),
        idempotency=Idempotency(PostgresIdempotency(database), now),
        observe=metrics.answered,
        pace=bodies.Pace(seconds=settings.limits.body_seconds),
        pages=partial(attach_pages, settings, context, signing_in, codes, vouching),
    )
    metrics.follow("held_skus", lambda: held.number_of_skus)
    metrics.follow("held_set_revision", lambda: held.revision)
    metrics.follow("held_set_age_seconds", lambda: age(held, now))
    metrics.follow("clock_skew_seconds", lambda: clock.skew)
    if learns:
        metrics.follow("learned_priors_age_seconds", learning.age)
    metrics.follow("silent_feeds", lambda: feeds.silent)
    built = Service(
        settings=settings, database=database, clock=clock, now=now,
        directory=directory, catalogues=catalogues,
        access=access, signing_in=signing_in, codes=codes, rules=rules, held=held,
        known=known, live=live, casework=casework,
        evaluation=evaluation, ingestion=ingestion, enforcement=enforcement,
        reconciliation=reconciliation, aftercare=aftercare,
        canaries=Canaries(
            database, directory, enforcement, telling, metrics, settings.canary.terms(), now,
            new_id,
        ),
        sweeper=Sweeper(
            database, directory, ingestion, aftercare, journal,
            Emergencies(context.freezes, directory, now), now,
        ),
        wanted_sweep=WantedSweep(database, directory, casework, enforcement),
        harm=HarmCounting(database, now),
        drift_watch=context.drift_watch,
        feeds=feeds, trust=trust, ending=SuppressionNews(database, telling, now),
        ownership=Ownership(database, casework),
        read_ahead=ReadAhead(database, directory, enforcement, now),
        delivery=Delivery(
            database,
            MailCarrier(database, transport, render, sender_of(settings), now, links),
            casework, bounces, digests, now, new_id, jitter, metrics, moment,
        ),
        chatting=Delivery(
            database, ChatCarrier(database, post, chat_body, telling, now, moment),
            casework, bounces, digests, now, new_id, jitter, metrics, moment,
        ),
        posting=Posting(
            database, post, telling, lambda: moment() or utc_now(), new_id, jitter, metrics,
            deadline=settings.webhooks.deadline, parallel=settings.webhooks.parallel,
            moment=moment,
        ),
        timers=Timers(database, casework, telling, new_id, moment),
        learning=learning,
        retention=Retention(database, settings.retention.periods(), now),
        chaining=Chaining(database, random_bytes, metrics, now), anchoring=anchoring,
        listener=Listener(dsn, lambda topic: service[0].topic_heard(topic)),  # noqa: PLW0108
        last_revision=FileRevision(settings.revision_file),
        metrics=metrics, context=context, api=api,
    )
    service.append(built)
    return built
