"""One PostgreSQL server per data directory, shared by the processes of a machine.

`EmbeddedServer.attach` starts the server or joins the one that runs; `prepare_database` makes the
database with an owner role and a runtime role. The names are loaded late, so that the keeper,
which lives as long as the server, carries the standard library only.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from freezeguard.storage.embedded.errors import EmbeddedError, NoPostgres
    from freezeguard.storage.embedded.roles import OwnerAndRuntimeDsns, prepare_database
    from freezeguard.storage.embedded.server import EmbeddedServer, Endpoint

__all__ = [
    "EmbeddedError",
    "EmbeddedServer",
    "Endpoint",
    "NoPostgres",
    "OwnerAndRuntimeDsns",
    "prepare_database",
]

_HOMES = {
    "EmbeddedError": "errors",
    "NoPostgres": "errors",
    "OwnerAndRuntimeDsns": "roles",
    "prepare_database": "roles",
    "EmbeddedServer": "server",
    "Endpoint": "server",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its module when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
