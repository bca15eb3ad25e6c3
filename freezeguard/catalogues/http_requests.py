"""The requests of a catalogue of the kind `http`, with headers and secrets filled in."""

from collections.abc import Mapping
from dataclasses import dataclass

from freezeguard.catalogues.http_settings import (
    Headers,
    HttpSettings,
    ReadBackTable,
    RequestTable,
    request_tables,
)
from freezeguard.catalogues.tables import Secrets
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
    """All requests of one catalogue. Raises `CatalogueConfigurationError`."""

    def __init__(self, name: str, settings: HttpSettings, environment: Mapping[str, str]) -> None:
        self._secrets = Secrets(name, environment)
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
        self.trust = self._secrets.trust(settings.ca_file)
        self._secrets.check()

    @property
    def secrets(self) -> list[str]:
        """Return the texts that must not appear in any message."""
        return self._secrets.texts

    def _reveal(self, key: str, headers: Headers) -> dict[str, str]:
        found = {name: self._secrets.reveal(f"{key}.{name}", headers[name]) for name in headers}
        return {name: text for name, text in found.items() if text}


def _merged(*headers: Mapping[str, str]) -> dict[str, str]:
    """Merge headers whose names differ in case only; the last one wins."""
    merged: dict[str, tuple[str, str]] = {}
    for some in headers:
        merged |= {name.lower(): (name, value) for name, value in some.items()}
    return dict(merged.values())
