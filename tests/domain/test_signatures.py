"""Signatures of inbound deliveries: what is proven, and what is not."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezeguard.domain.signatures import (
    Header,
    Scheme,
    SignatureInvalid,
    SignatureLate,
    SignatureMissing,
    SignatureRefused,
)

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
SECRET, OLD, FOREIGN = b"a-secret-of-some-length", b"the-one-before-this-one", b"of-another-address"
BODY = b'{"ticket": {"id": "5158"}}'
TIMED = Scheme((SECRET,), "X-Signature", timestamp="X-Time")
BARE = Scheme((SECRET,), "X-Signature", encoding="base64")
SCHEMES = {
    "timed": TIMED,
    "bare": BARE,
    "with prefix": replace(TIMED, prefix="sha256=", separator=":"),
    "with id": replace(TIMED, delivery="X-Id", encoding="base64"),
    "list": replace(TIMED, prefix="v1,", is_list=True, encoding="base64"),
    "sha512": replace(TIMED, digest="sha512"),
    "two secrets": replace(TIMED, secrets=(SECRET, OLD)),
}


def signed(
    scheme: Scheme, body: bytes = BODY, secret: bytes = SECRET, at: str = "1795253400",
    delivery: str = "d-1",
) -> dict[str, list[str]]:
    """Sign as a sender would, written anew from the description of the scheme."""
    parts = []
    headers = {}
    if scheme.delivery:
        parts.append(delivery.encode())
        headers[scheme.delivery] = [delivery]
    if scheme.timestamp:
        parts.append(at.encode())
        headers[scheme.timestamp] = [at]
    content = scheme.separator.encode().join([*parts, body])
    mac = hmac.new(secret, content, getattr(hashlib, scheme.digest)).digest()
    text = mac.hex() if scheme.encoding == "hex" else base64.b64encode(mac).decode()
    return {**headers, scheme.signature: [scheme.prefix + text]}


def of(headers: Mapping[str, list[str]]) -> Header:
    """Return headers as a scheme asks for them."""
    return lambda name: headers.get(name, [])


def check(scheme: Scheme, headers: Mapping[str, list[str]], body: bytes = BODY) -> None:
    """Check a delivery whole."""
    scheme.claim(of(headers), NOW).check(body)


def code_of(scheme: Scheme, headers: Mapping[str, list[str]], body: bytes = BODY) -> str:
    """Return the code of the refusal."""
    with pytest.raises(SignatureRefused) as refused:
        check(scheme, headers, body)
    return refused.value.code


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_what_is_signed_is_taken(scheme: Scheme):
    """A good signature passes, whatever the scheme."""
    check(scheme, signed(scheme))


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
@given(other=st.binary(max_size=60).filter(lambda one: one != BODY))
def test_another_body_is_refused(scheme: Scheme, other: bytes):
    """A signature is good for the bytes that were signed and no others."""
    with pytest.raises(SignatureInvalid):
        check(scheme, signed(scheme), other)


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
@pytest.mark.parametrize("secret", [FOREIGN, b"", SECRET[:-1]])
def test_another_secret_is_refused(scheme: Scheme, secret: bytes):
    """What another endpoint's secret has signed is not good here."""
    assert "signature_invalid" == code_of(scheme, signed(scheme, secret=secret))


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
def test_every_header_of_a_signature_is_needed_once(scheme: Scheme):
    """Without one it is missing; with two of one name nobody can say which counts."""
    headers = signed(scheme)
    for name in headers:
        without = {key: value for key, value in headers.items() if key != name}
        assert "signature_missing" == code_of(scheme, without)
        assert "signature_missing" == code_of(scheme, {**headers, name: [""]})
        assert "signature_invalid" == code_of(scheme, {**headers, name: headers[name] * 2})


@pytest.mark.parametrize("seconds", [-300, -1, 0, 1, 300])
@pytest.mark.parametrize("form", ["seconds", "milliseconds", "rfc 3339"])
def test_a_signed_moment_may_lie_300_seconds_off(seconds: int, form: str):
    """Before or after, in whichever form it is written."""
    moment = NOW + timedelta(seconds=seconds)
    unix = int(moment.timestamp())
    at = {"seconds": str(unix), "milliseconds": f"{unix}000",
          "rfc 3339": moment.strftime("%Y-%m-%dT%H:%M:%SZ")}[form]

    check(TIMED, signed(TIMED, at=at))


@pytest.mark.parametrize(("seconds", "words"), [
    (-301, "301 s behind"), (301, "301 s ahead of"), (-86_400 * 8, "behind"),
])
def test_beyond_that_the_clock_is_named(seconds: int, words: str):
    """Late and early are both told as what they are, with the distance and our time."""
    at = str(int((NOW + timedelta(seconds=seconds)).timestamp()))
    with pytest.raises(SignatureLate, match=words) as late:
        check(TIMED, signed(TIMED, at=at))

    assert "2026-11-21T09:30:00Z" in late.value.detail


@pytest.mark.parametrize("at", [
    "yesterday", "2026-11-21T09:30:00", "1795253400.0", " 1795253400", "-5", "٣", "1" * 16,
    "1" * 40, "2026-11-21T09:30:00+99:99", "0001-01-01T00:00:00+14:00", "\udcff",
])
def test_a_moment_that_is_none_is_refused(at: str):
    """A moment that can't be read, or lies nowhere near, opens nothing, and breaks nothing."""
    headers = {**signed(TIMED), "X-Time": [at]}

    assert code_of(TIMED, headers) in {"signature_invalid", "signature_late"}


def test_the_moment_belongs_to_what_is_signed():
    """An old signature under a fresh moment is refused."""
    old = signed(TIMED, at=str(int((NOW - timedelta(hours=2)).timestamp())))

    assert "signature_invalid" == code_of(TIMED, {**old, "X-Time": ["1795253400"]})


def test_the_id_belongs_to_what_is_signed():
    """Where the id is signed, a delivery can't be sent again under another one."""
    scheme = SCHEMES["with id"]

    assert "signature_invalid" == code_of(scheme, {**signed(scheme), "X-Id": ["d-2"]})


def test_two_secrets_overlap_while_they_are_changed():
    """Both are good while both are configured, and the old one no longer afterwards."""
    both = SCHEMES["two secrets"]
    check(both, signed(both))
    check(both, signed(both, secret=OLD))

    assert "signature_invalid" == code_of(TIMED, signed(TIMED, secret=OLD))


def test_one_good_signature_of_a_list_is_enough():
    """Others may be of another version, another secret, or nonsense."""
    scheme = SCHEMES["list"]
    good = signed(scheme)["X-Signature"][0]
    headers = {**signed(scheme), "X-Signature": [f"v1a,xyz v1,AAAA= {good} v2,abc"]}
    check(scheme, headers)

    for alone in ("v1a," + good[3:], good[3:], "v1,", "", " ", good.replace("v1", "V1")):
        assert code_of(scheme, {**headers, "X-Signature": [alone]}) in {
            "signature_invalid", "signature_missing",
        }


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=SCHEMES)
@given(text=st.text(max_size=200))
def test_whatever_stands_in_the_header_is_refused(scheme: Scheme, text: str):
    """No text in the place of a signature opens anything, or raises anything else."""
    with pytest.raises((SignatureInvalid, SignatureMissing)):
        check(scheme, {**signed(scheme), "X-Signature": [text]})


def test_a_signature_that_is_cut_is_refused():
    """A prefix of the right one is not the right one."""
    whole = signed(TIMED)["X-Signature"][0]
    for length in (2, 32, 62, 63):
        assert "signature_invalid" == code_of(
            TIMED, {**signed(TIMED), "X-Signature": [whole[:length]]}
        )


def test_refusals_do_not_tell_parts_apart():
    """Wrong secret, wrong body, wrong form: the same words, and no secret in any."""
    refused = []
    for headers, body in (
        (signed(TIMED, secret=FOREIGN), BODY), (signed(TIMED), BODY + b" "),
        ({**signed(TIMED), "X-Signature": ["zz"]}, BODY),
        ({**signed(TIMED), "X-Time": ["?"]}, BODY),
    ):
        with pytest.raises(SignatureInvalid) as one:
            check(TIMED, headers, body)
        refused.append(one.value.detail)

    assert 1 == len(set(refused))
    assert SECRET.decode() not in repr(TIMED)
    assert SECRET.decode() not in repr(TIMED.claim(of(signed(TIMED)), NOW))
