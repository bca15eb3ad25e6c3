"""What the services ask of the database. One method per named query, or per small set of them.

Everything happens inside a transaction: `Database.run` gives the work a `Transaction`, commits
when it returns, and runs it again where the database asks for that (serialisation, deadlock). The
work must therefore have no effect beside the transaction. Statements see what is committed when
they start (READ COMMITTED): lock first, then look, in separate calls.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeVar
from uuid import UUID

from freezeguard.detection.evaluation import PastDay
from freezeguard.detection.governor import Charge
from freezeguard.detection.windows import Observed, Shipment
from freezeguard.domain.enforcement import Waiver, Wanted
from freezeguard.domain.people import Actor, Person
from freezeguard.domain.reasons import Crossing
from freezeguard.domain.record import Case, ProbationRecord, Promises, Vote
from freezeguard.domain.rules import Rule, RuleScope
from freezeguard.domain.scope import Scope
from freezeguard.domain.shadowing import Sighting
from freezeguard.domain.signals import Signal
from freezeguard.domain.trust import Verdict
from freezeguard.ports.auditchain import AuditChain
from freezeguard.ports.evidence import StoredEvidence
from freezeguard.ports.learning import Learning
from freezeguard.ports.past import Past
from freezeguard.ports.privacy import Retention, Subjects
from freezeguard.ports.rows import (
    Announced,
    Arrival,
    AttachedSignals,
    CaseEvent,
    CaseFilter,
    CatalogueRow,
    Clock,
    Credential,
    Digest,
    Feed,
    HeardHour,
    HeldBack,
    Hold,
    HoldChange,
    Json,
    ManualTask,
    Notice,
    Pending,
    Prelude,
    Proposal,
    RejectedSignal,
    Sibling,
    Sku,
    Slot,
    StoredBatch,
    Suppression,
    Surroundings,
    UnitsShipped,
    Vendor,
)
from freezeguard.ports.webhooks import Webhooks

T = TypeVar("T")


class Signals(Protocol):
    """Signals, their identities, texts and tallies; units shipped."""

    async def store(
        self, signals: Sequence[Signal], fingerprints: Sequence[bytes], now: datetime
    ) -> StoredBatch:
        """Store what is new; takes the lock of every SKU of the batch, in order of SKU."""
        ...

    async def keep_rejected(self, items: Sequence[RejectedSignal], now: datetime) -> None: ...

    async def rejected(
        self, source: str | None, before: tuple[datetime, UUID] | None, limit: int
    ) -> list[Json]: ...

    async def store_shipments(
        self, shipments: Sequence[UnitsShipped], now: datetime
    ) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """Store units shipped; return accepted, duplicate and conflicting positions."""
        ...

    async def lock_sku(self, sku: str) -> int:
        """Take the lock under which a SKU is counted; return how many signals it has."""
        ...

    async def lock_without_signals(self, skus: Collection[str]) -> set[str]:
        """Lock those SKUs that have no signal yet, and return them.

        Whoever stores a first signal of one of them sees what this transaction has stored.
        """
        ...

    async def lock_pending(self, sku: str, *, wait: bool) -> int | None:
        """Take the same lock of a SKU that waits for an evaluation; return the same number.

        None where it waits no longer, or where somebody else holds the lock and we don't `wait`.
        """
        ...

    async def mark_pending(self, pending: Sequence[Pending], now: datetime) -> None:
        """Ask for an evaluation; the earliest news of several requests is kept."""
        ...

    async def mark_scope_pending(
        self, scope: RuleScope, window: timedelta, now: datetime, *, after: str, limit: int
    ) -> str | None:
        """Ask for an evaluation of SKUs in a scope with a signal in the window before now.

        Looks at the next `limit` SKUs after one, `""` at first. Return the last one looked at,
        None where no more are left.
        """
        ...

    async def take_pending(self, sku: str) -> Pending | None:
        """Remove and return a request; the caller holds the SKU's lock."""
        ...

    async def note_failure(self, sku: str, error: str) -> None: ...

    async def pending_skus(self, older_than: timedelta, limit: int) -> list[str]:
        """Take up SKUs whose request nobody has dealt with for that long, oldest first.

        They move behind the others: a request that fails or is passed over keeps none waiting.
        """
        ...

    async def count_pending(self) -> int:
        """Return how many SKUs wait for an evaluation."""
        ...

    async def observed(
        self,
        sku: str,
        after: datetime | None,
        *,
        also_judged_by: UUID | None = None,
        judged_after: datetime | None = None,
    ) -> list[Observed]:
        """Return the signals made after a moment that still count, in order.

        `also_judged_by` includes those that this case has judged, or has as its evidence;
        `judged_after` those that still counted at that moment.
        """
        ...

    async def shipments(
        self, sku: str, after: datetime | None, *, known_at: datetime | None = None
    ) -> list[Shipment]:
        """Return the units shipped after a moment; with `known_at`, those reported by then."""
        ...

    async def history(self, sku: str, since: datetime, until: datetime) -> list[PastDay]:
        """Return what was complained of on the days of [since, until), and a mark of earlier ones.

        Both moments are midnights in UTC. What was judged counts only where it was found to be
        usual, and then whatever its day.
        """
        ...

    async def judged_usual(self, sku: str, by: datetime) -> list[PastDay]:
        """Return what had been judged as usual by a moment, by day."""
        ...

    async def skus_with_news(
        self, scope: RuleScope, since: datetime, least: int, *, after: str, limit: int
    ) -> list[str]:
        """Return the next SKUs of a scope with at least so many signals, and one since a moment."""
        ...

    async def shipped_by_day(self, sku: str, since: datetime) -> list[Shipment]:
        """Return the units shipped on each day from a midnight on, at its start.

        If any were shipped before, the day before that midnight has none, to say so.
        """
        ...

    async def ensure_partitions(self, now: datetime) -> int: ...

    async def unplanned(self) -> int:
        """Return how many signals lie in no planned partition."""
        ...


class Cases(Protocol):
    """Cases, their history, votes, clocks and tasks."""

    async def announce(
        self, signals: Sequence[Observed] = (), excerpts: int = 0
    ) -> Announced:
        """Draw the number of a new case.

        With it come so many beginnings of the masked texts of signals, the most severe first.
        """
        ...

    async def insert(self, case: Case) -> None:
        """Store a new case that has its number."""
        ...

    async def update(self, case: Case) -> None:
        """Store a changed case; the caller holds its lock."""
        ...

    async def get(self, case_id: UUID, *, lock: bool = False) -> Case | None: ...

    async def open_of_sku(self, sku: str, *, lock: bool = False) -> list[Case]: ...

    async def skus_with_open_cases(self, skus: Sequence[str]) -> set[str]: ...

    async def last_of_sku(self, sku: str) -> list[Case]:
        """Return the cases of a SKU, newest first, final ones included."""
        ...

    async def listed(self, wanted: CaseFilter) -> list[Case]: ...

    async def similar(self, case: Case, limit: int = 5) -> list[Json]: ...

    async def add_event(
        self, case: Case, at: datetime, actor: str, command: str, from_state: str | None,
        arguments: Json,
    ) -> None: ...

    async def events(self, case_id: UUID) -> list[CaseEvent]: ...

    async def attach(
        self, case: Case, signals: Sequence[Observed], counted: frozenset[tuple[str, str]],
        now: datetime,
    ) -> None:
        """Attach signals to a case; those that are attached already stay as they are."""
        ...

    async def attached(
        self, case_id: UUID, *, excerpts: int = 0, unjudged: bool = False
    ) -> AttachedSignals:
        """Return the signals of a case as sums, or only those that no case has judged."""
        ...


    async def attached_customers(self, case_id: UUID) -> set[bytes]: ...

    async def counted_scopes(self, case: Case) -> tuple[Scope, ...]:
        """Return where the complaints lie that counted and are not judged, each place once."""
        ...

    async def attached_signals(self, case_id: UUID, limit: int) -> list[Json]: ...

    async def known_seq(self, case_id: UUID, at: datetime) -> int | None:
        """Return the highest number of a signal that the case had attached by a moment."""
        ...

    async def judge_attached(self, case_id: UUID, now: datetime, *, usual: bool) -> int:
        """Judge what a case has attached; where it was `usual`, rules learn of it."""
        ...

    async def score_false_alarm(self, case_id: UUID, now: datetime) -> None: ...

    async def probation_record(self, case: Case, now: datetime) -> ProbationRecord: ...

    async def add_vote(
        self, vote_id: UUID, case: Case, command: str, person: str, arguments: Json,
        cast_at: datetime, expires_at: datetime,
    ) -> None: ...

    async def votes(self, case_id: UUID, now: datetime) -> list[tuple[Vote, Json]]: ...

    async def every_vote(self, case_id: UUID) -> list[Json]:
        """Return all votes ever cast on a case, void ones included, oldest first."""
        ...

    async def void_votes(self, case_id: UUID, why: str, now: datetime) -> None: ...

    async def found_beside(
        self, of: Sku, lots: Sequence[str], opened_after: datetime, closed_after: datetime
    ) -> Sibling | None:
        """Return a related item in which a defect was found, None for none, or without a vendor.

        Related are items of one vendor that are of the same category, or with one of these lots
        given up.
        """
        ...

    async def pullers(self, case_id: UUID, *, of_every_stop: bool = False) -> tuple[str, ...]:
        """Return who pulled the cord for the latest stop, or seconded it, or for every stop.

        Those of cases that were merged into this one since are among them.
        """
        ...

    async def start_clock(
        self, clock_id: UUID, case: Case, kind: str, now: datetime, due_at: datetime,
        *, next_at: datetime | None = None, details: Json | None = None,
    ) -> None:
        """Start a clock, or start it anew; its first stage is due at `next_at`, else when it is."""
        ...

    async def stop_clocks(self, case_id: UUID, kinds: Sequence[str], now: datetime) -> None:
        """Stop clocks, and take back what they told and nobody is about to send."""
        ...

    async def pause_clocks(self, case_id: UUID, kinds: Sequence[str], now: datetime) -> None: ...

    async def resume_clocks(self, case_id: UUID, kinds: Sequence[str], now: datetime) -> None: ...

    async def clocks(self, case_id: UUID) -> list[Clock]: ...

    async def running_clocks(self, case_ids: Sequence[UUID]) -> list[Clock]:
        """Return the clocks of some cases that run, the one that is due first first."""
        ...

    async def states_since(self, case_ids: Sequence[UUID]) -> dict[UUID, datetime]:
        """Return since when some cases are in their states."""
        ...

    async def claim_due_clocks(
        self, moment: datetime | None, lease: timedelta, limit: int
    ) -> list[Clock]:
        """Claim clocks whose next stage is due, untried ones first.

        `moment` is the database's unless it is given.
        """
        ...

    async def clock_if_due(
        self, clock_id: UUID, moment: datetime | None
    ) -> tuple[Clock, datetime] | None:
        """Return a clock whose next stage is still due, with the moment by which it is."""
        ...

    async def pass_stage(
        self, clock_id: UUID, *, next_at: datetime | None, level: int,
        warned_at: datetime | None = None, breached_at: datetime | None = None,
    ) -> None:
        """Note that a stage has passed; without a next one the clock has no more to say."""
        ...

    async def next_stage(self) -> datetime | None:
        """Return when the next stage of any clock is due; None where none runs."""
        ...

    async def merge_signals(self, from_case: UUID, to_case: UUID, now: datetime) -> None:
        """Attach to one case what is attached to another."""
        ...

    async def make_promise(
        self, promise_id: UUID, case: Case, now: datetime, by: str, due_at: datetime
    ) -> None:
        """Store the date that a vendor has set itself; an earlier one of the case was moved."""
        ...

    async def settle_promise(self, case_id: UUID, outcome: str, now: datetime) -> None: ...

    async def promises(self, vendor: str) -> Promises: ...

    async def of_nobody(
        self, after: UUID | None, roles: Collection[str], limit: int
    ) -> list[UUID]:
        """Return open cases whose owner is gone or has none of the roles, by id after another."""
        ...

    async def narrowing(self, limit: int) -> list[UUID]:
        """Return cases whose narrower hold waits to be read back, the oldest first."""
        ...

    async def add_review(
        self, review_id: UUID, case: Case, verdict: str, comment: str, reviewer: str,
        pullers: Sequence[str], now: datetime,
    ) -> None: ...

    async def reviews(self, case_id: UUID) -> list[Json]: ...

    async def review_scores(self) -> list[Json]:
        """Return per person and per rule how often later reviews found them right or wrong."""
        ...

    async def open_task(
        self, task_id: UUID, case: Case, task: str, catalogue: str, remote_id: str,
        instruction: str, now: datetime,
    ) -> None: ...

    async def close_tasks(
        self, case_id: UUID, task: str | None, where: tuple[str, str] | None, by: str, note: str,
        now: datetime,
    ) -> None: ...

    async def tasks(self, case_id: UUID) -> list[ManualTask]: ...


class Holds(Protocol):
    """Holds, and the ledger of the held set."""

    async def take_slot(
        self, of: Sku, charge: Charge, since: datetime, wave_since: datetime | None,
        signals: Sequence[Observed] | None, excerpts: int,
    ) -> Slot:
        """Reserve a revision, and count what was spent before: in this order, in one round trip.

        Budgets count from `since` on, other items of the vendor from `wave_since` on, if at all.
        With signals, an empty sequence included, a case to be opened on them is announced too.
        """
        ...

    async def reserve_revision(self) -> None:
        """Take the lock already now; `next_revision` then returns what was reserved."""
        ...

    async def next_revision(self) -> int:
        """Take the lock that orders every change of the held set; return the next revision."""
        ...

    async def current_revision(self) -> int: ...

    async def insert(self, hold: Hold) -> None: ...

    async def update(self, hold: Hold, *, ended_at: datetime | None) -> None: ...

    async def of_case(self, case_id: UUID) -> list[Hold]:
        """Return the holds of a case that are active or releasing, oldest first."""
        ...

    async def was_held(self, case_id: UUID) -> bool:
        """Say whether a case ever had a hold, if only the soft one of a suspicion."""
        ...

    async def in_force(self, sku: str) -> list[Hold]:
        """Return the holds of a SKU that are active or releasing."""
        ...

    async def all_in_force(self) -> tuple[int, list[Hold]]:
        """Return the whole held set with its revision, both from one snapshot."""
        ...

    async def releasing_cases(self, limit: int) -> list[UUID]:
        """Return the cases whose holds are being released, the longest waiting first."""
        ...

    async def log_change(self, change: HoldChange) -> None: ...

    async def changes_after(self, revision: int, limit: int) -> list[HoldChange]: ...

    async def changes_until(self, at: datetime) -> list[HoldChange]:
        """Return, for each hold known at a moment, its last change until then."""
        ...


class Objects(Protocol):
    """Catalogue objects. Times of leases and delays are the database's own clock."""

    async def of_sku(self, sku: str, *, lock: bool = False) -> list[CatalogueRow]: ...

    async def want(
        self, sku: str, catalogue: str, remote_id: str, wanted: Wanted, revision: int,
        *, lease: timedelta | None, token: UUID | None,
    ) -> CatalogueRow:
        """Set what is wanted of an object, making its row where there is none.

        With `lease` the caller works on it at once. Where another worker's lease still runs, the
        object is looked at again when that lease has ended.
        """
        ...

    async def order(self, row: CatalogueRow, lease: timedelta) -> None:
        """Set the same for an object on which nobody works, whose row will be the given one."""
        ...

    async def claim_due(
        self, catalogue: str, lease: timedelta, token: UUID, limit: int
    ) -> list[CatalogueRow]: ...

    async def claim_unseen(
        self, catalogue: str, lease: timedelta, token: UUID, limit: int, now: datetime,
        age: timedelta,
    ) -> list[CatalogueRow]:
        """Claim objects that are confirmed as stopped by a read-back too far from `now`."""
        ...

    async def seconds_until_due(self, catalogue: str) -> float | None: ...

    async def replace_unresolved(
        self, row: CatalogueRow, found: Sequence[tuple[str, Json, tuple[str, ...]]], now: datetime,
        lease: timedelta,
    ) -> list[CatalogueRow]:
        """Replace the row with the empty remote id by one row per object found."""
        ...

    async def save_before_image(self, row: CatalogueRow, image: Json, now: datetime) -> bool:
        """Save the before-image unless one is kept for a stop already; False where it was."""
        ...

    async def keep_earlier_image(self, row: CatalogueRow, image: Json, at: datetime) -> bool:
        """Replace an image of a stopped object by one that was read before its stop."""
        ...

    async def amend_image(self, row: CatalogueRow, fields: Json) -> bool:
        """Replace fields of a before-image that none of our commands has written yet."""
        ...

    async def add_found(
        self, row: CatalogueRow, found: Sequence[tuple[str, Json, tuple[str, ...]]], now: datetime
    ) -> int:
        """Add objects of a stopped SKU that were not known, due at once; return how many."""
        ...

    async def renew(
        self, row: CatalogueRow, lease: timedelta, *, newest_only: bool = False
    ) -> bool:
        """Lengthen a lease that is still ours and note `row.fallbacks`; False where it was lost.

        With `newest_only` also False where something newer is wanted than what was claimed.
        """
        ...

    async def overtaken(self, row: CatalogueRow) -> None:
        """Note what may have been written after a lease was lost; the object is looked at."""
        ...

    async def settle(
        self, row: CatalogueRow, *, next_in: float | None, now: datetime
    ) -> bool:
        """Store what a worker did and saw, give back the lease; False where it was lost."""
        ...

    async def see_again(
        self, row: CatalogueRow, settled: Collection[str], *, next_in: float
    ) -> bool:
        """Store that a confirmed object was read back once more, and give back the lease.

        Does nothing and returns False where that is more than a repetition: where more is wanted
        by now, or a case of the SKU is in none of the states `settled`, or on its way.
        """
        ...

    async def wake(self, catalogue: str | None, sku: str | None) -> int:
        """Make objects due at once that wait for a retry or a check."""
        ...

    async def refresh_image(
        self, sku: str, catalogue: str, found: Sequence[tuple[str, Json, tuple[str, ...]]],
        now: datetime, *, revision: int,
    ) -> None:
        """Store images read ahead, only for objects that nothing stops.

        `revision` is that of the held set before they were read: whatever was stopped or released
        since then keeps its image.
        """
        ...

    async def waivers(self, case_id: UUID) -> tuple[Waiver, ...]:
        """Return the waivers of a case whose clocks run."""
        ...

    async def waive(self, case_id: UUID, waiver: Waiver, now: datetime) -> None: ...

    async def unwaive(self, case_id: UUID, catalogue: str, remote_id: str) -> None: ...

    async def move_waivers(self, from_case: UUID, to_case: UUID) -> None:
        """Give the waivers of a case to another one; of two for one object the shorter counts."""
        ...

    async def wanted_of(self, skus: Sequence[str]) -> list[tuple[str, str, Wanted]]:
        """Return SKU, catalogue and what is wanted, of every object of some SKUs."""
        ...

    async def skus_to_read_ahead(self, older_than: datetime, limit: int) -> list[str]: ...

    async def mark_read_ahead(self, sku: str, now: datetime) -> None: ...

    async def troubled(self) -> list[CatalogueRow]: ...


class Detection(Protocol):
    """Rules, suppressions, crossings and the governor's ledger."""

    async def rules(self) -> tuple[int, list[Rule]]:
        """Return the current version of every rule, with the revision of them all."""
        ...

    async def rule_bodies(self, rule_id: str | None = None) -> list[Json]: ...

    async def rule_version(self, rule_id: str, version: int) -> Rule | None: ...

    async def put_rule(self, body: Json, by: str, now: datetime) -> int:
        """Store a new version; return its number. Raises the revision of all rules."""
        ...

    async def lock_rules(self) -> None:
        """Take the lock that orders changes of rules; what is read afterwards stays as it is."""
        ...

    async def add_proposal(self, proposal: Proposal) -> None:
        """Store a proposal; an earlier one of this person for the same rule is withdrawn."""
        ...

    async def proposals(self, now: datetime) -> list[Proposal]:
        """Return the proposals that wait for a second person and may still be approved."""
        ...

    async def proposal(self, proposal_id: UUID) -> Proposal | None: ...

    async def decide_proposal(
        self, proposal_id: UUID, outcome: str, by: str, now: datetime
    ) -> None: ...

    async def marked_revision(self) -> int:
        """Return up to which revision of the rules all that they concern was asked for."""
        ...

    async def note_marked(self, revision: int) -> None: ...

    async def suppressions(self, now: datetime) -> list[Suppression]: ...

    async def ended_suppressions(self, since: datetime, now: datetime) -> list[Suppression]:
        """Return the suppressions that expired or were lifted in (since, now]."""
        ...

    async def add_suppression(self, suppression: Suppression) -> None: ...

    async def ending_suppressions(
        self, now: datetime, before: timedelta
    ) -> list[Suppression]:
        """Return, each only once, the suppressions that end soon.

        So long before the end, or in the last fifth of a shorter one.
        """
        ...

    async def suppressions_over(self, now: datetime) -> list[Suppression]:
        """Return, each only once, the suppressions that are over."""
        ...

    async def held_back(self, suppression: Suppression, until: datetime) -> HeldBack:
        """Return what a suppression has held back until a moment."""
        ...

    async def end_suppression(self, suppression_id: UUID, now: datetime) -> bool: ...

    async def add_crossing(
        self, crossing_id: UUID, crossing: Crossing, known_at: datetime, outcome: str,
        case_id: UUID | None,
    ) -> None: ...

    async def crossings(self, sku: str) -> list[Json]: ...

    async def sightings(self, rule: Rule, bound: float, since: datetime) -> list[Sighting]:
        """Return what a shadow rule would have frozen since then, beside what was stopped.

        One entry a SKU, in their order; `bound` is what a crossing that freezes names as its bound.
        """
        ...

    async def spent_by_key(self, credential: str, since: datetime) -> int: ...

    async def spend(
        self, case: Case, at: datetime, source: str | None, credential: str | None
    ) -> None: ...

    async def alert_once(self, name: str, now: datetime, every: timedelta) -> bool:
        """Say whether nobody was alerted of this within `every`; note that somebody now is."""
        ...


class Notices(Protocol):
    """The outbox of notices."""

    async def add(self, notice: Notice, now: datetime) -> None:
        """Queue a notice; within a case it gets the next number."""
        ...

    async def claim_due(
        self, lease: timedelta, token: UUID, limit: int, moment: datetime | None = None
    ) -> list[Notice]:
        """Claim sorted notices that are due and go singly.

        Never past an earlier one to the same reader of a case. `moment` is the database's unless
        it is given.
        """
        ...

    async def seconds_until_due(self) -> float | None: ...

    async def sent(self, notice: Notice, now: datetime) -> None: ...

    async def failed(
        self, notice: Notice, error: str, *, retry_in: float | None, moment: datetime | None = None
    ) -> bool:
        """Note a failed attempt; without `retry_in` the notice has bounced for good.

        False where the lease was lost: nothing is noted.
        """
        ...

    async def came_back(self, notice: Notice, error: str) -> bool:
        """Note that a notice that had left came back; False where it was not on its way there."""
        ...

    async def redirect(
        self, notice: Notice, address: str, error: str, *, left: bool,
        moment: datetime | None = None,
    ) -> bool:
        """Send a notice to another address; `left` says that it had been sent already.

        False where the lease was lost, or where it has gone elsewhere meanwhile.
        """
        ...

    async def untold(self, limit: int) -> list[Notice]:
        """Return notices that have reached a vendor, and whose cases don't know it yet."""
        ...

    async def of_case(self, case_id: UUID) -> list[Notice]: ...

    async def vendor_reacted(self, case_id: UUID, state: str) -> None:
        """Note that a vendor has `acknowledged` or `answered` what it was told of a case."""
        ...

    async def get(self, notice_id: UUID) -> Notice | None: ...


class Digests(Protocol):
    """Which notices go singly and which as one. `moment` is the database's unless it is given."""

    async def arrivals(
        self, limit: int, window: timedelta, count_to: int, moment: datetime | None
    ) -> list[Arrival]:
        """Return notices that are not sorted yet, in order; takes the lock of who sorts.

        What their readers were sent within the window is counted up to `count_to`.
        """
        ...

    async def sort_singly(self, notices: Sequence[UUID], moment: datetime | None) -> None:
        """Let these go by themselves, and with them what waits of their cases in open digests.

        So nothing that goes singly waits for a digest that is still being filled.
        """
        ...

    async def join(
        self, new_id: UUID, reader: tuple[str, str, str], notices: Sequence[UUID],
        collect: timedelta, moment: datetime | None,
    ) -> None:
        """Let these go with the open digest of a reader; a new one collects for a while."""
        ...

    async def claim_due(
        self, lease: timedelta, token: UUID, moment: datetime | None
    ) -> Digest | None:
        """Close and claim a digest that is due: from then on nothing joins it."""
        ...

    async def leave_out_answered(
        self, digest_id: UUID, asks: Mapping[str, str | None], closed_at: datetime
    ) -> None:
        """Mark those as answered that ask for what was done before a digest was closed.

        `asks` are kinds of notices and the clocks that wait; None: the clock that they name.
        """
        ...

    async def members(self, digest_id: UUID, *, sent: bool = False) -> list[Notice]:
        """Return the notices of a digest that wait, or that were `sent` with it, in order."""
        ...

    async def sent(self, digest_id: UUID, now: datetime) -> None: ...

    async def failed(
        self, digest: Notice, error: str, retry_in: float, moment: datetime | None
    ) -> None: ...

    async def redirect(
        self, digest: Notice, address: str, error: str, moment: datetime | None
    ) -> bool: ...

    async def dissolve(self, digest: Notice, error: str, moment: datetime | None) -> None:
        """Give a digest up: its notices go one by one."""
        ...


class Mails(Protocol):
    """Mails that reach us."""

    async def receive(
        self, message_id: str, case_id: UUID | None, outcome: str, now: datetime
    ) -> bool:
        """Note that a mail was taken; False where it was taken before."""
        ...

    async def case_numbered(self, number: int) -> UUID | None: ...


class People(Protocol):
    """People, credentials and the row that all replicas share."""

    async def instance(self) -> Json: ...

    async def create_instance(self, customer_key: bytes, now: datetime) -> bool:
        """Create the shared row; False where it exists."""
        ...

    async def set_default_owner(self, person: str) -> None: ...

    async def access_revision(self) -> int: ...

    async def everyone(self) -> list[tuple[bytes, Credential, Person | None]]:
        """Return every credential that is valid now, by the hash of its secret."""
        ...

    async def lock_access(self) -> None:
        """Keep others from changing people and credentials until this transaction ends."""
        ...

    async def put_person(self, person: Person, *, active: bool, now: datetime) -> None: ...

    async def person(self, person_id: str) -> tuple[Person, bool] | None: ...

    async def deputy(self, person_id: str) -> tuple[Person, bool] | None:
        """Return who stands in for a person, if anybody."""
        ...

    async def people(self) -> list[tuple[Person, bool]]: ...

    async def add_credential(
        self, credential: Credential, secret_hash: bytes, now: datetime
    ) -> None: ...

    async def revoke_credential(self, credential_id: UUID, now: datetime) -> bool: ...

    async def credentials(self) -> list[Credential]: ...


class MasterData(Protocol):
    """SKUs, vendors and sources."""

    async def put_skus(self, skus: Sequence[Sku], now: datetime) -> None: ...

    async def prelude(
        self, sku: str, *, since: datetime | None = None, reach: timedelta | None = None
    ) -> Prelude:
        """Return what every evaluation of a SKU starts from, and take its request for one.

        The caller holds the SKU's lock. With `reach`, the window that ends with the news comes
        along: the news since a moment, or since what was asked for earlier.
        """
        ...

    async def surroundings(self, case: Case) -> Surroundings:
        """Return what a decision on a case looks at beside the case itself, in one look."""
        ...

    async def sku(self, sku: str) -> Sku | None: ...

    async def skus(self, skus: Sequence[str]) -> list[Sku]:
        """Return which of these SKUs are registered, with what is known of them."""
        ...

    async def skus_from(self, start: str, limit: int) -> list[str]:
        """Return registered SKUs in the order of their names, from a name on."""
        ...

    async def skus_after(
        self, after: tuple[datetime, str] | None, limit: int
    ) -> list[tuple[datetime, str]]:
        """Return (updated_at, sku) of registered SKUs after a place in that order."""
        ...

    async def put_vendor(self, vendor: Vendor, now: datetime) -> None: ...

    async def vendor(self, vendor: str) -> Vendor | None: ...

    async def vendor_for_change(self, vendor: str) -> Vendor | None:
        """Return a vendor; others can't change it until this transaction ends."""
        ...

    async def categories_without_skus(self, categories: Iterable[str]) -> list[str]:
        """Return those of some categories that no SKU has; none where there is no SKU at all."""
        ...

    async def put_source(self, feed: Feed, now: datetime) -> None:
        """Store what an admin says of a source: name, trust, how long it may be silent."""
        ...


class Record(Protocol):
    """The audit record."""

    async def write(
        self, at: datetime, actor: Actor | str, action: str, subject: str, *, why: str = "",
        details: Json | None = None,
    ) -> None: ...

    async def entries(
        self, subject: str | None, before: int | None, limit: int
    ) -> list[Json]: ...


class Sources(Protocol):
    """Feeds: when they speak, whether they fell silent, and what became of their cases."""

    async def note_heard(self, heard: Sequence[HeardHour], keep: timedelta) -> None:
        """Add to what was heard; hours that lie further back than `keep` are forgotten."""
        ...

    async def listen(
        self, now: datetime, longest_gap: timedelta, every: timedelta
    ) -> datetime | None:
        """Note that a replica is there to hear; return since when one is, without a longer gap.

        None where another one has looked a shorter time ago than `every`.
        """
        ...

    async def quiet(
        self, since: datetime, now: datetime, learned: timedelta
    ) -> list[tuple[Feed, Sequence[datetime]]]:
        """Return sources not heard since a moment, or for longer than they may be silent.

        Each with the hours in which it spoke, so far back from when it was last heard.
        """
        ...

    async def mark_silent(self, source: str, last_heard_at: datetime) -> bool:
        """Note that a source is silent; False where it was heard, or noted, meanwhile."""
        ...

    async def speaking_again(self) -> list[Feed]:
        """Note of the silent sources that were heard since that they speak; return them."""
        ...

    async def silent(self) -> int:
        """Return how many sources are silent."""
        ...

    async def listed(self, source: str | None = None) -> list[Feed]:
        """Return every source that is registered or was heard, or the one that is named."""
        ...

    async def silent_of_case(self, case_id: UUID) -> dict[str, datetime]:
        """Return the sources of a case's complaints, where all of them are silent, since when."""
        ...

    async def judge(self, case_id: UUID, now: datetime, *, were_right: bool) -> None:
        """Note for the sources of what counted for a case whether they were right."""
        ...

    async def verdicts(
        self, since: datetime
    ) -> Mapping[str, tuple[float, Sequence[Verdict]]]:
        """Return each source's given trust, and what became of its cases since a moment."""
        ...


class Transaction(Protocol):
    """One transaction, by its parts."""

    signals: Signals
    cases: Cases
    holds: Holds
    objects: Objects
    detection: Detection
    notices: Notices
    digests: Digests
    mails: Mails
    people: People
    master: MasterData
    record: Record
    subjects: Subjects
    retention: Retention
    learning: Learning
    evidence: StoredEvidence
    chain: AuditChain
    webhooks: Webhooks
    sources: Sources
    past: Past

    async def notify(self, topic: str) -> None:
        """Wake whoever listens, at commit. A wake-up only: the tables tell."""
        ...

    async def one_moment(self) -> None:
        """Have all that follows read the same moment, and nothing written. Comes first."""
        ...

    async def guarded(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run work inside a savepoint: where it raises, only the work is undone."""
        ...


class Database(Protocol):
    """Runs work in transactions, with deadlines, and again where the database asks for it."""

    async def run(
        self,
        work: Callable[[Transaction], Awaitable[T]],
        *,
        deadline: float = 5.0,
        urgent: bool = False,
    ) -> T:
        """Run work in one transaction within `deadline` seconds.

        `urgent` work (a freeze by hand) has connections of its own and queues behind nobody else.

        Raises `freezeguard.domain.errors.Unavailable` where the database can't be reached, does
        not answer in time, or kept asking for a repetition.
        """
        ...
