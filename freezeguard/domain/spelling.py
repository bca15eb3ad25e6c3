"""One name in several spellings: letter case and Unicode form tell nobody apart.

`MÜLLER`, `Müller` and a `Müller` whose ü is written as two characters are one name. Texts are
compared in a folded form (Unicode's canonical caseless match, with one i) and changed in their own.
"""

import re
from collections.abc import Iterator, Sequence
from unicodedata import category, combining, normalize

SHORTEST_WORD = 4
"""Shorter names are only found where they are a whole value."""

_REACH = 120
"""So many characters of a long text are told to the database; what it finds is looked at again."""

_COMPATIBLE = frozenset(
    normalize("NFD", chr(one)) for one in (*range(0xF900, 0xFB00), *range(0x2F800, 0x2FA20))
)
"""Ideographs that may also be written as a compatibility ideograph."""

_UNSURE = re.compile(r"(?:.?\0)+(?:s[st]*|f[fil]*|.)?|s[st]+|f[fil]+|[isk;`]|[%_]", re.DOTALL)
"""Where a folded text has other spellings: around a \\0 whatever letters are joined with it, the
letters of ß and of ligatures, an i with whatever dots, the signs that stand for single ones of
Unicode; and what LIKE would take for a wildcard."""

_SINGLE = frozenset("sk;`")
_DOTTED = re.compile("i\u0307+")


def folded(text: str) -> str:
    """Return what is the same for every spelling of a text."""
    if text.isascii():
        return text.lower()
    plain = normalize("NFD", normalize("NFD", text).casefold())
    # in Turkish the large letter of ı is I, and the small one of İ is i
    return _DOTTED.sub("i", plain.replace("ı", "i"))


def spellings(name: str) -> tuple[str, ...]:
    """Return the usual spellings of a name, the folded one first, then as it is given."""
    cases = (name, name.lower(), name.upper(), name.title(), name.casefold())
    forms = [normalize(form, one) for one in cases for form in ("NFC", "NFD")]
    return tuple(dict.fromkeys((folded(name), name, *forms)))


def is_telling(name: str) -> bool:
    """Say whether a name is long enough to be looked for within texts: "7" stands in every one."""
    return len(normalize("NFC", name)) >= SHORTEST_WORD


def without_word(text: str, word: str, mark: str) -> str:
    """Return a text with a mark wherever a word stands by itself, however it is spelled.

    No pattern is compiled: complaints are masked as they arrive.
    """
    plain, word = folded(text), folded(word)
    spans = [one for one in _spans(plain, word) if not _goes_on(plain, *one)]
    return _marked(text, spans, mark)


def without_part(text: str, part: str, mark: str) -> str:
    """Return a text with a mark wherever a part stands, however it is spelled; it is folded."""
    return _marked(text, list(_spans(folded(text), part)), mark)


def _spans(plain: str, part: str) -> Iterator[tuple[int, int]]:
    start = plain.find(part)
    while start >= 0:
        end = start + len(part)
        yield start, end
        start = plain.find(part, end)


def _goes_on(plain: str, start: int, end: int) -> bool:
    """Say whether a word goes on before or after a span: José is not Jose, c-1 not c-10."""
    around = plain[max(start - 1, 0):start] + plain[end:end + 1]
    return any(one.isalnum() or one in "_-" or combining(one) for one in around)


def _marked(text: str, spans: Sequence[tuple[int, int]], mark: str) -> str:
    """Put a mark in the place of spans of the folded text."""
    if not spans:
        return text
    if not text.isascii():
        places = _places(text)
        spans = [(places[start][0], places[end - 1][1]) for start, end in spans]
    parts, last = [], 0
    for start, end in spans:
        parts += [text[last:start], mark]
        last = end
    return "".join([*parts, text[last:]])


def _places(text: str) -> list[tuple[int, int]]:
    """Return where each character of the folded text comes from: first and last place in a text.

    A letter and its accents are folded together: nothing else changes places.
    """
    starts = [n for n, one in enumerate(text) if one.isascii() or n == 0 or not combining(one)]
    places: list[tuple[int, int]] = []
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        one = text[start:end]
        places += [(start, end)] * (1 if one.isascii() else len(folded(one)))
    return places


def likeness(text: str) -> str:
    """Return a pattern of LIKE that matches every spelling of a text, and may match more.

    It is for texts whose ASCII letters are small; what it means is the same in every database,
    whatever its locale knows of letters. Also matched is the text within a string of JSON.
    """
    plain = folded(text)
    if len(plain) > _REACH:
        plain = plain[:_REACH] + "\0"
    known = "".join(one if _has_one_spelling(one) else "\0" for one in plain)
    return _UNSURE.sub(_loosely, known)


def _loosely(found: "re.Match[str]") -> str:
    unsure = found[0]
    if unsure in ("%", "_"):
        return "\\" + unsure
    return "_" if unsure in _SINGLE else "%"


def _has_one_spelling(letter: str) -> bool:
    """Say whether a folded letter has no other form, but for the large ones of ASCII."""
    if letter.isascii():
        return letter.isprintable() and letter not in '"\\'
    return (
        category(letter) == "Lo"
        and letter.upper() == letter
        and normalize("NFD", letter) == letter
        and letter not in _COMPATIBLE
        and not "\u1100" <= letter <= "\u11ff"  # what syllables of Hangul are made of
    )
