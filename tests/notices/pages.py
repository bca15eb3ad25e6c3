"""Reads the HTML part of a notice back: its words, tags, links and headings."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

_UNSEEN = {"title", "style", "script"}


@dataclass
class Page:
    """What a reader and a screen reader find in an HTML part."""

    words: list[str] = field(default_factory=list)
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    headings: list[tuple[str, str]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self.open: list[str] = []
        self.href = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.page.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "br", "img"}:
            self.open.append(tag)
        if tag == "a":
            self.href = dict(attrs)["href"] or ""

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.open.pop(), f"<{tag}> is not closed in order"

    def handle_data(self, data: str) -> None:
        if not self.open or _UNSEEN & set(self.open):
            return
        if self.open[-1] == "a":
            assert data not in self.page.links, f"two links say {data!r}"
            self.page.links[data] = self.href
        if self.open[-1] in {"h1", "h2"}:
            self.page.headings.append((self.open[-1], data))
        if self.open[-1] != "h1":  # the subject, which the plain part does not repeat
            self.page.words.append(data)


def read_page(html: str) -> Page:
    """Parse an HTML part; its tags must be closed in order."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert [] == reader.open
    return reader.page
