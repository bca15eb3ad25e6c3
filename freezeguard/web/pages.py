"""Pages as declarations: who may open them, and what makes them.

`freezeguard.web.site` serves them. A page without `who` cannot exist; the matrix of roles and pages
that the tests go through is made from these declarations.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiohttp import web

from freezeguard.api.access import Access
from freezeguard.domain.people import Person
from freezeguard.ports.sessions import Session
from freezeguard.web import guarding
from freezeguard.web.desk import Asker, Renewed
from freezeguard.web.forms import FilePart, Form

PORTAL = "/portal"


async def _nobody() -> None:
    return None


class Draws(Protocol):
    """Draws a template with its values."""

    def __call__(self, template: str, visit: "Visit", **values: Any) -> str: ...


@dataclass(slots=True)
class Visit:
    """One request as a page sees it: signed in, its form read and found to be our own.

    What it shows has been heard of up to `bookmark`; a stream gives signs of life every `beat`
    seconds.
    """

    request: web.Request
    request_id: str
    page: "Page"
    session: Session | None
    token: str | None = field(repr=False)
    form: Form
    draw: Draws
    is_proven: bool = False
    file: FilePart | None = None
    headers: dict[str, str] = field(default_factory=dict)
    bookmark: str = ""
    beat: float = 0.0
    renewed: Renewed = field(default=_nobody, repr=False)

    @property
    def person(self) -> Person:
        """Return who reads a page that is not public."""
        if self.session is None:
            raise RuntimeError(f"{self.page.name} is public: nobody need be signed in")
        return self.session.person

    @property
    def asker(self) -> Asker:
        """Return this visit as the API sees it."""
        return Asker(self.request, self.request_id, self.person, self.renewed)

    @property
    def path(self) -> Mapping[str, str]:
        """Return the named parts of the address."""
        return self.request.match_info

    @property
    def query(self) -> Mapping[str, str]:
        """Return the query of the address, the first value of each name."""
        return self.request.query

    @property
    def csrf(self) -> str:
        """Return what a form of this visit carries; nothing where nobody is signed in."""
        return "" if self.token is None or self.session is None else guarding.form_token(self.token)

    def show(self, template: str, *, status: int = 200, **values: Any) -> web.Response:
        """Answer with a template."""
        text = self.draw(template, self, **values)
        return web.Response(
            text=text, status=status, content_type="text/html", headers=self.headers
        )

    def go(self, address: str) -> web.Response:
        """Have the browser open another page, by GET."""
        return web.Response(status=303, headers={**self.headers, "Location": address})


@dataclass(frozen=True, kw_only=True)
class Page:
    """One method at one address below `/console` or `/portal`.

    `wants_proof` is of a page that decides: whoever opens it showed who they are a short time ago.
    `takes_file` is of a form with a file: its fields are read first, and the file by the page.
    `is_file` is of a file of ours, for which nobody is looked up. `is_stream` is of one that goes
    on for as long as its reader does.
    """

    method: str
    path: str
    handler: Callable[[Visit], Awaitable[web.StreamResponse]]
    who: Access
    wants_proof: bool = False
    takes_file: bool = False
    is_file: bool = False
    is_stream: bool = False

    def __post_init__(self) -> None:
        if self.who == Access():
            raise ValueError(f"{self.name}: says of nobody that they may open it")
        if self.who.keys or self.who.is_signed:
            raise ValueError(f"{self.name}: keys open no pages")

    @property
    def name(self) -> str:
        """Return the page in one line."""
        return f"{self.method} {self.path}"

    @property
    def is_for_vendors(self) -> bool:
        """Say whether it is one of the vendors' pages, and not of the shop's own."""
        return self.path == PORTAL or self.path.startswith(f"{PORTAL}/")

    @property
    def changes(self) -> bool:
        """Say whether it may change something; a GET never does, mail scanners open every link."""
        return self.method == "POST"
