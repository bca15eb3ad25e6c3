"""Tips: a shop says by itself what has changed; it is looked at soon, and never believed."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from freezeguard.catalogues.configuration import CatalogueConfigurationError
from freezeguard.catalogues.tips import scheme_in
from freezeguard.domain.tips import MOST_NAMES, names_in
from freezeguard.sampleshop.client import running_shop, sample_configuration
from freezeguard.storage.embedded import EmbeddedServer
from tests.acceptance.conftest import fresh_database
from tests.acceptance.steps import can_be_bought, cannot_be_bought, sql
from tests.rig import Answer, Rig, register_skus, service_for, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET, OLD, OTHER = "of-the-far-side-0001", "of-the-far-side-0000", "of-somebody-else-0002"
AWAY = "http://127.0.0.1:9"
TABLES: dict[str, dict[str, Any]] = {
    "woo": {"kind": "woocommerce", "base_url": AWAY, "consumer_key": "ck_1",
            "consumer_secret": "cs_2"},
    "saleor": {"kind": "saleor", "base_url": AWAY, "token": "t"},
    "shopify": {"kind": "shopify", "base_url": AWAY, "token": "t"},
    "medusa": {"kind": "medusa", "base_url": AWAY, "secret_key": "sk_1",
               "publishable_key": "pk_2"},
}
"""Nobody answers there; no SKU of this module is sold there."""
CALM = {"verify_every": 600.0, "look_over_every": 600.0, "relist_every": 600.0}


def _base64(body: bytes, secret: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()


def _hex(body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


SENDERS: dict[str, tuple[str, Callable[[bytes, str], str], Any, str]] = {
    "shopify": ("X-Shopify-Hmac-Sha256", _base64, {
        "id": 788032119674292922,
        "variants": [{"id": 8, "admin_graphql_api_id": "gid://shopify/ProductVariant/8"}],
    }, "gid://shopify/ProductVariant/8"),
    "woo": ("X-WC-Webhook-Signature", _base64, {"id": 17, "variations": [31, 32]}, "17/32"),
    "saleor": ("Saleor-Signature", _hex, [{"id": "UHJvZHVjdFZhcmlhbnQ6MQ==", "sku": "X"}],
               "UHJvZHVjdFZhcmlhbnQ6MQ=="),
    "medusa": ("Freezeguard-Signature", lambda *one: "sha256=" + _hex(*one),
               {"id": "variant_01"}, "prod_01/variant_01"),
}
"""How each signs, what it says, and the remote id of the object that it is about."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(postgres: EmbeddedServer, place: Path) -> AsyncIterator[Rig]:
    """A sample shop that gives tips, and tables of the systems that do."""
    async with fresh_database(postgres) as dsns, running_shop(seed=3) as shop:
        mine = sample_configuration(shop.url, shop.admin_token)
        elsewhere = {name: {**one, "scope": {"country": "FR"}} for name, one in TABLES.items()}
        tables = {
            name: {**one, "tip_secret": [SECRET, OLD]}
            for name, one in {"shop": {**mine, "scope": {"country": "DE"}}, **elsewhere}.items()
        }
        tables["silent"] = elsewhere["woo"]
        async with service_for(dsns, place, tables, pace=CALM) as running:
            running.shop = shop
            yield running


async def tip(
    rig: Rig, name: str, body: Any, *, secret: str = SECRET, signed: Any = None, **more: Any
) -> Answer:
    """Send a tip of a catalogue as its system does; signed over `signed` where that is another."""
    header, sign, _, _ = SENDERS[name if name in SENDERS else "medusa"]
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", header: sign(signed or raw, secret), **more}
    return await rig.call("POST", f"/v1/tips/{name}", data=raw, headers=headers)


async def _its_turn_is_far_off(rig: Rig, sku: str) -> None:
    """Have a stopped object that nobody works on read back in an hour, if nothing comes between."""
    async def done() -> Any:
        return await sql(
            rig, "UPDATE catalogue_objects SET next_at = now() + interval '1 hour',"
            " sent_at = now() - interval '1 day', seen_at = now() - interval '1 day'"
            " WHERE sku = $1 AND status = 'confirmed' AND lease_until IS NULL RETURNING 1", sku)

    await until(done, "nobody works on it")


async def test_what_is_put_back_on_sale_is_stopped_within_seconds(rig: Rig):
    """Its turn to be read back is an hour away; the tip brings that forward, and no more."""
    sku = "SKU-000001"
    await register_skus(rig, (sku,))
    answer = await rig.call("POST", "/v1/freezes", "mara", json={
        "scope": {"sku": sku, "country": "DE"}, "reason_code": "defective", "comment": "Hot."})
    assert 201 == answer.status
    await rig.in_state(sku, "frozen")
    await _its_turn_is_far_off(rig, sku)
    [product] = await rig.shop.products(sku)
    told = {"product": {"id": product["id"], "published": True}}

    answer = await tip(rig, "shop", told)  # untrue as yet: it is looked at, and nothing comes of it
    assert (202, {"looked_at": 1}) == (answer.status, answer.body)

    async def seen() -> Any:
        return await sql(rig, "SELECT 1 FROM catalogue_objects WHERE sku = $1"
                              " AND seen_at > now() - interval '1 hour'", sku)

    await until(seen, "it is looked at")
    await cannot_be_bought(rig, sku)
    await _its_turn_is_far_off(rig, sku)
    await rig.shop.change(product["id"], {"published": True, "sale_stop": False})
    await can_be_bought(rig, sku)

    assert 1 == (await tip(rig, "shop", told)).body["looked_at"]

    async def stopped() -> bool:
        return not (await rig.shop.buy(sku)).ok

    await until(stopped, "stopped again", seconds=5)
    [case] = await rig.cases(sku)

    async def told_so() -> bool:
        told = await rig.read(f"/v1/cases/{case['id']}/timeline", "owen")
        return "drifted" in [one.get("command") for one in told["items"]]

    await until(told_so, "the case says so")


@pytest.mark.parametrize("name", SENDERS)
async def test_each_system_signs_in_its_own_way(rig: Rig, name: str):
    """The old secret still counts; what another one made, or over another body, does not."""
    _, _, body, remote_id = SENDERS[name]
    sku = f"OF-{name}"
    await sql(rig, "INSERT INTO catalogue_objects (sku, catalogue, remote_id, wanted, status,"
                   " next_at, seen_at) VALUES ($1, $2, $3, 'hard', 'confirmed',"
                   " now() + interval '2 hours', now() + interval '1 hour')", sku, name, remote_id)

    assert ["signature_invalid", "signature_invalid", "signature_missing"] == [
        (await answer).body["code"] for answer in (
            tip(rig, name, body, secret=OTHER),
            tip(rig, name, body, signed=b'{"id": 1}'),
            rig.call("POST", f"/v1/tips/{name}", json=body),
        )
    ]
    for secret in (SECRET, OLD):
        answer = await tip(rig, name, body, secret=secret)
        assert (202, {"looked_at": 1}) == (answer.status, answer.body)
    [row] = await sql(rig, "DELETE FROM catalogue_objects WHERE sku = $1 RETURNING"
                           " next_at = seen_at + interval '1 second' AS is_spared", sku)
    assert row["is_spared"], "what was seen a moment ago is not asked for all the time"


async def test_who_takes_no_tips_has_no_address(rig: Rig):
    """Off unless a secret is set; names that no catalogue has are not told apart."""
    for name in ("silent", "nowhere"):
        assert 404 == (await tip(rig, name, {"id": 1})).status


@pytest.mark.parametrize("body", [b"", b"no json", b"\xff", b"[" * 5000, b'{"id": true}', b"3"])
async def test_a_signed_body_that_names_nothing_is_taken(rig: Rig, body: bytes):
    """To send it again would change nothing, so nobody is asked to."""
    answer = await tip(rig, "shop", body)
    assert (202, {"looked_at": 0}) == (answer.status, answer.body)


async def test_a_body_has_a_limit(rig: Rig):
    """Refused for its size alone, before anything of it is looked at."""
    headers = {"Content-Type": "application/json", "Freezeguard-Signature": "sha256=00"}
    answer = await rig.call("POST", "/v1/tips/shop", data=BytesIO(b" " * (5 << 20) + b"{}"),
                            headers=headers)
    assert 413 == answer.status


async def test_names_are_taken_wherever_they_stand():
    """Of too many the first; numbers count, flags, prices and long texts do not."""
    told = {"id": 3, "price": 12, "paid": True, "items": [{"sku": "A/B"}, {"variant_id": "v"}],
            "variations": [4, 5], "title": "Kettle", "x_ids": ["k" * 201]}
    assert {"3", "A/B", "A%2FB", "v", "4", "5"} == set(names_in(told))
    assert MOST_NAMES == len(names_in([{"id": number} for number in range(9_999)]))


@pytest.mark.parametrize("secret", ["short", "", 7, [], ["a" * 20] * 3, "{env:NOT_SET_ANYWHERE}"])
async def test_a_secret_that_is_none_is_refused(secret: Any):
    """By the name of its key, and without its value."""
    with pytest.raises(CatalogueConfigurationError, match=r"catalogues\.shop\.tip_secret") as told:
        scheme_in("shop", {"kind": "woocommerce", "tip_secret": secret})
    assert "short" not in str(told.value)
