"""Rules, suppressions, crossings, and what automatic freezes spend."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from freezeguard.domain.reasons import Crossing
from freezeguard.domain.record import Case
from freezeguard.domain.rules import Rule
from freezeguard.domain.shadowing import Sighting
from freezeguard.ports.rows import HeldBack, Json, Proposal, Suppression


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

    async def held_back(
        self, suppressions: Sequence[Suppression], until: datetime
    ) -> list[HeldBack]:
        """Return what each of some suppressions has held back until a moment."""
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
