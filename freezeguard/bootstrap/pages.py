"""Puts the pages for people together."""

from collections.abc import Sequence

from aiohttp import web

from freezeguard.api import bodies
from freezeguard.api.context import Context
from freezeguard.api.routing import AnyRoute
from freezeguard.bootstrap.house import house_of
from freezeguard.bootstrap.settings import Settings
from freezeguard.bootstrap.surroundings import new_secret
from freezeguard.ports.clock import Now
from freezeguard.ports.identity import IdentityProvider
from freezeguard.services.masterdata.codes import Codes
from freezeguard.services.masterdata.signingin import SigningIn
from freezeguard.web.console import (
    bulk,
    casepage,
    catalogues,
    cord,
    diagnosispages,
    live,
    me,
    people,
    provider,
    questionpages,
    queue,
    record,
    rules,
    rulewriting,
    signin,
    vendors,
    views,
)
from freezeguard.web.desk import Desk
from freezeguard.web.pages import Page
from freezeguard.web.portal import site as portal
from freezeguard.web.rendering import Drawing, static_pages
from freezeguard.web.site import Site


def provider_of(settings: Settings) -> IdentityProvider | None:
    """Return who vouches for people, where the shop has one."""
    known = settings.oidc
    if known.issuer is None:
        return None
    from freezeguard.identity.openid import OpenIdProvider  # 10 MB, where there is a provider

    secret = None if known.client_secret is None else known.client_secret.get_secret_value()
    return OpenIdProvider(known.issuer, known.client_id, secret, known.name, known.scopes)


def attach_pages(
    settings: Settings,
    context: Context,
    signing_in: SigningIn,
    codes: Codes,
    vouching: IdentityProvider | None,
    routes: Sequence[AnyRoute],
    app: web.Application,
) -> None:
    """Serve the pages from the application of the API, over its routes."""
    Site(
        all_pages(settings, Desk(routes), signing_in, codes, vouching, context.now),
        signing_in,
        Drawing(context.now, settings.shop.name, None if vouching is None else vouching.name),
        settings.public_url,
        context.live,
        bodies.Pace(seconds=settings.limits.body_seconds),
    ).attach(app)


def all_pages(
    settings: Settings, desk: Desk, signing_in: SigningIn, codes: Codes,
    vouching: IdentityProvider | None, now: Now,
) -> list[Page]:
    """Return every page there is."""
    by_provider = []
    if vouching is not None:
        own = house_of(settings).url
        by_provider = provider.pages(provider.ByProvider(signing_in, vouching, new_secret, own))
    console = (
        queue, views, bulk, casepage, questionpages, diagnosispages, live, cord, rules,
        rulewriting, catalogues, vendors, people, me, record,
    )
    return [
        *static_pages(), *signin.pages(signing_in), *by_provider,
        *(page for one in console for page in one.pages(desk)),
        *portal.pages(desk, signing_in, codes, now, settings.shop.contact_address),
    ]
