"""Signing in by an OpenID provider: a real one in a process of its own, and one that lies."""

import asyncio
import socket
import sys
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser as Chromium

from freezeguard.domain.errors import Unavailable
from freezeguard.identity.openid import OpenIdProvider
from freezeguard.ports.identity import Request
from freezeguard.storage.embedded import EmbeddedServer
from tests.acceptance.conftest import fresh_database
from tests.acceptance.steps import sql
from tests.rig import Rig, shop_with_service, until
from tests.web.chromium import DESK, window
from tests.web.standin import Provider, new_key, providing, shared_secret
from tests.web.test_signing_in import age
from tests.web.visiting import Browser, signed_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider() -> AsyncIterator[Provider]:
    """A provider that can be told to lie."""
    async with providing() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(postgres: EmbeddedServer, place: Path, provider: Provider) -> AsyncIterator[Rig]:
    """A service whose people sign in by it."""
    port = free_port()
    oidc = {"issuer": provider.url, "client_id": "freezeguard", "client_secret": "s/e:c r",
            "name": "the shop"}
    async with (
        fresh_database(postgres) as dsns,
        shop_with_service(
            dsns, place, port=port, public_url=f"http://127.0.0.1:{port}", oidc=oidc
        ) as running,
    ):
        yield running


@pytest.fixture(autouse=True)
def honest(provider: Provider) -> Iterator[None]:
    """Begin every test with a provider that tells the truth of Mara."""
    kept = {name: getattr(provider, name) for name in
            ("subject", "address", "is_verified", "key", "algorithm", "status")}
    provider.lies.clear()
    yield
    for name, value in kept.items():
        setattr(provider, name, value)


async def asked(browser: Browser, following: str = "/console") -> dict[str, str]:
    """Begin signing in; return what the browser is sent to the provider with."""
    seen = await browser.get(f"/console/provider?next={following}", follow=False)
    assert seen.status == 303, seen.words
    query = parse_qs(urlsplit(seen.headers["Location"]).query)
    return {name: values[0] for name, values in query.items()}


async def back(browser: Browser, sent: dict[str, str], **changes: str) -> Any:
    """Come back from the provider. The stand-in's code is the nonce that it is to sign."""
    query = {"state": sent["state"], "code": sent["nonce"], **changes}
    said = "&".join(f"{name}={value}" for name, value in query.items())
    return await browser.get(f"/console/provider/back?{said}")


async def test_whom_the_provider_vouches_for_is_in(rig: Rig, provider: Provider) -> None:
    """With PKCE, state and nonce; the first time by the verified address, later by the subject."""
    browser = Browser(rig.session, rig.url)
    page = await browser.get("/console/sign-in")
    sent = await asked(browser, "/console/rules")
    inside = await back(browser, sent)
    provider.address = "elsewhere@shop.example"
    again = Browser(rig.session, rig.url)
    later = await back(again, await asked(again))

    assert "Sign in with the shop" in page.words
    assert ("code", "S256", "freezeguard") == (
        sent["response_type"], sent["code_challenge_method"], sent["client_id"])
    assert f"{rig.url}/console/provider/back" == sent["redirect_uri"]
    assert len(provider.tokens[-1]["code_verifier"]) >= 43
    login = b64decode(provider.logins[-1].removeprefix("Basic ")).decode()
    assert "freezeguard:s%2Fe%3Ac+r" == login
    assert (200, "/console/rules") == (inside.status, inside.address)
    assert "Mara Manager" in inside.words
    assert "Mara Manager" in later.words


@pytest.mark.parametrize("changes", [
    {"address": "nobody@shop.example", "subject": "u-1"}, {"is_verified": False, "subject": "u-2"},
    {"is_verified": "true", "subject": "u-3"}, {"address": None, "subject": "u-4"},
])
async def test_whom_nobody_knows_is_not_in(
    rig: Rig, provider: Provider, changes: dict[str, Any]
) -> None:
    """Without a verified address of exactly one person there is nobody to be."""
    for name, value in changes.items():
        setattr(provider, name, value)
    browser = Browser(rig.session, rig.url)
    seen = await back(browser, await asked(browser))

    assert 403 == seen.status
    assert "nobody here is known by it" in seen.words
    assert browser.token is None


@pytest.mark.parametrize("lies", [
    {"iss": "https://elsewhere.example"}, {"aud": "another"}, {"aud": ["another", "third"]},
    {"aud": ["freezeguard", "another"], "azp": "another"}, {"exp": 1_000}, {"exp": None},
    {"iat": 4_000_000_000}, {"nonce": "of another request"}, {"nonce": None}, {"sub": ""},
    {"exp": True},
])
async def test_a_token_that_does_not_fit_is_refused(
    rig: Rig, provider: Provider, lies: dict[str, Any]
) -> None:
    """Of another issuer, for somebody else, too old, too early, or no answer to this request."""
    provider.lies.update(lies)
    browser = Browser(rig.session, rig.url)
    seen = await back(browser, await asked(browser))

    assert 403 == seen.status
    assert "The provider's answer does not show" in seen.words
    assert browser.token is None


@pytest.mark.parametrize("how", ["another key", "a shared secret"])
async def test_a_token_that_others_signed_is_refused(
    rig: Rig, provider: Provider, how: str
) -> None:
    """Neither a key that the provider does not publish, nor an algorithm with a shared secret."""
    if how == "another key":
        provider.key = new_key()
    else:
        provider.key, provider.algorithm = shared_secret(), "HS256"
    browser = Browser(rig.session, rig.url)
    seen = await back(browser, await asked(browser))

    assert 403 == seen.status
    assert "is not signed by it" in seen.words


async def test_a_new_key_of_the_provider_is_found(rig: Rig, provider: Provider) -> None:
    """Keys change now and then: one that is published since is read, once."""
    provider.key = new_key()
    provider.published.append(provider.key)
    browser = Browser(rig.session, rig.url)
    seen = await back(browser, await asked(browser))

    assert "/console" == seen.address


async def test_an_answer_is_for_the_browser_that_asked(rig: Rig) -> None:
    """Another browser, another state, none, or a refusal of the provider: nobody is let in."""
    browser, thief = Browser(rig.session, rig.url), Browser(rig.session, rig.url)
    sent = await asked(browser)

    assert 403 == (await back(thief, sent)).status
    assert 403 == (await back(browser, sent, state="another")).status
    assert 403 == (
        await browser.get(f"/console/provider/back?error=access_denied&state={sent['state']}")
    ).status
    assert thief.token is browser.token is None


async def test_a_provider_that_refuses_or_is_away(rig: Rig, provider: Provider) -> None:
    """A code that it does not take is told; tokens and links let people in meanwhile."""
    provider.status = 400
    browser = Browser(rig.session, rig.url)
    seen = await back(browser, await asked(browser))

    assert 403 == seen.status
    assert "did not take the code" in seen.words
    away = OpenIdProvider(f"http://127.0.0.1:{free_port()}", "freezeguard", None, "id")
    with pytest.raises(Unavailable, match="can't be reached"):
        await away.address(Request("s", "n", "v"), "http://back", afresh=False)
    await away.close()
    assert (await signed_in(rig, "owen")).token


@pytest.mark.parametrize("auth_time", [None, 1_000_000_000, "now"])
async def test_a_browser_that_the_provider_knows_is_no_proof(
    rig: Rig, provider: Provider, auth_time: Any
) -> None:
    """Signing out and in again, with nobody asked anything there, lets no sale go on."""
    if auth_time != "now":
        provider.lies["auth_time"] = auth_time
    browser = Browser(rig.session, rig.url)
    inside = await back(browser, await asked(browser))
    deciding = await browser.post("/console/rules/proposals/nobody", {"verdict": "reject"})

    assert "/console" == inside.address
    assert ("/console/prove" == deciding.address) == (auth_time != "now")


async def test_a_proof_is_of_the_same_person_and_fresh(rig: Rig, provider: Provider) -> None:
    """The provider is asked to have them sign in anew, and has to say when they did."""
    browser = Browser(rig.session, rig.url)
    await back(browser, await asked(browser))
    await age(rig, browser, "proved_at", timedelta(minutes=20))
    sent = await asked(browser, "/console/rules")
    assert ("login", "0") == (sent["prompt"], sent["max_age"])
    provider.lies["auth_time"] = 1_000_000_000
    stale = await back(browser, sent)
    provider.lies.clear()
    proved = await back(browser, await asked(browser, "/console/rules"))
    before = browser.token
    provider.subject, provider.address = "u-owen", "owen@shop.example"
    other = await back(browser, await asked(browser))
    rows = await sql(rig, "SELECT now() - proved_at < interval '1 minute' AS fresh FROM sessions"
                          " ORDER BY opened_at DESC LIMIT 1")

    assert 403 == stale.status
    assert "signed in just now" in stale.words
    assert "/console/rules" == proved.address
    assert rows[0]["fresh"]
    assert 403 == other.status
    assert before == browser.token


# ----------------------------------------------------------------- a real one, in a process


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def process() -> AsyncIterator[str]:
    """A provider of others' making, in a process of its own."""
    port = free_port()
    program = Path(sys.executable).with_name("oidc-provider-mock")
    running = await asyncio.create_subprocess_exec(
        str(program), "--port", str(port), "--require-nonce", "true", "--user-claims",
        '{"sub": "mara@shop.example", "email": "mara@shop.example", "email_verified": true}',
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )
    url = f"http://localhost:{port}"

    async def answers() -> bool:
        async with aiohttp.ClientSession() as session:
            try:
                async with session.get(f"{url}/.well-known/openid-configuration") as answer:
                    return answer.status == 200
            except aiohttp.ClientError:
                return False

    try:
        await until(answers, "the provider answers", seconds=30)
        yield url
    finally:
        running.terminate()
        await running.wait()


async def test_a_real_provider_and_a_real_browser(
    chromium: Chromium, postgres: EmbeddedServer, place: Path, process: str
) -> None:
    """From the button to the queue, by way of the provider's own page."""
    port = free_port()
    oidc = {"issuer": process, "client_id": "freezeguard", "client_secret": "s", "name": "the shop"}
    async with (
        fresh_database(postgres) as dsns,
        shop_with_service(
            dsns, place, port=port, public_url=f"http://127.0.0.1:{port}", oidc=oidc
        ) as rig,
        window(chromium, rig, viewport=DESK) as one,
    ):
        await one.open("/console/sign-in")
        await one.check("sign-in-provider")
        await one.page.get_by_role("link", name="Sign in with the shop").click()
        await one.page.wait_for_url(f"{process}/**")
        await one.page.get_by_role("button", name="mara@shop.example").click()
        await one.page.wait_for_url("**/console")
        await one.page.get_by_text("Mara Manager").wait_for()
        one.amiss.clear()  # what the provider's own page asks for is the provider's
