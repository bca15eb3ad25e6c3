"""What is special about Vendure, on a far side that answers as it does."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from freezeguard.catalogues.registry import open_catalogue
from freezeguard.catalogues.vendure import HARD, Vendure
from freezeguard.ports.catalogues import CatalogueError
from tests.catalogues.farside import Exchange, FarSide, far_side, http

SOON = 5.0
NO_VARIANT = {"message": 'No ProductVariant with the id "17" could be found',
              "extensions": {"code": "ENTITY_NOT_FOUND"}}
FORBIDDEN = {"message": "You are not currently authorized to perform this action",
             "extensions": {"code": "FORBIDDEN"}}

Answers = Callable[[str, Exchange], Mapping[str, Any]]
"""Returns the answer to a query; the exchange is for those who look at its headers."""


@asynccontextmanager
async def a_vendure(answers: Answers, **table: Any) -> AsyncIterator[tuple[Vendure, FarSide]]:
    """Run a far side and open the connector to it; it has a key, so that nobody logs in."""
    def script(exchange: Exchange) -> bytes:
        return http(200, json.dumps(answers(asked(exchange), exchange)).encode())

    async with far_side(script) as side:
        catalogue = open_catalogue("shop", {
            "kind": "vendure", "base_url": side.url, "api_key": "k-0123456789", **table})
        assert isinstance(catalogue, Vendure)
        yield catalogue, side
        await catalogue.close()


def asked(exchange: Exchange) -> str:
    return str(json.loads(exchange.body)["query"])


async def test_a_variant_that_was_deleted_is_not_there_to_be_stopped() -> None:
    """Vendure refuses to write to it, and knows none of that id: nothing is to stop."""
    def answers(query: str, _: Exchange) -> Mapping[str, Any]:
        if "updateProductVariants" in query:
            return {"errors": [NO_VARIANT], "data": None}
        return {"data": {"productVariant": None}}

    async with a_vendure(answers) as (catalogue, _):
        assert {} == await catalogue.stop("A", "17", "hard", revision=1, deadline=SOON)
        seen = await catalogue.read_back("A", "17", deadline=SOON)

    assert (False, True) == (seen.sellable, seen.is_gone)


async def test_a_variant_that_may_not_be_written_to_is_no_deleted_one() -> None:
    """What is there and is refused stays an error."""
    def answers(query: str, _: Exchange) -> Mapping[str, Any]:
        if "updateProductVariants" in query:
            return {"errors": [FORBIDDEN], "data": None}
        return {"data": {"productVariant": {"id": "17", **HARD}}}

    async with a_vendure(answers) as (catalogue, _):
        with pytest.raises(CatalogueError, match="FORBIDDEN"):
            await catalogue.stop("A", "17", "hard", revision=1, deadline=SOON)
