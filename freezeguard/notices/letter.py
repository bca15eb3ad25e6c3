"""A notice in words, before it becomes plain text or HTML: sections of simple blocks.

Both parts of a mail are made from the same letter, so they can't differ in what they say.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A few sentences."""

    kind: ClassVar[str] = "paragraph"
    text: str


@dataclass(frozen=True, slots=True)
class Rows:
    """Facts: pairs of a label and a value."""

    kind: ClassVar[str] = "rows"
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list."""

    kind: ClassVar[str] = "bullets"
    entries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Quotes:
    """What somebody else wrote."""

    kind: ClassVar[str] = "quotes"
    entries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """A page to open; `text` says which, and differs between the links of one letter."""

    kind: ClassVar[str] = "link"
    text: str
    url: str


Block = Paragraph | Rows | Bullets | Quotes | Link


@dataclass(frozen=True, slots=True)
class Section:
    """Blocks under a heading."""

    heading: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Letter:
    """A whole notice. `language` is the one that it is in, not the one that was asked for."""

    language: str
    subject: str
    greeting: str
    opening: tuple[Block, ...]
    sections: tuple[Section, ...]
    footer: str


Body = tuple[tuple[Block, ...], tuple[Section, ...]]
"""The part of a letter that differs by kind: its opening and its own sections."""
