"""Templates of requests: paths and bodies with placeholders.

    {sku} {id}     the SKU; the remote id that the look-up found
    {id.0} {id.1}  the parts of a remote id that the look-up took from several paths
    {revision}     the fencing revision
    {fields}       a JSON object of the fields to write (bodies only)
    {field.NAME}   one of them (bodies only); a member whose value is a field that is not to be
                   written is left out of the body

In a path every value is percent-encoded. A body is given as TOML: text that is nothing but a
placeholder becomes the JSON value itself, a placeholder inside longer text is put in as text. So
no value can break out of the place that it was given.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

_PLACEHOLDER = re.compile(r"\{([a-z_]+(?:\.[\w-]+)?)\}")
_ID_PART = re.compile(r"id\.[0-9]")

Render = Callable[["Values"], Any]


class UnsendableError(Exception):
    """A value can't be put into a request without changing what the request means."""


class _Absent:
    """Stands for a field that is not to be written."""


_ABSENT = _Absent()


@dataclass(frozen=True, slots=True)
class Values:
    """What placeholders stand for in one call."""

    sku: str
    id: str = ""
    revision: int = 0
    fields: Mapping[str, Any] = field(default_factory=dict)

    def get(self, name: str) -> Any:
        """Return the value of a placeholder. Raises `UnsendableError`."""
        if name == "id":
            return self.id
        if name == "sku":
            return self.sku
        if name == "fields":
            return dict(self.fields)
        if name == "revision":
            return self.revision
        kind, _, which = name.partition(".")
        if kind == "field":
            return self.fields.get(which, _ABSENT)
        parts = self.id.split("/")
        if int(which) >= len(parts):
            raise UnsendableError(f"the remote id has no part {which}")
        return unquote(parts[int(which)])


def joined_id(parts: list[str]) -> str:
    """Make one remote id of several parts; a single part stays as it is."""
    if len(parts) == 1:
        return parts[0]
    return "/".join(quote(part, safe="") for part in parts)


@dataclass(frozen=True, slots=True)
class PathTemplate:
    """A path with an optional query, such as `/products?sku={sku}`."""

    text: str
    pieces: tuple[tuple[str, str | None], ...]
    """Literal text, each followed by the name of a placeholder or by None at the end."""

    @classmethod
    def parse(cls, text: object) -> "PathTemplate":
        """Read a path template. Raises `ValueError`."""
        if not isinstance(text, str) or not text.startswith("/") or text.startswith("//"):
            raise ValueError('a path begins with one "/"')
        literals = _PLACEHOLDER.split(text)
        literal = "".join(literals[::2])
        if set(literal) & set("{}# ") or not (literal.isascii() and literal.isprintable()):
            raise ValueError("outside placeholders a path is ASCII without braces, blanks or #")
        for name in literals[1::2]:
            if name == "fields" or name.startswith("field."):
                raise ValueError(f"{{{name}}} belongs into a body, not into a path")
            _check_name(name)
        names: list[str | None] = [*literals[1::2], None]
        return cls(text, tuple(zip(literals[::2], names, strict=True)))

    @property
    def names(self) -> frozenset[str]:
        """Return the placeholders used."""
        return frozenset(name for _, name in self.pieces if name is not None)

    def render(self, values: Values) -> str:
        """Return the percent-encoded path. Raises `UnsendableError`."""
        text = ""
        for literal, name in self.pieces:
            text += literal
            if name is not None:
                text += _encoded(str(values.get(name)), in_query="?" in text)
        return text


def _encoded(value: str, *, in_query: bool) -> str:
    if not in_query and value in {"", ".", ".."}:
        raise UnsendableError(f"{value!r} in a path would lead somewhere else")
    try:
        return quote(value, safe="")
    except UnicodeEncodeError:
        raise UnsendableError("text with half a character can't be sent") from None


@dataclass(frozen=True, slots=True)
class BodyTemplate:
    """A JSON body with placeholders."""

    names: frozenset[str]
    make: Render

    @classmethod
    def parse(cls, node: object) -> "BodyTemplate":
        """Read a body as TOML gives it. Raises `ValueError`."""
        names: set[str] = set()
        return cls(make=_compile(node, names), names=frozenset(names))

    def render(self, values: Values) -> bytes:
        """Return the body as JSON."""
        return json.dumps(self.make(values), separators=(",", ":")).encode()


def _compile(node: object, names: set[str]) -> Render:
    match node:
        case str():
            return _compile_text(node, names)
        case Mapping():
            members = {key: _compile(value, names) for key, value in node.items()}
            return lambda values: {
                key: made for key, make in members.items() if (made := make(values)) is not _ABSENT
            }
        case list():
            makes = [_compile(value, names) for value in node]
            return lambda values: [made for make in makes if (made := make(values)) is not _ABSENT]
        case bool() | int() | float():
            return lambda _: node
    raise ValueError(f"{type(node).__name__} has no place in JSON; write it as text")


def _compile_text(text: str, names: set[str]) -> Render:
    if "{env:" in text or "{file:" in text:
        raise ValueError("secrets belong into headers")
    pieces = _PLACEHOLDER.split(text)
    for name in pieces[1::2]:
        _check_name(name)
        names.add(name)
    if len(pieces) == 1:
        return lambda _: text
    if pieces[0] == pieces[-1] == "" and len(pieces) == 3:
        return lambda values: values.get(pieces[1])
    if any(name == "fields" or name.startswith("field.") for name in pieces[1::2]):
        raise ValueError("{fields} and {field.…} stand alone, not inside longer text")
    return lambda values: "".join(
        str(values.get(piece)) if place % 2 else piece for place, piece in enumerate(pieces)
    )


def _check_name(name: str) -> None:
    if name in {"sku", "id", "revision", "fields"} or name.startswith("field."):
        return
    if _ID_PART.fullmatch(name) is None:
        raise ValueError(
            f"unknown placeholder {{{name}}}; for a literal brace put a blank behind it"
        )
