"""From stored signals to cases: attaches news, finds crossings, asks the governor, freezes.

Runs inside a transaction that holds the lock of the SKU, on what the database shows after the
lock was taken: two complaints that complete a threshold together can't both see "one short".
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import ceil, floor
from typing import Any

import structlog

from freezeguard.detection.evaluation import Evidence, Fix, Spares, after_the_fix, crossings
from freezeguard.detection.families import NONE_TO_SPARE
from freezeguard.detection.governor import Charge, SpentBudget, charge_for, exhausted, spent_budget
from freezeguard.detection.windows import Observed, moment_before
from freezeguard.domain.acts.outcome import stricter_lane
from freezeguard.domain.case import take_news
from freezeguard.domain.effects import Notify
from freezeguard.domain.evidence import take_in
from freezeguard.domain.people import System
from freezeguard.domain.reasons import Crossing
from freezeguard.domain.record import Case
from freezeguard.domain.rules import Family, Rule
from freezeguard.domain.scope import Scope
from freezeguard.domain.signals import counts_against_the_item
from freezeguard.domain.transitions import Command, State
from freezeguard.ports.clock import NewId, Now
from freezeguard.ports.rows import Pending, Prelude, Sibling, Sku, Slot, witnesses
from freezeguard.ports.storage import Transaction
from freezeguard.services.cases.aftermath import Aftermath
from freezeguard.services.cases.casework import Casework
from freezeguard.services.detecting.gathering import Gathered, fixed_since, gather
from freezeguard.services.detecting.rulebook import RuleBook
from freezeguard.services.detecting.trust import Trust
from freezeguard.services.telling.telling import EXCERPTS, Telling

log = structlog.get_logger()

COUNTING = frozenset({Family.COUNT.value, Family.DISTINCT_CUSTOMERS.value, Family.SAFETY.value})
SIBLINGS_SINCE = timedelta(days=730)
"""A related item's case that is older is not looked for, whatever became of it."""
NAMED = 20
"""So many other SKUs of a wave are named in a reason."""
REFREEZABLE = frozenset({State.REINSTATING, State.PROBATION, State.APPEALED})


@dataclass(slots=True)
class Evaluated:
    """What an evaluation brought about.

    `moments` (whole seconds), `floor` and `spare` are what the watch may remember once this is
    committed, as long as the rules are those of the `revision`.
    """

    sku: str
    aftermaths: list[Aftermath] = field(default_factory=list)
    moments: tuple[int, ...] = ()
    floor: int = 0
    total: int = 0
    revision: int = -1
    spares: Spares = field(default_factory=Spares)


@dataclass(slots=True)
class _Look:
    """All that one evaluation has before it."""

    tx: Transaction
    pending: Pending
    now: datetime
    master: Sku
    prelude: Prelude
    cases: list[Case]
    gathered: Gathered
    result: Evaluated

    @property
    def signals(self) -> Sequence[Observed]:
        """Return the signals that still count, as far back as any rule looks."""
        return self.gathered.signals

    @property
    def news(self) -> list[Observed]:
        """Return the signals that nobody has evaluated yet."""
        return [one for one in self.signals if one.seq >= self.pending.since_seq]

    @property
    def before_news(self) -> datetime:
        """Return a moment: a window that ends by then shows nothing new."""
        return moment_before(self.pending.since_time, timedelta(microseconds=1))

    def replace_case(self, case: Case) -> None:
        """Take over the newest version of a case."""
        self.cases = [case if one.id == case.id else one for one in self.cases]


class Evaluation:
    """Evaluates one SKU at a time."""

    def __init__(
        self, rules: RuleBook, casework: Casework, telling: Telling, trust: Trust, now: Now,
        new_id: NewId,
    ) -> None:
        self._rules, self._casework, self._telling = rules, casework, telling
        self._trust, self._now, self._new_id = trust, now, new_id

    async def evaluate(
        self, tx: Transaction, prelude: Prelude, pending: Pending, total: int
    ) -> Evaluated:
        """Evaluate a SKU whose lock the caller holds; `total` is its number of signals.

        `pending` is what is news, the request in the prelude included.
        """
        master = prelude.master
        cases = list(prelude.cases)
        rules = self._rules.for_sku(pending.sku, master.vendor, master.category)
        every, rules = rules, _still_to_say(rules, cases)
        priors, revision = self._rules.priors(master.category), self._rules.revision
        gathered = await gather(tx, prelude, pending, rules, fixed_since(cases), priors)
        known_from = floor(gathered.start.timestamp()) + 1
        moments = tuple(floor(one.occurred_at.timestamp()) for one in gathered.signals)
        look = _Look(
            tx, pending, self._now(), master, prelude, cases, gathered,
            Evaluated(pending.sku, [], moments, known_from, total, revision),
        )
        look.result.spares.take(gathered.most_to_spare)
        # of a rule that was not asked nobody knows how many signals it can spare
        if len(rules) < len(every):
            look.result.spares.take(NONE_TO_SPARE)
        for case in list(look.cases):
            await self._attach_news(look, case)
        for rule in rules:
            await self._apply_rule(look, rule)
        return look.result

    # ------------------------------------------------------------------------- open cases

    async def _attach_news(self, look: _Look, case: Case) -> None:
        covered = [one for one in look.news if case.covers(one.scope)]
        if not covered:
            return
        awaiting = case.state is State.AWAITING_APPROVAL
        earlier = await look.tx.cases.attached_customers(case.id) if awaiting else set()
        await look.tx.cases.attach(case, covered, frozenset(), look.now)
        bound = self._news_bound(look, case)
        known, news = self._material(case, covered, earlier, bound)
        if case.in_frozen_phase and news:
            await self._raise_evidence(look, case, known, news, case.lane)
        elif known != dict(case.known_evidence):
            case = replace(case, known_evidence=known)
            await look.tx.cases.update(case)
            look.replace_case(case)
        if case.state is State.SUSPECTED and case.reason.get("window"):
            await self._wait_longer(look, case)

    async def _wait_longer(self, look: _Look, case: Case) -> None:
        """A rule's suspicion lapses only after the rule's window without new evidence."""
        due = look.now + timedelta(seconds=case.reason["window"])
        await look.tx.cases.start_clock(
            self._new_id(), case, "second_opinion", look.now, due
        )

    def _material(
        self, case: Case, covered: Sequence[Observed], earlier: set[bytes], bound: int
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        speaking = [one for one in covered if counts_against_the_item(
            one.kind, one.intent, one.result)]
        awaiting = case.state is State.AWAITING_APPROVAL
        return take_in(
            case.known_evidence, witnesses(speaking), counts_customers=awaiting,
            earlier_customers=earlier, bound=bound,
        )

    def _news_bound(self, look: _Look, case: Case) -> int:
        """Return how many new customers are material: the bound of the rule that froze the case.

        A rate is no number of customers, and a pull has no bound: there, the least that any rule
        of this SKU asks for counts, else what the shop's policy says. Never nothing.
        """
        if case.reason.get("family") in COUNTING:
            return max(1, ceil(float(case.reason["bound"])))
        master = look.master
        rules = self._rules.for_sku(master.sku, master.vendor, master.category)
        asked = [
            one.needs_customers
            for one in rules
            if one.mode == "armed" and one.family is not Family.SAFETY
        ]
        return min(filter(None, asked), default=self._casework.policy.news_customers)

    async def _raise_evidence(
        self, look: _Look, case: Case, known: dict[str, Any], news: Sequence[str], lane: str
    ) -> None:
        """Raise the evidence revision; an approval that was asked for is void."""
        decision = take_news(case, known, news, lane)
        aftermath = await self._casework.record(look.tx, case, decision, System.DETECTOR)
        if case.state is State.AWAITING_APPROVAL:
            aftermath = await self._casework.execute(
                look.tx, aftermath.case, Command.VOID_APPROVAL,
                arguments={"reason": "; ".join(news), "cause": "evidence", "news": list(news)},
                actor=System.DETECTOR,
            )
        look.replace_case(aftermath.case)
        look.result.aftermaths.append(aftermath)

    # ------------------------------------------------------------------------------ rules

    async def _apply_rule(self, look: _Look, rule: Rule) -> None:
        for case in [one for one in look.cases if may_freeze_again(one)]:
            await self._tightened(look, rule, case)
        evidence = look.gathered.evidence(rule)
        found = crossings(rule, evidence, after=look.before_news, spares=look.result.spares)
        for crossing in found:
            await self._current_or_historical(look, rule, evidence, crossing)

    async def _tightened(self, look: _Look, rule: Rule, case: Case) -> None:
        """On probation half the bound is enough, and only what was shipped after the fix counts.

        One safety signal is enough whatever was fixed: whoever was hurt was hurt.
        """
        if rule.mode != "armed" or self._suppressed(look, rule):
            return
        if rule.family is Family.SAFETY:
            found = self._current(look, rule, Evidence(look.signals))
        else:
            lots = frozenset((case.remedy or {}).get("affected_lots") or ())
            factor = self._casework.policy.probation_bound_factor
            fix = Fix(case.reinstated_at, lots, factor)
            shipped = look.gathered.shipped(rule)
            priors = look.gathered.priors
            found = crossings(*after_the_fix(rule, case.scope, look.signals, shipped, fix, priors))
        for crossing in found:
            if crossing.bound_kind == "freeze" and case.covers(crossing.scope):
                await self._freeze_again(look, case, crossing)
                return

    def _current(self, look: _Look, rule: Rule, evidence: Evidence) -> list[Crossing]:
        """Return the crossings by the news that are not historical."""
        return [
            one
            for one in crossings(rule, evidence, after=look.before_news)
            if one.crossed_at > look.now - rule.window or self._acts_on_history(look, one)
        ]

    async def _current_or_historical(
        self, look: _Look, rule: Rule, evidence: Evidence, crossing: Crossing
    ) -> None:
        edge = look.now - rule.window
        if crossing.crossed_at > edge or self._acts_on_history(look, crossing):
            await self._act(look, rule, crossing)
            return
        await self._note(look, crossing, "historical", None)
        later = [
            one for one in crossings(rule, evidence, after=edge) if one.scope == crossing.scope
        ]
        for one in later:
            await self._act(look, rule, one)

    @staticmethod
    def _acts_on_history(look: _Look, crossing: Crossing) -> bool:
        return any(one.key == crossing.crossed_by and one.acts_on_history for one in look.signals)

    async def _act(self, look: _Look, rule: Rule, crossing: Crossing) -> None:
        case = _concerned(look.cases, crossing.scope)
        if crossing.mode == "shadow":
            await self._note_in_shadow(look, crossing)
        elif case is None and _is_held_for_good(look, crossing.scope):
            await self._note(look, crossing, "covered", None)
        elif case is not None and may_freeze_again(case):
            return
        elif case is not None and case.state is not State.SUSPECTED:
            await self._covered(look, case, crossing)
        elif self._suppressed(look, rule):
            await self._note(look, crossing, "suppressed", None)
        elif crossing.bound_kind == "pattern":
            await self._show(look, rule, crossing, case)
        elif case is not None and await look.tx.cases.pullers(case.id):
            await self._second(look, rule, crossing, case)
        elif crossing.bound_kind == "look":
            await self._looked_at(look, rule, crossing, case)
        else:
            await self._freeze(look, rule, crossing, case)

    async def _looked_at(
        self, look: _Look, rule: Rule, crossing: Crossing, case: Case | None
    ) -> None:
        """The lower bound opens a suspicion; where a related item is at fault it stops the sale."""
        sibling = await self._sibling(look, crossing)
        if sibling is not None:
            more = {"sibling": {"sku": sibling.sku, "case": str(sibling.case)}}
            await self._freeze(look, rule, crossing, case, more)
        elif case is None:
            await self._suspect(look, rule, crossing, "suspect")

    async def _sibling(self, look: _Look, crossing: Crossing) -> Sibling | None:
        days = self._casework.policy.sibling_days
        if days == 0 or crossing.lane != "quality":
            return None
        lots = {one.scope.lot for one in self._counted(look, crossing) if one.scope.lot}
        return await look.tx.cases.found_beside(
            look.master, sorted(lots), look.now - SIBLINGS_SINCE, look.now - timedelta(days=days)
        )

    async def _note_in_shadow(self, look: _Look, crossing: Crossing) -> None:
        """Record what a rule would have done; a pattern says something of complaints, not of it."""
        if crossing.bound_kind != "pattern":
            await self._note(look, crossing, "shadow", None)

    def _suppressed(self, look: _Look, rule: Rule) -> bool:
        master = look.master
        found = self._rules.suppression(
            rule, master.sku, master.vendor, master.category, look.now
        )
        return found is not None

    async def _show(
        self, look: _Look, rule: Rule, crossing: Crossing, case: Case | None
    ) -> None:
        """Let a person see a pattern; a case that tells of one already is told no more."""
        if case is None:
            await self._suspect(look, rule, crossing, "pattern")
        elif not _tells_of_a_pattern(case):
            await self._note(look, crossing, "pattern", case)

    async def _covered(self, look: _Look, case: Case, crossing: Crossing) -> None:
        await self._note(look, crossing, "covered", case)
        lane = stricter_lane(case.lane, crossing.lane)
        if lane != case.lane:
            news = [f"lane {lane}: {crossing.reason.sentence}"]
            await self._raise_evidence(look, case, dict(case.known_evidence), news, lane)

    # ------------------------------------------------------------------- suspect and freeze

    async def _freeze(
        self, look: _Look, rule: Rule, crossing: Crossing, suspected: Case | None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        """Stop the sale, unless a budget or too little trust leaves that to a person.

        `more` stands in the reason beside what the rule says.
        """
        doubted = self._doubted(look, crossing)
        if doubted:
            await self._doubt(look, rule, crossing, suspected, {**(more or {}), "doubted": doubted})
            return
        charge = charge_for(crossing.lane, self._counted(look, crossing))
        slot = await self._take_slot(look, crossing, charge, suspected)
        budget = self._casework.policy.budget
        spent = exhausted(slot.spent, budget, charge.lane)
        if spent is not None:
            master = look.master
            whose = spent_budget(
                spent, charge, slot.spent, master.category, master.vendor, budget
            )
            await self._over_budget(look, rule, crossing, suspected, whose, slot, more)
            return
        if suspected is None:
            arguments = self._arguments(crossing, self._counted(look, crossing), more)
            beside = [one for one in look.cases if one.scope.overlaps(crossing.scope)]
            aftermath = await self._open(look, Command.FREEZE, crossing, arguments, slot)
            await self._frozen(look, crossing, aftermath)
            await self._propose_merge(look, aftermath.case, beside)
        else:
            aftermath = await self._freeze_in(look, suspected, crossing, more)
        await self._spend(look, aftermath.case, charge)

    def _doubted(self, look: _Look, crossing: Crossing) -> list[dict[str, Any]]:
        """Return who alone speaks for a crossing, where nobody of them is trusted enough.

        Safety is not weighed: who may assert it is an admin's to say, and has its own budget.
        """
        if crossing.lane != "quality":
            return []
        sources = (one.source for one in crossing.reason.counted)
        found = self._trust.doubted(sources, look.now)
        return [{"source": name, **one.as_dict()} for name, one in found.items()]

    async def _doubt(
        self, look: _Look, rule: Rule, crossing: Crossing, suspected: Case | None,
        more: Mapping[str, Any],
    ) -> None:
        """What only doubted sources say is suspected: a person looks before a sale is stopped."""
        log.warning("sources_doubted", sku=look.master.sku, rule_id=rule.id,
                    sources=[one["source"] for one in more["doubted"]])
        if suspected is None:
            await self._suspect(look, rule, crossing, "suspect", more=more)
        else:
            await self._note(look, crossing, "suspect", suspected)

    async def _propose_merge(self, look: _Look, case: Case, beside: Sequence[Case]) -> None:
        """A case that overlaps with a new one: the owner may merge the two, or widen one."""
        other = next((one for one in beside if one.in_frozen_phase), None)
        if other is not None:
            facts = {"other": str(other.number)}
            await self._telling.tell(
                look.tx, case, Notify("merge_proposed", "owner", facts), look.now
            )

    async def _second(self, look: _Look, rule: Rule, crossing: Crossing, case: Case) -> None:
        """A person has pulled, and a bound is crossed, be it the lower one: two opinions agree.

        No budget holds that back: a feed alone has not brought it about.
        """
        log.info("pull_seconded", sku=case.scope.sku, case_id=str(case.id), rule_id=rule.id)
        await self._freeze_in(look, case, crossing)

    async def _freeze_again(self, look: _Look, case: Case, crossing: Crossing) -> None:
        """A re-freeze spends a budget and is held back by none: the case has had its human."""
        charge = charge_for(crossing.lane, self._counted(look, crossing))
        aftermath = await self._freeze_in(look, case, crossing)
        await self._spend(look, aftermath.case, charge)

    async def _freeze_in(
        self, look: _Look, case: Case, crossing: Crossing, more: Mapping[str, Any] | None = None
    ) -> Aftermath:
        """Freeze in a case that is open already."""
        arguments = self._arguments(crossing, self._counted(look, crossing), more)
        await self._attach_counted(look, case, crossing)
        aftermath = await self._casework.execute(
            look.tx, case, Command.FREEZE, arguments=arguments, actor=System.DETECTOR
        )
        look.replace_case(aftermath.case)
        await self._frozen(look, crossing, aftermath)
        return aftermath

    async def _frozen(self, look: _Look, crossing: Crossing, aftermath: Aftermath) -> None:
        await self._note(look, crossing, "freeze", aftermath.case)
        look.result.aftermaths.append(aftermath)
        log.info(
            "sku_frozen", sku=look.master.sku, case_id=str(aftermath.case.id),
            rule_id=crossing.rule_id, rule_version=crossing.rule_version,
            observed=crossing.reason.observed,
        )

    async def _take_slot(
        self, look: _Look, crossing: Crossing, charge: Charge, suspected: Case | None
    ) -> Slot:
        """The lock that orders the held set also orders spending: no two freezes share a slot."""
        evidence, budget = None, self._casework.policy.budget
        if suspected is None:
            _, evidence = self._evidence(look, crossing.scope.covers, crossing)
        wave_since = look.now - budget.vendor_window if budget.vendor_skus else None
        return await look.tx.holds.take_slot(
            look.master, charge, look.now - budget.window, wave_since, evidence, EXCERPTS
        )

    @staticmethod
    async def _spend(look: _Look, case: Case, charge: Charge) -> None:
        charged = replace(case, lane=charge.lane)
        await look.tx.detection.spend(charged, look.now, charge.source, None)

    async def _over_budget(
        self, look: _Look, rule: Rule, crossing: Crossing, suspected: Case | None,
        budget: SpentBudget, slot: Slot, more: Mapping[str, Any] | None,
    ) -> None:
        log.warning("budget_spent", sku=look.master.sku, budget=budget.name, rule_id=rule.id)
        if suspected is None:
            suspected = await self._suspect(
                look, rule, crossing, "budget", slot,
                more={**(more or {}), **_held_back_by(budget, slot.spent.wave)},
            )
        elif suspected.reason.get("budget") != budget.name:
            # What opened the case says it already; each further complaint is attached all the same.
            await self._note(look, crossing, "budget", suspected)
        name = f"budget:{budget.name}:{budget.whose}"
        if await look.tx.detection.alert_once(name, look.now, budget.window):
            waiting = {
                "case": str(suspected.number), "sku": look.master.sku,
                "sentence": crossing.reason.sentence,
                "reason": {**crossing.reason.as_dict(), "counted": []},
            }
            facts = {
                "budget": {
                    "of": budget.of, "name": budget.whose, "limit": budget.limit,
                    "spent": max(budget.limit, len(slot.spent.wave)),
                    "window": budget.window.total_seconds(),
                },
                "waiting": [waiting],
            }
            await self._telling.tell_shop(look.tx, "budget_spent", facts, look.now)

    async def _suspect(
        self, look: _Look, rule: Rule, crossing: Crossing, outcome: str, slot: Slot | None = None,
        *, more: Mapping[str, Any] | None = None,
    ) -> Case:
        """Open a suspicion; `more` stands in its reason beside what the rule says."""
        arguments = self._arguments(crossing, self._counted(look, crossing), more)
        arguments["quiet_after"] = (look.now + rule.window).isoformat()
        aftermath = await self._open(look, Command.SUSPECT, crossing, arguments, slot)
        await self._note(look, crossing, outcome, aftermath.case)
        look.result.aftermaths.append(aftermath)
        return aftermath.case

    async def _open(
        self, look: _Look, command: Command, crossing: Crossing, arguments: dict[str, Any],
        slot: Slot | None,
    ) -> Aftermath:
        seed = Case(
            id=self._new_id(),
            scope=crossing.scope,
            state=State.SUSPECTED if command is Command.SUSPECT else State.FREEZING,
            lane=crossing.lane,
            opened_by=System.DETECTOR.value,
            opened_at=look.now,
            reason=arguments["reason"],
            vendor=look.master.vendor,
            category=look.master.category,
            owner=look.prelude.owner,
            rule_id=crossing.rule_id,
            rule_version=crossing.rule_version,
            known_evidence=arguments["known_evidence"],
        )
        counted, evidence = self._evidence(look, seed.covers, crossing)
        # What the prelude knows of holds and objects is true until the first of them changes.
        aftermath = await self._casework.open(
            look.tx, seed, command, arguments=arguments, actor=System.DETECTOR,
            evidence=evidence, counted=counted,
            prelude=None if look.result.aftermaths else look.prelude,
            announced=None if slot is None else slot.announced,
        )
        look.cases.append(aftermath.case)
        return aftermath

    # ------------------------------------------------------------------------------ evidence

    def _arguments(
        self, crossing: Crossing, counted: Sequence[Observed],
        more: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        known, _ = take_in({}, witnesses(counted), counts_customers=False)
        return {
            "reason": {**crossing.reason.as_dict(), **(more or {})},
            "lane": crossing.lane,
            "rule_id": crossing.rule_id,
            "rule_version": crossing.rule_version,
            "known_evidence": known,
        }

    @staticmethod
    def _counted(look: _Look, crossing: Crossing) -> list[Observed]:
        keys = set(crossing.reason.counted)
        return [one for one in look.signals if one.key in keys]

    async def _attach_counted(self, look: _Look, case: Case, crossing: Crossing) -> None:
        counted, evidence = self._evidence(look, case.covers, crossing)
        await look.tx.cases.attach(case, evidence, counted, look.now)

    @staticmethod
    def _evidence(
        look: _Look, covers: Callable[[Scope], bool], crossing: Crossing
    ) -> tuple[frozenset[tuple[str, str]], list[Observed]]:
        """Return the keys of what counted; and that, with everything else new and covered."""
        counted = frozenset((key.source, key.id) for key in crossing.reason.counted)
        evidence = [
            one
            for one in look.signals
            if (one.source, one.id) in counted
            or (one.seq >= look.pending.since_seq and covers(one.scope))
        ]
        return counted, evidence

    async def _note(
        self, look: _Look, crossing: Crossing, outcome: str, case: Case | None
    ) -> None:
        await look.tx.detection.add_crossing(
            self._new_id(), crossing, look.now, outcome, None if case is None else case.id
        )


def may_freeze_again(case: Case) -> bool:
    """Say whether a further stop takes up a case that is open: what is delisted is stopped."""
    return case.state in REFREEZABLE and not case.keeps_its_hold


def _held_back_by(budget: SpentBudget, wave: Sequence[str]) -> dict[str, Any]:
    """Return what a reason says of the budget that was spent, and of the vendor's other items."""
    held: dict[str, Any] = {"budget": budget.name}
    if budget.name == "vendor_skus":
        held["wave"] = {
            "vendor": budget.whose, "skus": list(wave[:NAMED]), "number": len(wave),
            "days": budget.window / timedelta(days=1),
        }
    return held


def _tells_of_a_pattern(case: Case) -> bool:
    details = case.reason.get("details") or {}
    return not details.keys().isdisjoint({"set_aside", "of_one_hand", "surplus"})


def _still_to_say(rules: Sequence[Rule], cases: Sequence[Case]) -> tuple[Rule, ...]:
    """Leave out rules that can change nothing: the whole SKU is stopped in as strict a lane.

    A SKU that is stopped may still get thousands of complaints; each is attached, and none makes
    the whole window be counted again.
    """
    stopped = [one for one in cases if one.in_frozen_phase and one.scope == Scope(one.scope.sku)]
    if not stopped:
        return tuple(rules)
    lane = stopped[0].lane
    return tuple(
        one for one in rules if one.mode == "armed" and stricter_lane(lane, one.lane) != lane
    )


def _concerned(cases: Sequence[Case], scope: Scope) -> Case | None:
    """Return the case that a crossing concerns: one that stops its scope, else exactly its own.

    A mere suspicion of more stops nothing yet, and a crossing for a part must not freeze it all.
    """
    covering = [one for one in cases if one.covers(scope)]
    stopping = [one for one in covering if one.state is not State.SUSPECTED]
    return next(iter(stopping or [one for one in covering if one.scope == scope]), None)


def _is_held_for_good(look: _Look, scope: Scope) -> bool:
    """Say whether a hold of a case that is closed (delisted) covers a scope already."""
    open_cases = {one.id for one in look.cases}
    return any(
        one.state == "active" and one.case_id not in open_cases and one.scope.covers(scope)
        for one in look.prelude.holds
    )
