"""A shop with a past: ten thousand cases and a million signals, brought in by COPY.

States, owners and vendors are mixed as a shop of some years has them: most cases are closed, a few
vendors have many, nearly every item has few complaints, and two have 20,000.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from json import dumps
from random import Random
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from freezeguard.detection.evaluation import Evidence, crossings
from freezeguard.detection.windows import Observed
from freezeguard.domain.rules import Rule
from freezeguard.domain.scope import Scope
from freezeguard.domain.signals import Kind, Severity
from freezeguard.domain.transitions import FINAL

DAY = timedelta(days=1)
STATES = {
    "closed_reinstated": 46, "closed_false_alarm": 16, "delisted": 6, "expired": 6, "suspected": 3,
    "frozen": 6, "diagnosing": 8, "remedy_proposed": 3, "awaiting_approval": 3, "probation": 3,
}
"""In hundredths."""
VENDORS, CATEGORIES, OWNERS = 300, 12, 20
TEXT = "The handle came off after two days and hot water ran over my hand. "
_NEVER_FROZEN = {"suspected", "expired"}
_SIGNALS = (
    "sku", "occurred_at", "source", "id", "received_at", "kind", "intent", "severity", "customer",
    "lot", "channel", "country", "contact_cost", "may_assert_safety", "acts_on_history",
)


@dataclass
class BigShop:
    """What was brought in: `hot` are the cases with 20,000 complaints, by the rule behind each."""

    small: list[UUID] = field(default_factory=list)
    hot: dict[str, UUID] = field(default_factory=dict)
    of_vendor: list[UUID] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """One complaint, as a row and as rules see it."""

    seen: Observed

    def row(self, random: Random) -> tuple[Any, ...]:
        """Return the values of `_SIGNALS`."""
        one = self.seen
        return (
            one.scope.sku, one.occurred_at, one.source, one.id, one.occurred_at, one.kind.value,
            one.intent, int(one.severity), one.customer, f"L-{random.randrange(40)}", "web",
            random.choice(("DE", "FR", "US")), None, False, False,
        )


class Filling:
    """Makes the rows; the same seed makes the same shop."""

    def __init__(
        self, rules: Sequence[Rule], cases: int, signals: int, hot: int, seed: int = 11
    ) -> None:
        self._rules = {rule.id: rule for rule in rules}
        self._cases, self._signals, self._hot = cases, signals, hot
        self._random, self._numbers = Random(seed), count()
        self._now = datetime.now(UTC)
        self.shop = BigShop()
        self.tables: dict[str, list[tuple[Any, ...]]] = {}
        self._of_cases: list[tuple[Any, ...]] = []

    async def into(self, owner: asyncpg.Connection) -> BigShop:
        """Bring everything in, table by table."""
        await owner.execute("SELECT ensure_signal_partitions(now(), 3)")
        self._make_cases()
        for table, columns in _COLUMNS.items():
            await self._copy(owner, table, columns, self.tables[table])
        await self._bring_signals(owner, self._of_cases)
        rest = self._signals - len(self._of_cases)
        for start in range(0, rest, 100_000):
            rows = [self._elsewhere() for _ in range(min(100_000, rest - start))]
            await self._bring_signals(owner, rows)
        await owner.execute(
            "INSERT INTO sku_tallies (sku, signals) SELECT sku, count(*) FROM signals GROUP BY sku")
        # all was looked at under the rules of now: nothing is left to be done but by visitors
        await owner.execute("UPDATE instance SET marked_revision = rules_revision")
        await owner.execute("ANALYZE")
        return self.shop

    async def _bring_signals(
        self, owner: asyncpg.Connection, rows: list[tuple[Any, ...]]
    ) -> None:
        await self._copy(owner, "signals", _SIGNALS, rows)
        await self._copy(
            owner, "signal_identities", ("source", "id", "fingerprint", "sku", "occurred_at"),
            ((row[2], row[3], b"", row[0], row[1]) for row in rows),
        )
        await self._copy(
            owner, "signal_texts", ("source", "id", "sku", "text"),
            ((row[2], row[3], row[0], TEXT) for row in rows),
        )

    async def _copy(
        self, owner: asyncpg.Connection, table: str, columns: Sequence[str],
        rows: Iterable[tuple[Any, ...]],
    ) -> None:
        done = await owner.copy_records_to_table(table, columns=columns, records=rows)
        self.shop.rows[table] = self.shop.rows.get(table, 0) + int(done.rpartition(" ")[2])

    # ------------------------------------------------------------------------------- rows

    def _add(self, table: str, *values: Any) -> None:
        self.tables[table].append(values)

    def _vendor(self) -> str:
        return f"vendor-{int(VENDORS * self._random.random() ** 2)}"

    def _told(self, sku: str, at: datetime) -> Told:
        random = self._random
        return Told(Observed(
            Scope(sku), at, "helpdesk", f"T-{next(self._numbers):09}", 0, Kind.COMPLAINT,
            random.choices(("defect", "missing_part", "delivery"), (8, 2, 1))[0],
            Severity(random.choices((1, 2, 3), (5, 8, 2))[0]), customer=random.randbytes(16),
        ))

    def _elsewhere(self) -> tuple[Any, ...]:
        """Return a complaint about an item that has no case."""
        sku = f"ITEM-{int(200_000 * self._random.random() ** 2):06}"
        return self._told(sku, self._now - 365 * DAY * self._random.random()).row(self._random)

    def _make_cases(self) -> None:
        for table in _COLUMNS:
            self.tables[table] = []
        states = self._random.choices(list(STATES), list(STATES.values()), k=self._cases)
        for n, state in enumerate(states):
            sku = f"SKU-{n:06}" if state not in FINAL else f"SKU-{n % 6_000 + 500_000:06}"
            self._case(sku, state, self._rules["five"], self._random.choice((5, 6, 8, 12, 30)))
        for rule in self._rules.values():
            if rule.id != "safety":
                self.shop.hot[rule.id] = self._case(
                    f"HOT-{rule.id}", "diagnosing", rule, self._hot, days=60.0)
        skus = {row[1]: (row[6], row[7], row[8]) for row in self.tables["cases"]}
        self.tables["skus"] = [
            (sku, f"Item {sku}", *known, self._now - DAY, self._now + DAY)
            for sku, known in skus.items()
        ]

    def _case(
        self, sku: str, state: str, rule: Rule, complaints: int, days: float | None = None
    ) -> UUID:
        random, case_id = self._random, uuid4()
        age = days or (random.random() * 20 if state not in FINAL else 30 + random.random() * 300)
        opened = self._now - age * DAY
        spread = age * DAY * (0.05 if days is None else 1.0)
        moments = sorted(opened + spread * random.random() for _ in range(complaints))
        told = [self._told(sku, at) for at in moments]
        reason, opened = _why(rule, told)
        closed = opened + 20 * DAY * random.random() if state in FINAL else None
        vendor, category = self._vendor(), f"category-{random.randrange(CATEGORIES)}"
        owner = f"m-{random.randrange(OWNERS)}"
        frozen = None if state in _NEVER_FROZEN else opened + timedelta(seconds=3)
        self._add(
            "cases", case_id, sku, state, random.choices(("quality", "safety"), (19, 1))[0], 5, 3,
            vendor, category, owner, "detector", opened, frozen, closed, dumps(reason), rule.id,
            1, 3 if state == "awaiting_approval" else None, "notified",
        )
        self._history(case_id, sku, state, opened, reason, rule)
        self._around(case_id, sku, opened, closed, vendor, owner)
        self._of_cases += [one.row(random) for one in told]
        counted = {one["id"] for one in reason["counted"]}
        for one in told:
            seen = one.seen
            self._add("case_signals", case_id, sku, seen.source, seen.id, seen.occurred_at,
                      max(opened, seen.occurred_at), seen.id in counted)
        if days is None:
            self.shop.small.append(case_id)
        if vendor == "vendor-0" and frozen is not None:
            self.shop.of_vendor.append(case_id)
        return case_id

    def _history(
        self, case_id: UUID, sku: str, state: str, opened: datetime, reason: dict[str, Any],
        rule: Rule,
    ) -> None:
        freeze = {"reason": reason, "rule_id": rule.id, "rule_version": 1, "lane": "quality",
                  "scope": {"sku": sku}}
        lines = [("detector", "freeze", None, "freezing", freeze),
                 ("reconciler", "confirm_freeze", "freezing", "frozen", {}),
                 ("person:m-1", "accept_ownership", "frozen", "diagnosing", {"comment": "Mine."})]
        lines += [
            ("person:m-1", "comment", "diagnosing", "diagnosing", {"comment": TEXT})
        ] * self._random.randrange(8)
        lines.append(("person:m-1", "comment", "diagnosing", state, {"comment": "On its way."}))
        for n, (actor, command, before, after, arguments) in enumerate(lines, 1):
            at = opened + timedelta(minutes=n)
            self._add("case_events", case_id, sku, n, at, actor, command, before, after, n, 1,
                      dumps(arguments))
            self._add("audit", at, actor, command, f"case:{case_id}", "", dumps({"version": n}))

    def _around(
        self, case_id: UUID, sku: str, opened: datetime, closed: datetime | None, vendor: str,
        owner: str,
    ) -> None:
        for n in range(1, 2 + self._random.randrange(5)):
            at = opened + timedelta(minutes=n)
            for reader in (f"vendor:{vendor}", f"person:{owner}"):
                self._add("notices", uuid4(), case_id, sku, n, reader, "mail", "a@b.example",
                          "frozen_confirmed", "{}", "en", "UTC", "sent", at, at, at)
        for kind, days in (("vendor_date", 5), ("update", 9)):
            due = opened + days * DAY
            self._add("clocks", uuid4(), case_id, sku, kind, opened, due, closed,
                      due if due < self._now else None)


def _why(rule: Rule, told: Sequence[Told]) -> tuple[dict[str, Any], datetime]:
    """Return the reason that the rule itself gives, and when; one by hand where it sees too little.

    Of very many complaints the first ones are enough to cross it.
    """
    for some in (12, 60, 400):
        found = crossings(rule, Evidence([one.seen for one in told[:some]]))
        if found:
            reason = found[0].reason.as_dict()
            return reason, found[0].crossed_by.occurred_at
    seen = [one.seen for one in told]
    return {
        "family": rule.family.value, "rule_id": rule.id, "rule_version": 1,
        "window": rule.window.total_seconds(), "observed": float(len(seen)), "bound": rule.bound,
        "customers": len(seen), "exposure": None,
        "sentence": f"{len(seen)} customers complained within 30 days.",
        "counted": [{"source": one.source, "id": one.id,
                     "occurred_at": one.occurred_at.isoformat()} for one in seen],
        "tightened": False,
    }, seen[-1].occurred_at


_COLUMNS: dict[str, tuple[str, ...]] = {
    "skus": ("sku", "title", "vendor", "category", "owner", "updated_at", "read_ahead_at"),
    "cases": (
        "id", "sku", "state", "lane", "version", "evidence_revision", "vendor", "category",
        "owner", "opened_by", "opened_at", "frozen_at", "closed_at", "reason", "rule_id",
        "rule_version", "approval_evidence", "vendor_status",
    ),
    "case_events": (
        "case_id", "sku", "n", "at", "actor", "command", "from_state", "to_state", "version",
        "evidence_revision", "arguments",
    ),
    "audit": ("at", "actor", "action", "subject", "why", "details"),
    "notices": (
        "id", "case_id", "sku", "n", "recipient", "channel", "address", "kind", "facts",
        "language", "time_zone", "state", "created_at", "sent_at", "sorted_at",
    ),
    "clocks": ("id", "case_id", "sku", "kind", "started_at", "due_at", "stopped_at", "fired_at"),
    "case_signals": (
        "case_id", "sku", "source", "id", "occurred_at", "attached_at", "counted",
    ),
}
