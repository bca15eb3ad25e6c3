"""The rules in force, kept in memory and refreshed when they change."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from freezeguard.detection.daybook import Prior, Priors
from freezeguard.detection.families import learns, reach
from freezeguard.detection.learning import Group, priors_for
from freezeguard.domain.errors import Unavailable
from freezeguard.domain.rules import Family, Rule, RuleScope, applicable
from freezeguard.ports.clock import Now
from freezeguard.ports.rows import Suppression
from freezeguard.ports.storage import Database, Transaction

PAGE = 500
PAGE_DEADLINE = 30.0
MANY = 8
"""Categories; each is looked for among all SKUs."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What was read of the rules in one transaction."""

    revision: int
    rules: Sequence[Rule]
    priors: dict[Group, Prior]
    suppressions: list[Suppression]
    marked_revision: int


@dataclass(slots=True)
class _Marking:
    """SKUs to evaluate again: of a scope, with a signal in the window; it has come to `after`."""

    scope: RuleScope
    window: timedelta
    after: str = ""


class RuleBook:
    """Every rule's current version, every suppression, and what is usual for items.

    What was learned to be usual counts where `uses_learned`, else what is built in. It changes with
    a revision of the rules, as they do: whoever follows the rules hears of it.

    A replica that still evaluates by older rules can do no lasting harm: whoever has read the new
    ones asks for an evaluation of all SKUs that a changed rule may concern. There may be millions
    of them: that is done in pages, after the commit, and again after a start where nobody has
    noted that it was finished.
    """

    def __init__(self, database: Database, now: Now, *, uses_learned: bool = True) -> None:
        self._database, self._now, self._uses_learned = database, now, uses_learned
        self._revision = -1
        self._rules: dict[str, Rule] = {}
        self._priors: dict[Group, Prior] = {}
        self._suppressions: list[Suppression] = []
        self._followers: list[Callable[[Sequence[Rule]], None]] = []
        self._looked_at: datetime | None = None
        self._reading = asyncio.Lock()
        self._markings: deque[_Marking] = deque()
        self._marked_revision = 0

    def follow(self, changed: Callable[[Sequence[Rule]], None]) -> None:
        """Call back with all rules, now and after every change."""
        self._followers.append(changed)
        changed(self.rules)

    @property
    def rules(self) -> list[Rule]:
        """Return every rule, whatever its mode."""
        return list(self._rules.values())

    @property
    def revision(self) -> int:
        """Return the revision of the rules that are kept; -1 before the first refresh."""
        return self._revision

    async def refresh(self) -> bool:
        """Read the rules again; say whether they had changed. `revive` does what follows of it."""
        async with self._reading:  # what was read first must not be taken over last
            found = await self._database.run(self._read)
            if found is None:
                return False
            self._take_over(found)
            return True

    async def _read(self, tx: Transaction) -> _Found | None:
        revision, rules = await tx.detection.rules()
        if revision == self._revision:
            return None
        learned = await tx.learning.priors() if self._uses_learned else ()
        priors = {one.group: one.prior for one in learned if one.prior is not None}
        suppressions = await tx.detection.suppressions(self._now())
        marked_revision = await tx.detection.marked_revision()
        return _Found(revision, rules, priors, suppressions, marked_revision)

    def _take_over(self, found: _Found) -> None:
        changed = [one for one in found.rules if self._rules.get(one.id) != one]
        unlike = {group for group, _ in self._priors.items() ^ found.priors.items()}
        in_force = {one.id for one in found.suppressions}
        lifted = [one for one in self._suppressions if one.id not in in_force]
        is_first, self._revision = self._revision < 0, found.revision
        self._rules = {one.id: one for one in found.rules}
        self._priors = found.priors
        self._suppressions = found.suppressions
        if not is_first:
            self._markings += [_Marking(one.scope, reach(one)) for one in changed]
            self._markings += self._of_categories({category for category, _ in unlike})
        elif found.marked_revision < found.revision:  # whoever was to do it may have been killed
            self._markings.append(_Marking(RuleScope(), self.longest_window()))
        # Who lifts one says since when before he commits: a look at the times may come in between.
        self._markings += self._held_back_by(lifted)
        for follower in self._followers:
            follower(self.rules)

    def _held_back_by(self, ended: Sequence[Suppression]) -> list[_Marking]:
        longest = self.longest_window()
        return [_Marking(RuleScope(one.category, one.vendor, one.sku), longest) for one in ended]

    def _of_categories(self, categories: set[str | None]) -> list[_Marking]:
        """Return what to evaluate again where something else is usual now; in one go, of many."""
        lengths = [reach(one) for one in self.rules if learns(one) and one.mode != "off"]
        if not lengths or not categories:
            return []
        if None in categories or len(categories) > MANY:
            return [_Marking(RuleScope(), max(lengths))]
        scopes = [RuleScope(category=one) for one in sorted(filter(None, categories))]
        return [_Marking(scope, max(lengths)) for scope in scopes]

    async def revive(self) -> int:
        """Ask for an evaluation of what an ended suppression held back or a changed rule concerns.

        Return how many suppressions ended. Whatever crossed a bound meanwhile must not stay
        unnoticed until the next complaint. After a start, the suppressions that ended within the
        last day are looked at once more. What fails is gone on with at the next call.
        """
        await self.refresh()
        now = self._now()
        since = self._looked_at or now - timedelta(days=1)
        ended = await self._database.run(lambda tx: tx.detection.ended_suppressions(since, now))
        self._markings += self._held_back_by(ended)
        self._looked_at = now
        await self._mark()
        return len(ended)

    async def _mark(self) -> None:
        while self._markings:
            try:
                if await self._mark_page(self._markings[0]):
                    self._markings.popleft()
            except Unavailable:
                self._markings.rotate(-1)  # one that always fails keeps no other waiting
                raise
        revision = self._revision
        if self._marked_revision < revision:
            await self._database.run(lambda tx: tx.detection.note_marked(revision))
            self._marked_revision = revision

    async def _mark_page(self, marking: _Marking) -> bool:
        """Ask for the evaluation of a page of SKUs; say whether it was the last one."""
        place = await self._database.run(
            lambda tx: tx.signals.mark_scope_pending(
                marking.scope, marking.window, self._now(), after=marking.after, limit=PAGE
            ),
            deadline=PAGE_DEADLINE,
        )
        marking.after = place or ""
        return place is None

    def for_sku(self, sku: str, vendor: str | None, category: str | None) -> tuple[Rule, ...]:
        """Return the rules to evaluate for a SKU, safety first."""
        rules = applicable(self._rules.values(), sku, vendor, category)
        return tuple(sorted(rules, key=lambda one: (one.lane != "safety", one.id)))

    def suppression(
        self, rule: Rule, sku: str, vendor: str | None, category: str | None, now: datetime
    ) -> Suppression | None:
        """Return what holds a rule back for a SKU, None where nothing does; never for safety."""
        if rule.family is Family.SAFETY or rule.lane == "safety":
            return None
        for one in self._suppressions:
            in_force = one.ended_at is None and one.created_at <= now < one.expires_at
            concerns = (
                one.rule_id in {None, rule.id}
                and one.sku in {None, sku}
                and one.vendor in {None, vendor}
                and one.category in {None, category}
            )
            if in_force and concerns:
                return one
        return None

    def needs_exposure(self) -> bool:
        """Say whether a rule may speak that was silent for want of units shipped."""
        return any(one.measures_units and one.mode != "off" for one in self.rules)

    def learns(self) -> bool:
        """Say whether a rule learns from units shipped what is usual."""
        return any(learns(one) and one.mode != "off" for one in self.rules)

    def priors(self, category: str | None) -> Priors:
        """Return what items of a category usually do."""
        return priors_for(category, self._priors)

    def longest_window(self) -> timedelta:
        """Return how far back any rule looks at single signals."""
        return max((reach(one) for one in self._rules.values()), default=timedelta(0))
