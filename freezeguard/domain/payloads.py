"""What a payload from outside says about a SKU: its fields by JSON path, and nothing besides.

A **source** of a field is written as

    "$.ticket.id"              a path from the top of the payload
    "@.line_item.sku"          a path from the present item (see `items`)
    "refund-{$.id}-{@.id}"     text around such paths
    "complaint"                a constant
    ["@.sku", "$.sku"]         the first of several that finds something

What is null, empty or not there is absent. What no source names is not kept.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from freezeguard.domain.errors import FreezeguardError
from freezeguard.domain.jsonpath import Condition, DoesNotFitError, JsonPath, kind

NEEDED = ("id", "sku", "occurred_at")
MOMENTS = frozenset({"occurred_at", "observed_at", "customer_since"})
OTHERWISE = "*"
"""The word of a table of values that stands for every other one, absence included."""
MOST = 1_000
"""Items of one delivery."""

_SLOT = re.compile(r"\{([$@][^{}]*)\}")
_UNIX = re.compile(r"[0-9]{9,13}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS = 10**11


class NotMapped(FreezeguardError):
    """The payload does not hold what the map of this endpoint looks for."""

    code: ClassVar[str] = "not_mapped"


@dataclass(frozen=True, slots=True)
class Place:
    """A path from the top of the payload, or from its present item."""

    path: JsonPath
    of_item: bool

    @classmethod
    def parse(cls, text: str) -> "Place":
        """Read `$…` or `@…`. Raises `ValueError`."""
        return cls(JsonPath.parse("$" + text[1:]), text.startswith("@"))

    def __str__(self) -> str:
        return ("@" if self.of_item else "$") + self.path.text[1:]

    def text_in(self, payload: Any, item: Any) -> str | None:
        """Return what is there as text; None where nothing is. Raises NotMapped."""
        try:
            found = self.path.all(item if self.of_item else payload)
        except DoesNotFitError:
            return None
        texts = {text for value in found if (text := self._text(value))}
        if len(texts) > 1:
            raise NotMapped(f"{self} finds {len(texts)} different values; one is wanted.")
        return texts.pop() if texts else None

    def _text(self, value: Any) -> str | None:
        match value:
            case None:
                return None
            case bool():
                return str(value).lower()
            case str() | int() | float():
                return str(value)
        raise NotMapped(f"{self} is {kind(value)}; text or a number is wanted.")


@dataclass(frozen=True, slots=True)
class Words:
    """One way to find a field: places, with constant text around them."""

    parts: tuple[Place | str, ...]

    @classmethod
    def parse(cls, text: str) -> "Words":
        """Read one source. Raises `ValueError`."""
        if text.startswith(("$", "@")):
            return cls((Place.parse(text),))
        pieces = _SLOT.split(text)
        return cls(tuple(
            Place.parse(piece) if number % 2 else piece
            for number, piece in enumerate(pieces) if piece
        ))

    def text_in(self, payload: Any, item: Any) -> str | None:
        """Return the text; None where one of its places finds nothing. Raises NotMapped."""
        found = [
            part if isinstance(part, str) else part.text_in(payload, item) for part in self.parts
        ]
        return "".join(one or "" for one in found) if all(found) else None


@dataclass(frozen=True, slots=True)
class Source:
    """Where a field comes from: the first of its ways that finds something."""

    ways: tuple[Words, ...]

    @classmethod
    def parse(cls, given: object) -> "Source":
        """Read a source as it is written. Raises `ValueError`."""
        listed = given if isinstance(given, list) else [given]
        texts = [one for one in listed if isinstance(one, str) and one]
        if not texts or len(texts) < len(listed):
            raise ValueError('give a path such as "$.ticket.id", a text, or an array of them')
        return cls(tuple(Words.parse(one) for one in texts))

    @property
    def places(self) -> tuple[Place, ...]:
        """Return every path."""
        return tuple(
            part for way in self.ways for part in way.parts if isinstance(part, Place)
        )

    def text_in(self, payload: Any, item: Any) -> str | None:
        """Return what it finds as text; None for nothing. Raises NotMapped."""
        return next(
            (text for way in self.ways if (text := way.text_in(payload, item))), None
        )


@dataclass(frozen=True, slots=True)
class When:
    """Conditions that must all be met for an item to count.

    A path that leads nowhere, or to another type than the one expected, is no "no": it means that
    the map does not fit the payload. Null is a "no".
    """

    conditions: tuple[tuple[Place, Condition], ...] = ()

    @classmethod
    def parse(cls, table: object) -> "When":
        """Read a table from path to expected value. Raises `ValueError`."""
        if not isinstance(table, Mapping):  # pydantic names the setting where it hears ValueError
            raise ValueError('give a table such as { "$.ticket.type" = "problem" }')  # noqa: TRY004
        places = {Place.parse(str(path)): wanted for path, wanted in table.items()}
        return cls(tuple(
            (place, Condition.parse(place.path, wanted)) for place, wanted in places.items()
        ))

    def is_met(self, payload: Any, item: Any) -> bool:
        """Look at one item of a payload. Raises NotMapped."""
        try:
            verdicts = [
                _is_met(condition, item if place.of_item else payload)
                for place, condition in self.conditions
            ]
        except DoesNotFitError as error:
            raise NotMapped(f"A condition does not fit: {error}.") from None
        return all(verdicts)


def _is_met(condition: Condition, document: Any) -> bool:
    return condition.path.one(document) is not None and condition.is_met(document)


@dataclass(frozen=True, slots=True)
class Unmapped:
    """An item that the map does not fit: what was found of it, and why not more."""

    position: int
    found: Mapping[str, Any]
    why: NotMapped


@dataclass(frozen=True, slots=True)
class Mapped:
    """What a payload says: entries by position, what does not fit, how many don't count."""

    entries: Sequence[tuple[int, dict[str, Any]]] = ()
    unmapped: Sequence[Unmapped] = ()
    ignored: int = 0


@dataclass(frozen=True, slots=True)
class PayloadMap:
    """How a payload becomes signals.

    `fields` and `extra` name the source of each field; `values` translates words, whatever their
    case; `items` finds the things that one payload speaks about, each a signal of its own.
    """

    fields: Mapping[str, Source]
    extra: Mapping[str, Source] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    items: JsonPath | None = None
    when: When = field(default_factory=When)

    def read(self, payload: Any, identity: str) -> Mapped:
        """Map a payload. `identity` is the id of its signals where no field says one."""
        try:
            items = self._items(payload)
        except NotMapped as why:
            return Mapped(unmapped=[Unmapped(0, {}, why)])
        if not items:
            return Mapped(ignored=1)
        entries: list[tuple[int, dict[str, Any]]] = []
        unmapped: list[Unmapped] = []
        for position, item in enumerate(items):
            found: dict[str, Any] = {}
            try:
                if self.when.is_met(payload, item):
                    own = f"{identity}-{position}" if self.items else identity
                    self._fill(found, payload, item, own)
                    entries.append((position, found))
            except NotMapped as why:
                unmapped.append(Unmapped(position, found, why))
        return Mapped(entries, unmapped, len(items) - len(entries) - len(unmapped))

    def _items(self, payload: Any) -> list[Any]:
        if self.items is None:
            return [payload]
        try:
            items = self.items.all(payload)
        except DoesNotFitError as error:
            raise NotMapped(f"No items: {error}.") from None
        if len(items) > MOST:
            raise NotMapped(f"There are {len(items)} items; up to {MOST:,} are read.")
        return items

    def _fill(self, found: dict[str, Any], payload: Any, item: Any, identity: str) -> None:
        """Put every field that is there into `found`. Raises NotMapped with what it has so far."""
        if "id" not in self.fields:
            found["id"] = identity
        faults = list(self._texts(self.fields, payload, item, found))
        extra: dict[str, Any] = {}
        faults += self._texts(self.extra, payload, item, extra)
        if faults:
            raise NotMapped(" ".join(faults))
        for name in NEEDED:
            if name not in found:
                looked = " or ".join(map(str, self.fields[name].places))
                raise NotMapped(f"There is no {name}: {looked} finds nothing.")
        if extra:
            found.update({name: text for name, text in extra.items() if name not in found})

    def _texts(
        self, sources: Mapping[str, Source], payload: Any, item: Any, found: dict[str, Any]
    ) -> Iterator[str]:
        """Put what the sources find into `found`; yield what is wrong with the others."""
        for name, source in sources.items():
            try:
                text = self._translated(name, source.text_in(payload, item))
                if text is not None:
                    found[name] = _as_moment(text) if name in MOMENTS else text
            except NotMapped as why:
                yield f"{name}: {why.detail}"

    def _translated(self, name: str, text: str | None) -> str | None:
        table = self.values.get(name)
        if not table:
            return text
        otherwise = table.get(OTHERWISE, text)
        return otherwise if text is None else table.get(text.casefold(), otherwise)


def _as_moment(text: str) -> str:
    """Return a Unix time in (milli)seconds as RFC 3339; any other text as it is."""
    if not _UNIX.fullmatch(text):
        return text
    number = int(text)
    milliseconds = number if number >= _MILLISECONDS else number * 1000
    return (_EPOCH + timedelta(milliseconds=milliseconds)).isoformat()
