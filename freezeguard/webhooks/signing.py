"""Signatures of Standard Webhooks 1.0: `v1` (HMAC-SHA256) and `v1a` (ed25519)."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import TYPE_CHECKING

from freezeguard.ports.webhooks import Scheme

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SECRET_BYTES = 32
"""Of an HMAC secret (the standard asks for 24 to 64) and of an ed25519 seed (RFC 8032)."""


def published(scheme: Scheme, secret: bytes) -> str:
    """Return what a receiver needs to verify: `whsec_…`, which is secret, or `whpk_…`."""
    if scheme == "v1":
        return "whsec_" + _text(secret)
    return "whpk_" + _text(_key(secret).public_key().public_bytes_raw())


def signature(
    scheme: Scheme, secrets: Sequence[bytes], webhook_id: str, timestamp: int, body: bytes
) -> str:
    """Return the header `webhook-signature`: one signature per secret, the newest first.

    Signed is `id.timestamp.body`, with the timestamp of this attempt in whole seconds.
    """
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return " ".join(f"{scheme},{_text(_sign(scheme, one, signed))}" for one in secrets)


def _sign(scheme: Scheme, secret: bytes, signed: bytes) -> bytes:
    if scheme == "v1":
        return hmac.digest(secret, signed, hashlib.sha256)
    return _key(secret).sign(signed)


def _key(secret: bytes) -> "Ed25519PrivateKey":
    # 8 MB of a replica that few shops have a use for: most receivers take the shared secret.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(secret)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
