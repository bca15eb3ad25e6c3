"""Forms of commands, drawn from the same models that check their arguments.

Pure. A field of a form is named like its place in the arguments: `remedy.cause.proof`.
"""

import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from freezeguard.domain.acts.desk import VERDICTS
from freezeguard.domain.guards import FALSE_ALARM_CODES
from freezeguard.domain.remedy import BRANCHES
from freezeguard.web.deeds import CODES, LABELS
from freezeguard.web.forms import Form

LONG = frozenset({
    "comment", "reason", "note", "description", "proof", "own_stock", "vendor_stock", "in_transit",
    "corrective_action", "preventive_action", "result", "new_facts", "action",
})  # fmt: skip
DAYS = frozenset({"date", "until"})
WANTED = frozenset({
    "remedy.cause.branch", "remedy.cause.description", "remedy.cause.proof",
    "remedy.containment.own_stock", "remedy.containment.vendor_stock",
    "remedy.containment.in_transit", "remedy.corrective_action", "remedy.preventive_action",
    "verification.result", "missing",
})  # fmt: skip
"""What guards want and models leave open, so that a form says it first."""
SEEN = frozenset({"evidence_revision"})
"""Filled in with what the page showed: the decision is about that and nothing later."""

CHOICES: Mapping[tuple[str, str], Sequence[str]] = {
    ("declare_false_alarm", "reason_code"): tuple(FALSE_ALARM_CODES),
    ("review", "verdict"): tuple(VERDICTS),
    ("propose_remedy", "branch"): tuple(BRANCHES),
}
"""What may be chosen where the model itself takes any text, and guards judge it."""


@dataclass(frozen=True, slots=True)
class Input:
    """One field: `widget` is text, long, lines, day, choice, seen or group (of `parts`)."""

    name: str
    label: str
    widget: str
    is_needed: bool = False
    choices: Sequence[tuple[str, str]] = ()
    parts: Sequence["Input"] = field(default_factory=tuple)


def inputs_of(command: str, model: type[BaseModel], prefix: str = "") -> list[Input]:
    """Return the fields of the form for a command's arguments."""
    return [
        _input(command, f"{prefix}{name}", name, one.annotation, one.is_required())
        for name, one in model.model_fields.items()
    ]


def _input(command: str, path: str, name: str, annotation: Any, is_needed: bool) -> Input:
    kind, label = _without_none(annotation), LABELS.get(name, name)
    is_needed = is_needed or path in WANTED
    if name in SEEN:
        return Input(path, label, "seen")
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return Input(path, label, "group", parts=inputs_of(command, kind, f"{path}."))
    if choices := _choices(command, name, kind):
        return Input(path, label, "choice", is_needed, choices)
    if get_origin(kind) is list:
        return Input(path, label, "lines", is_needed)
    widget = "day" if name in DAYS else "long" if name in LONG else "text"
    return Input(path, label, widget, is_needed)


def _choices(command: str, name: str, kind: Any) -> tuple[tuple[str, str], ...]:
    known = CHOICES.get((command, name)) or (get_args(kind) if get_origin(kind) is Literal else ())
    return tuple((one, CODES.get(one, one)) for one in known)


def _without_none(annotation: Any) -> Any:
    """Return what a field holds where it holds anything: `Text | None` is a `Text`."""
    if get_origin(annotation) in {Union, types.UnionType}:
        (kind, *_) = [one for one in get_args(annotation) if one is not type(None)]
        return _without_none(kind)
    if hasattr(annotation, "__metadata__"):
        return _without_none(get_args(annotation)[0])
    return annotation


def leaves(inputs: Sequence[Input]) -> Iterator[Input]:
    """Return every field that takes a value, those inside groups too."""
    for one in inputs:
        if one.widget == "group":
            yield from leaves(one.parts)
        else:
            yield one


def arguments_from(inputs: Sequence[Input], form: Form) -> dict[str, Any]:
    """Return the arguments that a form names; a field that was left empty is absent."""
    arguments: dict[str, Any] = {}
    for one in leaves(inputs):
        value = _value(one, form)
        if value is not None:
            *groups, last = one.name.split(".")
            place = arguments
            for group in groups:
                place = place.setdefault(group, {})
            place[last] = value
    return arguments


def _value(one: Input, form: Form) -> Any:
    if one.widget == "lines":
        return form.lines(one.name) or None
    text = form.text(one.name)
    if text is None or one.widget != "seen":
        return text
    return int(text) if text.isdecimal() and len(text) < 10 else text
