"""Rows as the services know them: what the database keeps of each thing, typed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from freezeguard.detection.governor import Spent
from freezeguard.detection.windows import Observed
from freezeguard.domain.enforcement import Status, Waiver, Wanted
from freezeguard.domain.evidence import Witness
from freezeguard.domain.quiet import QuietHours
from freezeguard.domain.record import Case
from freezeguard.domain.scope import Scope

Json = Mapping[str, Any]
"""JSON types only. In what is read, times are RFC 3339, ids and money text."""


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """What became of a batch: positions in it, and the count of each SKU afterwards.

    `first_seq` is a number below which no signal of this batch lies.
    """

    accepted: tuple[int, ...]
    duplicates: tuple[int, ...]
    conflicts: tuple[int, ...]
    totals: Mapping[str, int]
    first_seq: int


@dataclass(frozen=True, slots=True)
class Pending:
    """A SKU that must be evaluated: signals from `since_seq` and `since_time` on are news."""

    sku: str
    since_seq: int
    since_time: datetime


@dataclass(frozen=True, slots=True)
class Remembered:
    """A signal and until when it counted; None where it still does."""

    signal: Observed
    counted_until: datetime | None

    def counted_at(self, moment: datetime | None) -> bool:
        """Say whether it counted at a moment; now, where none is given."""
        until = self.counted_until
        return until is None or (moment is not None and until > moment)


@dataclass(frozen=True, slots=True)
class RejectedSignal:
    """An item that was not accepted, kept so that nothing is lost."""

    id: UUID
    source: str | None
    credential: str | None
    position: int
    code: str
    detail: str
    body: str


@dataclass(frozen=True, slots=True)
class UnitsShipped:
    """One report of units shipped."""

    source: str
    id: str
    fingerprint: bytes
    sku: str
    units: int
    shipped_at: datetime
    lot: str | None = None
    seller: str | None = None
    channel: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True)
class Sku:
    """Master data of a SKU. `price` is a decimal string."""

    sku: str
    title: str | None = None
    vendor: str | None = None
    category: str | None = None
    gtin: str | None = None
    price: str | None = None
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Vendor:
    """Master data of a vendor. `contacts` are `{"channel", "address", "name"?}`, best first.

    `calendar` is the code of a place whose holidays the vendor keeps; None means the shop's.
    """

    vendor: str
    name: str
    contacts: tuple[Json, ...] = ()
    language: str = "en"
    time_zone: str = "UTC"
    calendar: str | None = None


@dataclass(frozen=True, slots=True)
class HeardHour:
    """How many new signals a source sent in an hour, by the time of receipt, the last `last_at`."""

    source: str
    hour: datetime
    signals: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Feed:
    """A source as it stands: when it was heard, and since when it is silent beyond chance.

    `trust` is what an admin gave it; `max_silence` the longest silence that is no alarm, None for
    what chance allows. A source that never sent a signal was never heard.
    """

    source: str
    name: str
    trust: float = 1.0
    false_alarms: int = 0
    max_silence: timedelta | None = None
    first_heard_at: datetime | None = None
    last_heard_at: datetime | None = None
    silent_since: datetime | None = None
    usual_per_day: float | None = None


@dataclass(frozen=True, slots=True)
class HeldBack:
    """What a suppression has held back: crossings, and SKUs, some of them by name."""

    crossings: int = 0
    skus: int = 0
    named: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Suppression:
    """Detection is held back for a cause, by an author, until a moment; never for safety."""

    id: UUID
    cause: str
    author: str
    created_at: datetime
    expires_at: datetime
    sku: str | None = None
    vendor: str | None = None
    category: str | None = None
    rule_id: str | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change of a rule that loosens what is frozen, and waits for a second person.

    `base_version` is that of the rule that the proposer saw, 0 where there was none; `loosens` says
    in which ways less would be frozen. `outcome` is None until somebody decides.
    """

    id: UUID
    rule_id: str
    base_version: int
    body: Json
    loosens: tuple[str, ...]
    proposed_by: str
    proposed_at: datetime
    expires_at: datetime
    decided_at: datetime | None = None
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """One hold, as stored."""

    id: UUID
    case_id: UUID
    scope: Scope
    lane: str
    level: Wanted
    soft: bool
    state: str
    reason: str
    since: datetime
    revision: int

    def as_dict(self) -> dict[str, Any]:
        """Return the hold as readers see it."""
        return {
            "id": str(self.id),
            "case": str(self.case_id),
            "lane": self.lane,
            "scope": self.scope.as_dict(),
            "level": self.level,
            "reason": self.reason,
            "since": self.since.isoformat(),
            "revision": self.revision,
        }


@dataclass(frozen=True, slots=True)
class HoldChange:
    """One line of the ledger of the held set."""

    revision: int
    at: datetime
    change: str
    hold_id: UUID
    sku: str
    hold: Json


@dataclass(frozen=True, slots=True)
class CatalogueRow:
    """One catalogue object, as stored. An empty `remote_id`: not looked up, or not listed.

    A `?` behind the name of a fallback: it was tried, and nobody knows whether it is in force.
    `inherited` is what other SKUs that are sold as this object have left to it: `written`, `image`,
    `fallbacks` and `sent_at` of their stops. `restored_at` is when it was put back, or left to one.
    """

    sku: str
    catalogue: str
    remote_id: str
    wanted: Wanted
    wanted_revision: int
    status: Status
    detail: str = ""
    before_image: Json | None = None
    before_at: datetime | None = None
    written: Json | None = None
    fallbacks: tuple[str, ...] = ()
    takes_along: tuple[str, ...] = ()
    seen_sellable: bool | None = None
    seen_side: str | None = None
    seen_at: datetime | None = None
    sent_at: datetime | None = None
    attempts: int = 0
    failing_since: datetime | None = None
    lease_token: UUID | None = None
    inherited: Json | None = None
    restored_at: datetime | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """Return the primary key."""
        return self.sku, self.catalogue, self.remote_id

    @property
    def may_be_stopped(self) -> bool:
        """Say whether any stop of ours was sent, or may have been."""
        was_sent = self.written is not None or self.sent_at is not None or bool(self.fallbacks)
        return was_sent or self.inherited is not None

    @property
    def is_out_of_sight(self) -> bool:
        """Say whether it was confirmed until nobody could look any more; no attempt has failed."""
        is_lost = self.status is Status.UNREACHABLE and self.failing_since is not None
        return is_lost and self.attempts == 0

    def ordered(self, wanted: Wanted, revision: int, token: UUID) -> "CatalogueRow":
        """Return the row of an object that is to be stopped, in the hands of whoever has a token.

        Right for one on which nobody works, and which was to be something else until now.
        """
        return replace(
            self, wanted=wanted, wanted_revision=max(self.wanted_revision, revision),
            status=Status.PENDING, attempts=0, failing_since=None, lease_token=token,
        )


@dataclass(frozen=True, slots=True)
class Prelude:
    """What an evaluation starts from.

    Master data, who owns new cases, what is news, the open cases of the SKU (oldest first), its
    holds in force and its catalogue objects: all as they are under the SKU's lock. `window` has
    the signals that still count and were made after `window_after`; None where it was not asked
    for, or has more than a few.
    """

    master: Sku
    owner: str | None
    pending: Pending | None
    cases: tuple[Case, ...] = ()
    holds: tuple[Hold, ...] = ()
    objects: tuple[CatalogueRow, ...] = ()
    window: tuple[Observed, ...] | None = None
    window_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice in the outbox.

    `team` is the category whose teams read it in their chats too, the empty one where it is of no
    category; None: no team does. It is not stored.
    """

    id: UUID
    case_id: UUID | None
    sku: str | None
    n: int
    recipient: str
    channel: str
    address: str | None
    kind: str
    facts: Json
    language: str
    time_zone: str
    state: str = "queued"
    attempts: int = 0
    last_error: str | None = None
    created_at: datetime | None = None
    sent_at: datetime | None = None
    lease_token: UUID | None = None
    tried: tuple[str, ...] = ()
    team: str | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """A notice that is not sorted yet: it will go singly, or with others in a digest.

    `recent` counts what its reader was sent in the window before; `has_open` says that a digest
    to this reader is being filled. `quiet` are the reader's quiet hours, by the clock of
    `time_zone`.
    """

    id: UUID
    recipient: str
    channel: str
    address: str
    kind: str
    lane: str | None
    recent: int
    has_open: bool
    time_zone: str = "UTC"
    quiet: QuietHours | None = None

    @property
    def reader(self) -> tuple[str, str, str]:
        """Return whom it goes to: recipient, channel and address."""
        return self.recipient, self.channel, self.address


@dataclass(frozen=True, slots=True)
class Digest:
    """Many notices to one reader, closed and on their way as one."""

    id: UUID
    recipient: str
    channel: str
    address: str
    attempts: int
    closed_at: datetime
    tried: tuple[str, ...]
    lease_token: UUID


@dataclass(frozen=True, slots=True)
class Clock:
    """One clock of a case: when its next stage is due, and how far it has escalated."""

    id: UUID
    case_id: UUID
    sku: str
    kind: str
    started_at: datetime
    due_at: datetime
    stopped_at: datetime | None = None
    next_at: datetime | None = None
    level: int = 0
    warned_at: datetime | None = None
    breached_at: datetime | None = None
    paused_at: datetime | None = None
    details: Json = field(default_factory=dict)

    def is_overdue(self, now: datetime) -> bool:
        """Say whether it runs and is past due."""
        return self.stopped_at is None and self.paused_at is None and self.due_at < now


@dataclass(frozen=True, slots=True)
class Announced:
    """A case that is about to be opened: its number, and excerpts of what was complained of."""

    number: int
    excerpts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sibling:
    """A related item in which a defect was found, and the number of its case."""

    sku: str
    case: int


@dataclass(frozen=True, slots=True)
class Slot:
    """What an automatic freeze finds spent; and the case to open, None where one is open."""

    spent: Spent
    announced: Announced | None


@dataclass(frozen=True, slots=True)
class CaseEvent:
    """One line of a case's history."""

    case_id: UUID
    n: int
    at: datetime
    actor: str
    command: str
    from_state: str | None
    to_state: str
    version: int
    evidence_revision: int
    arguments: Json


@dataclass(frozen=True, slots=True)
class CaseChange:
    """A row of the record, with the case that it is about as that is now, where it is about one."""

    seq: int
    case_id: UUID | None
    number: int | None
    version: int | None


@dataclass(frozen=True, slots=True)
class ManualTask:
    """Something a person must do by hand in a catalogue."""

    id: UUID
    case_id: UUID
    catalogue: str
    remote_id: str
    task: str
    instruction: str
    assigned_to: str | None
    opened_at: datetime
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a decision on a case looks at: as it is under the SKU's lock.

    The SKU's catalogue objects and its holds in force, the case's waivers, the clocks that run, the
    tasks that are open, who pulled the cord, whether anybody has voted, and whether news waits for
    an evaluation.
    """

    objects: tuple[CatalogueRow, ...]
    waivers: tuple[Waiver, ...]
    holds: tuple[Hold, ...]
    clocks: tuple[Clock, ...]
    tasks: tuple[ManualTask, ...]
    pullers: tuple[str, ...]
    has_votes: bool
    has_news: bool


@dataclass(frozen=True, slots=True)
class Credential:
    """A personal token or a machine key; the secret itself is never stored."""

    id: UUID
    person: str | None
    name: str
    rights: tuple[str, ...] = ()
    source: str | None = None
    freeze_budget: int = 0
    created_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Awaited:
    """Whose turn it is to be: what a person owns, is offered, or is to agree to.

    `pulls` says that the person may second another one's pull, `judges` that the person may give
    the second vote; `areas` are the categories whose approvals are the person's to give, empty for
    all, None for none. `at` is the moment by which votes still count.
    """

    person: str
    at: datetime
    pulls: bool = False
    judges: bool = False
    areas: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Which cases to list. `before` is the (opened_at, id) of the last one already shown.

    Without `states`, `categories` or `lanes` those are all of them; `degraded` None: either.
    """

    states: tuple[str, ...] = ()
    sku: str | None = None
    vendor: str | None = None
    owner: str | None = None
    categories: tuple[str, ...] = ()
    lanes: tuple[str, ...] = ()
    degraded: bool | None = None
    awaiting: Awaited | None = None
    open_only: bool = False
    overdue_at: datetime | None = None
    known_to_vendor: bool = False
    before: tuple[datetime, UUID] | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Harm:
    """What a case's place in the queue was worked out from.

    `severity` is that of the worst complaint, 0 for none; `customers` and `units` (shipped) are
    None where nobody has counted them yet, `price` where nobody has said it. `days` is its age.
    """

    rank: float
    severity: int
    customers: int | None
    units: int | None
    contact_cost: Decimal
    price: Decimal | None
    overdue: int
    days: float


@dataclass(frozen=True, slots=True)
class Ranked:
    """A case in the queue, and why it stands there."""

    case: Case
    harm: Harm


@dataclass(frozen=True, slots=True)
class QueuePlace:
    """The moment by which a queue is ordered, and the rank and id of the last one already shown."""

    at: datetime
    rank: float | None = None
    id: UUID | None = None


@dataclass(frozen=True, slots=True)
class AttachedSignals:
    """Aggregates over the signals of a case, for statements of reasons and for people."""

    total: int
    customers: int
    first_at: datetime | None
    last_at: datetime | None
    by_intent: Mapping[str, int] = field(default_factory=dict)
    by_severity: Mapping[str, int] = field(default_factory=dict)
    by_lot: Mapping[str, int] = field(default_factory=dict)
    excerpts: tuple[str, ...] = ()
    contact_cost: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many complaints, by how many customers, say something; None: they do not say."""

    value: str | None
    complaints: int
    customers: int


@dataclass(frozen=True, slots=True)
class Pareto:
    """The complaints of a case that count against the item: all, and by field, the most first.

    The fields are `intent`, `lot`, `channel`, `seller` and `severity`, each with a word.
    """

    whole: Tally
    by: Mapping[str, Sequence[Tally]]


def witnesses(signals: Iterable[Observed]) -> list[Witness]:
    """Return signals as material news looks at them."""
    return [
        Witness(one.intent, one.severity, one.scope.lot, one.scope.channel, one.customer)
        for one in signals
    ]
