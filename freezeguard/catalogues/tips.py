"""How a catalogue's own news of changes is signed; off unless `tip_secret` is set."""

import os
from collections.abc import Mapping
from typing import Any

from freezeguard.catalogues.configuration import CatalogueConfigurationError, reveal
from freezeguard.domain.signatures import Scheme

KEY = "tip_secret"
"""The key of `[catalogues.<name>]`; a kind does not see it."""
SHORTEST = 16
OWN_HEADER = "Freezeguard-Signature"
"""Who has no way of its own to sign sends `sha256=` and the HMAC in hexadecimal digits in it."""


def scheme_in(name: str, table: Mapping[str, Any]) -> Scheme | None:
    """Return how tips of a catalogue are signed, None where it sends none.

    Two secrets are for the time in which one replaces the other. Raises
    `CatalogueConfigurationError`.
    """
    if KEY not in table:
        return None
    given = table[KEY]
    texts = given if isinstance(given, list) else [given]
    if not 1 <= len(texts) <= 2 or not all(isinstance(one, str) for one in texts):
        raise _unfit(name, "is a secret, or a list of two while one replaces the other")
    return _signed_by(str(table.get("kind")), tuple(_secret(name, one) for one in texts))


def schemes_in(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Scheme]:
    """Return the scheme of each catalogue that sends tips."""
    found = {name: scheme_in(name, table) for name, table in tables.items()}
    return {name: one for name, one in found.items() if one is not None}


def _signed_by(kind: str, secrets: tuple[bytes, ...]) -> Scheme:
    match kind:
        case "shopify":
            return Scheme(secrets, "X-Shopify-Hmac-Sha256", "base64")
        case "woocommerce":
            return Scheme(secrets, "X-WC-Webhook-Signature", "base64")
        case "saleor":
            return Scheme(secrets, "Saleor-Signature")
        case _:
            return Scheme(secrets, OWN_HEADER, prefix="sha256=")


def _secret(name: str, text: str) -> bytes:
    try:
        secret, _ = reveal(text, os.environ)
    except ValueError as error:
        raise _unfit(name, str(error)) from None
    if len(secret) < SHORTEST:
        raise _unfit(name, f"has less than {SHORTEST} characters")
    return secret.encode()


def _unfit(name: str, text: str) -> CatalogueConfigurationError:
    return CatalogueConfigurationError([(f"catalogues.{name}.{KEY}", text)])
