"""GraphQL of a stand-in: each document is checked against a schema before anything is done."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from graphql import (
    ExecutionResult,
    GraphQLEnumType,
    GraphQLError,
    GraphQLScalarType,
    GraphQLSchema,
    build_schema,
    graphql_sync,
    parse,
    validate,
)

HERE = Path(__file__).parent


def schema(*names: str) -> GraphQLSchema:
    """Read our own schema files as one."""
    return build_schema("\n".join((HERE / name).read_text("utf-8") for name in names))


@lru_cache(maxsize=500)
def mistakes(of: GraphQLSchema, document: str) -> list[str]:
    """Return what is wrong with a document, by that schema."""
    try:
        return [error.message for error in validate(of, parse(document))]
    except GraphQLError as error:
        return [error.message]


def strays(ours: GraphQLSchema, theirs: GraphQLSchema) -> Iterator[str]:
    """Yield what our schema has and theirs has not, or has otherwise."""
    for name, one in ours.type_map.items():
        other = theirs.type_map.get(name)
        if name.startswith("__") or isinstance(one, GraphQLScalarType):
            continue
        if other is None or type(one) is not type(other):
            yield f"type {name}"
        elif isinstance(one, GraphQLEnumType):
            yield from (f"{name}.{value}" for value in one.values.keys() - other.values.keys())
        else:
            for field, mine in getattr(one, "fields", {}).items():
                yield from _stray_field(f"{name}.{field}", mine, other.fields.get(field))


def _stray_field(place: str, mine: Any, yours: Any) -> Iterator[str]:
    if yours is None or not _fits(mine, yours):
        yield f"{place}: {mine.type} is {yours and yours.type}"
        return
    for argument, given in getattr(mine, "args", {}).items():
        wanted = yours.args.get(argument)
        if wanted is None or not _fits(given, wanted):
            yield f"{place}({argument}: {given.type})"


def _fits(mine: Any, yours: Any) -> bool:
    """Say whether two types are the same; what is given may be asked for more strictly by us."""
    answered = hasattr(mine, "args")
    return str(mine.type) == str(yours.type) or (
        not answered and str(mine.type) == f"{yours.type}!"
    )


def run(of: GraphQLSchema, root: Any, sent: Any) -> ExecutionResult:
    """Carry out a request by the methods of `root`, whose names are those of the fields."""
    return graphql_sync(of, sent["query"], root, variable_values=sent.get("variables") or {})
