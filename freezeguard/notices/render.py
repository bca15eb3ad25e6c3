"""From stored facts to a mail's subject, plain text and HTML."""

import re
import textwrap
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar

from jinja2 import Environment, PackageLoader, StrictUndefined, TemplateError, select_autoescape

from freezeguard.notices.letters import letter_of
from freezeguard.notices.wording import Wording, clip
from freezeguard.ports.notice_facts.kinds import FACTS_OF_KIND
from freezeguard.ports.notices import NoticeError, Rendered

_LINE = 76  # characters of a line of plain text
_WEB_ADDRESS = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
_UNWORDABLE = (LookupError, TypeError, ValueError, AttributeError, OverflowError, TemplateError)
_Words = TypeVar("_Words")
_BLANK_LINES = re.compile(r"\n{3,}")


def render(kind: str, facts: Mapping[str, Any], *, language: str, time_zone: str) -> Rendered:
    """Word a notice. The same facts, language and zone give the same words.

    `time_zone` is an IANA name. Raises `NoticeError` (not recoverable) that names what is wrong
    with the facts.
    """

    def word() -> Rendered:
        letter = letter_of(kind, facts, Wording(language, time_zone))
        text = _environment().get_template("letter.txt.j2").render(letter=letter)
        html = _environment().get_template("letter.html.j2").render(letter=letter)
        return Rendered(letter.subject, _BLANK_LINES.sub("\n\n", text).strip() + "\n", html)

    return worded(kind, facts, word)


def worded(kind: str, facts: Mapping[str, Any], word: Callable[[], _Words]) -> _Words:
    """Return a notice in words. Raises `NoticeError` (not recoverable) that names what is wrong."""
    _check(kind, facts)
    try:
        return word()
    except _UNWORDABLE as error:
        cause = clip(f"{type(error).__name__}: {error}")
        detail = f"facts of a {kind} notice can't be worded: {cause}"
        raise NoticeError(detail, recoverable=False) from error


def _check(kind: str, facts: Mapping[str, Any]) -> None:
    shape = FACTS_OF_KIND.get(kind)
    if shape is None:
        raise NoticeError(f"unknown kind of notice: {clip(kind)!r}", recoverable=False)
    required: frozenset[str] = vars(shape)["__required_keys__"]
    if missing := sorted(required - facts.keys()):
        detail = f"facts of a {kind} notice lack {', '.join(missing)}"
        raise NoticeError(detail, recoverable=False)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("freezeguard.notices", "templates"),
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["folded"] = _folded
    environment.tests["web_address"] = _is_web_address
    return environment


def _folded(text: str, first: str = "", rest: str = "") -> str:
    """Fold one paragraph to short lines; a long word (a link, a SKU) is never torn."""
    return textwrap.fill(
        text,
        width=_LINE,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _is_web_address(text: str) -> bool:
    return _WEB_ADDRESS.fullmatch(text) is not None
