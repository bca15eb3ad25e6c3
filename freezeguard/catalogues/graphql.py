"""GraphQL over one connector: a query goes out, its data come back, its errors are sorted."""

from collections.abc import Mapping
from typing import Any

from freezeguard.catalogues.connector import Connector
from freezeguard.catalogues.wire import Answer


class GraphQlError(Exception):
    """The far side answered with errors; `code` is that of the first one, empty where it has none.

    `message` is what it says, for people.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code} {message}".strip())
        self.code, self.message = code, message


def data_of(connector: Connector, operation: str, answer: Answer) -> Mapping[str, Any]:
    """Return the data of an answer. Raises `GraphQlError`, `CatalogueError`."""
    document = connector.document(operation, answer)
    with connector.reading(operation):
        errors = document.get("errors")
        if errors:
            first = errors[0]
            extensions = first.get("extensions") or {}
            code = extensions.get("code") or (extensions.get("exception") or {}).get("code")
            raise GraphQlError(str(code or ""), str(first.get("message") or "")[:300])
        data: Mapping[str, Any] = document["data"]
        return dict(data)
