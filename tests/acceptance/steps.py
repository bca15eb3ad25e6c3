"""What several acceptance tests do or look at: buying, mails, the life of a case step by step."""

import io
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import asyncpg

from freezeguard.ports.notices import message_id_for
from tests.files import PDF
from tests.rig import REMEDY, SOURCE, VERIFICATION, Answer, Rig, until

Case = Mapping[str, Any]

REACHED = {"sent", "delivered", "acknowledged", "answered"}
SENT = REACHED | {"silent"}


async def sql(rig: Rig, query: str, *arguments: Any) -> list[dict[str, Any]]:
    """Ask the database itself, as the role that owns it."""
    assert rig.dsns is not None
    connection = await asyncpg.connect(rig.dsns.owner)
    try:
        return [dict(row) for row in await connection.fetch(query, *arguments)]
    finally:
        await connection.close()


# ------------------------------------------------------------------------------------- buying


async def open_cart(rig: Rig, sku: str) -> str:
    """Open a cart that holds the SKU, as a buyer does before anything happens."""
    cart = await rig.shop.open_cart(sku)
    assert cart.ok, cart
    return cart.cart


async def cannot_be_bought(rig: Rig, sku: str, cart: str | None = None) -> None:
    """See the shop refuse a new cart, and the cart that was open before."""
    assert not (await rig.shop.buy(sku)).ok
    if cart is not None:
        assert not (await rig.shop.checkout(cart)).ok


async def can_be_bought(rig: Rig, sku: str) -> None:
    """See the shop sell the SKU to a new buyer."""
    bought = await rig.shop.buy(sku)
    assert bought.ok, bought


async def is_sold_again(rig: Rig, sku: str, *, seconds: float = 10.0) -> None:
    """Wait until readers are told that the SKU is sellable, and see that it is."""

    async def sellable() -> bool:
        return await rig.status(sku) == "sellable"

    await until(sellable, f"{sku} sellable", seconds=seconds)
    await can_be_bought(rig, sku)


# --------------------------------------------------------------------------------- going on


async def pull(
    rig: Rig, who: str, sku: str, reason: str = "defective", *, status: int = 201, **more: Any
) -> dict[str, Any]:
    """Pull the cord; return the case."""
    scope = {"sku": sku, **more.pop("scope", {})}
    body = {"scope": scope, "reason_code": reason, "comment": "Third caller today.", **more}
    answer = await rig.call("POST", "/v1/freezes", who, json=body)
    assert answer.status == status, answer.body
    return dict(answer.body)


async def reaches(rig: Rig, case: Case, state: str, *, seconds: float = 10.0) -> dict[str, Any]:
    """Wait for a case to reach a state; return it whole."""

    async def there() -> dict[str, Any] | None:
        now = await rig.case(case["id"])
        return now if now["state"] == state else None

    return dict(await until(there, f"case {case['number']} {state}", seconds=seconds))


async def ask_for_approval(rig: Rig, case: Case, **remedy: Any) -> dict[str, Any]:
    """Take a frozen or diagnosed case to a request for approval by its owner."""
    now = dict(case)
    if now["state"] == "frozen":
        now = await rig.done(now, "accept_ownership", "owen")
    now = await rig.done(now, "propose_remedy", "vera", remedy={**REMEDY, **remedy})
    return await rig.done(now, "request_approval", "owen", verification=VERIFICATION)


async def approve(rig: Rig, case: Case, *people: str) -> dict[str, Any]:
    """Have people approve, one after the other, each on the case as it is by then."""
    now = dict(case)
    for person in people:
        seen = now["evidence_revision"]
        now = await rig.done(now, "approve", person, evidence_revision=seen)
    return now


async def to_probation(rig: Rig, sku: str, **remedy: Any) -> dict[str, Any]:
    """Freeze a SKU by complaints and reinstate it."""
    await rig.complain(sku)
    frozen = await rig.in_state(sku, "frozen")
    await approve(rig, await ask_for_approval(rig, frozen, **remedy), "mara")
    return await rig.in_state(sku, "probation")


async def ship(rig: Rig, sku: str, units: int, **more: Any) -> None:
    """Report units shipped just now."""
    rig.counter += 1
    sent = {
        "id": f"u-{rig.counter}", "source": SOURCE, "sku": sku, "units": units,
        "shipped_at": datetime.now(UTC).isoformat(), **more,
    }
    answer = await rig.call("POST", "/v1/units", "source", json=sent)
    assert answer.status == 202, answer.body


async def ring(rig: Rig, case: Case, clock: str) -> None:
    """Let a clock of a case be due now."""
    due = (
        "UPDATE clocks SET due_at = now(), next_at = now() WHERE case_id = $1 AND kind = $2"
        " RETURNING id"
    )
    assert await sql(rig, due, case["id"], clock)


async def attach(rig: Rig, case: Any, who: str, raw: bytes = PDF, **more: Any) -> Answer:
    """Attach a file as this person; the version is the case's."""
    kind = more.pop("kind", "application/pdf")
    key = more.pop("key", None)
    url = more.pop("url", None)
    query = {"name": "report.pdf", "version": str(case["version"]), **more}
    return await rig.call(
        "POST", f"/v1/cases/{case['id']}/evidence", who, params=query, data=io.BytesIO(raw),
        headers={"Content-Type": kind, **({"Idempotency-Key": key} if key else {})}, url=url,
    )


# -------------------------------------------------------------------------------- looking back


async def timeline(rig: Rig, case: Case, who: str = "owen") -> list[dict[str, Any]]:
    """Return the history of a case, page by page."""
    events: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        path = f"/v1/cases/{case['id']}/timeline"
        answer = await rig.call("GET", path, who, params={"limit": "50", **cursor})
        assert answer.status == 200, answer.body
        events += answer.body["items"]
        if answer.body["next"] is None:
            return events
        cursor = {"cursor": answer.body["next"]}


async def moves(rig: Rig, case: Case) -> list[tuple[str, str]]:
    """Return the commands that changed the state of a case, with where they led."""
    return [
        (event["command"], event["to_state"])
        for event in await timeline(rig, case)
        if event["from_state"] != event["to_state"]
    ]


async def mails_arrived(rig: Rig, case: Case) -> dict[str, list[str]]:
    """Wait for every notice of a case; return their kinds by recipient, in the order of arrival.

    Fails where a mail came twice, not at all, or before an earlier one to the same reader.
    """

    async def all_sent() -> list[dict[str, Any]] | None:
        notices = (await rig.case(case["id"]))["notices"]
        return notices if all(one["state"] in SENT for one in notices) else None

    notices = await until(all_sent, "every notice sent")
    by_id = {message_id_for(one["id"], "localhost"): one for one in notices}
    arrived: dict[str, list[str]] = {}
    numbers: dict[str, list[int]] = {}
    for mail in rig.mailbox.messages:
        if (notice := by_id.get(str(mail["Message-ID"]))) is not None:
            arrived.setdefault(notice["recipient"], []).append(notice["kind"])
            numbers.setdefault(notice["recipient"], []).append(notice["n"])
    expected: dict[str, list[int]] = {}
    for notice in notices:
        if notice["state"] in REACHED:
            expected.setdefault(notice["recipient"], []).append(notice["n"])
    assert expected == numbers
    return arrived


def body_of(mail: Any) -> str:
    """Return the plain text of a mail."""
    part = next(one for one in mail.walk() if one.get_content_type() == "text/plain")
    text: bytes = part.get_payload(decode=True)
    return text.decode("utf-8")
