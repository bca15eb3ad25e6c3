"""What two complaints may have in common beside their subject."""

from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from unicodedata import normalize

import pytest

from freezeguard.domain.likeness import MARKED, SIZE, each_mark, is_new_account, marks

COMPLAINT = (
    "The handle of the kettle came off while I was pouring boiling water and the whole thing fell "
    "on the floor, I have had it for two weeks only and always used it as the manual says."
)
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


def hashed(value: bytes) -> bytes:
    return blake2b(value, key=b"shop", digest_size=MARKED).digest()


def marks_of(text: str) -> set[bytes]:
    return set(each_mark(marks(hashed, text=text) or b""))


def test_a_copy_shares_its_marks_whatever_its_spelling() -> None:
    """Letter case, punctuation, numbers and line breaks make no difference."""
    shouted = COMPLAINT.upper().replace(",", "!\n")
    assert marks_of(shouted) == marks_of(COMPLAINT) != set()
    assert marks_of("1) " + COMPLAINT + " 24.12.") == marks_of(COMPLAINT)


def test_an_accent_is_the_same_however_it_is_written() -> None:
    """Composed or by itself, large or small: one keyboard writes it so, another otherwise."""
    text = "Der Öler für die Tür läuft aus, überall klebt Öl, und İsmail hat es zweimal gesagt."
    spellings = {normalize(form, one) for form in ("NFC", "NFD") for one in (text, text.upper())}
    assert len({frozenset(marks_of(one)) for one in spellings}) == 1
    assert marks_of(text)
    long = {frozenset(marks_of(normalize(form, text * 40))) for form in ("NFC", "NFD")}
    assert len(long) == 1
    plain = "It's the pot - the one with the lid, which doesn't close - that broke on day one."
    typeset = plain.replace("'", "\N{RIGHT SINGLE QUOTATION MARK}").replace("-", "\N{EN DASH}")
    assert marks_of(plain) == marks_of(typeset) != set()


def test_a_text_of_ones_own_shares_none() -> None:
    """One word more or less is another text: what is alike must be beyond doubt."""
    assert not marks_of(COMPLAINT + " Shame on you.") & marks_of(COMPLAINT)
    assert not marks_of(COMPLAINT.replace("kettle", "pot")) & marks_of(COMPLAINT)


def test_lists_of_codes_are_alike_by_nature_and_have_no_marks() -> None:
    """Who enters symptoms from a list copies nobody; a sentence with a few commas is a text."""
    codes = "NAUSEA, VOMITING, ABDOMINAL PAIN, HEADACHE, FEELING HOT, RASH, BACK PAIN, CHILLS"
    assert marks(hashed, text=codes) is None
    assert marks_of("Well, it broke, and then, after two days, the second one broke as well.")


@pytest.mark.parametrize("text", [
    "", "broken", "It arrived broken.", "1234 5678 " * 40, "\N{THUMBS DOWN SIGN} " * 8,
])
def test_short_texts_are_alike_by_chance_and_have_no_marks(text: str) -> None:
    """Two people who say "arrived broken" are two people."""
    assert marks(hashed, text=text) is None


def test_marks_say_of_what_they_are_and_nothing_without_the_key() -> None:
    """Text, device, address and a new account are told apart; the same name for two is no match."""
    several = marks(hashed, text=COMPLAINT, device="x", address="x", is_new_account=True)
    assert several is not None
    assert [one[:1] for one in each_mark(several)] == [b"t", b"d", b"a", b"n"]
    assert {len(one) for one in each_mark(several)} == {SIZE}
    other = marks(
        lambda one: blake2b(one, key=b"else", digest_size=MARKED).digest(), text=COMPLAINT
    )
    assert other is not None
    assert not marks_of(COMPLAINT) & set(each_mark(other))
    device, address = list(each_mark(several))[1:3]
    assert device[1:] != address[1:]


def test_an_account_is_new_on_its_first_day_and_without_an_order() -> None:
    """Whoever opened an account and complained within a day, without naming an order."""

    def new(hours: float, order: str | None = None) -> bool:
        return is_new_account(NOON - timedelta(hours=hours), NOON, order)

    assert new(0)
    assert new(23.9)
    assert not new(24)
    assert not new(-24)  # all accounts were moved to another system, the day after
    assert not new(1, order="A-1")
    assert not is_new_account(None, NOON, None)
