"""GraphQL of a stand-in: each document is checked against a schema before anything is done."""

from pathlib import Path
from typing import Any

from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    build_schema,
    graphql_sync,
    parse,
    validate,
)

HERE = Path(__file__).parent


def schema(name: str) -> GraphQLSchema:
    """Read one of our own schema files."""
    return build_schema((HERE / name).read_text("utf-8"))


def mistakes(of: GraphQLSchema, document: str) -> list[str]:
    """Return what is wrong with a document, by that schema."""
    try:
        return [error.message for error in validate(of, parse(document))]
    except GraphQLError as error:
        return [error.message]


def run(of: GraphQLSchema, root: Any, sent: Any) -> ExecutionResult:
    """Carry out a request by the methods of `root`, whose names are those of the fields."""
    return graphql_sync(of, sent["query"], root, variable_values=sent.get("variables") or {})
