"""The way in for vendors: the link of a mail, a button, a code of eight digits.

Opening a link changes nothing and tells nothing: mail scanners open every link, often twice. What
is answered does not depend on whether there is such a case, such a link or such a mailbox.
"""

import asyncio
from urllib.parse import quote
from uuid import NAMESPACE_URL, UUID, uuid5

from aiohttp import web

from freezeguard.api.access import Access
from freezeguard.services.masterdata.codes import Codes, TooManyCodes
from freezeguard.services.masterdata.signingin import SigningIn
from freezeguard.services.masterdata.vendorlinks import HINT
from freezeguard.web import guarding
from freezeguard.web.beginning import begin
from freezeguard.web.pages import PORTAL, Page, Visit

COOKIE = "__Host-freezeguard-code"
EVEN = 0.3
"""Seconds after which it is answered that a code may be on its way, whatever was found."""
ONE = f"{PORTAL}/cases/{{id}}"


class Door:
    """Handlers of those who have not shown yet who they are."""

    def __init__(self, signing_in: SigningIn, codes: Codes, contact: str) -> None:
        self._signing_in, self._codes, self._contact = signing_in, codes, contact

    def closed(self, visit: Visit) -> web.Response:
        """Say how vendors come in, where the address names no case."""
        return visit.show("portal/closed.html")

    def show(self, visit: Visit, *, status: int = 200, refused: str = "") -> web.Response:
        """Offer to send a code, and to type one in where this browser has asked for it."""
        case_id, hint = visit.path["id"], visit.query.get(HINT, "") or visit.form.get(HINT, "")
        known = self._codes.links.read(_uuid_of(case_id), hint)
        return visit.show(
            "portal/door.html", status=status, number=None if known is None else known.number,
            here=_here(case_id), hint=hint, refused=refused, contact=self._contact,
            has_asked=_browser_of(visit) is not None,
        )

    async def ask(self, visit: Visit) -> web.Response:
        """Have a code sent, if there is anybody to send it to."""
        case_id, hint = visit.path["id"], visit.form.get(HINT, "")
        clock = asyncio.get_running_loop().time
        until = clock() + EVEN
        case = _uuid_of(case_id)
        try:
            browser = await self._codes.ask(case, self._codes.links.read(case, hint))
        except TooManyCodes:
            return self.show(visit, status=429, refused="waits")
        await asyncio.sleep(max(0.0, until - clock()))
        response = visit.go(_here(case_id) + (f"?{HINT}={quote(hint, safe='')}" if hint else ""))
        response.set_cookie(
            COOKIE, f"{case}.{browser}", path="/", secure=True, httponly=True, samesite="Lax",
            max_age=600,
        )
        return response

    async def enter(self, visit: Visit) -> web.Response:
        """Let in whoever types the code into the browser that asked for it."""
        browser = _browser_of(visit)
        entered = None
        if browser is not None:
            entered = await self._codes.enter(browser, visit.form.get("code", "")[:100])
        if entered is None:
            return self.show(visit, status=403, refused="wrong")
        token, case_id = entered
        response = await begin(visit, self._signing_in, token, f"{PORTAL}/cases/{case_id}")
        response.del_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Lax")
        return response

    async def leave(self, visit: Visit) -> web.Response:
        """Sign out."""
        if visit.token is not None:
            await self._signing_in.leave(visit.token)
        response = visit.go(PORTAL)
        guarding.forget(response)
        return response

    def pages(self) -> list[Page]:
        """Return the pages of the way in, but for those that a case has, too."""
        everybody = Access.public()
        return [
            Page(method="POST", path=f"{ONE}/code", handler=self.ask, who=everybody),
            Page(method="POST", path=f"{ONE}/enter", handler=self.enter, who=everybody),
            Page(method="POST", path=f"{PORTAL}/sign-out", handler=self.leave,
                 who=Access.person()),
        ]


def _here(case_id: str) -> str:
    return f"{PORTAL}/cases/{quote(case_id, safe='')}"


def _uuid_of(text: str) -> UUID:
    """Return the id of a case; what is none stands for a case that there is not."""
    try:
        return UUID(text)
    except ValueError:
        return uuid5(NAMESPACE_URL, text)


def _browser_of(visit: Visit) -> str | None:
    """Return what this browser keeps of a code that it asked for, for this case."""
    case, _, browser = visit.request.cookies.get(COOKIE, "").partition(".")
    return browser if browser and case == str(_uuid_of(visit.path["id"])) else None
