"""A small subset of JSONPath, and conditions on what it finds.

A path is `$` followed by any number of

    .name          a member whose name is letters, digits, `_` and `-`
    ["any name"]   a member of any name (no quotes inside)
    [0]            one element of an array, counted from 0
    [*]            every element of an array
    [?@.id==7]     the one element of an array whose member is that number or "text"

A path that asks for what is not there does not yield nothing: it is an error, so that an answer
of an unexpected shape is never mistaken for an empty one.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_STEP = re.compile(
    r"""\.(?P<name>[A-Za-z_][\w-]*)|\[(?P<index>\d{1,6})\]|\[(?P<every>\*)\]"""
    r"""|\["(?P<quoted>[^"]+)"\]|\['(?P<single>[^']+)'\]"""
    r"""|\[\?@\.(?P<member>[A-Za-z_][\w-]*)\s*==\s*"""
    r"""(?:(?P<number>-?\d{1,18})|"(?P<text>[^"]*)"|'(?P<word>[^']*)')\]"""
)

Scalar = str | int | float | bool


class DoesNotFitError(Exception):
    """An answer has not the shape that the configuration says it has."""


class _Every:
    """The step `[*]`."""


_EVERY = _Every()


@dataclass(frozen=True, slots=True)
class _Where:
    """The step `[?@.member==wanted]`: the one element that has this member with this value."""

    member: str
    wanted: int | str

    def of(self, elements: Sequence[Any]) -> list[Any]:
        """Return the elements that fit."""
        return [one for one in elements if isinstance(one, dict) and self._fits(one)]

    def _fits(self, element: Mapping[str, Any]) -> bool:
        return self.member in element and _same(element[self.member], self.wanted)


_Step = str | int | _Every | _Where


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A parsed path; `many` where it may find more than one value."""

    text: str
    steps: tuple[_Step, ...]

    @classmethod
    def parse(cls, text: object) -> "JsonPath":
        """Read a path. Raises `ValueError`."""
        if not isinstance(text, str) or not text.startswith("$"):
            raise ValueError('a JSON path is text that begins with "$"')
        steps: list[_Step] = []
        place = 1
        while place < len(text):
            found = _STEP.match(text, place)
            if found is None:
                raise ValueError(f"{text!r} is not understood from {text[place:]!r} on")
            steps.append(_step(found))
            place = found.end()
        return cls(text, tuple(steps))

    @property
    def many(self) -> bool:
        """Say whether the path has a `[*]`."""
        return _EVERY in self.steps

    def all(self, document: Any) -> list[Any]:
        """Return every value found. Raises `DoesNotFitError`."""
        values = [document]
        for step in self.steps:
            if step is _EVERY:
                values = [element for value in values for element in self._elements(value)]
            else:
                values = [self._take(value, step) for value in values]
        return values

    def one(self, document: Any) -> Any:
        """Return the one value of a path without `[*]`. Raises `DoesNotFitError`."""
        for step in self.steps:
            document = self._take(document, step)
        return document

    def _take(self, value: Any, step: _Step) -> Any:
        if isinstance(step, _Where) and isinstance(value, list):
            return self._only(step, value)
        try:
            if isinstance(step, int) and isinstance(value, list):
                return value[step]
            if isinstance(step, str) and isinstance(value, dict):
                return value[step]
        except LookupError:
            raise DoesNotFitError(f"{self.text} is not there: {step!r} is missing") from None
        raise DoesNotFitError(f"{self.text} is not there: found {kind(value)} on the way")

    def _only(self, step: _Where, elements: list[Any]) -> Any:
        found = step.of(elements)
        if len(found) != 1:
            raise DoesNotFitError(f"{self.text}: there are {len(found)} elements, not one")
        return found[0]

    def _elements(self, value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise DoesNotFitError(f"{self.text}: [*] wants an array, found {kind(value)}")
        return value


@dataclass(frozen=True, slots=True)
class Condition:
    """What must be found at a path for a condition to be met.

    Written as a value (equal), an array (equal to one of them), `{ more_than = number }`, or
    `{ contains = value }` for an array. A value of another type than the expected one does not
    fit: it is an error and not "no".
    """

    path: JsonPath
    one_of: tuple[Scalar, ...] = ()
    more_than: float | None = None
    contains: Scalar | None = None

    @classmethod
    def parse(cls, path: JsonPath, wanted: object) -> "Condition":
        """Read a condition. Raises `ValueError`."""
        if path.many:
            raise ValueError(f"{path.text}: a condition needs a path without [*]")
        if isinstance(wanted, Mapping):
            return cls._comparison(path, wanted)
        choices = tuple(wanted) if isinstance(wanted, list) else (wanted,)
        if not choices or not all(isinstance(choice, Scalar) for choice in choices):
            raise ValueError(f"{path.text}: give a value, or an array of values")
        return cls(path, one_of=choices)

    @classmethod
    def _comparison(cls, path: JsonPath, wanted: Mapping[str, object]) -> "Condition":
        match list(wanted.items()):
            case [("more_than", bool())]:
                pass
            case [("more_than", int() | float() as bound)]:
                return cls(path, more_than=float(bound))
            case [("contains", str() | int() | float() as element)]:
                return cls(path, contains=element)
        raise ValueError(f"{path.text}: give a value, {{ more_than = … }} or {{ contains = … }}")

    def is_met(self, document: Any) -> bool:
        """Look at a document. Raises `DoesNotFitError`."""
        found = self.path.one(document)
        if self.more_than is not None:
            if kind(found) != "a number":
                raise self._unfit(found, "a number")
            return bool(found > self.more_than)
        if self.contains is not None:
            if not isinstance(found, list):
                raise self._unfit(found, "an array")
            return any(_same(found_one, self.contains) for found_one in found)
        if kind(found) not in {kind(choice) for choice in self.one_of}:
            raise self._unfit(found, kind(self.one_of[0]))
        return any(_same(found, choice) for choice in self.one_of)

    def _unfit(self, found: Any, wanted: str) -> DoesNotFitError:
        return DoesNotFitError(f"{self.path.text} is {kind(found)}, not {wanted}")


@dataclass(frozen=True, slots=True)
class Conditions:
    """Conditions that must all be met, written as a table from path to expected value."""

    conditions: tuple[Condition, ...]

    @classmethod
    def parse(cls, table: object) -> "Conditions":
        """Read a table of conditions. Raises `ValueError`."""
        if not isinstance(table, Mapping) or not table:
            raise ValueError('give a table such as { "$.status" = "active" }')
        return cls(tuple(Condition.parse(JsonPath.parse(path), table[path]) for path in table))

    def are_met(self, document: Any) -> bool:
        """Look at a document; each condition must fit it. Raises `DoesNotFitError`."""
        verdicts: Sequence[bool] = [one.is_met(document) for one in self.conditions]
        return all(verdicts)


def kind(value: Any) -> str:
    """Name the JSON type of a value, for messages."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "an array"
        case _:
            return "an object"


def _same(found: Any, wanted: Scalar) -> bool:
    return kind(found) == kind(wanted) and bool(found == wanted)


def _step(found: re.Match[str]) -> _Step:
    if found["every"]:
        return _EVERY
    if found["index"]:
        return int(found["index"])
    if found["member"]:
        number, text = found["number"], found["text"]
        return _Where(found["member"], int(number) if number else text or found["word"] or "")
    return found["name"] or found["quoted"] or found["single"]
