"""What somebody wrote in a mail: the words of a page, and none of the message that it answers.

Texts come from anybody: each is gone through once, so that twice the text takes twice the time.
"""

import html
import re
from collections.abc import Iterator

# ------------------------------------------------------------------------------------- pages

_UNSEEN = frozenset({"title", "head"})
_BLOCKS = frozenset({"p", "div", "br", "li", "tr", "h1", "h2", "h3", "blockquote"})
_NAME = r"<(/?)([a-zA-Z][a-zA-Z0-9]*)"
_TAG = re.compile(_NAME + r"""(?:[^>"'=]++|=\s*+"[^"]*+"|=\s*+'[^']*+'|[="'])*+>""")
_TAG_WITHOUT_QUOTES = re.compile(_NAME + r"[^>]*+>")
_NO_WORDS = {
    name: re.compile(f"</{name}", re.IGNORECASE) for name in ("script", "style")
}
"""Elements that are no text, and where each ends."""
_NO_CHARACTER = re.compile(r"&#(?:[0-9]{8,}|[xX][0-9a-fA-F]{8,});?")


def words_of(page: str) -> str:
    """Return the words of an HTML page; what it quotes begins with ">"."""
    said: list[str] = []
    unseen = quoted = 0
    for closes, tag, text in _pieces(page):
        step = -1 if closes else 1
        unseen = max(0, unseen + step * (tag in _UNSEEN))
        quoted = max(0, quoted + step * (tag == "blockquote"))
        if tag in _BLOCKS and not closes:
            said.append("\n")
        if text.strip() and not unseen:
            said.append(f"\n> {text.strip()}\n" if quoted else text)
    lines = "".join(said).splitlines()
    return re.sub(r"\n{3,}", "\n\n", "\n".join(one.strip() for one in lines)).strip()


def _pieces(page: str) -> Iterator[tuple[bool, str, str]]:
    """Yield whether a tag closes, its name, and the text behind it; the first has no tag."""
    closes, tag, at = False, "", 0
    text: list[str] = []
    last, pattern = page.rfind(">"), _TAG
    while 0 <= (mark := page.find("<", at)) < last:
        text.append(page[at:mark])
        found = pattern.match(page, mark)
        if found is None and _TAG_WITHOUT_QUOTES.match(page, mark):
            pattern = _TAG_WITHOUT_QUOTES  # looked for an end in vain once, and never again
            found = pattern.match(page, mark)
        if found is not None:
            yield closes, tag, _unescaped(text)
            closes, tag, text, at = bool(found[1]), found[2].lower(), [], found.end()
            if tag in _NO_WORDS and not closes:
                end = _NO_WORDS[tag].search(page, at)
                at = len(page) if end is None else end.start()
        elif page.startswith(("<!", "<?"), mark):
            at = _behind(page, mark)
        else:
            text.append("<")
            at = mark + 1
    text.append(page[at:])
    yield closes, tag, _unescaped(text)


def _behind(page: str, mark: int) -> int:
    """Return where a comment or a declaration has ended; one without an end takes the rest."""
    end = "-->" if page.startswith("<!--", mark) else ">"
    place = page.find(end, mark + 2)
    return len(page) if place < 0 else place + len(end)


def _unescaped(text: list[str]) -> str:
    return html.unescape(_NO_CHARACTER.sub("\ufffd", "".join(text)))


# ------------------------------------------------------------------------------------- quotes

_DIVIDER = re.compile(
    r"-{2,}\s*(original message|ursprüngliche nachricht|originalnachricht|forwarded message|"
    r"weitergeleitete nachricht)\s*-{2,}|_{20,}",
    re.IGNORECASE,
)
_ATTRIBUTION = re.compile(
    r"(on\b.{5,300}\bwrote|am\b.{5,300}\bschrieb\b.{0,200})", re.IGNORECASE
)
_LONGEST = 600
"""Characters of a line that says who wrote what follows, or that divides."""
_HEADER_LINE = re.compile(r"\*?(from|von|sent|gesendet|date|datum|to|an|subject|betreff):\*?\s",
                          re.IGNORECASE)
_HEADER_LINES = 3


def without_quotes(text: str) -> str:
    """Return what somebody wrote without the message that they answer.

    Where nothing else is left the whole text is returned: no words of a person are lost.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    kept = _before_divider(_without_marked(lines))
    return "\n".join(kept).strip() or text.strip()


def _without_marked(lines: list[str]) -> list[str]:
    """Leave out lines that begin with ">", and the line above them that says who wrote them."""
    kept: list[str] = []
    above = ""
    for line in lines:
        if not line.lstrip().startswith(">"):
            kept.append(line)
        else:
            while kept and not kept[-1].strip():
                kept.pop()
            if not above.lstrip().startswith(">"):
                _leave_out_attribution(kept)
        above = line if line.strip() else above
    return kept


def _leave_out_attribution(kept: list[str]) -> None:
    for length in (1, 2):  # programs break a long line
        if _is_attribution(" ".join(one[: _LONGEST + 1] for one in kept[-length:])):
            del kept[-length:]
            return


def _is_attribution(line: str) -> bool:
    line = line.strip()
    if len(line) > _LONGEST or not line.endswith(":"):
        return False
    return _ATTRIBUTION.fullmatch(line[:-1].rstrip()) is not None


def _before_divider(lines: list[str]) -> list[str]:
    """Return the lines before an original that is quoted whole, or before a signature."""
    for place, line in enumerate(lines):
        following = lines[place : place + _HEADER_LINES]
        is_head = len(following) == _HEADER_LINES and all(
            _HEADER_LINE.match(one.strip()) for one in following
        )
        if is_head or line == "-- " or _divides(line):
            return lines[:place]
        if place and _is_attribution(line):
            return lines[:place]
    return lines


def _divides(line: str) -> bool:
    return len(line) <= _LONGEST and _DIVIDER.fullmatch(line.strip()) is not None
