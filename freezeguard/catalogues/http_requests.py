"""The requests of a catalogue of the kind `http`, with headers and secrets filled in."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass

from freezeguard.catalogues.configuration import CatalogueConfigurationError, reveal
from freezeguard.catalogues.http_settings import (
    Headers,
    HttpSettings,
    ReadBackTable,
    RequestTable,
    request_tables,
)
from freezeguard.catalogues.templates import Values
from freezeguard.catalogues.wire import Call


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request, ready to be filled in."""

    operation: str
    table: RequestTable
    base_url: str
    headers: Mapping[str, str]

    def call(self, values: Values, headers: Mapping[str, str]) -> Call:
        """Fill in the values and add headers. Raises `UnsendableError`."""
        body = self.table.body
        return Call(
            self.operation,
            self.table.method,
            self.base_url + self.table.path.render(values),
            {**self.headers, **headers},
            None if body is None else body.render(values),
        )


class HttpRequests:
    """All requests of one catalogue. Raises `CatalogueConfigurationError`.

    `secrets` are the texts that must not appear in any message.
    """

    def __init__(self, name: str, settings: HttpSettings, environment: Mapping[str, str]) -> None:
        self._name = name
        self._environment = environment
        self._problems: list[tuple[str, str]] = []
        self.secrets: list[str] = []
        usual = self._reveal("headers", settings.headers)
        self.made: dict[str, HttpRequest] = {}
        for operation, table in request_tables(settings):
            buyer = isinstance(table, ReadBackTable) and table.side == "buyer"
            headers = _merged(
                {"Content-Type": "application/json"} if table.body else {},
                {} if buyer else usual,
                self._reveal(f"{operation}.headers", table.headers),
            )
            base_url = table.base_url or settings.base_url
            self.made[operation] = HttpRequest(operation, table, base_url, headers)
        self.warm = Call("warm", "HEAD", settings.base_url + settings.warm_path.text, usual)
        self.trust = self._trust(settings)
        if self._problems:
            raise CatalogueConfigurationError(self._problems)

    def _reveal(self, key: str, headers: Headers) -> dict[str, str]:
        revealed: dict[str, str] = {}
        for header, value in headers.items():
            try:
                text, secrets = reveal(value.get_secret_value(), self._environment)
            except ValueError as error:
                self._problem(f"{key}.{header}", str(error))
                continue
            if not text.isprintable():
                self._problem(f"{key}.{header}", "has a control character")
            self.secrets += [*secrets, text, *(word for word in text.split() if len(word) > 7)]
            revealed[header] = text
        return revealed

    def _trust(self, settings: HttpSettings) -> ssl.SSLContext | None:
        if settings.ca_file is None:
            return None
        try:
            return ssl.create_default_context(cafile=settings.ca_file)
        except OSError as error:
            self._problem("ca_file", f"can't be used: {type(error).__name__}")
            return None

    def _problem(self, key: str, text: str) -> None:
        self._problems.append((f"catalogues.{self._name}.{key}", text))


def _merged(*headers: Mapping[str, str]) -> dict[str, str]:
    """Merge headers whose names differ in case only; the last one wins."""
    merged: dict[str, tuple[str, str]] = {}
    for some in headers:
        merged |= {name.lower(): (name, value) for name, value in some.items()}
    return dict(merged.values())
