"""Rules in plain words. Pure."""

from collections.abc import Mapping
from typing import Any

from freezeguard.domain.rules import DEFAULTS, PLAIN, Family

_FAMILIES: Mapping[str, str] = {
    "distinct_customers": "{bound} different customers complain within {window}",
    "count": "{bound} complaints are made within {window}",
    "rate": "{bound} or more of the units shipped within {window} are complained of",
    "safety": "a trusted source says once that people may be in danger",
    "likelihood": "it is {bound} to 1 that its defect rate has risen",
    "predictive": "a sound item would do so once in {bound} only",
    "posterior": "it is {bound} to 1 that its defect rate is {factor} times the usual one or more",
    "cusum": "complaints have exceeded what is let pass by {bound}",
    "launch": "a sound new item would do so in one launch out of {bound} only",
    "any_of": "one of its parts is reached",
    "all_of": "all of its parts are reached",
}
_JOINED = {"any_of": " or ", "all_of": " and "}
_UNITS = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week"}
_MODES = {
    "armed": "It stops the sale of an item when ",
    "shadow": "It only notes that it would stop an item, when ",
    "off": "It is off. It would stop an item when ",
}


def in_words(body: Mapping[str, Any]) -> str:
    """Return what a rule does, as one or two sentences."""
    parts = [f"{_MODES[body.get('mode', 'shadow')]}{_when(body)}."]
    if look := body.get("look"):
        parts.append(f"From {_bound(body['family'], look)} on it asks a person to look.")
    if not body.get("parts"):
        parts += [f"{one[:1].upper()}{one[1:]}." for one in _conditions(body)]
    return " ".join(parts)


def scope_in_words(body: Mapping[str, Any]) -> str:
    """Return for which items a rule is."""
    scope = body.get("scope") or {}
    named = [f"{name} {value}" for name, value in scope.items() if value]
    return ", ".join(named) or "every item"


def _when(body: Mapping[str, Any]) -> str:
    """Return what has to be seen; of a rule of parts, each of them with what it asks for."""
    family = body["family"]
    if parts := body.get("parts"):
        return _JOINED[family].join(_part(one) for one in parts)
    usual = DEFAULTS.get(Family(family), PLAIN)
    return _FAMILIES[family].format(
        bound=_bound(family, body.get("bound") or usual["bound"]),
        window=_window(body.get("window") or usual["window"]),
        factor=_number(body.get("factor") or usual["factor"]),
    )


def _part(body: Mapping[str, Any]) -> str:
    conditions = "; ".join(_conditions(body))
    return f"{_when(body)} ({conditions})" if conditions else _when(body)


def _conditions(body: Mapping[str, Any]) -> list[str]:
    found = []
    if units := body.get("min_units"):
        found.append(f"items of which fewer than {_number(units)} were shipped are left alone")
    if customers := body.get("min_customers"):
        found.append(f"it takes {_number(customers)} different customers at least")
    if sure := body.get("confidence"):
        found.append(f"it has to be {_share(sure)} sure of the rate")
    if per_day := body.get("per_day"):
        found.append(f"no more than {_number(per_day)} of one day count")
    return found


def _bound(family: str, value: Any) -> str:
    return _share(value) if family == "rate" else _number(value)


def _share(value: Any) -> str:
    return f"{value * 100:.10g} %"


def _number(value: Any) -> str:
    return f"{value:,.10g}"


def _window(text: str) -> str:
    number, unit = int(text[:-1]), _UNITS[text[-1]]
    return f"{number} {unit}{'' if number == 1 else 's'}"
