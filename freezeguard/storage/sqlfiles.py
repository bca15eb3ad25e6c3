"""Find the SQL files and read them: inside an installed wheel or beside a checkout's package."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import freezeguard

# What can hide a semicolon: comments, strings, quoted names, dollar-quoted text. Block comments
# nest, which a pattern can't follow, so they are read by hand.
_TOKEN = re.compile(
    r"""
    (?P<comment> --[^\n]* )
  | (?P<block> /\* )
  | (?P<escaped> [eE]'(?:[^'\\]|\\.|'')*' )
  | (?P<string> '(?:[^']|'')*' )
  | (?P<name> "(?:[^"]|"")*" )
  | (?P<dollar> \$(?P<tag>[A-Za-z_]\w*)?\$ .*? \$(?(tag)(?P=tag))\$ )
  | (?P<word> [A-Za-z_][\w$]* )
  | (?P<end> ; )
    """,
    re.VERBOSE | re.DOTALL,
)
_BLOCK_EDGE = re.compile(r"/\*|\*/")


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement. `line` is where it begins in its file, counted from 1.

    `words` are its first keywords in capitals, without comments.
    """

    text: str
    line: int
    words: tuple[str, ...]


def sql_directory() -> Path:
    """The directory with `migrations/` and `queries/`. Raises FileNotFoundError."""
    package = Path(freezeguard.__file__).resolve().parent
    for place in (package / "_sql", package.parent / "sql"):
        if place.is_dir():
            return place
    raise FileNotFoundError(f"neither {package / '_sql'} nor {package.parent / 'sql'} exists")


def split(text: str, first_line: int = 1) -> list[Statement]:
    """Split SQL text into statements at the semicolons that end one.

    A semicolon within a string, a quoted name, a comment, a dollar-quoted body or a
    `BEGIN ATOMIC … END` body ends nothing. `first_line` is the line of the text's beginning.
    """
    statements = []
    begin = 0
    for end, words in _ends(text):
        chunk = text[begin:end]
        body = chunk.strip()
        if words:
            lead = len(chunk) - len(chunk.lstrip())
            line = first_line + text.count("\n", 0, begin + lead)
            statements.append(Statement(body, line, words))
        begin = end + 1
    return statements


def _ends(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Offset of each statement's end, with its first words; the rest of the text is one too."""
    words: list[str] = []
    depth = 0
    offset = 0
    while (match := _TOKEN.search(text, offset)) is not None:
        offset = match.end()
        if match.lastgroup == "block":
            offset = _block_end(text, offset)
        elif match.lastgroup == "word":
            words.append(match[0].upper())
            depth = _depth(words, depth)
        elif match.lastgroup == "end" and depth == 0:
            yield match.start(), tuple(words[:8])
            words = []
    yield len(text), tuple(words[:8])


def _depth(words: list[str], depth: int) -> int:
    """How deep in `BEGIN ATOMIC … END` we are, where `CASE … END` may nest."""
    if words[-2:] == ["BEGIN", "ATOMIC"] or (depth and words[-1] == "CASE"):
        return depth + 1
    return depth - 1 if depth and words[-1] == "END" else depth


def _block_end(text: str, offset: int) -> int:
    depth = 1
    while depth and (edge := _BLOCK_EDGE.search(text, offset)) is not None:
        depth += 1 if edge[0] == "/*" else -1
        offset = edge.end()
    return len(text) if depth else offset
