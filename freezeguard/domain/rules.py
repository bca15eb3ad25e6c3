"""Rules: when a SKU's signals are enough to stop its sale."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from math import ceil
from typing import Any, Literal

from freezeguard.domain.errors import InvalidInput
from freezeguard.domain.scope import NARROWING
from freezeguard.domain.signals import Kind

Mode = Literal["armed", "shadow", "off"]
Lane = Literal["quality", "safety", "authority"]


DEFAULT_KINDS = (Kind.COMPLAINT, Kind.RETURN)
"""What a rule counts that names no kinds."""
DEFAULT_FACTOR = 7.0
"""How many times the usual rate a defect is taken to bring: see docs/decisions/0030."""


class Family(StrEnum):
    """The statistic that a rule watches."""

    COUNT = "count"
    DISTINCT_CUSTOMERS = "distinct_customers"
    RATE = "rate"
    SAFETY = "safety"
    LIKELIHOOD = "likelihood"


@dataclass(frozen=True, slots=True)
class RuleScope:
    """Where a rule applies; all None: everywhere. Nearer scopes win over wider ones."""

    category: str | None = None
    vendor: str | None = None
    sku: str | None = None

    @property
    def nearness(self) -> int:
        """Return 0 for everywhere, 1 for a category, 2 for a vendor, 3 for a SKU."""
        if self.sku is not None:
            return 3
        if self.vendor is not None:
            return 2
        return 1 if self.category is not None else 0

    def applies_to(self, sku: str, vendor: str | None, category: str | None) -> bool:
        """Say whether a SKU of this vendor and category lies in the scope."""
        return (
            self.sku in {None, sku}
            and self.vendor in {None, vendor}
            and self.category in {None, category}
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """One version of one rule.

    `bound` and `look` are signals (count), customers (distinct_customers), defects per unit
    (rate, 0 to 1) or odds (likelihood); a safety rule needs one signal. `factor` is how many times
    the usual rate a defect is taken to bring (likelihood). `kinds` empty means complaints and
    returns; `intents` empty means every intent that is the item's fault. `hold_scope` are the
    fields that the hold is narrowed to, `sku` first.
    """

    id: str
    version: int
    family: Family
    window: timedelta
    bound: float
    lane: Lane = "quality"
    mode: Mode = "shadow"
    scope: RuleScope = RuleScope()
    kinds: frozenset[Kind] = frozenset(DEFAULT_KINDS)
    intents: frozenset[str] = frozenset()
    look: float | None = None
    min_units: int = 0
    min_customers: int = 0
    hold_scope: tuple[str, ...] = ("sku",)
    factor: float = DEFAULT_FACTOR

    def __post_init__(self) -> None:
        for problem in _problems(self):
            raise problem

    @property
    def needs_customers(self) -> int:
        """Return how many customers must have spoken; 0 where the rule asks for none by number."""
        if self.family in {Family.RATE, Family.LIKELIHOOD}:
            return self.min_customers
        return ceil(self.bound)


def _problems(rule: Rule) -> Iterable[InvalidInput]:
    if rule.window <= timedelta(0):
        yield InvalidInput("A rule's window must be longer than nothing.", pointer="/window")
    if rule.bound <= 0:
        yield InvalidInput("A rule's bound must be above 0.", pointer="/bound")
    if rule.look is not None and not 0 < rule.look < rule.bound:
        yield InvalidInput("`look` must lie between 0 and the bound.", pointer="/look")
    if rule.family is Family.RATE and not (rule.bound <= 1 and rule.min_units > 0):
        yield InvalidInput(
            "A rate rule needs a bound of at most 1 (defects per unit) and `min_units` above 0.",
            pointer="/min_units",
        )
    if rule.family is Family.LIKELIHOOD and not rule.bound > 1:
        yield InvalidInput("A likelihood rule needs a bound above 1: odds.", pointer="/bound")
    if not rule.factor > 1:
        yield InvalidInput("`factor` is how many times the usual rate: above 1.", pointer="/factor")
    if rule.hold_scope[:1] != ("sku",) or not set(rule.hold_scope[1:]) <= set(NARROWING):
        yield InvalidInput(
            f"`hold_scope` starts with sku and may add {', '.join(NARROWING)}.",
            pointer="/hold_scope",
        )
    if rule.lane == "authority":
        yield InvalidInput("Rules can't issue orders of an authority.", pointer="/lane")


_WINDOW = re.compile(r"([1-9][0-9]{0,5})([smhdw])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def parse_window(text: str) -> timedelta:
    """Read a window such as `30d`, `6h`, `90m` or `2w`.

    Raises InvalidInput where the text is not of that form or longer than ten years.
    """
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise InvalidInput(
            f"{text!r} is no window; write a whole number and s, m, h, d or w, as in 30d.",
            pointer="/window",
        )
    window = timedelta(seconds=int(match[1]) * _UNITS[match[2]])
    if window > timedelta(days=3660):
        raise InvalidInput("A window may be ten years long at most.", pointer="/window")
    return window


def format_window(window: timedelta) -> str:
    """Write a window in the largest unit that fits; the inverse of `parse_window`."""
    seconds = int(window.total_seconds())
    for unit in ("d", "h", "m"):
        if seconds % _UNITS[unit] == 0:
            return f"{seconds // _UNITS[unit]}{unit}"
    return f"{seconds}s"


PLAIN: Mapping[str, Any] = {
    "window": "30d", "bound": 1, "min_customers": 0, "factor": DEFAULT_FACTOR,
}
"""What a rule that leaves these out means."""
DEFAULTS: Mapping[Family, Mapping[str, Any]] = {
    Family.LIKELIHOOD: {**PLAIN, "window": "60d", "bound": 10_000, "min_customers": 3},
}
"""The same, by family, where it differs."""


def read_rule(body: Mapping[str, Any], version: int) -> Rule:
    """Build a rule from its JSON form; the edge has checked types and unknown fields.

    Raises InvalidInput where the values don't fit together.
    """
    family = Family(body["family"])
    usual = DEFAULTS.get(family, PLAIN)
    return Rule(
        id=body["id"],
        version=version,
        family=family,
        window=parse_window(body.get("window") or usual["window"]),
        bound=float(body.get("bound") or usual["bound"]),
        lane=body.get("lane") or ("safety" if family is Family.SAFETY else "quality"),
        mode=body.get("mode", "shadow"),
        scope=RuleScope(**(body.get("scope") or {})),
        kinds=frozenset(Kind(kind) for kind in body.get("kinds") or _default_kinds(family)),
        intents=frozenset(body.get("intents") or ()),
        look=body.get("look"),
        min_units=body.get("min_units") or 0,
        min_customers=body.get("min_customers", usual["min_customers"]) or 0,
        hold_scope=tuple(body.get("hold_scope") or ("sku",)),
        factor=float(body.get("factor") or usual["factor"]),
    )


def rule_body(rule: Rule) -> dict[str, Any]:
    """Return a rule in its JSON form; the inverse of `read_rule`."""
    scope = {name: getattr(rule.scope, name) for name in ("category", "vendor", "sku")}
    body: dict[str, Any] = {
        "id": rule.id,
        "family": rule.family.value,
        "window": format_window(rule.window),
        "bound": rule.bound,
        "look": rule.look,
        "lane": rule.lane,
        "mode": rule.mode,
        "scope": {name: value for name, value in scope.items() if value is not None},
        "kinds": sorted(kind.value for kind in rule.kinds),
        "intents": sorted(rule.intents),
        "min_units": rule.min_units,
        "min_customers": rule.min_customers,
        "hold_scope": list(rule.hold_scope),
        "factor": rule.factor,
    }
    return {name: value for name, value in body.items() if value not in (None, [], {})}


def _default_kinds(family: Family) -> tuple[Kind, ...]:
    return tuple(Kind) if family is Family.SAFETY else DEFAULT_KINDS


def applicable(
    rules: Iterable[Rule], sku: str, vendor: str | None, category: str | None
) -> tuple[Rule, ...]:
    """Return the rules to evaluate for a SKU.

    Among rules of one family and lane that are armed or off, those with the nearest scope win:
    a category with a tighter count replaces the shop's count, and a rule that is `off` for one
    SKU exempts it. Shadow rules only record; they never replace and are never replaced.
    """
    matching = [rule for rule in rules if rule.scope.applies_to(sku, vendor, category)]
    nearest: dict[tuple[Family, str], int] = {}
    for rule in matching:
        if rule.mode != "shadow":
            key = (rule.family, rule.lane)
            nearest[key] = max(nearest.get(key, 0), rule.scope.nearness)
    return tuple(
        rule
        for rule in matching
        if rule.mode == "shadow"
        or (rule.mode == "armed" and rule.scope.nearness == nearest[rule.family, rule.lane])
    )
