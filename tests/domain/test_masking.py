"""What masking promises: nothing personal survives, nothing ordinary is lost, no text is slow."""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Literal
from unicodedata import normalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freezeguard.domain.masked_numbers import is_luhn_valid
from freezeguard.domain.masking import mask, mask_own
from freezeguard.domain.spelling import folded, is_telling
from tests.domain.masking_corpus import (
    CARDS,
    HELD_OUT,
    ORDINARY,
    ORDINARY_HELD_OUT,
    TOLD,
    Labelled,
)

KINDS = ("email", "phone", "card", "iban", "address")
CARD_FORMS = (
    "{card}",
    "Visa{card}",
    "card no. {spaced}, exp 04/27, cvv 123",
    "{dashed}",
    "{dotted}",
    "{lines}",
    "order 123456 card {spaced} lot L12",
    "Lot {spaced}",
    "+49 30 5550100 {card} 030 5550100",
    "{wide}",
)

ADVERSARIES = (
    *("A-", "A ", "1 ", "4 ", "a@", "@", "a", "0", "1-", "0 1-", "(", "+", '"', "'", "\n", "é"),
    *("str ", "Str. ", "str1", "Hauptstr. 12 ", "12 rue de la ", "Calle A ", "Via A ", "Av. "),
    *("A.A.", "a.b@", "a-@", "x at ", "at dot ", "DE89 ", "DE89-", "A'", "12 A A A A ", "1 A St "),
    *("[", "[address] ", "[address],1234 A", "1234 Ab ", "12345 Abc ", "P.O. Box 1", "SW1A 1A"),
    *("4111 1111 1111 1111 ", "+49 ", "0171 ", "12.12.12 ", "\u0661", "Tel ", "tel 1 ", "1\u200b"),
    *("Unter den ", "A den 1 ", "Aa er ", "postcode ", "PLZ 1 ", "1a ", "A1 ", "1, ", "Aa-Aa "),
)


def _found(case: Labelled) -> bool:
    """Whether the mark is there and no marked part survived whole."""
    masked = mask(case.text)
    return f"[{case.kind}]" in masked and not any(secret in masked for secret in case.secrets)


def _missed(corpus: Iterable[Labelled]) -> list[str]:
    return [
        f"{case.kind} {case.text!r} -> {mask(case.text)!r}" for case in corpus if not _found(case)
    ]


def _leftovers(case: Labelled) -> list[str]:
    """Words of three characters or more that a marked part leaves behind."""
    masked = re.sub(r"\[(?:email|phone|card|iban|address)\]", " ", mask(case.text))
    words = {word for secret in case.secrets for word in re.findall(r"\w{3,}", secret)}
    plain = re.sub("|".join(map(re.escape, case.secrets)), " ", case.text)
    return [word for word in words if word in masked and word not in plain]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Print a measured figure past the capture, so that every run shows it."""

    def printed(figure: str) -> None:
        with capsys.disabled():
            print(f"\n  masking: {figure}", end="")  # noqa: T201 - figures are for people

    return printed


@pytest.mark.parametrize("corpus", [TOLD, HELD_OUT], ids=["told", "held out"])
def test_recall_in_six_languages(corpus: tuple[Labelled, ...], say: Callable[[str], None]) -> None:
    """Of each kind at least 95 % is found, of e-mail addresses and accounts all."""
    total, found, whole = Counter(), Counter(), Counter()
    for case in corpus:
        total[case.kind] += 1
        found[case.kind] += _found(case)
        whole[case.kind] += _found(case) and not _leftovers(case)
    for kind in total:
        say(f"{kind}: {found[kind]} of {total[kind]} found, {whole[kind]} without a word left")

    missed = _missed(corpus)
    assert {"de", "en", "es", "fr", "it", "nl"} == {case.language for case in corpus}
    assert [] == [line for line in missed if line.startswith(("email", "iban"))]
    assert all(0.95 <= found[kind] / total[kind] for kind in total), missed
    assert 0.9 <= sum(whole.values()) / sum(total.values())


@pytest.mark.parametrize("form", CARD_FORMS)
@pytest.mark.parametrize("card", CARDS)
def test_no_card_survives(card: str, form: str) -> None:
    """A card number with a valid Luhn sum is masked however it is written."""
    fours = [card[start : start + 4] for start in range(0, len(card), 4)]
    text = form.format(
        card=card,
        spaced=" ".join(fours),
        dashed="-".join(fours),
        dotted=".".join(fours),
        lines="\n".join(fours),
        wide="".join(chr(ord("０") + int(digit)) for digit in card),
    )
    masked = mask(text)

    assert is_luhn_valid(card)
    assert "[card]" in masked
    assert card[-4:] not in re.sub(r"\D", "", masked)


@pytest.mark.parametrize("card", ["4111111111111111", "5555555555554444", "378282246310005"])
def test_a_card_glued_to_its_expiry_is_masked(card: str) -> None:
    """The common brands are found at the head of a longer number."""
    assert "[card]" == mask(f"{card}1227")


@pytest.mark.parametrize("sentence", ORDINARY)
def test_an_ordinary_complaint_stays_as_it_is(sentence: str) -> None:
    """Lots, sizes, dates, amounts, temperatures and order numbers are not personal data."""
    assert sentence == mask(sentence)


def test_few_ordinary_complaints_lose_anything(say: Callable[[str], None]) -> None:
    """Of ordinary complaints that the patterns had never seen, at most 5 % change."""
    changed = [(text, mask(text)) for text in ORDINARY_HELD_OUT if mask(text) != text]
    say(f"{len(changed)} of {len(ORDINARY_HELD_OUT)} ordinary complaints changed")

    assert len(changed) <= 0.05 * len(ORDINARY_HELD_OUT)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("no digit and no sign", "no digit and no sign"),
        ("jo@shop.example, 2 pcs @ 9.99 EUR", "[email], 2 pcs @ 9.99 EUR"),
        ("Tel. +49 30 5550100 since 12.03.2025", "Tel. [phone] since 12.03.2025"),
        ("12.03.2025 030 5550100", "12.03.2025 [phone]"),
        ("Order 030 5550100", "Order 030 5550100"),
        ("order 12345, call 5550100", "order 12345, call [phone]"),
        ("root@localhost wrote", "[email] wrote"),
        ("＃ jo＠shop.example", "＃ [email]"),
        ('"jo doe"@shop.example', "[email]"),
        ("jo@[192.0.2.7]", "[email]"),
        ("London SW1A 1AA", "London [address]"),
        ("Lot AB12 3CD", "Lot AB12 3CD"),
        ("Tel ٠٣٠ ٥٥٥٠١٠٠", "Tel [phone]"),
        ("DE89370400440532013001 typed wrongly", "[iban] typed wrongly"),
        ("Hauptstr. 12, 10115 Berlin, Hinterhof", "[address], Hinterhof"),
        ("10115 Berlin, Hauptstr. 12", "[address]"),
    ],
)
def test_edges(text: str, expected: str) -> None:
    """Each kind is told from its neighbours."""
    assert expected == mask(text)


_PIECES = st.one_of(
    st.text(max_size=12),
    st.text(alphabet="0123456789 -./+()", max_size=20),
    st.sampled_from([case.text for case in (*TOLD, *HELD_OUT)]),
    st.sampled_from([secret for case in (*TOLD, *HELD_OUT) for secret in case.secrets]),
    st.sampled_from([*ORDINARY, *CARDS, *ADVERSARIES]),
    st.sampled_from([f"[{kind}]" for kind in KINDS]),
    st.sampled_from(["", " ", "-", ".", ",", "/", "\n", "Tel ", "Lot ", "5", "St", "cm", "A"]),
)


@given(st.lists(_PIECES, max_size=6).map("".join))
@settings(max_examples=400, deadline=None, derandomize=True)
def test_masking_twice_changes_nothing(text: str) -> None:
    """Masked text is stable, and never longer than four times the text."""
    masked = mask(text)

    assert masked == mask(masked)
    assert len(masked) <= 4 * len(text)


def _seconds(text: str) -> float:
    start = time.perf_counter()
    mask(text)
    return time.perf_counter() - start


@pytest.mark.parametrize("piece", ADVERSARIES)
def test_no_text_is_slow(piece: str) -> None:
    """20,000 hostile characters take no more than a few times as long as 10,000."""
    text = (piece * 20_000)[:20_000]
    whole = min(_seconds(text) for _ in range(2))
    half = min(_seconds(text[:10_000]) for _ in range(2))

    assert whole <= 4 * half + 0.05


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_accents_may_stand_by_themselves(form: Literal["NFC", "NFD"]) -> None:
    """What is written as letter and accent is masked whole: nothing of a name is left before it."""
    text = normalize(form, "Schreib an jörg.groß@münz.example, Königsallee 12.")

    assert "Schreib an [email], [address]." == mask(text)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("I am c-2093, C-2093!", "I am [customer], [customer]!"),
        ("c-20931 and xc-2093 are others", None),
        ("Order ORD/Ä-77: broken", "Order [order]: broken"),
        (normalize("NFD", "ord/ä-77 von Jürgen"), normalize("NFD", "[order] von Jürgen")),
        ("Both: c-2093 of ord/Ä-77.", "Both: [customer] of [order]."),
        ("Nothing of the kind", None),
        ("", None),
    ],
)
def test_a_complaint_does_not_name_its_own_customer(text: str, left: str | None) -> None:
    """Its customer and order are masked in any spelling, as words of their own; the rest stays."""
    assert (text if left is None else left) == mask_own(text, "c-2093", "ORD/Ä-77")


@pytest.mark.parametrize(("customer", "order"), [("7", "12"), (None, None), (None, "none")])
def test_what_stands_in_every_text_is_left(customer: str | None, order: str | None) -> None:
    """Short references, and orders that are words, would make complaints unreadable."""
    text = "7 of 12 cups broke, none is whole."

    assert text == mask_own(text, customer, order)


@settings(deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=200),
    st.text(st.characters(categories=["L", "N"]), min_size=4, max_size=8).filter(is_telling),
)
def test_own_references_are_gone_and_the_rest_is_kept(text: str, customer: str) -> None:
    """Whatever a reference is made of: by itself it is masked, and what is around it is kept."""
    masked = mask_own(f"a {customer} b", customer, None)

    assert "a [customer] b" == masked
    if folded(customer) not in folded(text):
        assert text == mask_own(text, customer, None)


@pytest.mark.parametrize("unit", ["c-2093", "c-2093 ", "ä", "a\u0308", "\u0308", "c-209"])
def test_own_references_take_no_time(unit: str) -> None:
    """Twice as long a text takes about twice as long, whatever is in it."""

    def seconds(length: int) -> float:
        text = (unit * length)[:length]
        took = []
        for _ in range(5):
            start = time.perf_counter()
            mask_own(text, "c-2093", "ä" * 5 + "1")
            took.append(time.perf_counter() - start)
        return min(took)

    assert seconds(20_000) < 12 * max(seconds(5_000), 0.0005)
