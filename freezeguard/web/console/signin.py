"""Signing in and out, and showing once more who one is before a decision."""

from aiohttp import web

from freezeguard.api.access import Access
from freezeguard.services.masterdata.signingin import SigningIn
from freezeguard.web import guarding
from freezeguard.web.beginning import begin
from freezeguard.web.pages import Page, Visit
from freezeguard.web.site import PROVE, SIGN_IN, home_of, safe_next

UNKNOWN = (
    "This token is not known, has ended, or belongs to a machine. People sign in with a personal "
    "token of their own; an administrator issues one."
)
USED = (
    "This link was used, or is too old. It works once, for a short time. Ask for another one: "
    "freezeguard people sign-in prints it."
)


class SignIn:
    """Handlers of signing in."""

    def __init__(self, signing_in: SigningIn) -> None:
        self._signing_in = signing_in

    async def form(self, visit: Visit) -> web.Response:
        """Ask who somebody is; whoever is signed in already goes on."""
        if visit.session is not None:
            return visit.go(home_of(visit.person, safe_next(visit.query.get("next"))))
        return self._ask(visit, safe_next(visit.query.get("next")))

    def _ask(self, visit: Visit, following: str, refused: str = "") -> web.Response:
        status = 403 if refused else 200
        return visit.show("sign_in.html", status=status, next=following, refused=refused)

    async def by_token(self, visit: Visit) -> web.Response:
        """Sign in by a personal token."""
        following = safe_next(visit.form.get("next"))
        token = await self._signing_in.enter_by_token(visit.form.get("token", "").strip())
        if token is None:
            return self._ask(visit, following, UNKNOWN)
        return await begin(visit, self._signing_in, token, following)

    async def link(self, visit: Visit) -> web.Response:
        """Say whom a link lets in. Opening it changes nothing: mail scanners open links, too."""
        secret = visit.query.get("link", "")
        person = await self._signing_in.person_of_link(secret)
        return visit.show(
            "link.html", status=200 if person else 410, secret=secret, whom=person, refused=USED,
            next=safe_next(visit.query.get("next")),
        )

    async def by_link(self, visit: Visit) -> web.Response:
        """Sign in by a link; it is used up."""
        token = await self._signing_in.enter_by_link(visit.form.get("link", ""))
        if token is None:
            return visit.show("link.html", status=410, secret="", whom=None, refused=USED,
                              next="/console")
        return await begin(visit, self._signing_in, token, safe_next(visit.form.get("next")))

    async def proof_form(self, visit: Visit) -> web.Response:
        """Ask somebody who is signed in to show once more who they are."""
        return visit.show("prove.html", next=safe_next(visit.query.get("next")), refused="")

    async def prove(self, visit: Visit) -> web.Response:
        """Take a personal token as the proof; only that of the same person."""
        following = safe_next(visit.form.get("next"))
        token = await self._signing_in.enter_by_token(visit.form.get("token", "").strip())
        entered = None if token is None else await self._signing_in.session(token)
        if token is None or entered is None or entered.person.id != visit.person.id:
            if token is not None:
                await self._signing_in.leave(token)
            refused = UNKNOWN if entered is None else "This token is another person's."
            return visit.show("prove.html", status=403, next=following, refused=refused)
        return await begin(visit, self._signing_in, token, following)

    async def leave(self, visit: Visit) -> web.Response:
        """Sign out."""
        if visit.token is not None:
            await self._signing_in.leave(visit.token)
        response = visit.go(SIGN_IN)
        guarding.forget(response)
        return response


def pages(signing_in: SigningIn) -> list[Page]:
    """Return the pages of signing in."""
    sign_in, everybody, person = SignIn(signing_in), Access.public(), Access.person()
    return [
        Page(method="GET", path=SIGN_IN, handler=sign_in.form, who=everybody),
        Page(method="POST", path=SIGN_IN, handler=sign_in.by_token, who=everybody),
        Page(method="GET", path="/console/enter", handler=sign_in.link, who=everybody),
        Page(method="POST", path="/console/enter", handler=sign_in.by_link, who=everybody),
        Page(method="GET", path=PROVE, handler=sign_in.proof_form, who=person),
        Page(method="POST", path=PROVE, handler=sign_in.prove, who=person),
        Page(method="POST", path="/console/sign-out", handler=sign_in.leave, who=person),
    ]
