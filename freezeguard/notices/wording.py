"""The words of one language, told in one time zone. Words live in `words/<language>.toml`."""

import re
import tomllib
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog

from freezeguard.notices.mime import one_line

log = structlog.get_logger()

DEFAULT_LANGUAGE = "en"
VALUE_LIMIT = 300
"""Weight (see `clip`) of a value in a row, and half of that of one in a sentence."""

OF_CLOCKS = frozenset({"clock", "todo"})
"""Tables of clocks, of which there may be several of one sort."""

_MARGIN = 4

_PLACE = re.compile(r"\\\{(\w+)\\\}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_DAY, _HOUR, _MINUTE = 86_400, 3_600, 60
_MOMENT = timedelta(microseconds=1)
_LAST_SECOND = timedelta(seconds=1)


class Wording:
    """Says things in the reader's language and time zone.

    A language without words falls back to English ("de-AT" first to "de"), an unknown time zone
    to UTC: a notice that is worded less well beats one that is not sent.
    """

    def __init__(self, language: str, time_zone: str) -> None:
        self.language = _known_language(language)
        self._words = _words(self.language)
        self._zone = _zone(time_zone)

    @property
    def zone(self) -> str:
        """Return the name of the time zone in use."""
        return self._zone.key

    def say(self, key: str, **values: str | int) -> str:
        """Return the sentence of `key` ("table.name") with its places filled."""
        table, name = key.split(".")
        return _filled(self._words[table][name], self._inline(values))

    def count(self, key: str, number: int, **values: str | int) -> str:
        """Return the sentence of `key` in the form for `number`, which fills the place {n}."""
        table, name = key.split(".")
        form = self._words[table][name]["one" if number == 1 else "other"]
        return _filled(form, self._inline({"n": number, **values}))

    def word(self, table: str, code: str) -> str:
        """Return the words for a code, or the code itself where the language has none."""
        known = self._words.get(table, {}).get(_sort_of(table, code))
        return known if isinstance(known, str) else clip(code)

    def knows(self, table: str, code: str) -> bool:
        """Say whether the language has words for a code."""
        return _sort_of(table, code) in self._words.get(table, {})

    def retold(self, table: str, text: str) -> str:
        """Tell a sentence that we once stored in English in the reader's words.

        What stands in its places may be a code itself, as the new severity is one of `severity`.
        A sentence that is none of the table's, as one that a shop has set itself, is quoted.
        """
        for key, pattern in _patterns(table):
            if found := pattern.fullmatch(text.strip()):
                places = {name: self.word(key, one) for name, one in found.groupdict().items()}
                return _filled(self.word(table, key), places)
        return clip(text, 2 * VALUE_LIMIT)

    def number(self, value: float) -> str:
        """Write a number with the language's separators: 1,220 or 0.92."""
        language = self._words["language"]
        text = f"{int(value):,d}" if float(value).is_integer() else f"{value:,.4g}"
        swapped = {",": language["thousands"], ".": language["decimal"]}
        return "".join(swapped.get(character, character) for character in text)

    def percent(self, fraction: float) -> str:
        """Write a fraction as a percentage with two decimals at most."""
        return f"{self.number(round(fraction * 100, 2))} %"

    def duration(self, seconds: float) -> str:
        """Write a duration in its largest whole unit: 30 days, 6 hours, 90 minutes."""
        whole = int(seconds)
        for size, unit in ((_DAY, "days"), (_HOUR, "hours"), (_MINUTE, "minutes")):
            if whole % size == 0:
                return self.count(f"duration.{unit}", whole // size)
        return self.count("duration.seconds", whole)

    def time(self, moment: str) -> str:
        """Write an RFC 3339 time in the reader's zone, with the zone named."""
        known = datetime.fromisoformat(moment)
        if known.tzinfo is None:
            raise ValueError(f"{moment!r} has no offset")
        local = known.astimezone(self._zone)
        return _filled(self._words["language"]["time"], self._places(local))

    def brief(self, moment: str) -> str:
        """Write day and time of the reader's zone, as a list has room for."""
        local = datetime.fromisoformat(moment).astimezone(self._zone)
        return _filled(self._words["language"]["brief"], self._places(local))

    def _places(self, local: datetime) -> dict[str, str]:
        language = self._words["language"]
        return {
            "weekday": language["weekdays"][local.weekday()],
            "day": str(local.day),
            "month": language["months"][local.month - 1],
            "year": str(local.year),
            "hour": f"{local:%H}",
            "minute": f"{local:%M}",
            "zone": self._zone_words(local),
        }

    def due(self, moment: str) -> str:
        """Write when a time is up: midnight, and its last second, belong to the day that ends."""
        local = datetime.fromisoformat(moment).astimezone(self._zone)
        last = local - _MOMENT
        if (local + _LAST_SECOND).date() == last.date():
            return self.time(moment)
        return _filled(self._words["language"]["end_of_day"], self._places(last))

    def _zone_words(self, local: datetime) -> str:
        """Return "CET (UTC+01:00)", "UTC-03:00" where the zone has no abbreviation, or "UTC"."""
        offset = f"UTC{local:%z}"[:6] + ":" + f"{local:%z}"[3:]
        abbreviation = local.tzname() or ""
        if abbreviation == "UTC":
            return abbreviation
        known = self.word("zone", abbreviation)
        return f"{known} ({offset})" if abbreviation.isalpha() else offset

    def _inline(self, values: Mapping[str, str | int]) -> dict[str, str]:
        return {
            name: self.number(value) if isinstance(value, int) else clip(value, 2 * VALUE_LIMIT)
            for name, value in values.items()
        }


def _sort_of(table: str, code: str) -> str:
    """Return what there are words for: of several clocks of one sort each names its own object."""
    return code.partition(":")[0] if table in OF_CLOCKS else code


def clip(text: str, limit: int = VALUE_LIMIT) -> str:
    """Return text as one line that weighs at most `limit`; a shortened one ends in an ellipsis.

    The weight is that of the text in HTML, in bytes of UTF-8: what no text may exceed is the size
    of a mail, and there an emoji weighs four and an ampersand five times as much as a letter.
    """
    line = one_line(text[: _MARGIN * limit])  # a huge text costs no more than a long one
    if weight(line) <= limit and len(text) <= _MARGIN * limit:
        return line
    kept, heavy = 0, weight("…")
    for character in line:
        heavy += weight(character)
        if heavy > limit:
            break
        kept += 1
    return line[:kept] + "…"


def weight(text: str) -> int:
    """Return the bytes that a text takes in HTML."""
    return len(escape(text).encode())


@cache
def languages() -> tuple[str, ...]:
    """Return the languages that have words."""
    folder = files("freezeguard.notices").joinpath("words")
    names = (one.name for one in folder.iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def _filled(sentence: str, places: Mapping[str, str]) -> str:
    """Fill the places of our own sentence; braces inside the values mean nothing."""
    return sentence.format_map(places)


def _known_language(asked: str) -> str:
    short = asked.replace("_", "-").split("-", maxsplit=1)[0].lower()
    if _LANGUAGE.fullmatch(short) and short in languages():
        return short
    return DEFAULT_LANGUAGE


@cache
def _words(language: str) -> dict[str, dict[str, Any]]:
    path = files("freezeguard.notices").joinpath("words", f"{language}.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


@cache
def _patterns(table: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return the English sentences of a table, each as what finds it and its places."""
    found = []
    for key, sentence in _words(DEFAULT_LANGUAGE)[table].items():
        pattern = _PLACE.sub(lambda place: f"(?P<{place[1]}>.+)", re.escape(sentence))
        found.append((key, re.compile(pattern, re.DOTALL)))
    return tuple(found)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        log.warning("notice_time_zone_unknown", time_zone=name)
        return ZoneInfo("UTC")
