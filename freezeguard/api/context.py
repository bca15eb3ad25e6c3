"""What handlers work with: the services, put together once by the composition root."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from freezeguard.api.inbound import Endpoint
from freezeguard.domain.errors import Unavailable
from freezeguard.domain.knownissue import ContactTerms
from freezeguard.domain.likeness import Hash
from freezeguard.domain.people import Actor
from freezeguard.domain.record import Case
from freezeguard.domain.signatures import Scheme
from freezeguard.ports.calendars import Calendars
from freezeguard.ports.clock import NewId, Now
from freezeguard.ports.notices import Languages
from freezeguard.ports.storage import Database
from freezeguard.services.cases.aftermath import Aftermath
from freezeguard.services.cases.casefile import Casefile, Casefiles
from freezeguard.services.cases.casepack import CasePacks
from freezeguard.services.cases.casework import Casework
from freezeguard.services.cases.diagnosing import Diagnosing
from freezeguard.services.cases.livechanges import LiveChanges
from freezeguard.services.cases.questioning import Questioning
from freezeguard.services.commands.commands import Commands
from freezeguard.services.commands.evidencefiles import EvidenceFiles
from freezeguard.services.commands.freezes import Freezes
from freezeguard.services.delivering.channels import Channels
from freezeguard.services.delivering.endpoints import Endpoints
from freezeguard.services.detecting.ingestion import Ingestion
from freezeguard.services.detecting.preview import Preview
from freezeguard.services.detecting.rulebook import RuleBook
from freezeguard.services.detecting.rulereview import RuleReview
from freezeguard.services.detecting.shadows import Shadows
from freezeguard.services.detecting.trial import Trial
from freezeguard.services.detecting.trust import Trust
from freezeguard.services.enforcing.catalogues import Catalogues
from freezeguard.services.enforcing.heldset import HeldSet
from freezeguard.services.enforcing.orderlists import OrderLists
from freezeguard.services.enforcing.watching import DriftWatch
from freezeguard.services.masterdata.access import Access
from freezeguard.services.records.auditchain import AuditReading
from freezeguard.services.records.subjects import Subjects

READS_AFTER_A_COMMAND = 3


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One named check of readiness; `heard_at` is when it was last known to be well."""

    ok: bool
    detail: str = ""
    heard_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """Everything that handlers need."""

    database: Database
    ingestion: Ingestion
    casework: Casework
    casefiles: Casefiles
    audit: AuditReading
    packs: CasePacks
    freezes: Freezes
    commands: Commands
    evidence: EvidenceFiles
    questioning: Questioning
    diagnosing: Diagnosing
    held: HeldSet
    order_lists: OrderLists
    drift_watch: DriftWatch
    rules: RuleBook
    trust: Trust
    preview: Preview
    trial: Trial
    catalogues: Catalogues
    review: RuleReview
    shadows: Shadows
    access: Access
    calendars: Calendars
    languages: Languages
    subjects: Subjects
    endpoints: Endpoints
    live: LiveChanges
    channels: Channels
    aftercare: Callable[[Iterable[Aftermath]], None]
    known_skus: Callable[[str], bool]
    hash_customer: Callable[[str], bytes]
    hash_mark: Hash
    mask: Callable[[str], str]
    checks: Callable[[], dict[str, CheckResult]]
    metrics: Callable[[], bytes]
    now: Now
    new_id: NewId
    contact: ContactTerms = field(default_factory=ContactTerms)
    keep_alive: float = 15.0
    inbound: Mapping[str, Endpoint] = field(default_factory=dict)
    tips: Mapping[str, Scheme] = field(default_factory=dict)
    upload_seconds: float = 300.0
    uploads_at_once: int = 8

    async def casefile(self, case: Case, actor: Actor) -> Casefile:
        """Read a case whose command was just committed.

        A moment's crowd at the database must not answer "unavailable" for what is done: whoever
        repeats the command would be told of a conflict with themselves. Raises Unavailable only
        where the database stays away.
        """
        for _ in range(READS_AFTER_A_COMMAND - 1):
            try:
                return await self.database.run(lambda tx: self.casefiles.open(tx, case, actor))
            except Unavailable:
                continue
        return await self.database.run(
            lambda tx: self.casefiles.open(tx, case, actor), urgent=True
        )
