"""Routes at work: who is let in, what addresses may hold, what every answer carries."""

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from yarl import URL

from freezeguard.api.access import Access
from freezeguard.api.batches import NothingAccepted, Rejected
from freezeguard.api.edge import Edge
from freezeguard.api.problems import MEDIA_TYPE
from freezeguard.api.routing import Call, Media, Reply, Route, takes_gzip
from freezeguard.domain.errors import (
    GuardFailed,
    InvalidInput,
    NotFound,
    Unavailable,
    VersionConflict,
)
from freezeguard.domain.people import Actor
from tests.api.service import ACTORS, ANN, Echo, Service, routes, serving


@pytest.fixture(params=[True, False], ids=["short cut", "through aiohttp"])
async def service(request: pytest.FixtureRequest) -> AsyncIterator[Service]:
    async with serving(short_cut=request.param) as running:
        yield running


def raw_url(service: Service, path: str) -> URL:
    """Return an address that the client sends as it stands."""
    return URL(f"http://{service.host}:{service.port}{path}", encoded=True)


@pytest.mark.parametrize(
    "sku",
    [
        "plain",
        "KETTLE-17/blue",
        "a//b/",
        "/",
        "two words",
        "100%",
        "%2F",
        "a+b",
        "a?b#c",
        "{braces}",
        "☕ émoji 🫖",
        "..",
        ".",
        "a\\b",
        "quote\"and's",
        "x" * 200,
        "é" * 100,
    ],
)
async def test_any_sku_fits_into_an_address(service: Service, sku: str) -> None:
    """Percent-encoded, every SKU reaches the handler as it is, slashes included."""
    answer = await service.call("GET", raw_url(service, f"/v1/skus/{quote(sku, safe='')}"))

    assert {"sku": sku, "limit": 10} == await answer.json()


async def test_lower_case_escapes_mean_the_same(service: Service) -> None:
    """%2f is %2F."""
    answer = await service.call("GET", raw_url(service, "/v1/skus/a%2fb%c3%a9"))

    assert "a/bé" == (await answer.json())["sku"]


async def test_literal_parts_may_be_escaped_too(service: Service) -> None:
    """An address is the same address when a letter of it is escaped."""
    assert 200 == (await service.call("GET", raw_url(service, "/v1/%73kus/a"))).status


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/skus/%FF", 400, "invalid_utf8"),
        ("/v1/skus/%ed%a0%80", 400, "invalid_utf8"),
        ("/v1/skus/100%", 400, "invalid_utf8"),
        ("/v1/skus/%zz", 400, "invalid_utf8"),
        ("/v1/skus/a%00b", 422, "invalid_parameter"),
        ("/v1/skus/a%0Ab", 422, "invalid_parameter"),
        ("/v1/skus/" + "x" * 201, 422, "invalid_parameter"),
        ("/v1/skus/" + quote("é" * 101), 422, "invalid_parameter"),
        ("/v1/skus/", 404, "unknown_route"),
        ("/v1/skus/a/b", 404, "unknown_route"),
        ("/v1/skus//", 404, "unknown_route"),
        ("/v1/nothing", 404, "unknown_route"),
        ("/v1", 404, "unknown_route"),
        ("/", 404, "unknown_route"),
        ("/v1/skus/a?color=red", 422, "invalid_parameter"),
        ("/v1/skus/a?seller=x&seller=y", 422, "invalid_parameter"),
        ("/v1/skus/a?seller=", 422, "invalid_parameter"),
        ("/v1/skus/a?country=Germany", 422, "invalid_parameter"),
        ("/v1/skus/a?limit=ten", 422, "invalid_parameter"),
        ("/v1/skus/a?seller=%FF", 400, "invalid_utf8"),
        ("/v1/skus/a?" + "&".join(f"a{i}=1" for i in range(60)), 422, "invalid_parameter"),
        ("/v1/which", 422, "invalid_parameter"),
        ("/v1/managers?verbose=1", 422, "invalid_parameter"),
    ],
)
async def test_a_wrong_address_gets_a_clear_answer(
    service: Service, path: str, status: int, code: str
) -> None:
    """Broken escapes, unknown and repeated parameters: refused by name, never guessed."""
    answer = await service.call("GET", raw_url(service, path))

    assert (status, code) == (answer.status, (await answer.json(content_type=MEDIA_TYPE))["code"])


async def test_parameters_are_decoded_and_checked(service: Service) -> None:
    """A plus is a space, %2B a plus, text becomes what its type says."""
    answer = await service.call("GET", raw_url(service, "/v1/skus/a?seller=b+c%2Bd&country=de"))
    which = await service.call("GET", raw_url(service, "/v1/which?sku=a%2Fb%26c"))

    assert {"sku": "a", "seller": "b c+d", "country": "DE", "limit": 10} == await answer.json()
    assert {"sku": "a/b&c"} == await which.json()


async def test_a_refused_parameter_is_named(service: Service) -> None:
    """The answer says which parameter and why."""
    answer = await service.call("GET", "/v1/skus/a?color=red")

    assert [{"parameter": "color", "detail": "unknown parameter"}] == (await answer.json())[
        "errors"
    ]


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "unauthenticated"),
        ("", "unauthenticated"),
        ("Bearer", "unauthenticated"),
        ("Bearer ", "unauthenticated"),
        ("Basic YTpi", "unauthenticated"),
        ("ann-token", "unauthenticated"),
        ("Bearer wrong", "invalid_token"),
        ("Bearer ann-token x", "invalid_token"),
    ],
)
async def test_who_is_not_signed_in_is_told_how(
    service: Service, header: str | None, code: str
) -> None:
    """401 with a challenge; no token works by accident."""
    headers = {} if header is None else {"Authorization": header}

    answer = await service.call("GET", "/v1/managers", token=None, headers=headers)

    assert (401, code) == (answer.status, (await answer.json())["code"])
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="freezeguard"')


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_scheme_is_case_insensitive(service: Service, scheme: str) -> None:
    """RFC 9110 says so."""
    headers = {"Authorization": f"{scheme} ann-token"}

    answer = await service.call("GET", "/v1/managers", token=None, headers=headers)

    assert {"who": "ann"} == await answer.json()


@pytest.mark.parametrize("token", ["source-token", "shop-token", "vera-token"])
async def test_who_may_not_is_told_who_may(service: Service, token: str) -> None:
    """403 names those who may; nothing else happens."""
    answer = await service.call("GET", "/v1/managers", token=token)

    problem = await answer.json()
    assert (403, "not_allowed") == (answer.status, problem["code"])
    assert "GET /v1/managers is for analyst, manager." == problem["detail"]


async def test_refusal_comes_before_the_body(service: Service) -> None:
    """Who may not call learns nothing about what the body should be."""
    answer = await service.post("/v1/signals", b"nonsense", token="shop-token")

    assert 403 == answer.status


async def test_public_routes_ask_nobody(service: Service) -> None:
    """No token needed, a wrong one is not looked at."""
    assert 200 == (await service.call("GET", "/v1/open", token=None)).status
    assert 200 == (await service.call("GET", "/v1/open", token="wrong")).status


async def test_an_authenticator_may_take_its_time() -> None:
    """A token that is not in memory may be looked up."""

    async def look_up(token: str) -> Actor | None:
        return ANN if token == "slow" else None

    async with serving(authenticate=look_up) as service:
        assert 200 == (await service.call("GET", "/v1/managers", token="slow")).status
        assert 401 == (await service.call("GET", "/v1/managers", token="other")).status


async def test_an_unknown_method_names_the_known_ones(service: Service) -> None:
    """405 with Allow."""
    answer = await service.call("PATCH", "/v1/skus/a")

    assert (405, "DELETE, GET, HEAD") == (answer.status, answer.headers["Allow"])
    assert "method_not_allowed" == (await answer.json())["code"]


async def test_head_is_get_without_a_body(service: Service) -> None:
    """HEAD answers with the headers of GET."""
    get = await service.call("GET", "/v1/skus/a")
    head = await service.call("HEAD", "/v1/skus/a")

    assert (200, b"") == (head.status, await head.read())
    assert get.headers["Content-Length"] == head.headers["Content-Length"]


@pytest.mark.parametrize("etags", ['"17"', 'W/"17"', '"16", "17"', "*"])
async def test_who_has_this_version_gets_304(service: Service, etags: str) -> None:
    """A reader who names the present ETag is told that nothing changed."""
    answer = await service.call("GET", "/v1/skus/a", headers={"If-None-Match": etags})

    assert (304, b"", '"17"') == (answer.status, await answer.read(), answer.headers["ETag"])


async def test_who_has_another_version_gets_the_new_one(service: Service) -> None:
    """An older ETag gets the whole answer."""
    answer = await service.call("GET", "/v1/skus/a", headers={"If-None-Match": '"16"'})

    assert (200, "private, no-cache") == (answer.status, answer.headers["Cache-Control"])


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/open"), ("GET", "/v1/fail"), ("GET", "/nothing"), ("PUT", "/v1/open"),
     ("GET", "/v1/managers"), ("POST", "/v1/notes")],
)  # fmt: skip
async def test_every_answer_carries_its_envelope(service: Service, method: str, path: str) -> None:
    """Request id and safety headers, on answers and errors alike; no version of anything."""
    answer = await service.call(method, path, headers={"X-Request-Id": "abc-123"})

    assert {
        "X-Request-Id": "abc-123",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "Cache-Control": "no-store",
        "Server": "freezeguard",
    } == {
        name: answer.headers[name]
        for name in (
            "X-Request-Id",
            "X-Content-Type-Options",
            "Referrer-Policy",
            "Content-Security-Policy",
            "Cache-Control",
            "Server",
        )
    }


@pytest.mark.parametrize("sent", ["", "a b", "x" * 101, "é", "<script>", 'a"b'])
async def test_an_insane_request_id_is_replaced(service: Service, sent: str) -> None:
    """What could confuse a log is not taken over."""
    answer = await service.call("GET", "/v1/open", headers={"X-Request-Id": sent})

    assert answer.headers["X-Request-Id"].startswith("made-")


async def test_a_fault_of_ours_says_nothing_about_us(
    service: Service, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """500 without details; the log has them under the request id."""
    answer = await service.call("GET", "/v1/fail", headers={"X-Request-Id": "find-me"})

    text = await answer.text()
    assert (500, "internal") == (answer.status, json.loads(text)["code"])
    assert "secret" not in text
    assert "Traceback" not in text
    logged = capsys.readouterr().out
    assert "request_failed" in logged
    assert "find-me" in logged
    assert "secret detail" in logged


async def raising(error: Exception) -> AsyncIterator[Service]:
    """Serve one route that raises an error."""

    async def fail(call: Call) -> Reply:
        raise error

    route = Route(method="GET", path="/v1/x", handler=fail, summary="x", who=Access.public(),
                  tag="x")  # fmt: skip
    async with serving([route]) as service:
        yield service


@pytest.mark.parametrize(
    ("error", "status", "members"),
    [
        (NotFound("no such case"), 404, {"code": "not_found", "detail": "no such case"}),
        (VersionConflict(), 409, {"code": "version_conflict"}),
        (GuardFailed(["a cause", "a proof"]), 422, {"missing": ["a cause", "a proof"]}),
        (
            InvalidInput("too old", pointer="/at"),
            422,
            {"errors": [{"pointer": "/at", "detail": "too old"}]},
        ),
        (
            NothingAccepted([Rejected(3, "future_dated", "too early", "/occurred_at", "{}")]),
            422,
            {
                "code": "nothing_accepted",
                "accepted": 0,
                "duplicates": 0,
                "rejected": [
                    {
                        "index": 3,
                        "code": "future_dated",
                        "detail": "too early",
                        "pointer": "/occurred_at",
                    }
                ],
            },
        ),
        (web.HTTPRequestEntityTooLarge(1, 2), 413, {"code": "too_large"}),
        (web.HTTPTooManyRequests(), 429, {"code": "too_many_requests"}),
        (web.HTTPBadGateway(), 500, {"code": "internal"}),
        (web.HTTPTeapot() if hasattr(web, "HTTPTeapot") else web.HTTPGone(), 400,
         {"code": "bad_request"}),
    ],
)  # fmt: skip
async def test_errors_of_the_domain_become_problems(
    error: Exception, status: int, members: dict[str, Any]
) -> None:
    """Each error of the domain, and of aiohttp, has its status, code and members."""
    async for service in raising(error):
        answer = await service.call("GET", "/v1/x")
        problem = await answer.json(content_type=MEDIA_TYPE)

        assert status == answer.status
        assert members == {name: problem[name] for name in members}


async def test_away_means_come_again() -> None:
    """503 names the seconds, rounded up."""
    async for service in raising(Unavailable("the database is away", retry_after=1.2)):
        answer = await service.call("GET", "/v1/x")

        assert (503, "2") == (answer.status, answer.headers["Retry-After"])


async def test_redirects_pass() -> None:
    """A redirect is no error."""
    async for service in raising(web.HTTPSeeOther("/v1/y")):
        answer = await service.call("GET", "/v1/x", allow_redirects=False)

        assert (303, "/v1/y") == (answer.status, answer.headers["Location"])


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"nonsense\r\n\r\n", 400, "bad_request"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n", 400, "bad_request"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400, "bad_request"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         400, "bad_request"),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431, "head_too_large"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 9000 + b"\r\n\r\n", 431, "head_too_large"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 200 + b"\r\n", 400, "bad_request"),
        (b"GET /v1/open HTTP/1.1\r\nHost: x\r\nExpect: magic\r\nConnection: close\r\n\r\n", 417,
         "expectation_failed"),
    ],
    ids=range(11),
)  # fmt: skip
async def test_even_what_is_no_http_gets_a_problem(sent: bytes, status: int, code: str) -> None:
    """Requests that the parser refuses are answered in the one shape of errors, and closed."""
    async with serving() as service:
        head, _, body = (await service.raw(sent)).partition(b"\r\n\r\n")

    assert f" {status} ".encode() in head.splitlines()[0]
    assert b"application/problem+json" in head
    assert b"aiohttp" not in head
    assert code == json.loads(body)["code"]


async def test_a_route_of_the_application_itself_gets_the_envelope() -> None:
    """Pages beside the API, served by aiohttp's own router, answer in the same envelope."""
    app = web.Application()

    async def page(request: web.Request) -> web.Response:
        if "fail" in request.query:
            raise RuntimeError
        return web.Response(text="<p>", content_type="text/html")

    app.router.add_get("/console/{name}", page)
    Edge(routes(Echo()), ACTORS.get, lambda: "made").attach(app)
    async with TestServer(app) as server, ClientSession(server.make_url("/")) as session:
        async with session.get("/console/x") as answer:
            assert (200, "made") == (answer.status, answer.headers["X-Request-Id"])
        async with session.get("/console/x?fail=1") as answer:
            assert (500, "internal") == (answer.status, (await answer.json())["code"])
        async with session.get("/v1/open") as answer:
            assert 200 == answer.status


async def test_every_answer_is_observed() -> None:
    """Metrics see each route with its status, refusals included, by its pattern and not its SKU."""
    seen: list[tuple[str, int]] = []

    def observe(route: Any, status: int, seconds: float) -> None:
        assert seconds >= 0
        seen.append((route.path, status))

    async with serving(observe=observe) as service:
        await service.call("GET", "/v1/skus/a%2Fb")
        await service.call("GET", "/v1/skus/a", token=None)
        await service.call("GET", "/v1/fail")

    assert [("/v1/skus/{sku}", 200), ("/v1/skus/{sku}", 401), ("/v1/fail", 500)] == seen


async def test_a_stream_that_breaks_off_is_closed_not_patched() -> None:
    """An error after the first byte ends the connection; no second answer is mixed in."""

    async def stream(call: Call) -> web.StreamResponse:
        response = await call.open_stream("text/event-stream")
        await response.write(b"id: 1\n\n")
        raise RuntimeError("broken")

    route = Route(method="GET", path="/v1/stream", handler=stream, summary="x",
                  who=Access.public(), tag="x", result=Media("text/event-stream", "x"))  # fmt: skip
    async with serving([route]) as service:
        sent = b"GET /v1/stream HTTP/1.1\r\nHost: x\r\n\r\n"
        answer = await service.raw(sent)

        assert b"X-Request-Id" in answer
        assert b"id: 1" in answer
        assert b"problem" not in answer
        assert 405 == (await service.call("HEAD", "/v1/stream")).status


def test_a_route_that_says_of_nobody_that_they_may_call_cannot_exist() -> None:
    """Deny by default: forgetting who may call is an error at start."""

    async def handler(call: Call) -> Reply:
        return Reply()

    with pytest.raises(TypeError):
        Route(method="GET", path="/x", handler=handler, summary="x", tag="x")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="nobody"):
        Route(method="GET", path="/x", handler=handler, summary="x", tag="x", who=Access())


def test_a_declaration_that_does_not_hold_is_an_error_at_start() -> None:
    """Unknown codes, parts of unknown kind and double declarations never reach a request."""

    async def handler(call: Call) -> Reply:
        return Reply()

    def route(path: str = "/x", **more: Any) -> Route:
        return Route(method="GET", path=path, handler=handler, summary="x", tag="x",
                     who=Access.public(), **more)  # fmt: skip

    with pytest.raises(ValueError, match="nonsense"):
        route(errors=("nonsense",))
    with pytest.raises(ValueError, match="shoe"):
        Edge([route("/x/{shoe}")], ACTORS.get, str)
    with pytest.raises(ValueError, match="twice"):
        Edge([route(), route()], ACTORS.get, str)


@pytest.mark.parametrize(
    ("accepted", "takes"),
    [("gzip", True), ("br, gzip;q=0.5", True), ("GZIP", True), ("", False), ("br", False),
     ("gzip;q=0", False), ("br, gzip; q=0.000", False), ("xgzip", False)],
)
def test_gzip_is_sent_to_whoever_takes_it(accepted, takes):
    """A weight of 0 refuses; other codings are no gzip."""
    assert takes is takes_gzip(accepted)
