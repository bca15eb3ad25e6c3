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
    PREDICTIVE = "predictive"
    POSTERIOR = "posterior"
    CUSUM = "cusum"
    LAUNCH = "launch"
    ANY_OF = "any_of"
    ALL_OF = "all_of"


LEARNING = frozenset(
    {Family.LIKELIHOOD, Family.PREDICTIVE, Family.POSTERIOR, Family.CUSUM, Family.LAUNCH}
)
"""Families that compare an item with what is usual for it, day by day."""
COMBINING = frozenset({Family.ANY_OF, Family.ALL_OF})
"""Families that are made of parts."""
ABOVE_ONE = LEARNING - {Family.CUSUM}
"""Families whose bound says to one, or once in how many: 1 would be every complaint."""
SEVERAL_WINDOWS = frozenset({Family.PREDICTIVE, Family.POSTERIOR})
COUNTING = frozenset({Family.COUNT, Family.DISTINCT_CUSTOMERS})
PER_DAY = COUNTING | {Family.RATE} | LEARNING - {Family.LIKELIHOOD}
"""Families in which a rule may say how much of one day counts."""
MOST_WINDOWS = 5
MOST_PARTS = 5
MOST_AT_LAUNCH = 100
"""No launch is watched for more customers than so many: by then, an item has a history."""


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
    (rate, 0 to 1), odds (likelihood, posterior), once in how many (predictive, launch) or
    complaints too many (cusum); a safety rule needs one signal, and a rule of parts (any_of,
    all_of) has the bounds of its parts: its own is 1. `factor` is how many times the usual rate a
    defect is taken to bring; for a launch, how many times that of its category is let pass.
    `windows` are shorter ones that are looked at beside `window` (predictive, posterior).
    `confidence` makes a rate the lowest that this share of certainty allows; no more than `per_day`
    of one day (UTC) counts, where that is given. `kinds` empty means
    complaints and returns; `intents` empty means every intent that is the item's fault.
    `hold_scope` are the fields that the hold is narrowed to, `sku` first. Of a part only what it
    measures counts: whatever else a rule says is said by the whole.
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
    windows: tuple[timedelta, ...] = ()
    confidence: float | None = None
    per_day: int | None = None
    parts: tuple["Rule", ...] = ()

    def __post_init__(self) -> None:
        for problem in _problems(self):
            raise problem

    @property
    def needs_customers(self) -> int:
        """Return how many customers must have spoken; 0 where the rule asks for none by number."""
        if self.parts:
            asked = [one.needs_customers for one in self.parts]
            return max(asked) if self.family is Family.ALL_OF else min(asked)
        if self.family is Family.RATE or self.family in LEARNING:
            return self.min_customers
        return ceil(self.bound)

    @property
    def needs_units(self) -> bool:
        """Say whether the rule is silent where nobody reports units shipped."""
        if self.family is Family.ANY_OF:
            return all(one.needs_units for one in self.parts)
        return self.family is Family.RATE or any(one.needs_units for one in self.parts)

    @property
    def measures_units(self) -> bool:
        """Say whether the rule, or a part of it, divides by the units shipped in its window."""
        return self.family is Family.RATE or any(one.measures_units for one in self.parts)

    @property
    def has_a_bound(self) -> bool:
        """Say whether there is one bound to raise or lower: not for safety, nor for parts."""
        return self.family is not Family.SAFETY and not self.parts


def _problems(rule: Rule) -> Iterable[InvalidInput]:
    if rule.window <= timedelta(0):
        yield InvalidInput("A rule's window must be longer than nothing.", pointer="/window")
    yield from _problems_of_bounds(rule)
    if not rule.factor > 1:
        yield InvalidInput("`factor` is how many times the usual rate: above 1.", pointer="/factor")
    yield from _problems_of_families(rule)
    yield from _problems_of_parts(rule)
    if rule.hold_scope[:1] != ("sku",) or not set(rule.hold_scope[1:]) <= set(NARROWING):
        yield InvalidInput(
            f"`hold_scope` starts with sku and may add {', '.join(NARROWING)}.",
            pointer="/hold_scope",
        )
    if rule.lane == "authority":
        yield InvalidInput("Rules can't issue orders of an authority.", pointer="/lane")


def _problems_of_bounds(rule: Rule) -> Iterable[InvalidInput]:
    if rule.bound <= 0:
        yield InvalidInput("A rule's bound must be above 0.", pointer="/bound")
    if rule.look is not None and not 0 < rule.look < rule.bound:
        yield InvalidInput("`look` must lie between 0 and the bound.", pointer="/look")
    if rule.family is Family.RATE and not (rule.bound <= 1 and rule.min_units > 0):
        yield InvalidInput(
            "A rate rule needs a bound of at most 1 (defects per unit) and `min_units` above 0.",
            pointer="/min_units",
        )
    if rule.family in ABOVE_ONE:
        if not rule.bound > 1:
            detail = f"A {rule.family} rule needs a bound above 1: so many to one."
            yield InvalidInput(detail, pointer="/bound")
        if rule.look is not None and not rule.look > 1:
            yield InvalidInput("`look` must be above 1, as the bound is.", pointer="/look")


def _problems_of_families(rule: Rule) -> Iterable[InvalidInput]:
    if rule.family is Family.LAUNCH and rule.min_customers > MOST_AT_LAUNCH:
        yield InvalidInput(
            f"A launch rule asks for {MOST_AT_LAUNCH} customers at most.", pointer="/min_customers"
        )
    if rule.windows and rule.family not in SEVERAL_WINDOWS:
        yield InvalidInput(
            f"Several `windows` are for {_listed(SEVERAL_WINDOWS)}.", pointer="/windows"
        )
    if not all(timedelta(0) < one < rule.window for one in rule.windows):
        yield InvalidInput("Every one of `windows` is shorter than `window`.", pointer="/windows")
    yield from _problems_of_days(rule)
    if rule.confidence is None:
        return
    if rule.family is not Family.RATE or not 0 < rule.confidence < 1:
        yield InvalidInput(
            "`confidence` is for rates, and lies between 0 and 1.", pointer="/confidence"
        )


def _problems_of_days(rule: Rule) -> Iterable[InvalidInput]:
    if rule.per_day is None:
        return
    if rule.family not in PER_DAY or rule.per_day < 1:
        yield InvalidInput(
            f"`per_day` is for {_listed(PER_DAY)}, and 1 at least.",
            pointer="/per_day",
        )


def refuse_what_never_speaks(rule: Rule) -> Rule:
    """Return a new rule whose limit of a day lets its bound be reached. Raises InvalidInput else.

    Asked where rules come in: one that is stored, or tried at several bounds, is as it is.
    """
    for n, part in enumerate(rule.parts):
        try:
            refuse_what_never_speaks(part)
        except InvalidInput as error:
            raise InvalidInput(error.detail, pointer=f"/parts/{n}{error.pointer}") from None
    asked = rule.bound
    if rule.family is Family.RATE:
        asked = max(rule.min_customers, ceil(rule.bound * rule.min_units))
    if rule.per_day is not None and rule.family in COUNTING | {Family.RATE}:
        days = ceil(rule.window / timedelta(days=1)) + 1  # a window begins and ends within days
        if asked > rule.per_day * days:
            raise InvalidInput(
                f"With {rule.per_day} a day, {asked:g} can't be reached in this window.",
                pointer="/per_day",
            )
    return rule


def _problems_of_parts(rule: Rule) -> Iterable[InvalidInput]:
    if (rule.family in COMBINING) != (len(rule.parts) > 1):
        yield InvalidInput(
            f"`parts` are two or more, for {_listed(COMBINING)} and nothing else.",
            pointer="/parts",
        )
    if rule.parts and (rule.bound != 1 or rule.look is not None):
        pointer = "/bound" if rule.bound != 1 else "/look"
        yield InvalidInput("A rule of parts has the bounds of its parts.", pointer=pointer)
    if rule.parts and rule.window != max(one.window for one in rule.parts):
        yield InvalidInput("A rule of parts has their longest window.", pointer="/window")
    if rule.parts and (rule.min_units or rule.min_customers):
        pointer = "/min_units" if rule.min_units else "/min_customers"
        yield InvalidInput("What a rule of parts asks for is said by its parts.", pointer=pointer)
    for n, part in enumerate(rule.parts):
        if part.family in COMBINING or part.family is Family.SAFETY:
            yield InvalidInput(
                f"A part measures something; {part.family} can't be one.",
                pointer=f"/parts/{n}/family",
            )


def _listed(families: Iterable[Family]) -> str:
    return " and ".join(sorted(families))


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
    "window": "30d", "windows": (), "bound": 1, "min_customers": 0, "factor": DEFAULT_FACTOR,
}
"""What a rule that leaves these out means."""
_WINDOWS = ("7d", "30d", "90d")
DEFAULTS: Mapping[Family, Mapping[str, Any]] = {
    Family.LIKELIHOOD: {**PLAIN, "window": "60d", "bound": 10_000, "min_customers": 3},
    Family.PREDICTIVE: {**PLAIN, "windows": _WINDOWS, "bound": 100_000, "min_customers": 3},
    Family.POSTERIOR: {
        **PLAIN, "windows": _WINDOWS, "bound": 10, "min_customers": 3, "factor": 2.0,
    },
    Family.CUSUM: {**PLAIN, "window": "90d", "bound": 8, "min_customers": 3, "factor": 5.0},
    Family.LAUNCH: {**PLAIN, "window": "90d", "bound": 1_000, "min_customers": 4, "factor": 2.0},
}
"""The same, by family, where it differs."""


def read_rule(body: Mapping[str, Any], version: int) -> Rule:
    """Build a rule from its JSON form; the edge has checked types and unknown fields.

    Raises InvalidInput where the values don't fit together.
    """
    family = Family(body["family"])
    usual = DEFAULTS.get(family, PLAIN)
    parts = tuple(_read_part(one, n) for n, one in enumerate(body.get("parts") or ()))
    *shorter, window = _read_windows(body, usual, parts)
    return Rule(
        id=body["id"],
        version=version,
        family=family,
        window=window,
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
        windows=tuple(shorter),
        confidence=body.get("confidence"),
        per_day=body.get("per_day"),
        parts=parts,
    )


def _read_windows(
    body: Mapping[str, Any], usual: Mapping[str, Any], parts: Iterable[Rule]
) -> list[timedelta]:
    """Return all windows that a body names, or means, the longest last."""
    named = [one for one in (body.get("window"), *(body.get("windows") or ())) if one]
    if not named and parts:
        return [max(one.window for one in parts)]
    return sorted({parse_window(one) for one in named or usual["windows"] or [usual["window"]]})


_OF_A_PART = (
    "family", "window", "windows", "bound", "min_units", "min_customers", "factor", "confidence",
    "per_day",
)


def _read_part(part: Mapping[str, Any], n: int) -> Rule:
    """Read a part; it has no name of its own, so that equal parts of two versions are equal."""
    body = {name: part[name] for name in _OF_A_PART if name in part}
    try:
        return read_rule({**body, "id": part["family"]}, 0)
    except InvalidInput as error:
        raise InvalidInput(error.detail, pointer=f"/parts/{n}{error.pointer}") from None


def rule_body(rule: Rule) -> dict[str, Any]:
    """Return a rule in its JSON form; the inverse of `read_rule`."""
    scope = {name: getattr(rule.scope, name) for name in ("category", "vendor", "sku")}
    body: dict[str, Any] = {
        "id": rule.id,
        **_measure_body(rule),
        "look": rule.look,
        "lane": rule.lane,
        "mode": rule.mode,
        "scope": {name: value for name, value in scope.items() if value is not None},
        "kinds": sorted(kind.value for kind in rule.kinds),
        "intents": sorted(rule.intents),
        "hold_scope": list(rule.hold_scope),
    }
    return {name: value for name, value in body.items() if value not in (None, [], {})}


def _measure_body(rule: Rule) -> dict[str, Any]:
    """Return what is measured, in JSON form: all that a part says."""
    if rule.parts:
        return {"family": rule.family.value, "parts": [_measure_body(one) for one in rule.parts]}
    window = format_window(rule.window)
    several = [*(format_window(one) for one in rule.windows), window] if rule.windows else None
    body = {
        "family": rule.family.value,
        "window": None if several else window,
        "windows": several,
        "bound": rule.bound,
        "min_units": rule.min_units,
        "min_customers": rule.min_customers,
        "factor": rule.factor,
        "confidence": rule.confidence,
        "per_day": rule.per_day,
    }
    return {name: value for name, value in body.items() if value is not None}


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
