"""What is special about Vendure, on a far side that answers as it does."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from freezeguard.catalogues.registry import open_catalogue
from freezeguard.catalogues.vendure import HARD, Vendure
from freezeguard.ports.catalogues import CatalogueError
from tests.catalogues.farside import Exchange, FarSide, far_side, http

SOON = 5.0
SINCE = datetime(2026, 11, 20, tzinfo=UTC)
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


NO_ORDERS = {"orders": {"totalItems": 0, "items": []}}


def of_channels(*, all_orders: bool) -> Answers:
    """Answer for a variant that is stopped; orders of all channels are for some only."""
    def answers(query: str, exchange: Exchange) -> Mapping[str, Any]:
        if "orders(" in query:
            may = all_orders or exchange.header("vendure-token") is not None
            return {"data": NO_ORDERS} if may else {"errors": [FORBIDDEN], "data": None}
        if "updateProductVariants" in query:
            return {"data": {"updateProductVariants": [{"id": "17"}]}}
        if "addItemToOrder" in query:
            error = {"__typename": "InsufficientStockError", "message": "none left"}
            return {"data": {"addItemToOrder": error}}
        if "stockLevel" in query:
            return {"data": {"product": {"variants": []}}}
        variant = {"id": "17", "updatedAt": "2026-11-20T09:30:00.000Z", **HARD,
                   "product": {"id": "3", "enabled": True}}
        return {"data": {"productVariant": variant}}
    return answers


def channels_of(side: FarSide, words: str) -> list[str | None]:
    """Return the channel of each request with such a query, None for the default one."""
    return [one.header("vendure-token") for one in side.exchanges if words in asked(one)]


async def test_orders_of_all_channels_are_asked_for() -> None:
    """A variant is stopped in all its channels: the default one has the orders of each."""
    async with a_vendure(of_channels(all_orders=True), channel_token="de") as (catalogue, side):
        await catalogue.stop("A", "17", "hard", revision=1, deadline=SOON)
        seen = await catalogue.read_back("A", "17", deadline=SOON)
        await catalogue.orders_with("A", "17", SINCE, deadline=SOON)

    assert seen.open_carts is False
    assert {None} == set(channels_of(side, "orders("))
    assert 3 == len(channels_of(side, "orders("))
    others = [one for words in ("updateProductVariants", "productVariant(", "addItem")
              for one in channels_of(side, words)]
    assert ["de", "de", "de"] == others


async def test_who_may_see_one_channel_only_says_so() -> None:
    """Then its own orders are asked for; of carts in other channels nobody can tell."""
    answers = of_channels(all_orders=False)
    async with a_vendure(answers, channel_token="de") as (catalogue, side):
        await catalogue.stop("A", "17", "hard", revision=1, deadline=SOON)
        seen = await catalogue.read_back("A", "17", deadline=SOON)
        await catalogue.orders_with("A", "17", SINCE, deadline=SOON)

    assert seen.open_carts is None
    assert seen.stopped("hard")
    assert [None, "de", "de", "de"] == channels_of(side, "orders(")


async def test_without_a_channel_a_refusal_stays_one() -> None:
    """Who may not read orders at all is told so, and asked nowhere else."""
    async with a_vendure(of_channels(all_orders=False)) as (catalogue, side):
        with pytest.raises(CatalogueError, match="FORBIDDEN"):
            await catalogue.orders_with("A", "17", SINCE, deadline=SOON)

    assert [None] == channels_of(side, "orders(")
