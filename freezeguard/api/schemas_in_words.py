"""A JSON schema as a reader wants it: fields in a table, types in words, limits in a sentence."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from freezeguard.api.models.fields import PATTERNS_IN_WORDS

REFS = "#/components/schemas/"
_LISTED = 40
_RANGES = (
    ("minLength", "maxLength", " characters"),
    ("minItems", "maxItems", " entries"),
    ("minimum", "maximum", ""),
)


@dataclass(frozen=True, slots=True)
class Words:
    """A part of a type's description; `schema` names the schema to link to."""

    words: str
    schema: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One field or parameter."""

    name: str
    kind: tuple[Words, ...]
    limits: str
    description: str
    is_required: bool


def rows(schema: Mapping[str, Any]) -> list[Row]:
    """Return the fields of an object schema; none for any other schema."""
    required = schema.get("required", [])
    return [
        row(name, field, is_required=name in required)
        for name, field in schema.get("properties", {}).items()
    ]


def row(name: str, schema: Mapping[str, Any], *, is_required: bool) -> Row:
    """Return one field or parameter."""
    inner = without_null(schema)
    description = schema.get("description") or inner.get("description", "")
    return Row(name, kind(schema), limits({**inner, **schema}), description, is_required)


def kind(schema: Mapping[str, Any]) -> tuple[Words, ...]:
    """Return the type of a schema in words and links."""
    match without_null(schema):
        case {"$ref": str(reference)}:
            name = reference.removeprefix(REFS)
            return (Words(name, name),)
        case {"enum": [*_]} | {"const": _} as chosen:
            return (Words(_choice(chosen.get("enum") or [chosen["const"]])),)
        case {"anyOf": [*options]} | {"oneOf": [*options]}:
            return _any_of([kind(option) for option in options])
        case {"type": "array", **rest}:
            return (Words("list of "), *kind(rest.get("items", {})))
        case {"additionalProperties": {"type": _} | {"$ref": _} as entry}:
            return (Words("object of "), *kind(entry))
        case plain:
            return (Words(_plain(plain)),)


def limits(schema: Mapping[str, Any]) -> str:
    """Return the limits and the default of a schema."""
    said = [
        _range(schema.get(least), schema.get(most)) + unit
        for least, most, unit in _RANGES
        if least in schema or most in schema
    ]
    if pattern := schema.get("pattern"):
        said.append(PATTERNS_IN_WORDS.get(pattern, f"matches {pattern}"))
    if schema.get("default") is not None:
        said.append(f"default {json.dumps(schema['default'])}")
    return "; ".join(said)


def without_null(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema that applies where a value is given."""
    kinds = [option for option in schema.get("anyOf", []) if option != {"type": "null"}]
    return kinds[0] if len(kinds) == 1 else schema


def _choice(values: Sequence[Any]) -> str:
    listed = " | ".join(json.dumps(value) for value in values[:_LISTED])
    return listed if len(values) <= _LISTED else f"{listed} | … ({len(values)} values)"


def _range(least: int | None, most: int | None) -> str:
    if most is None:
        return f"at least {least:,}"
    return f"up to {most:,}" if least is None else f"{least:,} to {most:,}"


def _any_of(options: list[tuple[Words, ...]]) -> tuple[Words, ...]:
    joined: list[Words] = []
    for option in options:
        joined += [Words(" or "), *option] if joined else option
    return tuple(joined)


def _plain(schema: Mapping[str, Any]) -> str:
    if schema.get("format") == "date-time":
        return "time (RFC 3339, with its offset)"
    named = schema.get("type", "any JSON")
    return " or ".join(named) if isinstance(named, list) else str(named)
