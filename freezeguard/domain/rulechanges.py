"""What a change of the rules does to what is frozen: whether less may be, or later.

A change *tightens* where all that the armed rules froze before is still frozen, and no later. Every
other change *loosens*, and so does one of which that is not known: of a family that this module
doesn't know nothing may differ, and no field that it doesn't know.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import timedelta
from typing import Any

from freezeguard.domain.people import Role
from freezeguard.domain.rules import Family, Rule, RuleScope, rule_body

PROPOSERS = frozenset({Role.ANALYST, Role.ADMIN})
"""Who may change rules, and propose what loosens them."""
APPROVERS = frozenset({Role.ANALYST, Role.MANAGER, Role.ADMIN})
"""Who may agree to what somebody else proposed."""
PROPOSAL_LIFETIME = timedelta(hours=24)

Weaker = Callable[[Any, Any], bool]


def _no_higher(new: float, old: float) -> bool:
    return new <= old


def _no_shorter(new: timedelta, old: timedelta) -> bool:
    return new >= old


def _no_fewer(new: frozenset[Any], old: frozenset[Any]) -> bool:
    return new >= old


def _no_less_named(new: frozenset[str], old: frozenset[str]) -> bool:
    """Of intents: none named means all but some, so that only named ones can be compared."""
    return new == old or bool(old and new >= old)


def _no_narrower(new: tuple[str, ...], old: tuple[str, ...]) -> bool:
    return set(new) <= set(old)


def _looks_no_higher(new: float | None, old: float | None) -> bool:
    return old is None or (new is not None and new <= old)


def _no_fewer_a_day(new: int | None, old: int | None) -> bool:
    return new is None or (old is not None and new >= old)


def _no_surer(new: float | None, old: float | None) -> bool:
    return new is None or (old is not None and new <= old)


_BOUNDS: Mapping[str, Weaker] = {
    "bound": _no_higher, "look": _looks_no_higher, "min_customers": _no_higher,
}
_COUNTING: Mapping[str, Weaker] = {
    **_BOUNDS, "window": _no_shorter, "kinds": _no_fewer, "intents": _no_less_named,
    "hold_scope": _no_narrower, "per_day": _no_fewer_a_day,
}
HARMLESS: Mapping[Family, Mapping[str, Weaker]] = {
    Family.COUNT: _COUNTING,
    Family.DISTINCT_CUSTOMERS: _COUNTING,
    Family.SAFETY: _COUNTING,
    # a longer window, and lots taken together, hold more defects among more units: less, it may be
    Family.RATE: {
        **_BOUNDS, "min_units": _no_higher, "confidence": _no_surer, "kinds": _no_fewer,
        "intents": _no_less_named, "per_day": _no_fewer_a_day,
    },
    # what counts is also what is learned as usual
    Family.LIKELIHOOD: _BOUNDS,
    Family.PREDICTIVE: _BOUNDS,
    Family.POSTERIOR: _BOUNDS,
    Family.CUSUM: _BOUNDS,
    # with fewer customers at least, a launch asks for more of each
    Family.LAUNCH: {"bound": _no_higher, "look": _looks_no_higher},
}
"""Fields of each family that may differ, and when: then what was frozen is frozen no later."""
_NO_MATTER = frozenset({"id", "version", "mode", "scope"})
"""Names; and what is looked at by itself."""


def loosenings(rules: Iterable[Rule], new: Rule) -> tuple[str, ...]:
    """Return in which ways less may be frozen, or later, once `new` is in force; none: it tightens.

    `rules` are the current versions of all rules, the one before `new` among them if there is one.
    Nearest wins (`rules.applicable`), so a rule may also loosen by the one that it replaces.
    """
    known = {one.id: one for one in rules}
    old = known.pop(new.id, None)
    others = [one for one in known.values() if one.mode != "shadow"]
    found = [] if old is None or old.mode != "armed" else list(_given_up(old, new, others))
    if new.mode != "shadow":
        found += _replaced(old, new, others)
    return tuple(found)


def concerns_safety(rules: Iterable[Rule], new: Rule) -> bool:
    """Say whether a change is one of a safety rule, by lane or family: before it, or after."""
    concerned = [new, *(one for one in rules if one.id == new.id)]
    return any(one.lane == "safety" or one.family is Family.SAFETY for one in concerned)


def _given_up(old: Rule, new: Rule, others: Sequence[Rule]) -> Iterator[str]:
    """Yield what an armed rule would do less than before, where it is in force."""
    if new.mode != "armed":
        yield f"mode: armed → {new.mode}"
        return
    yield from _weaker(old, new)
    if not _contains(new.scope, old.scope):
        yield f"scope: {_in_words(old, 'scope')} → {_in_words(new, 'scope')}"
        return
    for other in others:
        nearer = new.scope.nearness < other.scope.nearness <= old.scope.nearness
        if _same_group(other, new) and nearer and _meet(other.scope, old.scope):
            yield f"in its new scope it gives way to {other.id}"


def _replaced(old: Rule | None, new: Rule, others: Sequence[Rule]) -> Iterator[str]:
    """Yield the armed rules that a nearer one replaces without freezing all that they did."""
    for other in others:
        is_wider = other.scope.nearness < new.scope.nearness
        if other.mode != "armed" or not (_same_group(other, new) and is_wider):
            continue
        if not _meet(other.scope, new.scope) or _replaced_before(old, new, other):
            continue
        if new.mode == "off":
            yield f"it exempts from {other.id}"
        elif differences := list(_weaker(other, new)):
            yield f"it replaces {other.id} where it applies ({'; '.join(differences)})"


def _replaced_before(old: Rule | None, new: Rule, other: Rule) -> bool:
    """Say whether the version before `new` took the place of another rule already, everywhere."""
    return (
        old is not None
        and old.mode != "shadow"
        and _same_group(old, new)
        and old.scope.nearness > other.scope.nearness
        and _contains(old.scope, new.scope)
    )


def _weaker(old: Rule, new: Rule) -> Iterator[str]:
    """Yield the fields in which one rule may freeze less than another."""
    harmless = HARMLESS.get(old.family, {}) if old.family is new.family else {}
    for name in (one.name for one in fields(Rule) if one.name not in _NO_MATTER):
        before, after = getattr(old, name), getattr(new, name)
        if before != after and not (name in harmless and harmless[name](after, before)):
            yield f"{name}: {_in_words(old, name)} → {_in_words(new, name)}"


def _in_words(rule: Rule, name: str) -> str:
    value = rule_body(rule).get(name)
    if isinstance(value, Mapping):
        return ", ".join(f"{one} {what}" for one, what in value.items())
    if isinstance(value, list):
        return ", ".join(one if isinstance(one, str) else _part_in_words(one) for one in value)
    if value is None:
        return "everywhere" if name == "scope" else "none"
    return f"{value:,.15g}" if isinstance(value, int | float) else str(value)


def _part_in_words(part: Mapping[str, Any]) -> str:
    window = part.get("window") or "/".join(part["windows"])
    return f"{part['family']} {part['bound']:,.15g} in {window}"


def _same_group(one: Rule, other: Rule) -> bool:
    """Say whether of two rules the nearer one replaces the other."""
    return (one.family, one.lane) == (other.family, other.lane)


def _contains(wider: RuleScope, narrower: RuleScope) -> bool:
    return all(mine in {None, its} for mine, its in _field_by_field(wider, narrower))


def _meet(one: RuleScope, other: RuleScope) -> bool:
    """Say whether a SKU may lie in both scopes."""
    return all(None in {mine, its} or mine == its for mine, its in _field_by_field(one, other))


def _field_by_field(
    one: RuleScope, other: RuleScope
) -> tuple[tuple[str | None, str | None], ...]:
    names = (field.name for field in fields(RuleScope))
    return tuple((getattr(one, name), getattr(other, name)) for name in names)
