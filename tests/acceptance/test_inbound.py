"""Signed deliveries over HTTP: what they become, and that nothing else gets in."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook

from tests.acceptance.conftest import SAFETY
from tests.acceptance.steps import can_be_bought, cannot_be_bought, sql
from tests.rig import FIVE_CUSTOMERS, Answer, Rig

pytestmark = pytest.mark.asyncio(loop_scope="module")

HELPDESK, OTHER_DESK = "secret-of-the-helpdesk-0001", "secret-of-another-desk-0002"
SHOP_SECRET, LAB, OLD_LAB = "shpss-of-the-shop-0003", "lab-secret-new-0004", "lab-secret-old-0005"
SURVEY = "whsec_" + base64.b64encode(b"survey-secret-of-32-bytes-length").decode()
TIMED = {
    "kind": "hmac", "signature_header": "X-Lab-Signature", "timestamp_header": "X-Lab-Time",
    "prefix": "sha256=", "separator": ":",
}
TICKET_MAP = {"sku": "$.ticket.sku", "when": {"$.ticket.type": ["problem", "incident"]}}
LAB_MAP = {
    "id": "$.id", "sku": "$.sku", "occurred_at": "$.at", "severity": "$.severity",
    "customer": "$.customer",
}
SHOP = {
    "rules": (FIVE_CUSTOMERS, SAFETY),
    "inbound": {
        "helpdesk": {"kind": "zendesk", "secret": HELPDESK, "source": "zendesk", "map": TICKET_MAP},
        "otherdesk": {"kind": "zendesk", "secret": OTHER_DESK, "source": "other",
                      "map": TICKET_MAP},
        "shop": {"kind": "shopify", "secret": SHOP_SECRET, "source": "returns",
                 "map": {"intent": "defect", "customer": "$.email"}},
        "survey": {"kind": "standard", "secret": SURVEY, "source": "survey",
                   "map": {"sku": "$.sku", "occurred_at": "$.at", "text": "$.text"}},
        "lab": {**TIMED, "secret": [LAB, OLD_LAB], "source": "lab", "map": LAB_MAP,
                "may_assert_safety": True},
        "meek": {**TIMED, "secret": "secret-of-the-meek-0006", "source": "meek", "map": LAB_MAP},
    },
}
AT = "2026-11-20T09:30:00Z"
Headers = Mapping[str, str]
Sign = Callable[..., Headers]


def _mac(secret: str, content: bytes) -> bytes:
    return hmac.new(secret.encode(), content, hashlib.sha256).digest()


def _stamp(late: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=late)


def as_zendesk(body: bytes, secret: str = HELPDESK, late: float = 0) -> Headers:
    """Sign as Zendesk does: timestamp and body, base64."""
    at = _stamp(late).strftime("%Y-%m-%dT%H:%M:%SZ")
    mac = base64.b64encode(_mac(secret, at.encode() + body)).decode()
    return {"X-Zendesk-Webhook-Signature": mac, "X-Zendesk-Webhook-Signature-Timestamp": at}


def as_shopify(body: bytes, secret: str = SHOP_SECRET, late: float = 0) -> Headers:
    """Sign as Shopify does: the body alone, base64; the id of the delivery is not signed."""
    mac = base64.b64encode(_mac(secret, body)).decode()
    return {"X-Shopify-Hmac-Sha256": mac, "X-Shopify-Webhook-Id": str(uuid4())}


def as_standard(
    body: bytes, secret: str = SURVEY, late: float = 0, delivery: str | None = None
) -> Headers:
    """Have the library of Standard Webhooks sign."""
    at, name = _stamp(late), delivery or f"msg_{uuid4().hex}"
    return {
        "webhook-id": name, "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(name, at, body.decode("utf-8", "replace")),
    }


def as_lab(body: bytes, secret: str = LAB, late: float = 0) -> Headers:
    """Sign timestamp, colon and body, in hexadecimal digits."""
    at = str(int(_stamp(late).timestamp()))
    mac = _mac(secret, f"{at}:".encode() + body).hex()
    return {"X-Lab-Time": at, "X-Lab-Signature": f"sha256={mac}"}


def ticket(sku: str, number: str | None = None, **more: Any) -> dict[str, Any]:
    """Return what a trigger of Zendesk sends."""
    return {"ticket": {
        "id": number or uuid4().hex, "type": "problem", "priority": "high", "created_at": AT,
        "requester_id": uuid4().hex, "sku": sku, "assignee": {"name": "Ann Agent"},
        "description": "It broke, call +49 30 1234567 or ann@home.example.", **more,
    }}


def refund(sku: str, *lines: str) -> dict[str, Any]:
    """Return a refund of Shopify."""
    number = uuid4().int % 10**12
    return {
        "id": number, "order_id": 450789469, "created_at": AT, "note": "broken",
        "refund_line_items": [
            {"id": number + place, "line_item": {"sku": one, "title": "Kettle"}}
            for place, one in enumerate(lines or (sku,))
        ],
    }


def answer_of(sku: str, **more: Any) -> dict[str, Any]:
    """Return an answer to a survey."""
    return {"sku": sku, "at": AT, "text": "The handle broke.", **more}


def finding(sku: str, **more: Any) -> dict[str, Any]:
    """Return what a laboratory sends."""
    return {"id": uuid4().hex, "sku": sku, "at": AT, "severity": "major", "customer": "c", **more}


SENDERS: Mapping[str, tuple[Sign, Callable[[str], dict[str, Any]], str]] = {
    "helpdesk": (as_zendesk, ticket, "zendesk"),
    "shop": (as_shopify, refund, "returns"),
    "survey": (as_standard, answer_of, "survey"),
    "lab": (as_lab, finding, "lab"),
}
every_sender = pytest.mark.parametrize("name", SENDERS)


async def deliver(
    rig: Rig, name: str, body: Any, headers: Any, **more: Any
) -> Answer:
    """Send a delivery; a body that is no bytes goes as JSON."""
    raw = body if isinstance(body, bytes) else encoded(body)
    sent = [("Content-Type", "application/json"), *dict(headers).items(),
            *more.pop("further", {}).items()]
    return await rig.call("POST", f"/v1/inbound/{name}", data=raw, headers=sent, **more)


def encoded(body: Any) -> bytes:
    """Return JSON in the bytes that are signed."""
    return json.dumps(body, ensure_ascii=False).encode()


async def deliver_signed(rig: Rig, name: str, body: Any, **more: Any) -> Answer:
    """Sign and send."""
    raw = body if isinstance(body, bytes) else encoded(body)
    return await deliver(rig, name, raw, SENDERS[name][0](raw, **more))


async def stored(rig: Rig, sku: str) -> list[Any]:
    """Return the stored signals of a SKU."""
    return list(await sql(
        rig, "SELECT s.*, t.text FROM signals s LEFT JOIN signal_texts t USING (source, id)"
        " WHERE s.sku = $1 ORDER BY s.id", sku,
    ))


def counts(answer: Answer) -> tuple[int, int, int, list[str]]:
    """Return what was accepted, repeated, ignored, and the codes of what was rejected."""
    body = answer.body
    assert 202 == answer.status, body
    return (body["accepted"], body["duplicates"], body["ignored"],
            [one["code"] for one in body["rejected"]])


ONE, AGAIN = (1, 0, 0, []), (0, 1, 0, [])


# ------------------------------------------------------------------------------ what it does


async def test_five_tickets_stop_the_sale(rig: Rig, sku: str):
    """Five customers' tickets from Zendesk cross the rule, and the shop sells no more."""
    for _ in range(4):
        assert ONE == counts(await deliver_signed(rig, "helpdesk", ticket(sku)))
    await can_be_bought(rig, sku)

    assert ONE == counts(await deliver_signed(rig, "helpdesk", ticket(sku)))

    case = await rig.in_state(sku, "frozen")
    assert 5 == case["reason"]["observed"]
    await cannot_be_bought(rig, sku)


@every_sender
async def test_a_delivery_is_a_signal(rig: Rig, sku: str, name: str):
    """Each kind of sender speaks for its own source; what is stored is what the map names."""
    _, make, source = SENDERS[name]
    answer = await deliver_signed(rig, name, make(sku))
    rows = await stored(rig, sku)

    assert ONE == counts(answer)
    assert [source] == [one["source"] for one in rows]
    assert datetime(2026, 11, 20, 9, 30, tzinfo=UTC) == rows[0]["occurred_at"]


async def test_text_is_masked_and_customers_are_hashed(rig: Rig, sku: str):
    """As for signals that come by /v1/signals; unmapped parts of the payload are nowhere."""
    sent = ticket(sku)
    await deliver_signed(rig, "helpdesk", sent)
    row = (await stored(rig, sku))[0]

    assert "It broke" in row["text"]
    assert "ann@home.example" not in row["text"]
    assert "1234567" not in row["text"]
    assert sent["ticket"]["requester_id"] not in str(dict(row))
    assert "Ann Agent" not in str(dict(row))


async def test_each_line_of_a_refund_is_a_return(rig: Rig, take_sku: Callable[[], str]):
    """One delivery, two SKUs, one line that names none: it is reported and kept."""
    first, second = take_sku(), take_sku()
    answer = await deliver_signed(rig, "shop", refund("", first, second, ""))
    kinds = [one["kind"] for sku in (first, second) for one in await stored(rig, sku)]

    assert (2, 0, 0, ["not_mapped"]) == counts(answer)
    assert 2 == answer.body["rejected"][0]["index"]
    assert ["return", "return"] == kinds


async def test_one_safety_signal_is_enough_from_whom_it_is_taken(
    rig: Rig, take_sku: Callable[[], str]
):
    """Only an endpoint that may assert safety stops a sale by one word."""
    trusted, other = take_sku(), take_sku()
    body = encoded(finding(other, severity="safety"))
    await deliver(rig, "meek", body, as_lab(body, "secret-of-the-meek-0006"))
    await deliver_signed(rig, "lab", finding(trusted, severity="safety"))

    await rig.in_state(trusted, "frozen")
    assert "sellable" == await rig.status(other)
    assert 1 == len(await stored(rig, other))


async def test_what_does_not_count_is_ignored(rig: Rig, sku: str):
    """A question is no complaint; nothing of it is kept."""
    answer = await deliver_signed(rig, "helpdesk", ticket(sku, type="question"))

    assert (0, 0, 1, []) == counts(answer)
    assert [] == await stored(rig, sku)


async def test_what_the_map_does_not_fit_is_kept(rig: Rig, sku: str):
    """With the code, why, and what was found, masked; without the rest of the payload."""
    sent = ticket(sku)
    del sent["ticket"]["sku"]
    answer = await deliver_signed(rig, "helpdesk", sent)
    kept = (await rig.call("GET", "/v1/signals/rejected", "quin")).body["items"][0]

    assert (0, 0, 0, ["not_mapped"]) == counts(answer)
    assert "$.ticket.sku finds nothing" in answer.body["rejected"][0]["detail"]
    assert ("not_mapped", "zendesk", 0) == (kept["code"], kept["source"], kept["index"])
    assert sent["ticket"]["id"] in kept["body"]
    assert "Ann Agent" not in kept["body"]
    assert "ann@home.example" not in kept["body"]


@pytest.mark.parametrize(("change", "code"), [
    ({"created_at": "yesterday"}, "invalid_input"),
    ({"created_at": "2999-01-01T00:00:00Z"}, "future_dated"),
    ({"sku": "K" * 201}, "invalid_input"),
    ({"description": "a\0b"}, "nul_character"),
    ({"description": "\ud800"}, "lone_surrogate"),
])
async def test_what_no_signal_may_hold_is_kept_as_rejected(
    rig: Rig, sku: str, change: dict[str, str], code: str
):
    """By the same checks, with the same codes, as a signal that comes by /v1/signals."""
    body = json.dumps(ticket(**{"sku": sku, **change})).encode()
    answer = await deliver_signed(rig, "helpdesk", body)

    assert (0, 0, 0, [code]) == counts(answer)


async def test_a_flaw_in_what_nobody_wants_is_no_fault(rig: Rig, sku: str):
    """Half a character in a part that no field comes from does not cost the complaint."""
    body = json.dumps(ticket(sku, subject="\ud83e cut", other="\0")).encode()

    assert ONE == counts(await deliver_signed(rig, "helpdesk", body))


async def test_a_long_text_is_cut(rig: Rig, sku: str):
    """A helpdesk can't be asked for a shorter one."""
    await deliver_signed(rig, "helpdesk", ticket(sku, description="x" * 30_000))

    assert 20_000 == len((await stored(rig, sku))[0]["text"])


@pytest.mark.parametrize(("body", "code"), [
    (b"", "empty_body"),
    (b"{", "invalid_json"),
    (b'{"ticket": {"id": "\xff"}}', "invalid_utf8"),
    (b'{"a": "\0"}', "nul_character"),
    (b"[" * 100_000 + b"]" * 100_000, "too_deep"),
    (b'{"ticket": ' * 65 + b"1" + b"}" * 65, "too_deep"),
    (b"[" + b"1," * 200_001 + b"1]", "too_complex"),
    (b"[]", "not_mapped"),
    (b"null", "not_mapped"),
    (b'{"ticket": NaN}', "not_mapped"),
    (b'{"ticket": {"type": "problem", "type": "task"}}', "not_mapped"),
    (b"id=5158&sku=K-1", "invalid_json"),
], ids=lambda one: str(one)[:20])
async def test_a_signed_body_that_can_not_be_read_is_kept(rig: Rig, body: bytes, code: str):
    """It does come from the helpdesk, which could only repeat it: 202, and kept by its code."""
    answer = await deliver_signed(rig, "helpdesk", body)
    kept = (await rig.call("GET", "/v1/signals/rejected", "quin")).body["items"][0]

    assert (0, 0, 0, [code]) == counts(answer)
    assert (code, "zendesk") == (kept["code"], kept["source"])


# ------------------------------------------------------------------------------ repetitions


@every_sender
async def test_a_repetition_counts_nothing(rig: Rig, sku: str, name: str):
    """The very same request again, at once: a duplicate."""
    sign, make, _ = SENDERS[name]
    body = encoded(make(sku))
    headers = sign(body)

    assert ONE == counts(await deliver(rig, name, body, headers))
    assert AGAIN == counts(await deliver(rig, name, body, headers))
    assert 1 == len(await stored(rig, sku))


async def test_a_recorded_delivery_of_shopify_counts_nothing(rig: Rig, sku: str):
    """Its signature covers no time and no id: under another delivery id it is a duplicate still."""
    body = encoded(refund(sku))
    answers = [counts(await deliver(rig, "shop", body, as_shopify(body))) for _ in range(3)]

    assert [ONE, AGAIN, AGAIN] == answers


async def test_another_attempt_of_a_delivery_is_a_duplicate(rig: Rig, sku: str):
    """Standard Webhooks signs each attempt anew, under the same id."""
    body = encoded(answer_of(sku))
    answers = [
        counts(await deliver(rig, "survey", body, as_standard(body, delivery="msg_1", late=late)))
        for late in (0, 120)
    ]
    again = await deliver(rig, "survey", body, as_standard(body, delivery="msg_2"))

    assert [ONE, AGAIN] == answers
    assert ONE == counts(again)


async def test_a_ticket_that_has_changed_counts_once(rig: Rig, sku: str):
    """The first version counts; the later one is reported and kept."""
    await deliver_signed(rig, "helpdesk", ticket(sku, "4711"))
    answer = await deliver_signed(rig, "helpdesk", ticket(sku, "4711", priority="urgent"))

    assert (0, 0, 0, ["id_conflict"]) == counts(answer)
    assert 1 == len(await stored(rig, sku))


# ------------------------------------------------------------------------------ who gets in


def refused(answer: Answer) -> str:
    """Return the code of a 401 that is as it should be."""
    assert 401 == answer.status, answer.body
    assert "application/problem+json" == answer.headers["Content-Type"]
    assert 'Signature realm="freezeguard"' == answer.headers["WWW-Authenticate"]
    assert not any(one in str(answer.body) for one in (HELPDESK, SHOP_SECRET, LAB, SURVEY))
    return str(answer.body["code"])


@every_sender
async def test_without_its_signature_nothing_goes(rig: Rig, sku: str, name: str):
    """Nor with a machine key that may send signals: the signature is the only way in."""
    sign, make, _ = SENDERS[name]
    body = encoded(make(sku))
    headers = {key: value for key, value in sign(body).items() if "id" not in key.lower()}
    for missing in headers:
        rest = {key: value for key, value in sign(body).items() if key != missing}
        assert "signature_missing" == refused(await deliver(rig, name, body, rest, who=None))
    by_key = await rig.call("POST", f"/v1/inbound/{name}", "source", json=make(sku))

    assert "signature_missing" == refused(by_key)
    assert [] == await stored(rig, sku)


@every_sender
async def test_a_changed_body_is_refused(rig: Rig, sku: str, name: str):
    """One byte more, one less, another one: the signature is of other bytes."""
    sign, make, _ = SENDERS[name]
    body = encoded(make(sku))
    marked = b"\xef\xbb\xbf" + body
    for other in (body + b" ", body[:-1], body.replace(b"2026", b"2025"), b"", marked):
        assert "signature_invalid" == refused(await deliver(rig, name, other, sign(body)))
    assert [] == await stored(rig, sku)


@every_sender
async def test_a_swapped_signature_is_refused(rig: Rig, sku: str, name: str):
    """One of another body, of another endpoint's secret, or under another endpoint's address."""
    sign, make, _ = SENDERS[name]
    body = encoded(make(sku))
    foreign = SURVEY[:-4] + "AAA=" if name == "survey" else OTHER_DESK
    codes = [
        refused(await deliver(rig, name, body, sign(encoded(make(sku + "x"))))),
        refused(await deliver(rig, name, body, sign(body, foreign))),
    ]
    if name == "helpdesk":
        codes.append(refused(await deliver(rig, "otherdesk", body, sign(body))))

    assert {"signature_invalid"} == set(codes)
    assert [] == await stored(rig, sku)


@pytest.mark.parametrize("name", ["helpdesk", "survey", "lab"])
@pytest.mark.parametrize("late", [290, 320, 8 * 86_400, -290, -320])
async def test_the_signed_moment_is_near(rig: Rig, sku: str, name: str, late: float):
    """Up to 300 s before or after; beyond that the clock is named, rightly signed or not."""
    sign, make, _ = SENDERS[name]
    body = encoded(make(sku))
    answer = await deliver(rig, name, body, sign(body, late=late))

    if abs(late) < 300:
        assert ONE == counts(answer)
    else:
        assert "signature_late" == refused(answer)
        assert "this server's clock" in answer.body["detail"]


async def test_headers_that_stand_twice_are_refused(rig: Rig, sku: str):
    """A good one beside a bad one is no proof of which the sender meant."""
    body = encoded(ticket(sku))
    good = as_zendesk(body)
    for name, value in good.items():
        raw = [*good.items(), (name, value), ("Content-Type", "application/json")]
        async with rig.session.post(
            f"{rig.url}/v1/inbound/helpdesk", data=body, headers=raw
        ) as twice:
            assert (401, "signature_invalid") == (
                twice.status, (await twice.json(content_type=None))["code"],
            )


async def test_two_secrets_overlap(rig: Rig, take_sku: Callable[[], str]):
    """While a secret is changed both are good."""
    for secret in (LAB, OLD_LAB):
        answer = await deliver_signed(rig, "lab", finding(take_sku()), secret=secret)
        assert ONE == counts(answer)


async def test_an_unknown_endpoint_is_not_found(rig: Rig):
    """404, before anything is read."""
    answer = await deliver(rig, "nobody", b"{}", as_zendesk(b"{}"))

    assert (404, "not_found") == (answer.status, answer.body["code"])


@pytest.mark.parametrize(("headers", "size", "status", "code"), [
    ({"Content-Type": "text/xml"}, 2, 415, "unsupported_media_type"),
    ({"Content-Type": "application/json; charset=latin-1"}, 2, 415, "unsupported_charset"),
    ({"Content-Encoding": "gzip"}, 2, 415, "unsupported_encoding"),
    ({}, 5 * 1024 * 1024 + 1, 413, "too_large"),
])
async def test_limits_hold_before_the_signature(
    rig: Rig, headers: dict[str, str], size: int, status: int, code: str
):
    """Nothing is unpacked, and no more is read, for somebody who has proven nothing."""
    body = b"x" * size
    sent = {"Content-Type": "application/json", **as_zendesk(body), **headers}
    answer = await rig.call("POST", "/v1/inbound/helpdesk", data=BytesIO(body), headers=sent)

    assert (status, code) == (answer.status, answer.body["code"])


async def test_other_methods_are_unknown(rig: Rig):
    """There is nothing to read at the address."""
    assert 405 == (await rig.call("GET", "/v1/inbound/helpdesk")).status


BODIES = st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["ticket", "id", "sku", "type", "created_at", "priority", "severity",
                         "refund_line_items", "line_item", "at", "text"]) | st.text(max_size=3),
        inner, max_size=4,
    ),
    max_leaves=12,
).map(lambda tree: json.dumps(tree).encode())


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=BODIES, name=st.sampled_from(["helpdesk", "shop", "lab"]))
async def test_whatever_is_signed_is_answered(rig: Rig, body: bytes, name: str):
    """Every signed body, JSON or not, is answered 202 and accounted for; nothing is a fault."""
    answer = await deliver_signed(rig, name, body)

    accepted, duplicates, ignored, codes = counts(answer)
    assert accepted + duplicates + ignored + len(codes) >= 1


HEADER_TEXT = st.text(
    st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=80
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(signature=HEADER_TEXT, moment=HEADER_TEXT, name=st.sampled_from(sorted(SENDERS)))
async def test_whatever_claims_to_be_signed_is_refused(
    rig: Rig, signature: str, moment: str, name: str
):
    """Any text in the place of signature, moment and id: 401, never anything else."""
    headers = {
        key: signature if ("ignature" in key and "Time" not in key) or "Hmac" in key else moment
        for key in SENDERS[name][0](b"{}")
    }

    assert refused(await deliver(rig, name, b"{}", headers)).startswith("signature_")


async def test_refusals_are_logged_without_secrets(
    rig: Rig, sku: str, capsys: pytest.CaptureFixture[str]
):
    """An operator sees that deliveries are refused, and of which endpoint."""
    body = encoded(ticket(sku))
    await deliver(rig, "helpdesk", body, as_zendesk(body, OTHER_DESK))
    logged = "".join(capsys.readouterr())

    assert "delivery_refused" in logged
    assert HELPDESK not in logged
    assert OTHER_DESK not in logged
