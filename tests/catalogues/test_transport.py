"""Credentials leave this machine over TLS only, unless their owner says otherwise."""

import pytest

from freezeguard.catalogues.configuration import CatalogueConfigurationError
from freezeguard.catalogues.registry import open_catalogue

TABLES = {
    "vendure": {"user": "ann", "password": "made-up-secret"},
    "medusa": {"secret_key": "sk_made_up", "publishable_key": "pk_made_up"},
}


@pytest.mark.parametrize("kind", TABLES)
def test_plain_http_to_another_machine_is_refused(kind: str) -> None:
    """Loopback and https are fine; plain http elsewhere needs a word, and names no secret."""
    table = {"kind": kind, **TABLES[kind]}
    for address in ("https://shop.example", "http://127.0.0.1:3000", "http://localhost:3000"):
        open_catalogue("shop", {**table, "base_url": address})
    far = {**table, "base_url": "http://shop.example"}
    with pytest.raises(CatalogueConfigurationError) as caught:
        open_catalogue("shop", far)
    assert "catalogues.shop.base_url" in str(caught.value)
    assert not any(secret in str(caught.value) for secret in TABLES[kind].values())
    open_catalogue("shop", {**far, "allow_plain_http": True})


@pytest.mark.parametrize("kind", TABLES)
def test_who_has_no_credentials_is_told_which(kind: str) -> None:
    """A table without them does not open, and says which are needed."""
    table = {"kind": kind, "base_url": "https://shop.example"}
    if kind == "medusa":
        table["publishable_key"] = "pk_made_up"
    with pytest.raises(CatalogueConfigurationError, match="needed"):
        open_catalogue("shop", table)
