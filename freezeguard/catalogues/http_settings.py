"""The table of a catalogue of the kind `http`, checked key by key.

`freezeguard.sampleshop.client.sample_configuration` shows a whole one. Unknown keys are refused.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    InstanceOf,
    SecretStr,
)

from freezeguard.catalogues.configuration import CatalogueConfigurationError
from freezeguard.catalogues.tables import BaseUrl, Narrowing, Table, read_table
from freezeguard.catalogues.templates import BodyTemplate, PathTemplate
from freezeguard.domain.jsonpath import Conditions, JsonPath
from freezeguard.ports.catalogues import Level

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
WriteMethod = Literal["POST", "PUT", "PATCH", "DELETE"]

T = TypeVar("T")


def _single(path: JsonPath) -> JsonPath:
    if path.many:
        raise ValueError("[*] finds many values, one is wanted here")
    return path


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _named_fields(value: object) -> object:
    """Turn `["stock"]` into `{"stock": "$.stock"}`."""
    if not isinstance(value, list):
        return value
    return {name: f'$["{name}"]' for name in value if isinstance(name, str)}


def _parsed(parse: Callable[[object], T]) -> BeforeValidator:
    return BeforeValidator(parse)


Many = Annotated[InstanceOf[JsonPath], _parsed(JsonPath.parse)]
One = Annotated[InstanceOf[JsonPath], AfterValidator(_single), _parsed(JsonPath.parse)]
OnePlus = Annotated[list[One], BeforeValidator(_as_list), Field(min_length=1, max_length=10)]
FieldPaths = Annotated[dict[str, One], BeforeValidator(_named_fields)]
When = Annotated[InstanceOf[Conditions], _parsed(Conditions.parse)]
PathOf = Annotated[InstanceOf[PathTemplate], _parsed(PathTemplate.parse)]
BodyOf = Annotated[InstanceOf[BodyTemplate], _parsed(BodyTemplate.parse)]
Headers = dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")], SecretStr]
Means = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Absent = frozenset[Annotated[int, Field(ge=400, le=499)]]


class RequestTable(Table):
    """How one request is made. `headers` and `base_url` here win over those of the catalogue."""

    method: Method = "GET"
    path: PathOf
    body: BodyOf | None = None
    headers: Headers = Field({})
    base_url: BaseUrl | None = None

    @property
    def names(self) -> frozenset[str]:
        """Return the placeholders used in path and body."""
        return self.path.names | (self.body.names if self.body else frozenset())

    @property
    def carries_fields(self) -> bool:
        """Say whether the request writes what it is given, and not something fixed."""
        return any(name.startswith("field") for name in self.names)


class LookupTable(RequestTable):
    """The look-up: where the objects are, and in each its id and the fields that are written.

    `sku` keeps away objects of another SKU, which a search may well answer. `absent` are statuses
    that mean "no such thing".
    """

    objects: Many
    id: OnePlus
    sku: One | None = None
    fields: FieldPaths = Field({})
    takes_along: Many | None = None
    absent: Absent = frozenset({404, 410})


class WriteTable(RequestTable):
    """A write. `success` must hold in its answer, for far sides that say 200 and mean no."""

    method: WriteMethod
    success: When | None = None


class StopTable(WriteTable):
    """The stop: which fields each level writes. A level that is not given can't be done."""

    hide: dict[str, Any] | None = None
    hard: dict[str, Any] | None = None

    def levels(self) -> dict[Level, dict[str, Any]]:
        """Return what each level writes."""
        given: dict[Level, dict[str, Any] | None] = {"hide": self.hide, "hard": self.hard}
        return {level: fields for level, fields in given.items() if fields is not None}


class ReadBackTable(RequestTable):
    """The read-back: whether this very object can be bought.

    With `side = "buyer"` the headers of the catalogue are not sent: a shop may show its admin
    more than a buyer gets. `open_carts` tells whether an open cart can still be paid.
    """

    side: Literal["admin", "buyer"]
    objects: Many
    id: OnePlus
    sellable: When
    open_carts: When | None = None
    fields: FieldPaths = Field({})
    detail: One | None = None
    absent: Absent = frozenset({404, 410})

    @property
    def asks_by_id(self) -> bool:
        """Say whether "not found" means that the object is gone.

        A buyer is not shown what is hidden, and whoever names a SKU asks for no certain object.
        """
        whole = "id" in self.names or self.names >= {f"id.{n}" for n in range(len(self.id))}
        return self.side == "admin" and whole and "sku" not in self.names


class FallbackTable(Table):
    """Another way to stop a sale, and how to undo it. `fields` is what the stop writes."""

    fields: dict[str, Any] = Field({})
    stop: WriteTable
    lift: WriteTable


class HttpSettings(Table):
    """`[catalogues.<name>]` with `kind = "http"`."""

    kind: Literal["http"]
    base_url: BaseUrl
    headers: Headers = Field({})
    level: Level = "hard"
    scope: dict[Narrowing, str] = Field({})
    narrowest: tuple[Narrowing, ...] = ()
    proven: Literal["run", "stand-in", "recipe"] = "recipe"
    connections: Annotated[int, Field(ge=1, le=1000)] = 16
    ca_file: Path | None = None
    warm_path: PathOf = Field(default_factory=lambda: PathTemplate.parse("/"))
    lookup: LookupTable
    stop: StopTable
    read_back: ReadBackTable
    restore: WriteTable
    fallbacks: dict[Means, FallbackTable] = Field({})


def http_settings(name: str, table: Mapping[str, Any]) -> HttpSettings:
    """Check a table. Raises `CatalogueConfigurationError` with every problem found."""
    settings = read_table(name, HttpSettings, table)
    problems = [(f"catalogues.{name}.{key}", text) for key, text in _cross_check(settings)]
    if problems:
        raise CatalogueConfigurationError(problems)
    return settings


def request_tables(settings: HttpSettings) -> Iterator[tuple[str, RequestTable]]:
    """Yield every request with the name of its operation."""
    yield "lookup", settings.lookup
    yield "stop", settings.stop
    yield "read_back", settings.read_back
    yield "restore", settings.restore
    for name, fallback in settings.fallbacks.items():
        yield f"fallbacks.{name}.stop", fallback.stop
        yield f"fallbacks.{name}.lift", fallback.lift


def _cross_check(settings: HttpSettings) -> Iterator[tuple[str, str]]:
    levels = settings.stop.levels()
    if settings.level not in levels:
        yield "level", f'"{settings.level}" is not one of the levels that [stop] defines'
    if len(levels) == 2 and levels["hide"] != levels["hard"] and not settings.stop.carries_fields:
        yield "stop.body", "hide and hard write different fields, so the body needs {fields}"
    if settings.warm_path.names:
        yield "warm_path", "has no placeholders"
    yield from _unread_fields(settings)
    for key, request in request_tables(settings):
        yield from _placeholder_problems(key, request, frozenset(settings.lookup.fields))


def _unread_fields(settings: HttpSettings) -> Iterator[tuple[str, str]]:
    """Find fields that are written and not looked up: there would be no before-image of them."""
    written = {f"stop.{level}": fields for level, fields in settings.stop.levels().items()}
    for name, fallback in settings.fallbacks.items():
        written[f"fallbacks.{name}.fields"] = fallback.fields
    for key, fields in written.items():
        for field in fields.keys() - settings.lookup.fields.keys():
            yield f"{key}.{field}", "is not among lookup.fields, so it could not be restored"


def _placeholder_problems(
    key: str, request: RequestTable, fields: frozenset[str]
) -> Iterator[tuple[str, str]]:
    names = request.names
    if key == "lookup" and "sku" not in names:
        yield key, "does not ask for {sku}"
    if key == "lookup" and names - {"sku"}:
        yield key, "knows {sku} and nothing else yet"
    if not any(name == "sku" or name.startswith("id") for name in names):
        yield key, "says neither {id} nor {sku}, so it is not about the object"
    if isinstance(request, ReadBackTable) and (request.carries_fields or "revision" in names):
        yield key, "reads and has no {fields} or {revision}"
    for name in names:
        if name.startswith("field.") and name.removeprefix("field.") not in fields:
            yield key, f"{{{name}}} is not among lookup.fields"
