"""Draws pages: templates, the reader's language and time zone, and the files beside them."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any, cast

from aiohttp import hdrs, web
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from freezeguard.api.access import Access
from freezeguard.api.models.answers.cases import CaseSummary, EventOut
from freezeguard.domain.clocks import is_of_question
from freezeguard.domain.people import Person
from freezeguard.notices.sections import reason_sentence
from freezeguard.notices.wording import Wording
from freezeguard.ports.clock import Now
from freezeguard.ports.notice_facts.reasons import ReasonFacts
from freezeguard.web import casechart, guarding
from freezeguard.web.deeds import CODES, DONE, LABELS, PARTS, in_words
from freezeguard.web.duties import duty
from freezeguard.web.pages import Page, Visit
from freezeguard.web.portal.wording import PortalWords, accepted_language
from freezeguard.web.readers import ADMINS, AUDITORS, PULLERS

STATIC = {"style.css": "text/css", "icon.svg": "image/svg+xml", "console.js": "text/javascript",
          "live.js": "text/javascript"}
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_NOBODY = Wording("en", "UTC")


class Drawing:
    """Draws templates with what every page has. Everything that comes from outside is escaped.

    `provider` is the name of who vouches for people, if anybody does.
    """

    def __init__(self, now: Now, shop: str, provider: str | None = None) -> None:
        self._now, self._shop, self._provider = now, shop, provider
        self._templates = Environment(
            loader=PackageLoader("freezeguard.web", "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.tests["of_question"] = is_of_question
        self._templates.filters["in_words"] = in_words
        self._templates.filters["upper_first"] = lambda text: text[:1].upper() + text[1:]

    def __call__(self, template: str, visit: Visit, **values: Any) -> str:
        """Return a page as HTML."""
        words = _wording(visit)
        return self._templates.get_template(template).render(
            visit=visit,
            person=None if visit.session is None else visit.session.person,
            words=words,
            say=PortalWords(words),
            moment=lambda at: _moment(words, at),
            ago=lambda at: _ago(words, self._now(), at),
            about=lambda seconds: _about(words, seconds),
            now=self._now(),
            shop=self._shop,
            provider=self._provider,
            asset=asset_address,
            why=lambda case: _why(words, case),
            name_of=_name_of,
            doing=doing,
            said_in=said_in,
            facts=lambda value: _facts(words, value),
            draw_chart=lambda chart: casechart.draw(chart, words),
            chart_rows=casechart.rows,
            parts=PARTS,
            duty=duty,
            csrf=lambda: _hidden(visit),
            navigation=navigation,
            **values,
        )


NAVIGATION: Sequence[tuple[str, str, Access]] = (
    ("/console", "Queue", Access.staff()),
    ("/console/pull", "Pull the cord", PULLERS),
    ("/console/rules", "Rules", Access.staff()),
    ("/console/catalogues", "Catalogues", Access.staff()),
    ("/console/vendors", "Vendors", Access.staff()),
    ("/console/people", "People", ADMINS),
    ("/console/me", "My notices", Access.staff()),
    ("/console/record", "Record", AUDITORS),
)
"""Address, name and readers of the pages that stand in the head of every page."""


def navigation(reader: Person) -> list[tuple[str, str]]:
    """Return the pages that a reader may open from everywhere."""
    return [(address, name) for address, name, who in NAVIGATION if who.admits(reader)]


def _hidden(visit: Visit) -> Markup:
    """Return the field that shows a form to be one of this session."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(guarding.FIELD, visit.csrf)


def _wording(visit: Visit) -> Wording:
    if visit.session is None and visit.page.is_for_vendors:
        liked = visit.request.headers.get(hdrs.ACCEPT_LANGUAGE, "")
        return Wording(accepted_language(liked), "UTC")
    if visit.session is None:
        return _NOBODY
    return Wording(visit.session.person.language, visit.session.person.time_zone)


def _why(words: Wording, case: CaseSummary) -> str:
    """Return why a sale was stopped, as one sentence in the reader's language."""
    return reason_sentence(cast("ReasonFacts", case.reason), words)


WRITTEN = ("comment", "reason", "note", "new_facts", "action", "result")


def doing(command: str) -> str:
    """Return what has happened, by the command that did it."""
    return DONE.get(command, command.replace("_", " "))


def said_in(event: EventOut) -> str:
    """Return what somebody wrote when they gave a command; empty where they wrote nothing."""
    found = (event.arguments.get(name) for name in WRITTEN)
    return next((one for one in found if isinstance(one, str) and one), "")


def _facts(words: Wording, value: Mapping[str, Any]) -> Markup:
    """Draw a part of a case as names and values, whatever it holds."""
    rows = Markup("").join(
        Markup("<dt>{}</dt><dd>{}</dd>").format(label, shown)
        for label, shown in _flat(words, value)
    )
    return Markup('<dl class="facts">{}</dl>').format(rows)


_ORDER = {name: number for number, name in enumerate(LABELS)}
"""The order in which a part of a case is read: the database keeps none."""


def _flat(words: Wording, value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, one in sorted(value.items(), key=lambda pair: _ORDER.get(pair[0], len(_ORDER))):
        label = LABELS.get(name, name.replace("_", " "))
        match one:
            case None | "" | []:
                continue
            case dict():
                yield from _flat(words, one)
            case list():
                yield label, "; ".join(map(str, one))
            case str() if _MOMENT.fullmatch(one):
                yield label, _moment(words, one)
            case str():
                yield label, CODES.get(one, one)
            case _:
                yield label, one


_PARTS_OF_US = {
    "detector": "a rule", "reconciler": "the read-back", "courier": "the post", "timer": "a clock",
}


def _name_of(actor: str) -> str:
    """Return an actor in words: `person:ann` is ann, `vendor:acme` the vendor acme."""
    kind, _, name = actor.partition(":")
    if kind == "person":
        return name
    return f"{kind} {name}" if name else _PARTS_OF_US.get(actor, actor)


def _moment(words: Wording, at: datetime | str | None) -> Markup:
    """Return a time in the reader's zone, for people and for programs."""
    if at is None:
        return Markup("–")
    text = at if isinstance(at, str) else at.isoformat()
    return Markup('<time datetime="{}">{}</time>').format(text, words.brief(text))


def _ago(words: Wording, now: datetime, at: datetime | str) -> Markup:
    """Return how long ago a time was, or how far ahead it is, in the largest fitting unit."""
    known = datetime.fromisoformat(at) if isinstance(at, str) else at
    seconds = (now - known).total_seconds()
    if abs(seconds) < 60:
        told = "just now" if seconds >= 0 else "in a moment"
        return Markup('<time datetime="{}">{}</time>').format(known.isoformat(), told)
    told = _about(words, abs(seconds))
    shape = "{} ago" if seconds >= 0 else "in {}"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        known.isoformat(), words.time(known.isoformat()), shape.format(told)
    )


def _about(words: Wording, seconds: float) -> str:
    """Return a duration in the largest unit of which there is a whole one."""
    size = next((one for one in (86_400, 3_600, 60) if seconds >= one), 1)
    return words.duration(int(seconds / size) * size)


# -------------------------------------------------------------------------------------- files


@cache
def _asset(name: str) -> tuple[bytes, str]:
    content = files("freezeguard.web").joinpath("static", name).read_bytes()
    return content, hashlib.sha256(content).hexdigest()[:16]


def asset_address(name: str) -> str:
    """Return the address of a file of ours; it changes with what is in it."""
    return f"/console/static/{_asset(name)[1]}/{name}"


async def static(visit: Visit) -> web.Response:
    """Answer with one of our own files; browsers keep it for good."""
    name = visit.path["name"]
    if name not in STATIC or visit.path["digest"] != _asset(name)[1]:
        raise web.HTTPNotFound
    return web.Response(
        body=_asset(name)[0], content_type=STATIC[name], charset="utf-8",
        headers={hdrs.CACHE_CONTROL: "public, max-age=31536000, immutable"},
    )


def static_pages() -> list[Page]:
    """Return the pages that are files."""
    return [
        Page(method="GET", path="/console/static/{digest}/{name}", handler=static,
             who=Access.public(), is_file=True)
    ]


