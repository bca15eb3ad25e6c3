"""What masking promises: nothing personal survives, nothing ordinary is lost, no text is slow."""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freezeguard.domain.masked_numbers import is_luhn_valid
from freezeguard.domain.masking import mask
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
