"""What names a person in texts and documents, and how it is taken out of them.

Words (a customer reference, an order number) are found where they stand as words of their own: the
reference `c-1` is no part of `c-10`. Their letter case and Unicode form don't matter, here and in
complaints that are quoted. What freezeguard itself wrote to identify things is left as
it is, whatever a reference looks like: see `NAMES_THINGS`.
"""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from freezeguard.domain.spelling import (
    folded,
    is_telling,
    likeness,
    without_part,
    without_word,
)

MARK = "[erased]"
"""Stands where a trace of a person stood."""

SHORTEST_PIECE, SHORTEST_NUMBER = 20, 6
"""Shorter complaints are only found where complaints are quoted: "broken" is everybody's word.
Shorter numbers are counts."""

EXCERPT = 300
"""Notices quote so many characters of a complaint."""

QUOTING = frozenset({"excerpts", "text"})
"""Keys under which complaints are quoted."""

NAMES_THINGS = frozenset({
    "at", "audience", "by", "case", "catalogue", "catalogues", "channel", "code", "command",
    "contact", "counted", "country", "family", "from", "id", "intent", "intents", "kind", "lane",
    "language", "link", "lot", "lots", "outcome", "owner", "person", "reason_code", "recipient",
    "remote_id", "requested_by", "rule_id", "scope", "seller", "severities", "severity", "shop",
    "since", "sku", "source", "state", "status", "steps", "to", "until", "vendor", "verdict",
})  # fmt: skip
"""Keys of our documents whose values name things, and never quote anybody."""

_ESCAPED = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))')
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True)
class Traces:
    """What names or quotes one person. `customers` are keyed hashes, one for each spelling."""

    words: frozenset[str] = frozenset()
    customers: tuple[bytes, ...] = ()
    texts: frozenset[str] = frozenset()

    @cached_property
    def quotes(self) -> frozenset[str]:
        """Return the complaints, whole and as notices quote them, folded."""
        quoted = self.texts | {one[:EXCERPT] for one in self.texts}
        return frozenset(map(folded, quoted)) - {""}

    @cached_property
    def pieces(self) -> tuple[str, ...]:
        """Return what is found as a part of anything, folded, the longest first."""
        long = {one for one in self.quotes if len(one) >= SHORTEST_PIECE}
        return tuple(sorted(long | self._hashes, key=lambda one: (-len(one), one)))

    @property
    def _hashes(self) -> set[str]:
        in_base64 = {b64encode(one).decode().rstrip("=") for one in self.customers}
        return {one.hex() for one in self.customers} | set(map(folded, in_base64))

    @cached_property
    def _long_words(self) -> tuple[str, ...]:
        long = {folded(one) for one in self.words if is_telling(one)}
        return tuple(sorted(long, key=lambda one: (-len(one), one)))

    @cached_property
    def _folded_words(self) -> frozenset[str]:
        return frozenset(map(folded, self.words))

    @cached_property
    def _as_field(self) -> "re.Pattern[str]":
        """Return a pattern of a customer or an order in JSON, torn or whole."""
        either = "|".join(map(re.escape, sorted(self._folded_words, key=len, reverse=True)))
        return re.compile(rf'"(?:customer|order)"\s*:\s*"?(?:{either})(?![\w-])')

    def patterns(self, *, with_quotes: bool, loosely: bool = False) -> list[str]:
        """Return patterns of LIKE of which one matches every text and document with a trace.

        They are for texts with small letters of ASCII, and may match more. `loosely`: also short
        references that stand in no quotation marks.
        """
        short = {one for one in self.words if not is_telling(one) and not loosely}
        needles = {*(self.words - short), *self.pieces, *(self.quotes if with_quotes else ())}
        parts = {*map(likeness, needles), *(f'"{likeness(one)}"' for one in short)}
        return sorted({f"%{one}%" for one in parts} | set(map(likeness, short)))

    def quote(self, text: str) -> bool:
        """Say whether a text is one of the complaints, whole or as notices quote it."""
        return folded(text) in self.quotes

    def without(self, text: str) -> str:
        """Return a text without its traces."""
        plain = folded(text)
        if plain in self._folded_words:
            return MARK
        for one in self.pieces:
            if one in plain:
                text = without_part(text, one, MARK)
        for one in self._long_words:
            if one in plain:
                text = without_word(text, one, MARK)
        return text

    def stand_in(self, text: str) -> bool:
        """Say whether there is a trace in a text, or in the JSON that it holds, torn or whole."""
        plain = unescaped(text)
        if self.without(text) != text or self.without(plain) != plain:
            return True
        return bool(self.words) and self._as_field.search(folded(plain)) is not None


def unescaped(text: str) -> str:
    """Return JSON text with its escapes resolved wherever they stand; it may be torn."""

    def plain(found: "re.Match[str]") -> str:
        code, letter = found.groups()
        return chr(int(code, 16)) if code else _LETTERS.get(letter, letter)

    # half of a pair of surrogates is no character; both together are one
    return _ESCAPED.sub(plain, text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def redacted(value: Any, traces: Traces, *, ours: bool = True) -> Any:
    """Return a document without the traces of a person.

    In `ours` the keys that name things are left alone; in what others sent everything is looked at.
    """
    spared = NAMES_THINGS if ours else frozenset[str]()
    return _mapped(value, "", spared, lambda text, key: _without(text, key, traces))


def _without(text: str, key: str, traces: Traces) -> str:
    return MARK if key in QUOTING and traces.quote(text) else traces.without(text)


def _mapped(
    value: Any, key: str, spared: frozenset[str], change: Callable[[str, str], str]
) -> Any:
    match value:
        case str():
            return change(value, key)
        case Mapping():
            return {
                change(name, ""): one if name in spared else _mapped(one, name, spared, change)
                for name, one in value.items()
            }
        case list():
            return [_mapped(one, key, spared, change) for one in value]
        case int() if not isinstance(value, bool) and len(str(value)) >= SHORTEST_NUMBER:
            return value if change(str(value), key) == str(value) else MARK
        case _:
            return value


def redacted_json(text: str, traces: Traces) -> str:
    """Return JSON text without the traces of a person; where it is no JSON, as a text."""
    try:
        document = json.loads(text)
    except ValueError:
        return traces.without(text)
    after = redacted(document, traces)
    return text if after == document else json.dumps(after, ensure_ascii=False)


def mentions(value: Any, traces: Traces, *, ours: bool = True) -> list[dict[str, str]]:
    """Return where in a document a person is named or quoted, and the text that does it."""
    spared = NAMES_THINGS if ours else frozenset[str]()
    return [
        {"where": where, "text": text}
        for where, key, text in _strings(value, "", "", spared)
        if _without(text, key, traces) != text
    ]


def _strings(
    value: Any, where: str, key: str, spared: frozenset[str]
) -> Iterator[tuple[str, str, str]]:
    match value:
        case str():
            yield where, key, value
        case Mapping():
            for name, one in value.items():
                yield f"{where}/{name}", "", name
                if name not in spared:
                    yield from _strings(one, f"{where}/{name}", name, spared)
        case list():
            for n, one in enumerate(value):
                yield from _strings(one, f"{where}/{n}", key, spared)
        case int() if not isinstance(value, bool) and len(str(value)) >= SHORTEST_NUMBER:
            yield where, key, str(value)
