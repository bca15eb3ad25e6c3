"""Signatures are those of Standard Webhooks: others' libraries verify them."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from freezeguard.webhooks.signing import published, signature
from tests.webhooks.farm import NOW, endpoint_at

ID, BODY = "msg_1", b'{"type":"case.released"}'
OLD, NEW = b"o" * 32, b"n" * 32
SECRETS = st.binary(min_size=32, max_size=32)


def verify_ed25519(public: str, header: str, webhook_id: str, timestamp: int, body: bytes) -> None:
    """Verify one of the signatures of a header by a published key. Raises InvalidSignature."""
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public.removeprefix("whpk_")))
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    for one in header.split():
        scheme, _, text = one.partition(",")
        assert scheme == "v1a"
        try:
            return key.verify(base64.b64decode(text), signed)
        except InvalidSignature:
            continue
    raise InvalidSignature


def verify_hmac(secret: str, header: str, webhook_id: str, timestamp: int, body: bytes) -> None:
    """Verify by the library that receivers have. Raises WebhookVerificationError."""
    Webhook(secret).verify(body, {
        "webhook-id": webhook_id, "webhook-timestamp": str(timestamp),
        "webhook-signature": header,
    })  # fmt: skip


@given(SECRETS, st.text(min_size=1, max_size=50))
def test_the_library_of_receivers_verifies_hmac(secret: bytes, text: str) -> None:
    """Whatever is said and whatever the secret: the `whsec_` that we show verifies it."""
    body, now = json.dumps({"text": text}).encode(), int(datetime.now(UTC).timestamp())

    verify_hmac(published("v1", secret), signature("v1", [secret], ID, now, body), ID, now, body)


@given(SECRETS, st.binary(max_size=50))
def test_the_public_key_verifies_ed25519(secret: bytes, body: bytes) -> None:
    """The `whpk_` that we show verifies; it is not the secret."""
    public = published("v1a", secret)

    verify_ed25519(public, signature("v1a", [secret], ID, 7, body), ID, 7, body)
    assert base64.b64encode(secret).decode() not in public


@pytest.mark.parametrize("changed", ["id", "time", "body"])
def test_what_was_changed_does_not_verify(changed: str) -> None:
    """Id, time and body are all signed."""
    now = int(datetime.now(UTC).timestamp())
    sent = ("x" if changed == "id" else ID, now + (changed == "time"),
            b"{}" if changed == "body" else BODY)  # fmt: skip

    with pytest.raises(WebhookVerificationError):
        verify_hmac(published("v1", OLD), signature("v1", [OLD], ID, now, BODY), *sent)
    with pytest.raises(InvalidSignature):
        verify_ed25519(published("v1a", OLD), signature("v1a", [OLD], ID, now, BODY), *sent)


def test_while_keys_change_both_verify() -> None:
    """Whoever has the old key and whoever has the new one verifies; a third does not."""
    now = int(datetime.now(UTC).timestamp())
    both, both_a = (signature(scheme, [NEW, OLD], ID, now, BODY) for scheme in ("v1", "v1a"))

    for known in (OLD, NEW):
        verify_hmac(published("v1", known), both, ID, now, BODY)
        verify_ed25519(published("v1a", known), both_a, ID, now, BODY)
    with pytest.raises(WebhookVerificationError):
        verify_hmac(published("v1", b"x" * 32), both, ID, now, BODY)
    with pytest.raises(InvalidSignature):
        verify_ed25519(published("v1a", b"x" * 32), both_a, ID, now, BODY)


def test_the_old_key_signs_until_it_ends() -> None:
    """At the end of the overlap only the new key signs."""
    rotated = endpoint_at(
        "https://x.example", secret=NEW, previous_secret=OLD,
        previous_until=NOW + timedelta(hours=24),
    )

    assert [NEW, OLD] == rotated.secrets(NOW + timedelta(hours=23, minutes=59))
    assert [NEW] == rotated.secrets(NOW + timedelta(hours=24))
