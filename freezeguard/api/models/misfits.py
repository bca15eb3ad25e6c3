"""What does not fit, in words: what stands in a place is to be, and how it is written."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import ErrorDetails

from freezeguard.api.models.fields import PATTERNS_IN_WORDS

_Context = Mapping[str, Any]


def _counted(number: int, thing: str, things: str) -> str:
    return f"{number:,} {thing if number == 1 else things}"


def _least(ctx: _Context, thing: str, things: str) -> str:
    if ctx["min_length"] == 1:
        return "must not be empty"
    return f"has at least {_counted(ctx['min_length'], thing, things)}"


def _most(ctx: _Context, thing: str, things: str) -> str:
    return f"has at most {_counted(ctx['max_length'], thing, things)}"


def _one_of(ctx: _Context) -> str:
    """Return the choices as one reads them; pydantic writes them as Python does."""
    return "one of " + str(ctx["expected"]).replace("'", "").replace(" or ", ", ")


_TEXT = 'a text in double quotes: "…"'
_WHOLE = "a whole number, without quotes: 5"
_NUMBER = "a number, without quotes: 0.5"
_MOMENT = "a time with its zone: 2026-11-21T09:30:00Z"
_DAY = "a day: 2026-12-04"
_TERM = "a length of time: 30, or PT30S"
_OBJECT = 'an object: {"name": "value"}'
_LIST = "a list in square brackets: [ … ]"

_ALWAYS: Mapping[str, str] = {
    "extra_forbidden": "unknown field",
    "missing": "required",
    "string_type": _TEXT,
    "string_unicode": "text in UTF-8",
    "int_type": _WHOLE, "int_parsing": _WHOLE, "int_from_float": _WHOLE,
    "int_parsing_size": "a smaller number",
    "float_type": _NUMBER, "float_parsing": _NUMBER, "finite_number": _NUMBER,
    "decimal_type": _NUMBER, "decimal_parsing": _NUMBER,
    "bool_type": "true or false, without quotes",
    "bool_parsing": "true or false",
    "none_required": "null, or nothing at all",
    "list_type": _LIST, "tuple_type": _LIST, "set_type": _LIST, "frozen_set_type": _LIST,
    "dict_type": _OBJECT, "model_type": _OBJECT, "model_attributes_type": _OBJECT,
    "mapping_type": _OBJECT,
    "datetime_type": _MOMENT, "datetime_parsing": _MOMENT, "datetime_from_date_parsing": _MOMENT,
    "datetime_object_invalid": _MOMENT,
    "timezone_aware": "the zone is missing; a time is written 2026-11-21T09:30:00Z",
    "date_type": _DAY, "date_parsing": _DAY, "date_from_datetime_parsing": _DAY,
    "time_delta_type": _TERM, "time_delta_parsing": _TERM,
    "uuid_type": "an id: 0199f0a2-7c1e-7000-8000-0123456789ab",
    "uuid_parsing": "an id: 0199f0a2-7c1e-7000-8000-0123456789ab",
    "url_type": "a URL: https://shop.example/hooks",
    "url_parsing": "a URL: https://shop.example/hooks",
    "path_type": "the path of a file",
}

_BY_CONTEXT: Mapping[str, Callable[[_Context], str]] = {
    "string_too_short": lambda ctx: _least(ctx, "character", "characters"),
    "string_too_long": lambda ctx: _most(ctx, "character", "characters"),
    "too_short": lambda ctx: _least(ctx, "entry", "entries"),
    "too_long": lambda ctx: _most(ctx, "entry", "entries"),
    "greater_than": lambda ctx: f"more than {ctx['gt']}",
    "greater_than_equal": lambda ctx: f"at least {ctx['ge']}",
    "less_than": lambda ctx: f"less than {ctx['lt']}",
    "less_than_equal": lambda ctx: f"at most {ctx['le']}",
    "multiple_of": lambda ctx: f"a multiple of {ctx['multiple_of']}",
    "literal_error": _one_of,
    "enum": _one_of,
    "string_pattern_mismatch": lambda ctx: PATTERNS_IN_WORDS.get(
        ctx["pattern"], f"does not match {ctx['pattern']}"
    ),
}


def in_words(entry: ErrorDetails) -> str:
    """Return what one of pydantic's errors means to whoever wrote what does not fit."""
    kind, ctx = entry["type"], entry.get("ctx", {})
    if kind in _ALWAYS:
        return _ALWAYS[kind]
    if kind in _BY_CONTEXT:
        return _BY_CONTEXT[kind](ctx)
    return entry["msg"].removeprefix("Value error, ")
