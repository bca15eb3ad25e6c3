"""What JSON text may look like, checked in linear time and without recursion before any parser.

Parsers disagree about deep nesting, duplicate keys, NaN, NUL and half characters. Here the answer
is one: refused, with a code that says why.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

from pydantic import TypeAdapter, ValidationError

from freezeguard.api.refusals import InvalidFields, Refused, field_errors
from freezeguard.domain.errors import InvalidInput

MAX_DEPTH = 64
MAX_VALUES = 200_000
MAX_DIGITS = 4300

_BESIDE_STRUCTURE = bytes(sorted(set(range(256)) - set(b'[]{}":,')))
_BESIDE_BRACKETS = b":,"
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_STRING = re.compile(rb'"[^"]*"')
_NUL = b"\\u0000"
T = TypeVar("T")


def structure(body: bytes) -> bytes:
    """Return brackets, braces, colons and commas of a JSON text that stand outside its strings.

    Only library calls that run at C speed: escapes go first (backslashes pair up from the left),
    then all but structure and quotes, then the strings between the quotes.
    """
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    marks = body.translate(None, _BESIDE_STRUCTURE).replace(b'""', b"")
    return _STRING.sub(b"", marks) if b'"' in marks else marks


def check_structure(body: bytes) -> int:
    """Refuse text that is nested too deep or holds too many values; return its number of pairs.

    A pair is a key with its value. Text that is no JSON passes: the parser says where it breaks.

    Raises Refused (`too_deep`, `too_complex`).
    """
    marks = structure(body)
    pairs = marks.count(b":")
    containers = marks.count(b"[") + marks.count(b"{")
    if containers + marks.count(b",") > MAX_VALUES:
        raise Refused("too_complex")
    if containers > MAX_DEPTH and _is_deeper(marks):
        raise Refused("too_deep")
    return pairs


def _is_deeper(marks: bytes) -> bool:
    brackets = marks.translate(_ONE_KIND, _BESIDE_BRACKETS)
    for _ in range(MAX_DEPTH):
        without_leaves = brackets.replace(b"[]", b"")
        if len(without_leaves) == len(brackets):
            return brackets.count(b"[") > MAX_DEPTH
        brackets = without_leaves
    return bool(brackets)


class Flaw:
    """Stands where a parsed text holds something that JSON or the contract does not know."""

    def __init__(self, code: str, detail: str, shown: Any) -> None:
        self.code = code
        self.detail = detail
        self.shown = shown


def parse(text: str) -> Any:
    """Parse JSON; what some parsers accept and others do not becomes a `Flaw` in its place.

    Call `check_structure` first: the parser below recurses.

    Raises InvalidInput (`invalid_json`) with line and column.
    """
    try:
        return json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_whole
        )
    except json.JSONDecodeError as broken:
        place = f"line {broken.lineno}, column {broken.colno} (character {broken.pos})"
        raise InvalidInput(f"At {place}: {broken.msg}.", code="invalid_json") from None


def canonical(parsed: Any) -> bytes:
    """Return parsed JSON as bytes for a strict parser; raise InvalidInput at the first flaw."""
    try:
        text = json.dumps(parsed, ensure_ascii=False, allow_nan=False, default=_refuse)
        body = text.encode()
    except UnicodeEncodeError:
        raise InvalidInput("A \\ud800 to \\udfff stands alone.", code="lone_surrogate") from None
    except ValueError:
        raise InvalidInput("A number is too large.", code="not_a_number") from None
    if has_nul(body):
        raise InvalidInput("A text holds U+0000.", code="nul_character")
    return body


def shown(parsed: Any, limit: int) -> str:
    """Return parsed JSON, flaws included, as text that any database stores, cut to `limit`."""
    text = json.dumps(parsed, ensure_ascii=False, default=lambda flaw: flaw.shown)
    return text.encode("utf-8", "backslashreplace").decode()[:limit]


def has_nul(body: bytes) -> bool:
    """Say whether a JSON text holds the escape of U+0000."""
    return _NUL in body and _NUL in body.replace(b"\\\\", b"")


def validate(adapter: TypeAdapter[T], body: bytes) -> T:
    """Return what a model makes of a JSON body.

    For bodies of one resource; batches go through `freezeguard.api.batches`, which parses once.

    Raises InvalidInput with every place that does not fit, or with what is wrong with the text.
    """
    check_structure(body)
    canonical(parse(body.decode()))
    try:
        return adapter.validate_json(body)
    except ValidationError as refused:
        raise InvalidFields(field_errors(refused)) from None


def _object(pairs: list[tuple[str, Any]]) -> Any:
    built = dict(pairs)
    if len(built) == len(pairs):
        return built
    again = Counter(key for key, _ in pairs).most_common(1)[0][0]
    return Flaw("duplicate_key", f"The key {again[:100]!a} stands twice in one object.", built)


def _constant(name: str) -> Flaw:
    return Flaw("not_a_number", f"{name} is not JSON.", name)


def _whole(digits: str) -> Any:
    if len(digits) > MAX_DIGITS:
        return Flaw("number_too_long", f"A number has {len(digits)} digits.", digits[:MAX_DIGITS])
    return int(digits)


def _refuse(flaw: Any) -> NoReturn:
    raise InvalidInput(flaw.detail, code=flaw.code)


def pairs_in(tree: Mapping[str, Any]) -> int:
    """Return the number of keys in parsed JSON, nested ones included."""
    count = 0
    waiting: list[Any] = [tree]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            count += len(value)
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return count
