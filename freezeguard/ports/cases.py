"""Cases with their history, votes, clocks, commitments and tasks."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from freezeguard.detection.windows import Observed
from freezeguard.domain.record import Case, ProbationRecord, Promises, Vote
from freezeguard.domain.scope import Scope
from freezeguard.ports.rows import (
    Announced,
    AttachedSignals,
    CaseEvent,
    CaseFilter,
    Clock,
    Json,
    ManualTask,
    Pareto,
    QueuePlace,
    Ranked,
    Sibling,
    Sku,
)


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

    async def several(self, case_ids: Sequence[UUID]) -> list[Case]:
        """Return some cases, in the order in which they are asked for."""
        ...

    async def open_of_sku(self, sku: str, *, lock: bool = False) -> list[Case]: ...

    async def told_of_sku(self, sku: str) -> list[Case]:
        """Return the cases of a SKU that are open, or that took it off sale for good."""
        ...

    async def skus_with_open_cases(self, skus: Sequence[str]) -> set[str]: ...

    async def last_of_sku(self, sku: str) -> list[Case]:
        """Return the cases of a SKU, newest first, final ones included."""
        ...

    async def listed(self, wanted: CaseFilter) -> list[Case]: ...

    async def queue(self, wanted: CaseFilter, after: QueuePlace) -> list[Ranked]:
        """Return open cases, the worst first, as they stand at the moment of a place and after it.

        `open_only` and `before` of the filter say nothing here.
        """
        ...

    async def uncounted(self, attached_since: datetime | None, limit: int) -> list[UUID]:
        """Return open cases whose figures for the queue are not those of now.

        Of those to which nothing was attached since a moment (None: ever) only new versions are
        noticed.
        """
        ...

    async def count_harm(self, case_ids: Sequence[UUID]) -> None:
        """Count anew what the queue is ordered by, for some cases."""
        ...

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

    async def pareto(self, case_id: UUID) -> Pareto:
        """Return the complaints of a case by what they say."""
        ...

    async def attached_customers(self, case_id: UUID) -> set[bytes]: ...

    async def counted_scopes(self, case: Case) -> tuple[Scope, ...]:
        """Return where the complaints lie that counted and are not judged, each place once."""
        ...

    async def first_counted(self, case_id: UUID) -> datetime | None:
        """Return when the first complaint was made that counted for a case, None for none."""
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
