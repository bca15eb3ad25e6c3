"""Puts the pages for people together."""

from collections.abc import Sequence

from aiohttp import web

from freezeguard.api import bodies
from freezeguard.api.context import Context
from freezeguard.api.routing import AnyRoute
from freezeguard.bootstrap.settings import Settings
from freezeguard.services.masterdata.codes import Codes
from freezeguard.services.masterdata.signingin import SigningIn
from freezeguard.web.console import casepage, queue, signin
from freezeguard.web.desk import Desk
from freezeguard.web.pages import Page
from freezeguard.web.portal import site as portal
from freezeguard.web.rendering import Drawing, static_pages
from freezeguard.web.site import Site


def build_site(
    settings: Settings, context: Context, signing_in: SigningIn, codes: Codes,
    routes: Sequence[AnyRoute],
) -> Site:
    """Return every page, over the routes of the API."""
    return Site(
        all_pages(settings, context, Desk(routes), signing_in, codes),
        signing_in,
        Drawing(context.now, settings.shop.name),
        settings.public_url,
        bodies.Pace(seconds=settings.limits.body_seconds),
    )


def all_pages(
    settings: Settings, context: Context, desk: Desk, signing_in: SigningIn, codes: Codes
) -> list[Page]:
    """Return every page there is."""
    contact = settings.shop.contact_address
    return [*static_pages(), *signin.pages(signing_in), *queue.pages(desk),
            *casepage.pages(desk),
            *portal.pages(desk, signing_in, codes, context.now, contact)]


def attach_pages(
    settings: Settings, context: Context, signing_in: SigningIn, codes: Codes,
    routes: Sequence[AnyRoute], app: web.Application,
) -> None:
    """Serve the pages from the application of the API."""
    build_site(settings, context, signing_in, codes, routes).attach(app)
