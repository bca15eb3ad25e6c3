"""Which digits in a text are a payment card, a bank account or a telephone number."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_BETWEEN = r"[\s.,\-‐‑–—/()·•*_:|\u00ad\u200b-\u200f\u2060\ufeff]"
_RUN = re.compile(rf"\d(?:{_BETWEEN}{{0,3}}\d)*+")
_DIGITS = re.compile(r"\d+")
_CARD = re.compile(
    r"4\d{12}(?:\d{3}){0,2}"  # Visa
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|3(?:0[0-59]|[689]\d)\d{11}(?:\d\d)?"  # Diners Club
    r"|35(?:2[89]|[3-8]\d)\d{12,15}"  # JCB
    r"|6(?:011|[245]\d\d|0\d\d)\d{12,15}"  # Discover, UnionPay, RuPay
    r"|(?:50|5[6-9]|6[37])\d{11,17}"  # Maestro
    r"|220[0-4]\d{12,15}|8[12]\d{14}|9792\d{12}|1\d{14}"  # Mir, RuPay, Troy, UATP
)
_SHORTEST_CARD, _LONGEST_CARD = 13, 19
_COMMON_CARD = re.compile(r"(?:4\d{15}|5[1-5]\d{14}|3[47]\d{13})")

_IBAN_START = re.compile(r"\b[A-Za-z]{2}\d{2}(?=[ .\-\u00a0]?[A-Za-z0-9])")
_IBAN_GAP = " .-\u00a0"
_IBAN_COUNTRIES = {
    15: "NO",
    16: "BE",
    18: "DK FI FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HU LB NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
_IBAN_LENGTHS = {
    country: length
    for length, countries in _IBAN_COUNTRIES.items()
    for country in countries.split()
}

_PHONE_GAP = re.compile(r"[ \u00a0\u202f./()\-‐‑–—]{1,3}")
_DATE = re.compile(
    r"(?<!\d)(?<!\d[./-])(?:\d{1,2}([./-])\d{1,2}\1(?:\d{4}|\d{2})|\d{4}([./-])\d{1,2}\2\d{1,2})"
    r"(?![./-]?\d)"
)
_SHORTEST_PHONE, _LONGEST_PHONE = 6, 15
_CONTEXT = 40  # characters before a number in which a word may say what it is
_PHONE_WORDS = (
    *("tel", "fon", "phone", "tél", "móvil", "movil", "mobil", "handy", "cell", "gsm", "fax"),
    *("whats", "call", "ring", "reach", "text", "sms", "anruf", "anzuruf", "rückruf", "ruf"),
    *("erreich", "appele", "appel", "joindre", "joignable", "llam", "llám", "contact", "contáct"),
    *("chiam", "raggiung", "bel", "bereik", "festnetz", "fixe", "fijo", "fisso"),
)
_OTHER_WORDS = (
    *("order", "bestel", "auftrag", "commande", "pedido", "ordine", "invoice", "rechnung"),
    *("factur", "fattur", "factuur", "batch", "charge", "losn", "lote", "lotto", "partij"),
    *("serial", "seri", "série", "imei", "gtin", "barcode", "strichcode", "asin", "artik", "artic"),
    *("artíc", "item", "model", "modèle", "referen", "référence", "riferimento", "ticket"),
    *("vorgang", "tracking", "sendung", "suivi", "seguimiento", "spedizione", "shipment", "paket"),
    *("parcel", "colis", "zending", "kundennummer", "customer", "client", "version", "firmware"),
    *("code", "codice", "código", "teile", "pallet", "box"),
)
_OTHER_WHOLE_WORDS = frozenset(
    [
        *("lot", "lots", "sn", "ean", "upc", "isbn", "sku", "art", "typ", "type", "ref", "réf"),
        *("case", "id", "part", "parts"),
    ]
)
_OWN = frozenset(["my", "meine", "mon", "mi", "mio", "mijn"])
_NUMBER_WORDS = frozenset(["number", "nummer", "numéro", "número", "numero"])
_UNIT_AFTER = re.compile(
    r"\s?(?:[°%€$£¥]|(?:eur|euros?|usd|gbp|chf|kg|g|mg|l|ml|cl|dl|cm|mm|m|km|nm|w|kw|kwh|wh|mwh|mah"
    r"|ah|v|a|ma|hz|khz|mhz|ghz|gb|mb|tb|kb|lm|k|rpm|u/min|psi|bar|db|ppm|min|std|h|s|sec|sek|ms"
    r"|days?|tagen?|jours?|d[ií]as?|giorn[oi]|dag(?:en)?|weeks?|wochen?|semaines?|semanas?"
    r"|settiman[ae]|weken|months?|monate?n?|mois|mes(?:es)?|mes[ei]|maanden?|years?|jahren?|ans"
    r"|a[ñn]os?|ann[oi]|jaar|hours?|stunden?|heures?|horas?|or[ae]|uur|pcs|st(?:ü|u)ck|pieces?"
    r"|pi[èe]ces?|piezas?|pezzi|stuks?|units?|times|mal|fois|veces|volte|keer|x)\b)",
    re.IGNORECASE,
)
_SHAPES = frozenset(
    {(3, 3, 4), (2, 2, 2, 2, 2)}  # North America; France
)
_SPANISH_SHAPES = frozenset({(3, 3, 3), (3, 2, 2, 2), (2, 3, 2, 2), (3, 6)})
_ITALIAN_SHAPES = frozenset({(3, 6), (3, 7), (3, 3, 4), (3, 4, 3), (3, 2, 2, 3)})


@dataclass(frozen=True, slots=True)
class _Group:
    """Digits without a gap: where they stand, and their value in ASCII."""

    start: int
    end: int
    digits: str


Span = tuple[int, int, str]


def mask_numbers(text: str) -> str:
    """Replace payment cards and telephone numbers."""
    spans: list[Span] = []
    for run in _RUN.finditer(text):
        if run.end() - run.start() >= _SHORTEST_PHONE:
            spans += _in_run(text, run.start(), run.end())
    return _replaced(text, spans)


def mask_ibans(text: str) -> str:
    """Replace bank account numbers; a mistyped one is personal data as well."""
    spans: list[Span] = []
    position = 0
    while (start := _IBAN_START.search(text, position)) is not None:
        end = _iban_end(text, start.start())
        if end is not None:
            spans.append((start.start(), end, "[iban]"))
        position = end or start.end()
    return _replaced(text, spans)


def _replaced(text: str, spans: Sequence[Span]) -> str:
    if not spans:
        return text
    parts, position = [], 0
    for start, end, name in spans:
        parts += [text[position:start], name]
        position = end
    return "".join([*parts, text[position:]])


# ------------------------------------------------------------------------------ bank accounts


def _iban_end(text: str, start: int) -> int | None:
    """Return where the IBAN that starts here ends, None if it is none."""
    length = _IBAN_LENGTHS.get(text[start : start + 2].upper())
    if length is None:
        return None
    found: list[str] = []
    position = start
    while len(found) < length and position < len(text):
        character = text[position]
        if character.isascii() and character.isalnum():
            found.append(character.upper())
        elif character not in _IBAN_GAP or text[position - 1] in _IBAN_GAP:
            return None
        position += 1
    if len(found) < length or (position < len(text) and text[position].isalnum()):
        return None
    plausible = sum(map(str.isdigit, found)) >= 12
    return position if plausible or _is_valid_iban("".join(found)) else None


def _is_valid_iban(iban: str) -> bool:
    """Check ISO 7064 MOD 97-10: first four to the end, letters as numbers from 10."""
    return int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97 == 1


# ---------------------------------------------------------------------------- cards and phones


def _in_run(text: str, start: int, end: int) -> list[Span]:
    groups = [
        _Group(found.start(), found.end(), _ascii(found[0]))
        for found in _DIGITS.finditer(text, start, end)
    ]
    spans: list[Span] = []
    between: list[_Group] = []
    position = 0
    while position < len(groups):
        taken = _card_at(groups, position)
        if taken:
            spans += [*_phones(text, between), _span(groups, position, taken, "[card]")]
            between = []
        else:
            between.append(groups[position])
        position += taken or 1
    return [*spans, *_phones(text, between)]


def _span(groups: Sequence[_Group], position: int, taken: int, name: str) -> Span:
    return groups[position].start, groups[position + taken - 1].end, name


def _ascii(digits: str) -> str:
    return digits if digits.isascii() else "".join(str(int(digit)) for digit in digits)


def _card_at(groups: Sequence[_Group], position: int) -> int:
    """Return how many groups from here make a card number; the longest that does."""
    digits, best = "", 0
    for count, group in enumerate(groups[position : position + _LONGEST_CARD], start=1):
        digits += group.digits
        if len(digits) > _LONGEST_CARD:
            break
        if len(digits) >= _SHORTEST_CARD and _CARD.fullmatch(digits) and is_luhn_valid(digits):
            best = count
    return best or int(_has_glued_card(groups[position].digits))


def _has_glued_card(digits: str) -> bool:
    """Say whether a card of a common brand begins a longer number (with its expiry, say)."""
    card = _COMMON_CARD.match(digits)
    return card is not None and is_luhn_valid(card[0])


def is_luhn_valid(digits: str) -> bool:
    """Check the Luhn sum (ISO/IEC 7812-1): each second digit from the right is doubled."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _phones(text: str, groups: Sequence[_Group]) -> Iterator[Span]:
    for segment in _segments(text, groups):
        yield from _phones_in(text, segment)


def _segments(text: str, groups: Sequence[_Group]) -> Iterator[list[_Group]]:
    """Cut where digits can't belong to one telephone number: odd gaps, dates."""
    if not groups:
        return
    dates = [
        (found.start(), found.end())
        for found in _DATE.finditer(text, groups[0].start, groups[-1].end)
    ]
    segment: list[_Group] = []
    for group in groups:
        while dates and dates[0][1] <= group.start:
            dates.pop(0)
        dated = bool(dates) and dates[0][0] <= group.start
        joined = segment and _PHONE_GAP.fullmatch(text, segment[-1].end, group.start)
        if segment and (dated or not joined):
            yield segment
            segment = []
        if not dated:
            segment.append(group)
    if segment:
        yield segment


def _phones_in(text: str, groups: Sequence[_Group]) -> Iterator[Span]:
    position = 0
    while position < len(groups):
        taken = _phone_at(text, groups, position)
        if taken:
            start, end, name = _span(groups, position, taken, "[phone]")
            yield _with_sign(text, start), end, name
        position += taken or 1


def _with_sign(text: str, start: int) -> int:
    """Take in the plus sign, and the bracket that opens before the number."""
    while start > 0 and text[start - 1] in "+＋(":
        start -= 1
    return start


def _phone_at(text: str, groups: Sequence[_Group], position: int) -> int:
    """Return how many groups from here make a telephone number; the longest that does."""
    if not _may_start(text, groups, position):
        return 0
    start = groups[position].start
    international = text[max(0, start - 2) : start].rstrip().endswith(("+", "＋"))
    hint = None if international or position else _hint(text, start)
    digits, best = "", 0
    shape: tuple[int, ...] = ()
    for group in groups[position : position + _LONGEST_PHONE]:
        digits += group.digits
        shape = (*shape, len(group.digits))
        if len(digits) > _LONGEST_PHONE:
            break
        if (
            len(digits) >= _SHORTEST_PHONE
            and _is_phone(digits, shape, international=international, hint=hint)
            and _may_end(text, group.end, international=international)
        ):
            best = len(shape)
    return best


def _may_start(text: str, groups: Sequence[_Group], position: int) -> bool:
    start = _with_sign(text, groups[position].start)
    before = text[start - 1] if start else " "
    if before in "#№€$£@" or before == "_":
        return False
    if before.isalpha():
        return _hint(text, start) == "phone"
    return not (position and before in "-‐‑–—/." and text[start - 2].isdigit())


def _may_end(text: str, end: int, *, international: bool) -> bool:
    after = text[end : end + 2]
    if after[:1].isalpha() or after[:1] == "_":
        return False
    if after[:1] in {"-", "/", ".", ","} and after[1:].isdigit():
        return False
    return international or _UNIT_AFTER.match(text, end) is None


def _hint(text: str, start: int) -> str | None:
    """Return what the nearest telling word before a number says: `phone`, `other` or nothing.

    The words looked at begin at the nearest digit or bracket, so that what has been masked already
    counts no more than what has not.
    """
    before = _NO_WORDS.split(text[max(0, start - _CONTEXT) : start].lower())[-1]
    words = _WORD.findall(before)
    for place in range(len(words) - 1, -1, -1):
        if told := _told_by(words[place], words[place - 1] if place else ""):
            return told
    return None


def _told_by(word: str, previous: str) -> str | None:
    if word in _NUMBER_WORDS and previous in _OWN:
        return "phone"
    if word in _OTHER_WHOLE_WORDS or word.startswith(_OTHER_WORDS):
        return "other"
    return "phone" if word.startswith(_PHONE_WORDS) else None


_NO_WORDS = re.compile(r"[\d\[\]@]")
_WORD = re.compile(r"[^\W\d_]+")


def _is_phone(
    digits: str, shape: tuple[int, ...], *, international: bool, hint: str | None
) -> bool:
    if international:
        return len(digits) >= 8 and digits[0] != "0"
    if hint == "other":
        return False
    if hint == "phone":
        return True
    if digits.startswith("00"):
        return digits[2] != "0" and len(digits) >= 11
    if digits[0] == "0":
        return _is_trunk_number(digits, shape)
    return _has_national_shape(digits, shape)


def _is_trunk_number(digits: str, shape: tuple[int, ...]) -> bool:
    """Say whether digits with a leading zero are dialled at home (de, fr, it, nl, uk, at, ch)."""
    if len(shape) == 1:
        return 10 <= len(digits) <= 12 and not (len(digits) == 12 and _is_gtin(digits))
    return 9 <= len(digits) <= 12 and 2 <= shape[0] <= 5


def _has_national_shape(digits: str, shape: tuple[int, ...]) -> bool:
    if shape in _SHAPES or (digits[0] == "1" and shape == (1, 3, 3, 4)):
        return True
    if digits[0] in "6789" and shape in _SPANISH_SHAPES:
        return True
    return digits[0] == "3" and shape in _ITALIAN_SHAPES


def _is_gtin(digits: str) -> bool:
    """Check the GS1 check digit: weights 3 and 1 from the right."""
    weighted = (int(digit) * (1 + 2 * (place % 2)) for place, digit in enumerate(reversed(digits)))
    return sum(weighted) % 10 == 0
