"""What the tables of all kinds have in common, and how they are checked."""

import ssl
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from freezeguard.catalogues.configuration import CatalogueConfigurationError, problems_of, reveal
from freezeguard.ports.catalogues import Level

Narrowing = Literal["seller", "channel", "country", "lot"]
Pace = Annotated[float, Field(gt=0, le=10_000)]


def _base_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("an address begins with http:// or https:// and names a host")
    if parts.query or parts.fragment or parts.username or parts.password:
        raise ValueError("an address has no query, fragment, user or password; use headers")
    return text.rstrip("/")


BaseUrl = Annotated[str, AfterValidator(_base_url)]


class Table(BaseModel):
    """A table of a configuration: unknown keys are refused, values stay out of messages."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ConnectorTable(Table):
    """What `[catalogues.<name>]` may say for every kind that is made for one system.

    `requests_per_second` and `burst` keep us below what the system allows; None: no limit.
    """

    base_url: BaseUrl
    level: Level = "hard"
    scope: dict[Narrowing, str] = {}
    connections: Annotated[int, Field(ge=1, le=1000)] = 16
    ca_file: Path | None = None
    requests_per_second: Pace | None = None
    burst: Annotated[int, Field(ge=1, le=10_000)] = 10


class GuardedTable(ConnectorTable):
    """For kinds whose every request carries a secret: it goes over TLS, or stays on this machine.

    `allow_plain_http` is for a network that nobody else listens to.
    """

    allow_plain_http: bool = False

    def check_transport(self, secrets: "Secrets") -> None:
        """Note it where a secret would be sent in the clear."""
        parts = urlsplit(self.base_url)
        if parts.scheme == "https" or self.allow_plain_http or _is_loopback(parts.hostname or ""):
            return
        text = "would send secrets in the clear; use https, or set allow_plain_http = true"
        secrets.problem("base_url", text)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


T = TypeVar("T", bound=Table)


def read_table(name: str, model: type[T], table: Mapping[str, Any]) -> T:
    """Check a table. Raises `CatalogueConfigurationError` with every problem found."""
    try:
        return model.model_validate(dict(table))
    except ValidationError as error:
        raise CatalogueConfigurationError(problems_of(name, error)) from None


class Secrets:
    """Secrets of one table, looked up now: texts that must not appear in any message.

    Problems are collected, so that all can be told together: `check` raises them.
    """

    def __init__(self, name: str, environment: Mapping[str, str]) -> None:
        self._name, self._environment = name, environment
        self._problems: list[tuple[str, str]] = []
        self.texts: list[str] = []

    def reveal(self, key: str, value: SecretStr | None) -> str:
        """Return a text with its `{env:NAME}` and `{file:PATH}` filled in; empty for None."""
        if value is None:
            return ""
        try:
            text, secrets = reveal(value.get_secret_value(), self._environment)
        except ValueError as error:
            self.problem(key, str(error))
            return ""
        if not text.isprintable():
            self.problem(key, "has a control character")
        self.texts += [*secrets, text, *(word for word in text.split() if len(word) > 7)]
        return text

    def trust(self, ca_file: Path | None) -> ssl.SSLContext | None:
        """Return what certificates are checked against, None for what the system trusts."""
        if ca_file is None:
            return None
        try:
            return ssl.create_default_context(cafile=ca_file)
        except OSError as error:
            self.problem("ca_file", f"can't be used: {type(error).__name__}")
            return None

    def problem(self, key: str, text: str) -> None:
        """Note what is wrong with a key."""
        self._problems.append((f"catalogues.{self._name}.{key}", text))

    def check(self) -> None:
        """Raise `CatalogueConfigurationError` where there was a problem."""
        if self._problems:
            raise CatalogueConfigurationError(self._problems)
