"""Signing in with a browser: who gets in, for how long, and what other sites can't do."""

from datetime import timedelta

import pytest

from freezeguard.services.masterdata.access import secret_hash
from freezeguard.web.guarding import COOKIE
from tests.acceptance.steps import sql
from tests.rig import Rig
from tests.web.visiting import Browser, signed_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

SESSION = "UPDATE sessions SET {} WHERE token_hash = $1"


async def age(rig: Rig, browser: Browser, column: str, by: timedelta) -> None:
    """Let a session's past lie further back."""
    await sql(rig, SESSION.format(f"{column} = {column} - $2::interval"),
              secret_hash(browser.token), by)


async def link_for(rig: Rig, who: str) -> str:
    signing_in = rig.service.signing_in
    return await rig.service.database.run(lambda tx: signing_in.issue_link(tx, who, "test"))


async def test_a_personal_token_lets_in_and_a_way_out_leads_out(rig: Rig) -> None:
    """Who asked for a page goes there after signing in; after signing out the cookie is void."""
    browser = Browser(rig.session, rig.url)
    asked = await browser.get("/console?state=frozen")
    assert "/console/sign-in" == asked.address
    inside = await browser.post(
        "/console/sign-in", {"token": rig.secrets["mara"], "next": "/console?state=frozen"}
    )
    kept = dict(browser.cookies)
    out = await browser.post("/console/sign-out")
    browser.cookies = kept
    again = await browser.get("/console")

    assert (200, "/console") == (inside.status, inside.address)
    assert "No case fits these filters." in inside.words
    assert "/console/sign-in" == out.address == again.address


async def test_the_cookie_is_kept_from_scripts_and_other_sites(rig: Rig) -> None:
    """It is for this host alone, over TLS, and no page may be framed or run foreign code."""
    browser = Browser(rig.session, rig.url)
    await browser.get("/console/sign-in")
    seen = await browser.post("/console/sign-in", {"token": rig.secrets["mara"]}, follow=False)
    given = seen.headers["Set-Cookie"]

    assert given.startswith(f"{COOKIE}=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(given.split("; "))
    assert "Domain" not in given
    for page in (seen, await browser.get("/console"), await browser.get("/console/enter")):
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "freezeguard" == page.headers["Server"]
        assert "nosniff" == page.headers["X-Content-Type-Options"]
        assert "no-store" == page.headers["Cache-Control"]
        assert "same-origin" == page.headers["Referrer-Policy"]


@pytest.mark.parametrize("secret", ["", "fgp_nobody", "key:source"])
async def test_what_is_no_personal_token_lets_nobody_in(rig: Rig, secret: str) -> None:
    """Wrong ones and keys of machines are told alike."""
    browser = Browser(rig.session, rig.url)
    await browser.get("/console/sign-in")
    given = rig.secrets["source"] if secret == "key:source" else secret
    seen = await browser.post("/console/sign-in", {"token": given})

    assert 403 == seen.status
    assert "This token is not known" in seen.words
    assert browser.token is None
    assert given not in seen.text or not given


async def test_a_link_lets_in_once_and_scanners_use_nothing_up(rig: Rig) -> None:
    """Mail scanners open every link twice before a person does; the button still works, once."""
    secret = await link_for(rig, "owen")
    address = f"/console/enter?link={secret}"
    scanner, owen, thief = (Browser(rig.session, rig.url) for _ in range(3))
    for _ in range(2):
        assert (await scanner.get(address)).status == 200
    page = await owen.get(address)
    inside = await owen.post("/console/enter", {"link": secret})
    await thief.get(address)
    late = await thief.post("/console/enter", {"link": secret})

    assert "lets in Owen" in page.words
    assert (200, "/console") == (inside.status, inside.address)
    assert (410, None) == (late.status, thief.token)
    assert scanner.token is None


async def test_a_link_is_good_for_a_short_time(rig: Rig) -> None:
    """After 15 minutes, or when its person may not sign in any more, it lets nobody in."""
    secret = await link_for(rig, "owen")
    await sql(rig, "UPDATE sign_in_links SET expires_at = now() - interval '1 second'"
                   " WHERE secret_hash = $1", secret_hash(secret))
    browser = Browser(rig.session, rig.url)

    assert 410 == (await browser.get(f"/console/enter?link={secret}")).status
    assert 410 == (await browser.post("/console/enter", {"link": secret})).status
    assert browser.token is None


@pytest.mark.parametrize(
    ("column", "by"),
    [("seen_at", timedelta(minutes=31)), ("ends_at", timedelta(hours=12, minutes=1))],
)
async def test_sessions_end_by_themselves(rig: Rig, column: str, by: timedelta) -> None:
    """One that was left alone for half an hour, and any one after twelve hours."""
    browser = await signed_in(rig, "mara")
    assert "/console" == (await browser.get("/console")).address
    await age(rig, browser, column, by)

    assert "/console/sign-in" == (await browser.get("/console")).address


async def test_whoever_is_locked_out_is_out_with_the_next_click(rig: Rig) -> None:
    """And whoever loses a role has lost it: the session knows nothing by heart."""
    browser = await signed_in(rig, "alba")
    await sql(rig, "UPDATE people SET roles = '{auditor}' WHERE id = 'alba'")
    try:
        assert 403 == (await browser.get("/console/pull")).status
    finally:
        await sql(rig, "UPDATE people SET roles = '{associate}' WHERE id = 'alba'")
    assert 200 == (await browser.get("/console/pull")).status
    await sql(rig, "UPDATE people SET active = false WHERE id = 'alba'")
    try:
        assert "/console/sign-in" == (await browser.get("/console")).address
    finally:
        await sql(rig, "UPDATE people SET active = true WHERE id = 'alba'")
    assert "/console" == (await browser.get("/console")).address


async def test_a_session_is_a_fresh_one_each_time(rig: Rig) -> None:
    """A cookie that somebody else planted is not the one that is signed in afterwards."""
    browser = Browser(rig.session, rig.url, {COOKIE: "planted"})
    await browser.get("/console/sign-in")
    await browser.post("/console/sign-in", {"token": rig.secrets["mara"]}, follow=False)

    assert browser.token not in {None, "planted"}


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_forms_of_other_sites_do_nothing(rig: Rig, headers: dict[str, str]) -> None:
    """Neither signing out nor signing in can be sent from elsewhere."""
    browser = await signed_in(rig, "mara")
    await browser.get("/console")

    assert 403 == (await browser.post("/console/sign-out", **headers)).status
    assert 403 == (
        await browser.post("/console/sign-in", {"token": rig.secrets["owen"]}, **headers)
    ).status
    assert "/console" == (await browser.get("/console")).address


async def test_a_form_belongs_to_its_session(rig: Rig) -> None:
    """Without its hidden field, or with that of another session, it does nothing."""
    browser, other = await signed_in(rig, "mara"), await signed_in(rig, "mara")
    await other.get("/console")
    foreign = other.last.text.split('name="csrf" value="')[1].split('"')[0]
    await browser.get("/console")

    assert 403 == (await browser.post("/console/sign-out", {"csrf": ""})).status
    assert 403 == (await browser.post("/console/sign-out", {"csrf": foreign})).status
    assert "/console" == (await browser.get("/console")).address


@pytest.mark.parametrize(
    "wanted", ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere", "javascript:1"]
)
async def test_signing_in_leads_nowhere_else(rig: Rig, wanted: str) -> None:
    """An address that names where to go next names a page of ours, or is not followed."""
    browser = Browser(rig.session, rig.url)
    await browser.get("/console/sign-in")
    seen = await browser.post(
        "/console/sign-in", {"token": rig.secrets["mara"], "next": wanted}, follow=False
    )

    assert "/console" == seen.headers["Location"]


async def test_a_proof_is_the_same_persons(rig: Rig) -> None:
    """Somebody else's token proves nothing; one's own begins a fresh session with a fresh proof."""
    browser = await signed_in(rig, "mara")
    await age(rig, browser, "proved_at", timedelta(minutes=16))
    before = browser.token
    await browser.get("/console/prove")
    foreign = await browser.post("/console/prove", {"token": rig.secrets["owen"]})
    own = await browser.post("/console/prove", {"token": rig.secrets["mara"]}, follow=False)
    (row,) = await sql(rig, "SELECT now() - proved_at < interval '1 minute' AS fresh FROM sessions"
                            " WHERE token_hash = $1", secret_hash(browser.token))

    assert (403, 303) == (foreign.status, own.status)
    assert before != browser.token
    assert row["fresh"]
    browser.cookies[COOKIE] = before
    assert "/console/sign-in" == (await browser.get("/console")).address


@pytest.mark.parametrize(("form", "following"), [
    ("/console/suppressions/nothing/lift", "/console/suppressions"),
    ("/console/rules/proposals/nothing", "/console/rules"),
    ("/console/cases/nothing/do/approve", "/console/cases/nothing/do/approve"),
    ("/console/sign-out", "/console"),
])
async def test_a_form_that_came_too_late_leads_to_where_it_was(
    rig: Rig, form: str, following: str
) -> None:
    """Signed in again, people are at the page that has the form, and not where nothing opens."""
    browser = Browser(rig.session, rig.url)
    seen = await browser.post(form, {"reason": "Too late."}, follow=False)

    assert f"/console/sign-in?next={following}" == seen.headers["Location"]


async def test_files_of_ours_ask_for_nobody(rig: Rig) -> None:
    """A stylesheet is the same for everybody: no session is looked up for it."""
    browser = await signed_in(rig, "mara")
    page = await browser.get("/console")
    style = page.text.split('rel="stylesheet" href="')[1].split('"')[0]
    await age(rig, browser, "seen_at", timedelta(minutes=5))
    seen = await browser.get(style)
    (row,) = await sql(rig, "SELECT now() - seen_at > interval '4 minutes' AS untouched"
                            " FROM sessions WHERE token_hash = $1", secret_hash(browser.token))

    assert 200 == seen.status
    assert row["untouched"]


async def test_vendors_have_no_queue(rig: Rig) -> None:
    """The console is for the shop's staff; the refusal says so, and nothing of what is in it."""
    browser = await signed_in(rig, "vera")
    seen = await browser.get("/console")

    assert 403 == seen.status
    assert "This page is for staff." in seen.words


async def test_who_signed_in_is_on_record(rig: Rig) -> None:
    """With how, and without any secret."""
    browser = await signed_in(rig, "quin")
    await browser.get("/console")
    await browser.post("/console/sign-out")
    rows = await sql(rig, "SELECT actor, action, details FROM audit WHERE subject = 'person:quin'"
                          " AND action LIKE 'sign%' ORDER BY seq")

    assert [("person:quin", "sign_in"), ("person:quin", "sign_out")] == [
        (one["actor"], one["action"]) for one in rows
    ]
    assert rig.secrets["quin"] not in str([dict(one) for one in rows])
