"""Opens the catalogues of a configuration, each by its kind.

A kind is a function `(name, table) -> Catalogue` behind an entry point of the group
`freezeguard.catalogues`. The kinds that we bring are known even where the package runs from a
checkout and no entry points are registered.
"""

import difflib
import hashlib
import importlib.metadata
import json
from collections.abc import Callable, Mapping
from typing import Any, cast

from freezeguard.catalogues.configuration import CatalogueConfigurationError
from freezeguard.catalogues.naming import KEYS as NAMES
from freezeguard.catalogues.naming import names_in, without_names
from freezeguard.catalogues.tips import KEY as TIPS
from freezeguard.catalogues.tips import scheme_in
from freezeguard.ports.catalogues import Catalogue

GROUP = "freezeguard.catalogues"

Open = Callable[[str, Mapping[str, Any]], Catalogue]
"""Opens nothing yet: it checks the table and returns a catalogue that connects when it is used.
Raises `CatalogueConfigurationError`."""

BUILT_IN: Mapping[str, str] = {
    "http": "freezeguard.catalogues.http:open_http_catalogue",
    "medusa": "freezeguard.catalogues.medusa:open_medusa",
    "saleor": "freezeguard.catalogues.saleor:open_saleor",
    "shopify": "freezeguard.catalogues.shopify:open_shopify",
    "vendure": "freezeguard.catalogues.vendure:open_vendure",
    "woocommerce": "freezeguard.catalogues.woocommerce:open_woocommerce",
}

UNPROVED = frozenset({
    *NAMES, TIPS, "requests_per_second", "burst", "connections", "ca_file", "allow_plain_http",
    "warm_path", "scope",
})
"""Keys of a table that a proof does not depend on."""
SECRET = frozenset({
    "api_key", "channel_token", "consumer_key", "consumer_secret", "headers", "password",
    "publishable_key", "secret_key", "storefront_token", "token", "user",
})
"""Keys of a table that let us in."""


def open_catalogues(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Catalogue]:
    """Open every `[catalogues.<name>]`.

    Raises `CatalogueConfigurationError` with the problems of all of them together.
    """
    catalogues: dict[str, Catalogue] = {}
    problems: list[tuple[str, str]] = []
    for name, table in tables.items():
        try:
            catalogues[name] = open_catalogue(name, table)
        except CatalogueConfigurationError as error:
            problems += error.problems
    if problems:
        raise CatalogueConfigurationError(problems)
    return catalogues


def open_catalogue(name: str, table: Mapping[str, Any]) -> Catalogue:
    """Open one catalogue. Raises `CatalogueConfigurationError`."""
    place = f"catalogues.{name}"
    if not isinstance(table, Mapping):
        raise CatalogueConfigurationError([(place, "is not a table")])
    wanted = table.get("kind")
    known = kinds()
    if not isinstance(wanted, str) or wanted not in known:
        raise CatalogueConfigurationError([(f"{place}.kind", _which(wanted, known))])
    names_in(name, table)
    scheme_in(name, table)
    own = {key: value for key, value in without_names(table).items() if key != TIPS}
    return _load(place, known[wanted])(name, own)


def needs_check(table: Mapping[str, Any], catalogue: Catalogue) -> bool:
    """Say whether a catalogue is off until its owner has proved it.

    So are the kinds that we bring and did not run on the real system. A table of the kind `http` is
    its writer's own work, and a kind of somebody else's is theirs to vouch for.
    """
    kind = table.get("kind")
    return kind in BUILT_IN and kind != "http" and catalogue.traits.proven != "run"


def fingerprint_of(table: Mapping[str, Any]) -> str:
    """Return what names a configuration: another one is to be proved anew.

    How fast we ask, who vouches for the connection and what SKUs are called there change nothing
    about how a stop works. Of secrets it counts which are given, not what they are: a key that is
    renewed is the same way in, and nothing about it is to be found in a database.
    """
    told = {
        key: key in SECRET or value for key, value in table.items() if key not in UNPROVED
    }
    text = json.dumps(told, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def kinds() -> dict[str, str]:
    """Return every known kind with the function that opens it, as `module:function`.

    What we bring can't be replaced by another package: a stop must not go astray because
    something else was installed.
    """
    registered = {one.name: one.value for one in importlib.metadata.entry_points(group=GROUP)}
    return {**registered, **BUILT_IN}


def _load(place: str, target: str) -> Open:
    try:
        loaded = importlib.metadata.EntryPoint("", target, GROUP).load()
    except (ImportError, AttributeError) as error:
        text = f"the kind can't be loaded from {target}: {error}"
        raise CatalogueConfigurationError([(f"{place}.kind", text)]) from error
    return cast("Open", loaded)


def _which(wanted: object, known: Mapping[str, str]) -> str:
    if wanted is None:
        return f"is missing; one of {', '.join(sorted(known))}"
    text = f"{wanted!r} is not one of {', '.join(sorted(known))}"
    close = difflib.get_close_matches(str(wanted), known, n=1)
    return f"{text}; did you mean {close[0]}?" if close else text
