"""A rule as a form: fields of its family with their units, and back to the rule.

Pure. A field is named like its place in the rule: `bound`, `scope.category`, `parts.0.window`.
Shares are asked for in percent, windows as a number and a unit.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from freezeguard.domain.rules import (
    COMBINING,
    COUNTING,
    DEFAULTS,
    LEARNING,
    MOST_PARTS,
    PER_DAY,
    PLAIN,
    SEVERAL_WINDOWS,
    Family,
    read_rule,
    rule_body,
)
from freezeguard.domain.scope import NARROWING
from freezeguard.domain.signals import Kind
from freezeguard.web.forms import Form

FAMILIES: Mapping[str, tuple[str, str]] = {
    "distinct_customers": ("Different customers", "So many different customers complain."),
    "count": ("Complaints", "So many complaints are made, whoever makes them."),
    "rate": ("Share of units shipped", "So many of a hundred units are complained of."),
    "likelihood": (
        "Risen above its usual rate", "Compares an item with its own past; a good choice."
    ),
    "predictive": ("Too many for a sound item", "How seldom a sound item gets so many complaints."),
    "posterior": ("Rate above the usual one", "How sure it is that the rate is so many times it."),
    "cusum": ("A slow leak", "Adds up complaints beyond what is let pass."),
    "launch": ("A new item", "Watches an item in its first days, while it has no past."),
    "safety": ("Safety", "A trusted source says once that people may be in danger."),
    "all_of": ("All of several", "Every one of its parts has to be reached."),
    "any_of": ("One of several", "One of its parts is enough."),
}
"""What each family is called, and what it looks at."""
UNITS: Mapping[str, str] = {
    "d": "days", "w": "weeks", "h": "hours", "m": "minutes", "s": "seconds",
}
MODES: Mapping[str, str] = {
    "shadow": "shadow: it only notes what it would stop", "armed": "armed: it stops sales",
    "off": "off: it does nothing, and exempts what is nearer to it",
}
LANES: Mapping[str, str] = {"quality": "quality", "safety": "safety: people may be in danger"}
MANY = ("kinds", "hold_scope")
"""Fields of several boxes."""
_BOUNDS: Mapping[str, tuple[str, str]] = {
    "count": ("It stops at", "complaints"),
    "distinct_customers": ("It stops at", "different customers"),
    "rate": ("It stops at", "% of the units shipped"),
    "likelihood": ("It stops at", "to 1"),
    "predictive": ("It stops where it happens once in", "windows of a sound item"),
    "posterior": ("It stops at", "to 1"),
    "cusum": ("It stops at", "complaints beyond what is let pass"),
    "launch": ("It stops where it happens in one of", "launches of a sound item"),
}
_WINDOW = re.compile(r"([1-9][0-9]{0,5})([smhdw])")
_MEASURES = (
    "window", "windows", "bound", "min_units", "min_customers", "factor", "confidence", "per_day",
)
_KNOWN = frozenset({
    "family", *_MEASURES, "look", "scope", "kinds", "intents", "hold_scope", "lane", "mode",
    "parts",
})


@dataclass(frozen=True, slots=True)
class Field:
    """One field: `widget` is text, number, window, windows, choice or boxes."""

    name: str
    label: str
    widget: str = "text"
    unit: str = ""
    help: str = ""
    choices: Sequence[tuple[str, str]] = ()
    is_needed: bool = False


@dataclass(frozen=True, slots=True)
class Filled:
    """What a form said: the rule, as far as it can be read, and what could not, by field."""

    body: dict[str, Any]
    errors: dict[str, str] = field(default_factory=dict)


# ------------------------------------------------------------------------------------- fields


def measures_of(family: str, prefix: str = "") -> list[Field]:
    """Return the fields of what a family measures."""
    kind = Family(family)
    if kind is Family.SAFETY or kind in COMBINING:
        return []
    found = [_window_field(kind, prefix), _bound_field(family, prefix)]
    if kind is Family.RATE:
        found += [
            Field(f"{prefix}min_units", "Least units shipped", "number", "units within the window",
                  "Items of which fewer were shipped are left alone.", is_needed=True),
            Field(f"{prefix}confidence", "Be so sure of the share", "number", "%",
                  "50 to below 100. Few units are then no reason to stop; 95 is wise."),
        ]
    if kind is Family.RATE or kind in LEARNING:
        found.append(Field(f"{prefix}min_customers", "Least different customers", "number",
                           "customers"))
    if kind in LEARNING:
        found.append(Field(f"{prefix}factor", _FACTORS.get(kind, "A defect brings"), "number",
                           "times the usual rate"))
    if kind in PER_DAY:
        found.append(Field(f"{prefix}per_day", "Of one day count at most", "number", "complaints",
                           "So that a box emptied into the system in one day stops nothing."))
    return found


_FACTORS = {Family.LAUNCH: "It lets pass", Family.POSTERIOR: "It looks for a rate of"}


def _window_field(kind: Family, prefix: str) -> Field:
    if kind in SEVERAL_WINDOWS:
        return Field(f"{prefix}windows", "It looks at the last", "windows", "days",
                     "Several, with commas; the one in which it looks worst speaks.")
    label = "It watches a new item for" if kind is Family.LAUNCH else "Within"
    return Field(f"{prefix}window", label, "window", is_needed=kind in COUNTING)


def _bound_field(family: str, prefix: str) -> Field:
    label, unit = _BOUNDS[family]
    return Field(f"{prefix}bound", label, "number", unit, is_needed=True)


def others_of(family: str) -> list[Field]:
    """Return the fields of a rule that say nothing of what is measured: for what it is."""
    kind = Family(family)
    looks = [] if kind is Family.SAFETY or kind in COMBINING else [
        Field("look", "It asks a person to look from", "number", _BOUNDS[family][1],
              "Less than what stops a sale. Empty: it asks nobody."),
    ]  # fmt: skip
    return [
        *looks,
        Field("scope.category", "Only for the category", help="Empty: every category."),
        Field("scope.vendor", "Only for the vendor", help="Empty: every vendor."),
        Field("scope.sku", "Only for the SKU", help="Empty: every SKU."),
        Field("kinds", "It counts", "boxes", help="None: complaints and returns; for safety all.",
              choices=[(one.value, one.value) for one in Kind]),
        Field("intents", "Only what is about", help="Such as defect, with commas. Empty: all that "
              "is the item's fault."),
        Field("hold_scope", "It counts and stops apart, for each", "boxes",
              help="None: the whole SKU.", choices=[(one, one) for one in NARROWING]),
        Field("lane", "Lane", "choice", choices=list(LANES.items())),
        Field("mode", "Mode", "choice", choices=list(MODES.items())),
    ]


def part_families() -> list[tuple[str, str]]:
    """Return the families that a part may be of."""
    return [
        (name, said) for name, (said, _) in FAMILIES.items()
        if Family(name) not in COMBINING and name != "safety"
    ]


# ---------------------------------------------------------------------------------- to a form

_FIRST_BOUNDS = {"rate": 0.02, "count": 10, "distinct_customers": 5}
"""Where the usual bound would be every complaint."""


def starting(family: str) -> dict[str, Any]:
    """Return a rule of a family as somebody may begin with it."""
    kind = Family(family)
    if kind in COMBINING:
        parts = [starting("distinct_customers"), starting("rate")]
        for one in parts:
            del one["mode"]
        return {"family": family, "parts": parts, "mode": "shadow"}
    usual = dict(DEFAULTS.get(kind, PLAIN))
    begun: dict[str, Any] = {"family": family, "mode": "shadow"}
    if kind is Family.SAFETY:
        return begun
    begun["bound"] = _FIRST_BOUNDS.get(family, usual["bound"])
    if kind in SEVERAL_WINDOWS:
        begun["windows"] = list(usual["windows"])
    else:
        begun["window"] = usual["window"]
    if kind is Family.RATE:
        begun |= {"min_units": 200, "min_customers": 3, "confidence": 0.95}
    if kind in LEARNING:
        begun |= {"min_customers": usual["min_customers"], "factor": usual["factor"]}
    return begun


def given_of(body: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what stands in the fields of a rule; `drawn` says for which family each part is."""
    given = _measure_given(body, "")
    for name in ("category", "vendor", "sku"):
        given[f"scope.{name}"] = [str((body.get("scope") or {}).get(name, ""))]
    given["kinds"] = [str(one) for one in body.get("kinds") or ()]
    given["hold_scope"] = [str(one) for one in (body.get("hold_scope") or ())[1:]]
    given["intents"] = [", ".join(map(str, body.get("intents") or ()))]
    lane = "safety" if body["family"] == "safety" else "quality"
    given["lane"] = [body.get("lane") or lane]
    given["mode"] = [body.get("mode", "shadow")]
    for n, part in enumerate(body.get("parts") or ()):
        given |= _measure_given(part, f"parts.{n}.")
    return given


def _measure_given(body: Mapping[str, Any], prefix: str) -> dict[str, list[str]]:
    family = body["family"]
    given = {f"{prefix}family": [family], f"{prefix}drawn": [family]}
    for name in ("bound", "look"):
        given[prefix + name] = [_shown(body.get(name), is_share=family == "rate")]
    for name in ("min_units", "min_customers", "factor", "per_day"):
        given[prefix + name] = [_shown(body.get(name))]
    given[f"{prefix}confidence"] = [_shown(body.get("confidence"), is_share=True)]
    several = body.get("windows") or [one for one in [body.get("window")] if one]
    in_days = [one.removesuffix("d") for one in several]
    given[f"{prefix}windows"] = [", ".join(in_days)]
    window = _WINDOW.fullmatch(body.get("window") or "")
    given[f"{prefix}window"] = [window[1] if window else ""]
    given[f"{prefix}window.unit"] = [window[2] if window else "d"]
    return given


def _shown(value: Any, *, is_share: bool = False) -> str:
    if value is None:
        return ""
    exact = Decimal(str(value)) * (100 if is_share else 1)
    text = f"{exact:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def given_in(form: Form) -> dict[str, list[str]]:
    """Return what a form holds, as it was typed."""
    return {name: form.every(name) if name in MANY else [one] for name, one in form.items()}


# -------------------------------------------------------------------------------- from a form


def read(form: Form) -> Filled:
    """Return the rule that a form says. Units are those of the family it was drawn for."""
    filled = Filled({})
    family = _family(form, "")
    filled.body["family"] = family
    if Family(family) in COMBINING:
        filled.body["parts"] = [_part(form, n, filled.errors) for n in _parts(form)]
    else:
        filled.body.update(_measure(form, family, "", filled.errors))
        look = _number(form, "look", filled.errors, is_share=family == "rate")
        if look is not None and family != "safety":
            filled.body["look"] = look
    filled.body.update(_about(form))
    return filled


def _family(form: Mapping[str, str], prefix: str) -> str:
    drawn = form.get(f"{prefix}drawn", "")
    return drawn if drawn in FAMILIES else "distinct_customers"


def _parts(form: Form) -> list[int]:
    return [n for n in range(MOST_PARTS) if form.get(f"parts.{n}.family")]


def _part(form: Form, n: int, errors: dict[str, str]) -> dict[str, Any]:
    prefix = f"parts.{n}."
    family = _family(form, prefix)
    return {"family": family, **_measure(form, family, prefix, errors)}


def _measure(
    form: Form, family: str, prefix: str, errors: dict[str, str]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in measures_of(family, prefix):
        name = one.name.removeprefix(prefix)
        value: Any
        if one.widget == "window":
            value = _window(form, one.name, errors)
        elif one.widget == "windows":
            value = _windows(form.get(one.name, ""))
        else:
            is_share = name == "confidence" or (name == "bound" and family == "rate")
            value = _number(form, one.name, errors, is_share=is_share)
        if value is not None:
            found[name] = value
        elif one.is_needed and one.name not in errors:
            errors[one.name] = "This is needed."
    return found


def _about(form: Form) -> dict[str, Any]:
    scope = {
        name: text for name in ("category", "vendor", "sku") if (text := form.text(f"scope.{name}"))
    }
    intents = [one.strip() for one in form.get("intents", "").split(",") if one.strip()]
    narrowed = form.every("hold_scope")
    found: dict[str, Any] = {
        "scope": scope, "kinds": form.every("kinds"), "intents": intents,
        "hold_scope": ["sku", *narrowed] if narrowed else [], "lane": form.text("lane"),
        "mode": form.text("mode"),
    }
    return {name: one for name, one in found.items() if one}


def _window(form: Form, name: str, errors: dict[str, str]) -> str | None:
    text = form.text(name)
    if text is None:
        return None
    window = f"{text}{form.get(f'{name}.unit', 'd')}"
    if _WINDOW.fullmatch(window) is None:
        errors[name] = "A whole number of days, weeks, hours, minutes or seconds."
    return window


def _windows(text: str) -> list[str] | None:
    several = [one.strip() for one in text.split(",") if one.strip()]
    return [f"{one}d" if one.isdecimal() else one for one in several] or None


def _number(
    form: Form, name: str, errors: dict[str, str], *, is_share: bool = False
) -> float | int | None:
    text = form.text(name)
    if text is None:
        return None
    try:
        value = Decimal(text) / (100 if is_share else 1)
    except InvalidOperation:
        value = Decimal("nan")
    if not value.is_finite() or abs(value) > Decimal("1e15"):
        errors[name] = "This is to be a number, such as 5 or 2.5."
        return None
    return int(value) if value == value.to_integral_value() else float(value)


# ------------------------------------------------------------------------- errors, differences


def field_of(pointer: str, fields: Iterable[str]) -> str | None:
    """Return the field that a JSON pointer is about: its own, or the one around it."""
    known = set(fields)
    steps = pointer.strip("/").split("/")
    while steps and steps != [""]:
        name = ".".join(steps)
        if name in known:
            return name
        twin = name.removesuffix("window") + "windows" if name.endswith("window") else name
        if twin in known:
            return twin
        steps.pop()
    return None


def names_of(body: Mapping[str, Any]) -> list[str]:
    """Return the names of all fields that the form of a rule shows."""
    family = body["family"]
    names = [one.name for one in (*measures_of(family), *others_of(family))]
    for n, part in enumerate(body.get("parts") or ()):
        prefix = f"parts.{n}."
        names += [f"{prefix}family", *(one.name for one in measures_of(part["family"], prefix))]
    return [*names, "id", "parts"]


def is_known(body: Mapping[str, Any]) -> bool:
    """Say whether the form has a field for all that a rule says."""
    return set(body) <= _KNOWN


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that differs between two versions; empty where a version does not have it."""

    name: str
    before: str
    after: str


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Return in what two rules differ, whatever they leave out and mean anyway."""
    old, new = dict(_leaves(_whole(before))), dict(_leaves(_whole(after)))
    return [
        Difference(name, old.get(name, ""), new.get(name, ""))
        for name in dict.fromkeys([*old, *new]) if old.get(name) != new.get(name)
    ]


def _whole(body: Mapping[str, Any]) -> dict[str, Any]:
    whole = rule_body(read_rule({"id": "", **body}, 1))
    return {name: one for name, one in whole.items() if name != "id"}


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    match value:
        case Mapping():
            for key, one in value.items():
                yield from _leaves(one, f"{name} {key}".strip())
        case list() if any(isinstance(one, Mapping) for one in value):
            for n, one in enumerate(value, 1):
                yield from _leaves(one, f"{name.removesuffix('s')} {n}")
        case list():
            yield name, ", ".join(map(str, value))
        case float():
            yield name, f"{value:,.10g}"
        case _:
            yield name, str(value)
