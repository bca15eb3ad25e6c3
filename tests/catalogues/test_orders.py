"""Orders under way, as Vendure and Medusa tell of them: written down from what both answered."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from freezeguard.catalogues import medusa, orderbook, vendure
from freezeguard.catalogues.orderbook import Page, look_through
from freezeguard.catalogues.registry import open_catalogue
from freezeguard.ports.catalogues import CatalogueError, OrderBook, OrderUnderWay
from tests.catalogues.farside import far_side, http

SINCE = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
AT = "2026-11-21T09:30:00.000Z"


# ---------------------------------------------------------------------------------------- Vendure


def of_vendure(*lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": "10", "code": "1A73LSGUDZDFZMBP", "state": "PaymentSettled", "orderPlacedAt": AT,
        "totalWithTax": 4700, "customer": {"emailAddress": "bea@example.com"},
        "payments": [{"state": "Settled", "amount": 4700}], "lines": list(lines), **more,
    }


def line(quantity: int, *sent: tuple[int, str], variant: str = "70") -> dict[str, Any]:
    return {
        "quantity": quantity, "productVariant": {"id": variant},
        "fulfillmentLines": [
            {"quantity": number, "fulfillment": {"state": state}} for number, state in sent
        ],
    }


def read_vendure(*orders: dict[str, Any]) -> list[OrderUnderWay]:
    listed = {"totalItems": len(orders), "items": list(orders)}
    return list(vendure.page_of_orders(listed, "70", 0).found)


@pytest.mark.parametrize(
    ("order", "units"),
    [
        (of_vendure(line(2)), 2),
        (of_vendure(line(2), line(5, variant="71")), 2),  # a sibling is nobody's business
        (of_vendure(line(5, variant="71")), 0),
        (of_vendure(line(3, (1, "Shipped"))), 2),
        (of_vendure(line(3, (1, "Shipped"), (2, "Delivered"))), 0),
        (of_vendure(line(3, (3, "Pending"))), 3),  # packed, and still in the house
        (of_vendure(line(3, (3, "Cancelled"))), 3),  # it was called off
        (of_vendure(line(0)), 0),  # cancelled units are off the line
        (of_vendure(line(1), line(1)), 2),
        (of_vendure(line(2), state="Cancelled"), 0),
        (of_vendure(line(2), state="WaitingForCourier"), 2),  # a state that the shop made itself
    ],
)
def test_units_that_have_not_left_a_vendure(order: dict[str, Any], units: int) -> None:
    """Counted are units of this variant that no fulfilment has taken out of the house."""
    assert [units] * (units > 0) == [one.quantity for one in read_vendure(order)]


@pytest.mark.parametrize(
    ("payments", "is_paid"),
    [
        ([{"state": "Settled", "amount": 4700}], True),
        ([{"state": "Authorized", "amount": 4700}], True),
        ([{"state": "Settled", "amount": 4000}, {"state": "Authorized", "amount": 700}], True),
        ([{"state": "Settled", "amount": 4000}], False),
        ([{"state": "Declined", "amount": 4700}], False),
        ([], False),
        (None, False),
    ],
)
def test_what_a_vendure_takes_for_paid(payments: Any, is_paid: bool) -> None:
    """The whole sum must be settled or authorised; what is not paid is listed, and said so."""
    [order] = read_vendure(of_vendure(line(1), payments=payments))

    assert is_paid is order.is_paid


def test_an_order_of_a_vendure_whole() -> None:
    """Its own id and what people call it, its moment, its state in Vendure's words, its buyer."""
    [order] = read_vendure(of_vendure(line(2)))
    [guest] = read_vendure(of_vendure(line(2), customer=None))

    assert OrderUnderWay(
        "10", "1A73LSGUDZDFZMBP", datetime(2026, 11, 21, 9, 30, tzinfo=UTC), 2, "PaymentSettled",
        is_paid=True, customer="bea@example.com",
    ) == order
    assert guest.customer is None
    assert "bea" not in repr(order)


# ----------------------------------------------------------------------------------------- Medusa


def of_medusa(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": "order_01M8D9ECF9NN2FDXHY6D0BF899", "display_id": 17, "created_at": AT,
        "email": "bea@example.com", "status": "pending", "payment_status": "authorized",
        "fulfillment_status": "not_fulfilled", "items": list(items), **more,
    }


def item(
    quantity: int, *, shipped: int = 0, delivered: int = 0, variant: str | None = "variant_1"
) -> dict[str, Any]:
    detail = {"fulfilled_quantity": quantity, "shipped_quantity": shipped,
              "delivered_quantity": delivered}
    return {"variant_id": variant, "quantity": quantity, "detail": detail}


def read_medusa(*orders: dict[str, Any]) -> list[OrderUnderWay]:
    document = {"orders": list(orders), "count": len(orders)}
    return list(medusa.page_of_orders(document, "variant_1", 0).found)


@pytest.mark.parametrize(
    ("order", "units"),
    [
        (of_medusa(item(2)), 2),  # packed, and still in the house
        (of_medusa(item(2), item(5, variant="variant_2")), 2),
        (of_medusa(item(5, variant="variant_2"), item(1, variant=None)), 0),
        (of_medusa(item(3, shipped=1)), 2),
        (of_medusa(item(3, shipped=3, delivered=1)), 0),
        (of_medusa(item(3, delivered=3)), 0),  # some mark only the arrival
        (of_medusa(item(1), item(1)), 2),
        (of_medusa(item(2), status="canceled"), 0),
        (of_medusa(item(2), status="requires_action"), 2),
    ],
)
def test_units_that_have_not_left_a_medusa(order: dict[str, Any], units: int) -> None:
    """Counted are units of this variant that were neither shipped nor delivered."""
    assert [units] * (units > 0) == [one.quantity for one in read_medusa(order)]


@pytest.mark.parametrize(
    ("status", "is_paid"),
    [
        ("authorized", True), ("captured", True), ("partially_refunded", True),
        ("not_paid", False), ("awaiting", False), ("partially_authorized", False),
        ("requires_action", False), ("canceled", False), ("refunded", False),
    ],
)  # fmt: skip
def test_what_a_medusa_takes_for_paid(status: str, is_paid: bool) -> None:
    """The whole sum must be captured or authorised."""
    [order] = read_medusa(of_medusa(item(1), payment_status=status))

    assert is_paid is order.is_paid


def test_an_order_of_a_medusa_whole() -> None:
    """Its own id and the number that people see, both states in Medusa's words, its buyer."""
    [order] = read_medusa(of_medusa(item(2)))

    assert OrderUnderWay(
        "order_01M8D9ECF9NN2FDXHY6D0BF899", "17", datetime(2026, 11, 21, 9, 30, tzinfo=UTC), 2,
        "authorized, not_fulfilled", is_paid=True, customer="bea@example.com",
    ) == order


# ----------------------------------------------------------------------------------------- paging


def body(document: Any) -> bytes:
    return http(200, json.dumps(document).encode())


async def test_a_vendure_is_asked_page_by_page() -> None:
    """Each page is asked for after the orders before it, from the moment on, and all are found."""
    orders = [of_vendure(line(1), id=str(n), code=f"C{n}") for n in range(120)]

    def answer(exchange: Any) -> bytes:
        sent = json.loads(exchange.body)["variables"]
        page = orders[sent["skip"]:sent["skip"] + orderbook.PAGE]
        return body({"data": {"orders": {"totalItems": 120, "items": page}}})

    async with far_side(answer) as side:
        table = {"kind": "vendure", "base_url": side.url, "api_key": "k-12345678"}
        catalogue = open_catalogue("shop", table)
        assert isinstance(catalogue, OrderBook)
        found = await catalogue.orders_with("SKU", "70", SINCE, deadline=5)
        await catalogue.close()
        asked = [json.loads(one.body)["variables"] for one in side.exchanges]

    assert [f"C{n}" for n in range(120)] == [one.code for one in found.orders]
    assert found.cut_at is None
    assert [0, 50, 100] == [one["skip"] for one in asked]
    assert {"2026-11-20T09:29:59.999000+00:00"} == {one["since"] for one in asked}


async def test_a_medusa_is_asked_page_by_page() -> None:
    """The same, in the order of ids, which grow with time."""
    orders = [of_medusa(item(1), id=f"order_{n:03}", display_id=n) for n in range(120)]

    def answer(exchange: Any) -> bytes:
        query = parse_qs(urlsplit(exchange.first_line.split()[1]).query)
        skip = int(query["offset"][0])
        return body({"orders": orders[skip:skip + int(query["limit"][0])], "count": 120})

    async with far_side(answer) as side:
        table = {"kind": "medusa", "base_url": side.url, "secret_key": "sk_12345678",
                 "publishable_key": "pk_12345678"}
        catalogue = open_catalogue("shop", table)
        assert isinstance(catalogue, OrderBook)
        found = await catalogue.orders_with("SKU", "prod_1/variant_1", SINCE, deadline=5)
        await catalogue.close()
        asked = [parse_qs(urlsplit(one.first_line.split()[1]).query) for one in side.exchanges]

    assert [str(n) for n in range(120)] == [one.code for one in found.orders]
    assert found.cut_at is None
    assert [["0"], ["50"], ["100"]] == [one["offset"] for one in asked]
    assert [["2026-11-20T09:30:00+00:00"]] * 3 == [one["created_at[$gte]"] for one in asked]
    assert [["id"]] * 3 == [one["order"] for one in asked]


@pytest.mark.parametrize("kind", ["vendure", "medusa"])
async def test_an_answer_that_does_not_fit(kind: str) -> None:
    """An order that can't be read is an error: nobody is told that there is no order."""
    broken = {"data": {"orders": {"totalItems": 1, "items": [{"state": "PaymentSettled"}]}},
              "orders": [{"status": "pending"}], "count": 1}
    keys = {"vendure": {"api_key": "k-12345678"},
            "medusa": {"secret_key": "sk_12345678", "publishable_key": "pk_12345678"}}
    async with far_side(lambda _: body(broken)) as side:
        catalogue = open_catalogue("shop", {"kind": kind, "base_url": side.url, **keys[kind]})
        with pytest.raises(CatalogueError, match="does not fit") as caught:
            await catalogue.orders_with("SKU", "1/1", SINCE, deadline=5)  # type: ignore[attr-defined]
        await catalogue.close()

    assert not caught.value.recoverable


def an_order(n: int) -> OrderUnderWay:
    return OrderUnderWay(f"o-{n}", f"O{n}", SINCE + timedelta(minutes=n), 1, "paid", is_paid=True)


class Clock:
    """A clock that goes on by what each page takes."""

    def __init__(self, *took: float) -> None:
        self.now, self.took = 0.0, iter(took)

    def time(self) -> float:
        return self.now

    async def page(self, skip: int) -> Page:
        self.now += next(self.took)
        orders = [an_order(n) for n in range(skip, skip + 50)]
        return Page(orders, 50, orders[-1].placed_at, is_last=False)


async def test_where_time_runs_short_it_is_said_how_far() -> None:
    """No page is begun for which there may be no time; what was found is handed over."""
    clock = Clock(1.0, 3.0, 1.0)

    found = await look_through(clock.page, 9.9, clock.time)

    assert 100 == len(found.orders)  # at 4 s; another page might take 6
    assert SINCE + timedelta(minutes=99) == found.cut_at


async def test_too_many_orders_are_cut_and_said_so() -> None:
    """After so many the oldest are handed over, with the moment from which to go on."""
    clock = Clock(*[0.0] * 4)

    found = await look_through(clock.page, 10.0, clock.time, most=200)

    assert (200, SINCE + timedelta(minutes=199)) == (len(found.orders), found.cut_at)


async def test_orders_that_a_page_repeats_stand_once() -> None:
    """An order that was inserted meanwhile moves the pages: none is counted twice."""
    pages = iter([Page([an_order(1), an_order(2)], 2, SINCE, is_last=False),
                  Page([an_order(2), an_order(3)], 2, SINCE, is_last=True)])

    async def read(skip: int) -> Page:
        return next(pages)

    found = await look_through(read, float("inf"), lambda: 0.0)

    assert ["o-1", "o-2", "o-3"] == [one.id for one in found.orders]


async def test_a_page_without_orders_ends_it() -> None:
    """A far side whose total is wrong does not keep us asking for ever."""

    async def read(skip: int) -> Page:
        return Page([], 0, None, is_last=False)

    assert () == (await look_through(read, float("inf"), lambda: 0.0)).orders
