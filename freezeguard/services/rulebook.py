"""The rules in force, kept in memory and refreshed when they change."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from freezeguard.domain.rules import Family, Rule, RuleScope, applicable
from freezeguard.ports.clock import Now
from freezeguard.ports.storage import Database, Suppression, Transaction

TOPIC_RULES = "rules"


class RuleBook:
    """Every rule's current version and every suppression.

    A replica that still evaluates by older rules can do no lasting harm: whoever refreshes asks
    for an evaluation of all SKUs that a changed rule may concern.
    """

    def __init__(self, database: Database, now: Now) -> None:
        self._database, self._now = database, now
        self._revision = -1
        self._rules: dict[str, Rule] = {}
        self._suppressions: list[Suppression] = []
        self._followers: list[Callable[[Sequence[Rule]], None]] = []
        self._looked_at: datetime | None = None

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
        """Read the rules again; say whether they had changed."""
        return await self._database.run(self._refresh)

    async def _refresh(self, tx: Transaction) -> bool:
        revision, rules = await tx.detection.rules()
        now = self._now()
        if revision == self._revision:
            return False
        changed = [one for one in rules if self._rules.get(one.id) != one]
        self._suppressions = await tx.detection.suppressions(now)
        self._rules = {one.id: one for one in rules}
        if self._revision >= 0:
            for rule in changed:
                await tx.signals.mark_scope_pending(rule.scope, rule.window, now)
        self._revision = revision
        for follower in self._followers:
            follower(self.rules)
        return True

    async def revive(self) -> int:
        """Ask for an evaluation of what an ended suppression held back; return how many ended.

        Whatever crossed a bound meanwhile must not stay unnoticed until the next complaint. After
        a start, the suppressions that ended within the last day are looked at once more.
        """
        now = self._now()
        since = self._looked_at or now - timedelta(days=1)
        ended = await self._database.run(lambda tx: tx.detection.ended_suppressions(since, now))
        if ended:
            window = self.longest_window()
            await self._database.run(lambda tx: _mark(tx, ended, window, now))
        self._looked_at = now
        return len(ended)

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
        """Say whether any rule asks for units shipped."""
        return any(one.family is Family.RATE and one.mode != "off" for one in self.rules)

    def longest_window(self) -> timedelta:
        """Return the longest window of any rule."""
        return max((one.window for one in self._rules.values()), default=timedelta(0))


async def _mark(
    tx: Transaction, ended: Sequence[Suppression], window: timedelta, now: datetime
) -> None:
    for one in ended:
        scope = RuleScope(one.category, one.vendor, one.sku)
        await tx.signals.mark_scope_pending(scope, window, now)
