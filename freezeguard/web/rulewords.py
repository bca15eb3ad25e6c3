"""Rules in plain words. Pure."""

from collections.abc import Mapping
from typing import Any

_FAMILIES: Mapping[str, str] = {
    "distinct_customers": "{bound} different customers complain within {window}",
    "count": "{bound} complaints are made within {window}",
    "rate": "more than {bound} of the units shipped within {window} are complained of",
    "safety": "a trusted source says once that people may be in danger",
    "likelihood": "it is {bound} to 1 that its defect rate has risen",
    "predictive": "a sound item would do so once in {bound} only",
    "posterior": "it is {bound} to 1 that its defect rate is so many times the usual one",
    "cusum": "complaints have exceeded what is let pass by {bound}",
    "launch": "a sound new item would do so in one launch out of {bound} only",
    "any_of": "one of its parts is reached",
    "all_of": "all of its parts are reached",
}
_UNITS = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week"}
_MODES = {
    "armed": "It stops the sale of an item when ",
    "shadow": "It only notes that it would stop an item, when ",
    "off": "It is off. It would stop an item when ",
}


def in_words(body: Mapping[str, Any]) -> str:
    """Return what a rule does, as one or two sentences."""
    when = _FAMILIES.get(body["family"], body["family"]).format(
        bound=_number(body.get("bound")), window=_window(body.get("window"))
    )
    parts = [f"{_MODES[body.get('mode', 'shadow')]}{when}."]
    if look := body.get("look"):
        parts.append(f"From {_number(look)} on it asks a person to look.")
    if units := body.get("min_units"):
        parts.append(f"Items of which fewer than {units} were shipped are left alone.")
    if customers := body.get("min_customers"):
        parts.append(f"It takes {customers} different customers at least.")
    return " ".join(parts)


def scope_in_words(body: Mapping[str, Any]) -> str:
    """Return for which items a rule is."""
    scope = body.get("scope") or {}
    named = [f"{name} {value}" for name, value in scope.items() if value]
    return ", ".join(named) or "every item"


def _number(value: Any) -> str:
    return "?" if value is None else f"{value:,g}" if isinstance(value, float) else str(value)


def _window(text: str | None) -> str:
    if not text:
        return "its window"
    number, unit = int(text[:-1]), _UNITS[text[-1]]
    return f"{number} {unit}{'' if number == 1 else 's'}"
