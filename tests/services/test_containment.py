"""What is posted of orders under way: all of it, in messages that are short enough."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import chain
from uuid import UUID

from freezeguard.ports.catalogues import OrderUnderWay
from freezeguard.ports.webhooks import Message
from freezeguard.services.enforcing.containment import Answered, OrderList, messages_of
from freezeguard.webhooks.payload import MOST_BYTES, body_of
from tests.storage.makers import NOW, case

AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def order(n: int, *, length: int = 10) -> OrderUnderWay:
    return OrderUnderWay(
        f"{n:0{length}}", f"C{n}", AT + timedelta(minutes=n), 1 + n % 3, "paid", is_paid=True,
        customer=f"buyer-{n}@example.com",
    )


def the_list(*answers: Answered) -> OrderList:
    return OrderList(case("KETTLE-17"), AT, NOW, answers)


def bodies(found: OrderList) -> list[bytes]:
    return [
        body_of(Message(
            id=UUID(int=n), vendor=None, thread="sku:KETTLE-17", type="containment.listed", at=NOW,
            data=data, sku="KETTLE-17", case_id=found.case.id,
        ))
        for n, data in enumerate(messages_of(found))
    ]


def test_many_orders_come_in_parts_and_none_is_cut() -> None:
    """However many there are, each is in exactly one message that goes out whole."""
    web = Answered("web", "answered", orders=tuple(order(n) for n in range(1500)))
    kiosk = Answered("kiosk", "answered", orders=tuple(order(n, length=90) for n in range(700)))
    raw = bodies(the_list(web, kiosk))
    sent = [json.loads(one)["data"] for one in raw]
    entries = list(chain.from_iterable(one["lists"] for one in sent))
    posted = Counter(
        (one["catalogue"], each["order_id"], each["quantity"]) for one in entries
        for each in one["orders"]
    )
    wanted = Counter(
        (one.catalogue, each.id, each.quantity) for one in (web, kiosk) for each in one.orders
    )

    assert wanted == posted
    assert len(raw) > 10
    assert max(map(len, raw)) < MOST_BYTES
    assert not any("truncated" in one for one in sent)
    assert [(n, len(raw)) for n in range(1, len(raw) + 1)] == [
        (one["part"], one["parts"]) for one in sent]
    assert b"example.com" not in b"".join(raw)


def test_no_orders_are_news_too() -> None:
    """One message says that there is nothing to hold, and who could not tell, without its words."""
    [data] = messages_of(the_list(
        Answered("web", "answered"), Answered("kiosk", "refused", detail="bea@example.com"),
        Answered("till", "answered", cut_at=AT),
    ))

    assert [("web", "answered", None, []), ("kiosk", "refused", None, []),
            ("till", "answered", AT.isoformat(), [])] == [
        tuple(one.values()) for one in data["lists"]]
    assert "example.com" not in str(data)
    assert (1, 1) == (data["part"], data["parts"])


def test_whom_to_tell() -> None:
    """Each customer once, whatever they ordered and where; an order may have none."""
    twice = order(1)
    nobody = OrderUnderWay("9", "C9", AT, 1, "paid", is_paid=True)
    found = the_list(
        Answered("web", "answered", orders=(order(2), twice, nobody)),
        Answered("kiosk", "answered", orders=(twice,)),
    )

    assert ["buyer-1@example.com", "buyer-2@example.com"] == found.customers
