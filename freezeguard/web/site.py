"""Serves pages: the session, the form, the page, and what went wrong in words."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NoReturn
from urllib.parse import quote

import structlog
from aiohttp import hdrs, web

from freezeguard.api import bodies, envelope, refusals
from freezeguard.api.access import Access
from freezeguard.api.refusals import Refused
from freezeguard.domain.errors import FreezeguardError, NotAllowed, NotFound
from freezeguard.domain.people import Person, Role
from freezeguard.services.cases.livechanges import LiveChanges
from freezeguard.services.masterdata.signingin import SigningIn
from freezeguard.web import guarding
from freezeguard.web.forms import Form, read_form, read_parts
from freezeguard.web.pages import PORTAL, Draws, Page, Visit

log = structlog.get_logger()

SIGN_IN, PROVE, CORD = "/console/sign-in", "/console/prove", "/console/pull"
REFRESH = "Freezeguard-Refresh"
"""The header with which a page asks for itself anew; nobody has pressed anything."""
HOMES = ("/console", PORTAL)
"""Whatever else is asked for below these is answered by a page, too."""


class Site:
    """The pages of the service. `own` is the address that people know it by, where it is set."""

    def __init__(
        self,
        pages: Sequence[Page],
        signing_in: SigningIn,
        draw: Draws,
        own: str | None,
        live: LiveChanges,
        pace: bodies.Pace = bodies.PACE,
    ) -> None:
        self.pages = tuple(pages)
        self._readable = {page.path for page in pages if not page.changes}
        self._signing_in, self._draw, self._own, self._pace = signing_in, draw, own, pace
        self._live = live

    def attach(self, app: web.Application) -> None:
        """Serve the pages from an application, before it answers all other addresses."""
        for page in self.pages:
            if page.method == hdrs.METH_GET:
                app.router.add_get(
                    page.path, self._handler(page), allow_head=not page.is_stream
                )
            else:
                app.router.add_post(page.path, self._handler(page))
        for home in HOMES:
            lost = Page(method=hdrs.METH_ANY, path=f"{home}/{{address:[\\s\\S]*}}",
                        handler=self._lose, who=Access.public())
            for address in (home, lost.path):
                app.router.add_route(hdrs.METH_ANY, address, self._handler(lost))

    async def _lose(self, visit: Visit) -> NoReturn:
        """Refuse an address of which there is no page, or a method that its page does not know."""
        request = visit.request
        asked = request.rel_url.raw_path.split("/")
        here = [page for page in self.pages if _is_at(page, asked)]
        known = {page.method for page in here}
        if any(page.method == hdrs.METH_GET and not page.is_stream for page in here):
            known.add(hdrs.METH_HEAD)
        if not known:
            raise NotFound("There is no page at this address. The link may be old, or was cut off.")
        raise Refused(
            "method_not_allowed",
            "This page can't be asked for in this way. Open it, and use what stands on it.",
            headers={hdrs.ALLOW: ", ".join(sorted(known))},
        )

    def _handler(self, page: Page) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await self.serve(page, request)

        return handle

    async def serve(self, page: Page, request: web.Request) -> web.StreamResponse:
        """Answer one request for a page."""
        visit = Visit(
            request, request[envelope.REQUEST_ID], page, None, None, Form([]), self._draw,
            bookmark=self._live.bookmark, beat=self._live.terms.beat,
        )
        try:
            response = await self._opened(visit)
        except Exception as error:  # noqa: BLE001 - the outermost frame; none is swallowed
            response = self.refusal(visit, error)
        for name, value in guarding.HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    async def _opened(self, visit: Visit) -> web.StreamResponse:
        page = visit.page
        if page.changes:
            guarding.check_origin(visit.request, self._own)
        if not page.is_file:
            await self._recognise(visit)
        if visit.session is None and not page.who.is_public:
            return visit.go(self._way_in(visit))
        if not page.who.is_public:
            _admit(page.who, visit)
        if page.changes:
            if page.takes_file:
                visit.form, visit.file = await read_parts(visit.request, self._pace)
            else:
                visit.form = await read_form(visit.request, self._pace)
            if visit.session is not None and visit.token is not None:
                guarding.check_form(visit.form, visit.token)
        if page.wants_proof and not visit.is_proven:
            return visit.go(self._way_back(PROVE, visit))
        return await page.handler(visit)

    async def _recognise(self, visit: Visit) -> None:
        token = guarding.token_of(visit.request)
        if token is None:
            return
        is_use = not visit.page.is_stream and REFRESH not in visit.request.headers
        found = await self._signing_in.session(token, is_use=is_use)
        visit.renewed = partial(self._renewed, visit.page, token)
        if found is not None:
            visit.session, visit.token = found, token
            visit.is_proven = self._signing_in.is_proven(found)

    async def _renewed(self, page: Page, token: str) -> Person | None:
        """Return who a session belongs to as they are known now, where the page is still theirs."""
        found = await self._signing_in.session(token, is_use=False)
        return None if found is None or not page.who.admits(found.person) else found.person

    def _way_in(self, visit: Visit) -> str:
        """Return where somebody shows who they are: vendors at the case that they wanted."""
        if not visit.page.is_for_vendors:
            return self._way_back(SIGN_IN, visit)
        case = visit.path.get("id") if visit.page.path.startswith(f"{PORTAL}/cases/") else None
        return PORTAL if case is None else f"{PORTAL}/cases/{quote(case, safe='')}"

    def _way_back(self, page: str, visit: Visit) -> str:
        """Return a page that leads back to the one that was asked for.

        A form that comes too late is lost: it leads to where it can be filled in anew.
        """
        request = visit.request
        wanted = self._form_of(visit) if visit.page.changes else str(request.rel_url)
        return f"{page}?next={quote(wanted, safe='/')}"

    def _form_of(self, visit: Visit) -> str:
        """Return the nearest page above the address of a form that can be opened."""
        declared, asked = visit.page.path.split("/"), visit.request.rel_url.raw_path.split("/")
        for length in range(len(declared), 1, -1):
            if "/".join(declared[:length]) in self._readable:
                return "/".join(asked[:length])
        return "/console"

    def refusal(self, visit: Visit, error: Exception) -> web.Response:
        """Return a page that says what went wrong and what helps.

        Raises the error itself where nobody is left to read it, or the answer has begun.
        """
        has_gone = isinstance(error, ConnectionError) and visit.request.transport is None
        if has_gone or visit.request.writer.output_size > 0:
            raise error
        match error:
            case FreezeguardError():
                said = refusals.of_error(error)
            case web.HTTPException():
                said = refusals.of_http_error(error)
            case _:
                log.error("page_failed", request_id=visit.request_id, page=visit.page.name,
                          exc_info=error)
                said = refusals.of_code("internal")
        template = "portal/refusal.html" if visit.page.is_for_vendors else "refusal.html"
        visit.headers.update(said.headers)
        return visit.show(template, status=said.problem.status, said=said)


def _is_at(page: Page, segments: Sequence[str]) -> bool:
    """Say whether an address, split and not yet decoded, is one of a page's."""
    declared = page.path.split("/")
    return len(declared) == len(segments) and all(
        part == one or (part.startswith("{") and one != "")
        for part, one in zip(declared, segments, strict=True)
    )


def way_to_proof(following: str) -> str:
    """Return the page on which somebody shows once more who they are, and goes on from there."""
    return f"{PROVE}?next={quote(following, safe='/')}"


def _admit(who: Access, visit: Visit) -> None:
    if not who.admits(visit.person):
        raise NotAllowed(f"This page is for {who.words()}.")


def safe_next(wanted: str | None, otherwise: str = "/console") -> str:
    """Return where to go after signing in: a page of our own, whatever the address says."""
    ours = wanted is not None and wanted.startswith(("/console", PORTAL))
    return wanted if wanted and ours and "\\" not in wanted and wanted.isprintable() else otherwise


def home_of(person: Person, following: str) -> str:
    """Return where somebody goes who has signed in and asked for no page of their own.

    A vendor's person has none but the portal; who does nothing but pull begins at the cord.
    """
    if not person.is_staff:
        return following if following.startswith(PORTAL) else PORTAL
    return CORD if following == "/console" and person.roles == {Role.ASSOCIATE} else following
