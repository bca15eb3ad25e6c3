"""How a session begins in a browser, by whatever way somebody came in."""

from aiohttp import web

from freezeguard.services.masterdata.signingin import SigningIn
from freezeguard.web import guarding
from freezeguard.web.pages import Visit
from freezeguard.web.site import home_of


async def begin(
    visit: Visit, signing_in: SigningIn, token: str, following: str
) -> web.Response:
    """Give the browser a fresh session and have it open a page of its person.

    One that it had before ends: a proof begins a session anew, and no older secret is worth more.
    """
    await signing_in.replace(visit.token)
    begun = await signing_in.session(token)
    response = visit.go(following if begun is None else home_of(begun.person, following))
    guarding.keep(response, token)
    return response
