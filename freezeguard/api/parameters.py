"""Parameters in the address: parts of the path and the query, decoded strictly.

A SKU may hold anything, slashes, spaces and emoji included, so parts of the path are split before
they are decoded, and what does not decode to UTF-8 is refused rather than guessed.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl, unquote_to_bytes

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from freezeguard.api.models.fields import Name, Sku
from freezeguard.api.refusals import FieldError, InvalidFields, Refused, explain

MAX_FIELDS = 50
_CODE = "invalid_parameter"

PARTS: Mapping[str, Any] = {
    "sku": Sku,
    "vendor": Name,
    "source": Name,
    "id": Name,
    "code": Name,
    "name": Name,
}
"""What a part of a path may be, by its name."""

_PART = re.compile(r"\{([a-z_]+)\}")
_BROKEN_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")

Q = TypeVar("Q", bound=BaseModel)


class Query(BaseModel):
    """A query that refuses parameters it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PathReader:
    """Reads the named parts of one route's path."""

    def __init__(self, path: str, parts: Mapping[str, Any] | None = None) -> None:
        known = {**PARTS, **(parts or {})}
        if strange := set(names_in(path)) - known.keys():
            raise ValueError(f"{path}: of unknown kind: {sorted(strange)}; declare them in parts")
        self.kinds = {name: known[name] for name in names_in(path)}
        self._readers = [
            (position, segment[1:-1], TypeAdapter(known[segment[1:-1]]).validator.validate_python)
            for position, segment in enumerate(path.split("/"))
            if is_named(segment)
        ]

    def read(self, segments: Sequence[str]) -> dict[str, Any]:
        """Return the decoded parts of a path, split at its slashes and not yet decoded.

        Raises InvalidFields (`invalid_parameter`), Refused (`invalid_utf8`).
        """
        parts = {}
        for position, name, validate in self._readers:
            try:
                parts[name] = validate(decoded(segments[position]))
            except ValidationError as refused:
                raise _of_part(name, refused) from None
        return parts


def names_in(path: str) -> list[str]:
    """Return the names of a path's parts: `/v1/skus/{sku}` has `sku`."""
    return [segment[1:-1] for segment in path.split("/") if is_named(segment)]


def is_named(segment: str) -> bool:
    """Say whether a segment of a route's path stands for any value."""
    return _PART.fullmatch(segment) is not None


class QueryReader(Generic[Q]):
    """Reads the query of one route into its model."""

    def __init__(self, model: type[Q]) -> None:
        self._model = model
        try:
            self._empty: Q | None = model.model_validate_strings({})
        except ValidationError:
            self._empty = None

    def read(self, raw_query: str) -> Q:
        """Return the query as its model; an empty one costs nothing.

        Raises InvalidFields (`invalid_parameter`), Refused (`invalid_utf8`).
        """
        if not raw_query and self._empty is not None:
            return self._empty
        try:
            return self._model.model_validate_strings(_single_values(raw_query))
        except ValidationError as refused:
            raise _of_query(refused) from None


def decoded(segment: str) -> str:
    """Return what one part of a path stands for.

    Raises Refused (`invalid_utf8`) where a percent escape is broken or does not give UTF-8.
    """
    if "%" not in segment:
        return segment
    _check_escapes(segment)
    try:
        return unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        raise Refused("invalid_utf8", "The address does not decode to UTF-8.") from None


def _check_escapes(text: str) -> None:
    if _BROKEN_PERCENT.search(text):
        raise Refused("invalid_utf8", "A percent sign in the address starts no escape; send %25.")


def none_expected(raw_query: str) -> None:
    """Refuse any query where a route knows none."""
    if raw_query:
        name = next(iter(_single_values(raw_query)), raw_query[:100])
        raise InvalidFields([FieldError("unknown parameter", parameter=name)], code=_CODE)


def _single_values(raw_query: str) -> dict[str, str]:
    _check_escapes(raw_query)
    try:
        pairs = parse_qsl(
            raw_query, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
        )
    except UnicodeDecodeError:
        raise Refused("invalid_utf8", "The query does not decode to UTF-8.") from None
    except ValueError:
        raise Refused("invalid_parameter", f"More than {MAX_FIELDS} parameters.") from None
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        again = next(name for name in values if names.count(name) > 1)
        raise InvalidFields([FieldError("given more than once", parameter=again)], code=_CODE)
    return values


def _of_part(name: str, refused: ValidationError) -> InvalidFields:
    details = [explain(entry) for entry in refused.errors(include_url=False)]
    return InvalidFields([FieldError(detail, parameter=name) for detail in details], code=_CODE)


def _of_query(refused: ValidationError) -> InvalidFields:
    errors = [
        FieldError(_in_query(explain(entry)), parameter=".".join(map(str, entry["loc"])))
        for entry in refused.errors(include_url=False)
    ]
    return InvalidFields(errors, code=_CODE)


def _in_query(detail: str) -> str:
    return "unknown parameter" if detail == "unknown field" else detail
