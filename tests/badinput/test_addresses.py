"""Bad addresses: unknown ones, wrong methods, parts and parameters that no field may hold."""

from collections.abc import Iterator

import pytest

from tests.badinput.operations import Operation, ask, encoded, wrong_with
from tests.rig import Rig

pytestmark = pytest.mark.asyncio(loop_scope="package")

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
CONTROLS = [
    *map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), "\u2028", "\u2029",
]
NOT_UTF_8 = ("%", "%4", "%zz", "%ff", "a%c3", "%ed%a0%80", "%c0%af", "%f5%80%80%80")
UNKNOWN = (
    "/", "/v1", "/v1/", "/v2/signals", "/v1/signals/", "//v1/signals", "/v1//signals",
    "/V1/signals", "/v1/nothing", "/v1/sale-status/a/b", "/v1/skus/", "/v1/cases/%2F/nothing",
    "/favicon.ico", "/.env", "/v1/signals;a=b", "/%00", "/%0a", "/%ff",
    "/v1/%E2%98%95",
    "/v1/../livez", "/livez/", "/docs/index.html", "/v1/audit/mend",
)


@pytest.mark.parametrize("method", METHODS)
async def test_an_unknown_address_is_a_404(rig: Rig, method: str):
    """Whatever is asked of it, and whoever asks: unknown_route."""
    wrong = []
    for address in UNKNOWN:
        for who in (None, "omni"):
            answer = await ask(rig, method, address, who)
            if method == "HEAD":
                fault = None if answer.status == 404 else str(answer.status)
            else:
                fault = wrong_with(answer, 404, "unknown_route")
            if fault:
                wrong.append((address, who, fault))

    assert [] == wrong


async def test_a_wrong_method_is_told_the_right_ones(rig: Rig, every: list[Operation]):
    """405 with the header Allow, at every address, before anybody is asked for a token."""
    known: dict[str, set[str]] = {}
    for one in every:
        known.setdefault(one.path, set()).add(one.method)
        if one.method == "GET" and not one.is_stream:
            known[one.path].add("HEAD")
    wrong = []
    for one in every:
        for method in set(METHODS) - known[one.path] - {"HEAD"}:
            answer = await ask(rig, method, one.address(), data=b"{}")
            allowed = set(answer.headers.get("Allow", "").split(", "))
            fault = wrong_with(answer, 405, "method_not_allowed")
            if fault or allowed != known[one.path]:
                wrong.append((method, one.path, fault or allowed))

    assert [] == wrong


async def test_a_method_that_http_does_not_know_is_a_400(rig: Rig, every: list[Operation]):
    """The parser of HTTP itself refuses it; the answer is a problem like any other."""
    wrong = []
    for one in every:
        answer = await ask(rig, "BREW", one.address(), one.somebody)
        if fault := wrong_with(answer, 400, "bad_request"):
            wrong.append((one.name, fault))

    assert [] == wrong


async def test_head_answers_like_get_without_a_body(rig: Rig, every: list[Operation]):
    """Every GET but the stream knows HEAD: same status, same length, nothing behind it."""
    wrong = []
    for one in every:
        if one.method != "GET" or one.is_stream:
            continue
        got = await ask(rig, "GET", one.address(), one.somebody)
        head = await ask(rig, "HEAD", one.address(), one.somebody)
        if (got.status, b"") != (head.status, head.body):
            wrong.append((one.name, got.status, head.status, head.body))

    assert [] == wrong


def places(every: list[Operation], *texts: str) -> Iterator[tuple[Operation, str]]:
    """Yield addresses with each text in each part of the path and each parameter of the query."""
    for one in every:
        for text in texts:
            for name in one.texts("path") if text else ():
                yield one, one.address(**{name: text})
            for name in one.texts("query"):
                given = {"sku": "a"} if name != "sku" and one.path == "/v1/sale-status" else {}
                rest = "".join(f"&{key}={value}" for key, value in given.items())
                yield one, f"{one.address()}?{name}={text}{rest}"


async def test_no_control_character_gets_in_through_an_address(rig: Rig, every: list[Operation]):
    """All 65 of them, and the two line separators, in every part and parameter: by name, 422."""
    wrong, sent = [], 0
    for one, address in places(every, *(encoded(f"a{each}b") for each in CONTROLS)):
        answer = await ask(rig, one.method, address, one.somebody)
        sent += 1
        fault = wrong_with(answer, 422, "invalid_parameter")
        if fault or not answer.body["errors"][0].get("parameter"):
            wrong.append((one.name, address, fault))

    assert sent > 67 * 20
    assert [] == wrong


async def test_what_is_no_utf_8_is_never_guessed(rig: Rig, every: list[Operation]):
    """Broken escapes and bytes that are no UTF-8, in every part and parameter: 4xx."""
    wrong = []
    for one, address in places(every, *NOT_UTF_8):
        answer = await ask(rig, one.method, address, one.somebody)
        fault = wrong_with(answer, None, "invalid_utf8", "invalid_parameter", "empty_body",
                           "not_found")
        is_path = "?" not in address
        if fault or (is_path and answer.body["code"] != "invalid_utf8"):
            wrong.append((one.name, address, fault or answer.body["code"]))

    assert [] == wrong


async def test_empty_and_endless_texts_are_refused(rig: Rig, every: list[Operation]):
    """501 characters in every part and parameter, and nothing in every parameter: 422."""
    wrong = []
    for one, address in places(every, "", "x" * 501, encoded("é" * 501)):
        answer = await ask(rig, one.method, address, one.somebody)
        if fault := wrong_with(answer, 422, "invalid_parameter"):
            wrong.append((one.name, address[:60], fault))

    assert [] == wrong


async def test_unknown_and_repeated_parameters_are_refused(rig: Rig, every: list[Operation]):
    """A typing error in a parameter is never passed over in silence."""
    wrong = []
    for one in every:
        known = [each["name"] for each in one.spec["parameters"] if each["in"] == "query"]
        twice = [f"{name}=a&{name}=a" for name in known]
        for query in ("colour=red", "limit", "&".join(f"a{i}=1" for i in range(60)), *twice):
            answer = await ask(rig, one.method, f"{one.address()}?{query}", one.somebody)
            if fault := wrong_with(answer, 422, "invalid_parameter"):
                wrong.append((one.name, query[:40], fault))

    assert [] == wrong


@pytest.mark.parametrize(
    "value", ["0", "201", "-1", "1.5", "ten", "", "1e2", "٣", "9" * 5000, "NaN"]
)
async def test_a_page_has_1_to_200_entries(rig: Rig, every: list[Operation], value: str):
    """Any other limit is refused, at every list."""
    wrong = []
    for one in every:
        if any(each["name"] == "limit" for each in one.spec["parameters"]):
            answer = await ask(rig, one.method, f"{one.address()}?limit={encoded(value)}",
                               one.somebody)
            if fault := wrong_with(answer, 422, "invalid_parameter"):
                wrong.append((one.name, fault))

    assert [] == wrong


async def test_a_cursor_of_somebody_elses_making_is_refused(rig: Rig, every: list[Operation]):
    """Only `next` of an earlier page is read; whatever has its form leads to some page."""
    lists = [one for one in every if "cursor" in one.texts("query")]
    wrong = []
    for one in lists:
        for made_up in ("x", "0" * 47, "g" * 46, "-1", "1" * 19, "MjAyNg", "%20"):
            answer = await ask(rig, one.method, f"{one.address()}?cursor={made_up}", one.somebody)
            if fault := wrong_with(answer, 422, "invalid_parameter"):
                wrong.append((one.name, made_up, fault))
        for formed in ("0" * 46, "f" * 46, "9" * 18):
            answer = await ask(rig, one.method, f"{one.address()}?cursor={formed}", one.somebody)
            if answer.status >= 500:
                wrong.append((one.name, formed, answer.status))

    assert 6 == len(lists)
    assert [] == wrong


async def test_ids_that_are_none_are_not_found(rig: Rig, every: list[Operation]):
    """An id may be any text; what is no id of ours is 404, never an accident."""
    wrong = []
    texts = ("x", "1", "null", encoded("../../etc/passwd"), encoded("' OR 1=1 --"), encoded("☕"),
             "00000000-0000-0000-0000-000000000000", "%7Bid%7D", "urn:uuid:0", "0" * 32)
    for one in every:
        if one.method in {"GET", "DELETE"} and "id" in one.texts("path"):
            for text in texts:
                answer = await ask(rig, one.method, one.address(id=text), one.somebody)
                if fault := wrong_with(answer, 404, "not_found"):
                    wrong.append((one.name, text, fault))

    assert [] == wrong


async def test_a_head_that_is_too_long_is_a_431(rig: Rig):
    """Neither an address nor a header may grow for ever."""
    answers = [
        await ask(rig, "GET", f"/v1/cases?sku={'x' * 9000}", "omni"),
        await ask(rig, "GET", "/v1/cases", "omni", headers={"X-Long": "x" * 9000}),
    ]

    assert [None, None] == [wrong_with(answer, 431, "head_too_large") for answer in answers]
