"""Masking of personal data in what customers write. Pure, and linear in the length of the text.

What is found is replaced by `[email]`, `[phone]`, `[card]`, `[iban]` or `[address]`; what names the
complaint's own customer and order by `[customer]` and `[order]`. Every pattern
starts at a word and uses bounded or possessive repetition, so no text makes it slow. Order numbers,
lots, dates, amounts and measurements stay as far as they can be told apart: a number without any
hint is only taken for a telephone number where its shape says so.

Names are not masked: they can't be told from products without a dictionary.
"""

import re
from unicodedata import normalize

from freezeguard.domain.masked_addresses import mask_addresses
from freezeguard.domain.masked_numbers import mask_ibans, mask_numbers
from freezeguard.domain.spelling import folded, is_telling, without_word

_PASSES = 4
"""A replacement may uncover a neighbour (a number loses the unit behind it); two passes settle
nearly everything, and the limit keeps the time linear."""

_LOCAL = r"\w.!#$%&*+/=?^`{|}~'’-"
_AT = r"(?:at|ät|arroba|arobase|chiocciola|apenstaartje)"
_DOT = r"(?:dot|punkt|point|punto|punt)"
_DOMAIN = rf"[\w-]++(?:(?:\.|\s?[(\[{{<]\s?{_DOT}\s?[)\]}}>]\s?)[\w-]++)*+"
_BESIDE_SIGNS = bytes(set(range(256)) - set(b"0123456789@([{<"))
_WORTH_A_LOOK = re.compile(rf"[\d@＠﹫]|[(\[{{<]\s?{_AT}\s?[)\]}}>]|\s{_DOT}\s", re.IGNORECASE)
_EMAIL = re.compile(
    rf"(?P<local>(?<![{_LOCAL}])[{_LOCAL}]++|\"[^\"\n]{{1,64}}\")"
    rf"(?P<at>[ \t]{{0,2}}[@＠﹫][ \t]{{0,2}}"
    rf"|\s{{0,2}}[(\[{{<]\s?{_AT}\s?[)\]}}>]\s{{0,2}})"
    rf"(?P<domain>{_DOMAIN}|\[[0-9A-Fa-fIPv.:]{{3,50}}\])",
    re.IGNORECASE,
)
_SPELLED_EMAIL = re.compile(
    rf"(?<![{_LOCAL}])[{_LOCAL}]++[ ]{{1,2}}{_AT}[ ]{{1,2}}[\w-]++"
    rf"(?:[ ]{{1,2}}{_DOT}[ ]{{1,2}}[a-z]++)++",
    re.IGNORECASE,
)
_TOP_LEVEL = frozenset(
    [
        *("com", "net", "org", "edu", "info", "biz", "eu", "io", "me", "co", "shop", "online"),
        *("de", "at", "ch", "li", "fr", "be", "lu", "es", "it", "nl", "uk", "ie", "us", "ca", "au"),
        *("pl", "cz", "dk", "se", "no", "fi", "pt", "mx", "ar", "cl", "gr", "hu", "ro", "tr", "br"),
    ]
)


def mask(text: str) -> str:
    """Return `text` with e-mail, telephone, card and account numbers and addresses replaced.

    Masking twice changes nothing more; the result is never longer than four times the text.
    """
    if not _is_worth_a_look(text):
        return text
    text = normalize("NFC", text)  # an accent that stands by itself would end a word
    for _ in range(_PASSES):
        masked = mask_addresses(mask_numbers(mask_ibans(_mask_emails(text))))
        if masked == text:
            return text
        text = masked
    return text


def mask_own(text: str, customer: str | None, order: str | None) -> str:
    """Return a text in which a complaint's own customer and order are `[customer]` and `[order]`.

    In whatever letter case and Unicode form, as words of their own. Not looked for is what stands
    in texts of every kind: references of fewer than four characters, and orders without a digit
    ("none", "see below").
    """
    plain = folded(text)
    for name, mark in ((customer, "[customer]"), (order, "[order]")):
        if name is None or not is_telling(name) or folded(name) not in plain:
            continue
        if mark == "[customer]" or _DIGIT.search(name):
            text = without_word(text, name, mark)
    return text


_DIGIT = re.compile(r"\d")


def _is_worth_a_look(text: str) -> bool:
    """Say whether anything can be found at all; most complaints hold not even a digit.

    In plain ASCII that is decided by signs, and by what every word for a dot holds.
    """
    if text.isascii():
        if text.encode().translate(None, _BESIDE_SIGNS):
            return True
        lower = text.lower()
        return "dot" in lower or "unkt" in lower or "oint" in lower or "unt" in lower
    return _WORTH_A_LOOK.search(text) is not None


def _mask_emails(text: str) -> str:
    if _AT_SIGN.search(text):
        text = _EMAIL.sub(_email, text)
    return _SPELLED_EMAIL.sub("[email]", text) if _SPELLED_DOT.search(text) else text


_AT_SIGN = re.compile(rf"[@＠﹫]|[(\[{{<]\s?{_AT}\s?[)\]}}>]", re.IGNORECASE)
_SPELLED_DOT = re.compile(rf"\s{_DOT}\s", re.IGNORECASE)


def _email(match: re.Match[str]) -> str:
    local, at, domain = match["local"], match["at"], match["domain"]
    return "[email]" if _is_email(local, at, domain) else match[0]


def _is_email(local: str, at: str, domain: str) -> bool:
    """Tell "jo@shop.example" from "2 pcs @ 9.99 EUR"."""
    if domain.startswith("["):
        return True
    *rest, last = domain.lower().rsplit(".", maxsplit=1)
    if any(sign in at for sign in "([{<"):
        return True
    if at != at.strip(" \t"):
        return bool(rest) and last in _TOP_LEVEL
    if rest:
        return last.startswith("xn--") or (last.strip("_-").isalpha() and len(last) > 1)
    # No dot at all, as in "root@localhost": letters on both sides.
    return any(map(str.isalpha, local)) and last.isalpha() and len(last) > 1
