"""What the service says about itself: OpenAPI, the readable page, the pages of the codes."""

import base64
import copy
import hashlib
import html.parser
import inspect
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import schemathesis

from freezeguard.api import docs
from freezeguard.api.access import Access
from freezeguard.api.docs import Documentation, prose
from freezeguard.api.models.commands import ARGUMENTS, arguments_of
from freezeguard.api.models.masterdata import KeyIn, PersonIn, SkuIn, SkuRow, VendorIn
from freezeguard.api.models.signals import EXAMPLE, SignalIn
from freezeguard.api.models.units import UnitsIn
from freezeguard.api.openapi import codes_of, document
from freezeguard.api.problems import PROBLEMS
from freezeguard.api.routes.cases import routes as case_routes
from freezeguard.api.routing import AnyRoute, Call, CustomBody, Reply, Route
from freezeguard.api.schemas_in_words import kind, limits
from freezeguard.domain import errors
from freezeguard.domain.people import Role
from freezeguard.domain.remedy import missing_in_remedy
from freezeguard.domain.transitions import Command
from tests.api.service import Narrowed, Service, read_signals, serving


async def nothing(call: Call) -> Reply:
    """Answer nothing."""
    return Reply(b"{}")


def resource_routes() -> list[AnyRoute]:
    """Return routes like those of the service."""
    admin = Access.staff(Role.ADMIN)
    many: Any = SignalIn | list[SignalIn]
    body = CustomBody(
        read_signals, {"application/json": many, "application/x-ndjson": {"type": "string"}},
        {"one": EXAMPLE},
    )  # fmt: skip
    return [
        Route(method="POST", path="/v1/signals", handler=nothing, summary="Send.",
              description="Good `entries` are kept.", who=Access.source(), tag="Signals",
              body=body, status=202,
              errors=("wrong_source", "nothing_accepted")),
        Route(method="GET", path="/v1/sale-status/{sku}", handler=nothing, summary="May it <sell>?",
              who=Access.catalogue(), tag="Sale status", query=Narrowed, result=SkuRow),
        *[
            Route(method="PUT", path=f"/v1/{name}/{{id}}", handler=nothing, summary="Register.",
                  who=admin, tag="Master data", body=model, result=model, others={201: "New."})
            for name, model in {
                "skus": SkuIn, "vendors": VendorIn, "people": PersonIn, "keys": KeyIn,
                "units": UnitsIn,
            }.items()
        ],
    ]  # fmt: skip


DOCUMENTATION = Documentation(resource_routes(), title="freezeguard", version="0.1.0")


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with serving(DOCUMENTATION.routes) as running:
        yield running


class Page(html.parser.HTMLParser):
    """Collects what a page holds, and that its elements are closed in order."""

    EMPTY = frozenset({"meta", "br", "link", "img", "hr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.open.pop()

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def values(self, attribute: str) -> list[str]:
        """Return every value of an attribute."""
        return [value for _, attrs in self.elements if (value := attrs.get(attribute))]


def test_the_document_is_valid_openapi() -> None:
    """An independent judge accepts it, and would notice an error."""
    schemathesis.openapi.from_dict(copy.deepcopy(DOCUMENTATION.document)).validate()
    broken = copy.deepcopy(DOCUMENTATION.document)
    broken["paths"]["/v1/signals"]["post"]["responses"] = "none"

    with pytest.raises(Exception, match="none"):
        schemathesis.openapi.from_dict(broken).validate()


def test_the_document_is_the_same_each_time() -> None:
    """The same routes give the same bytes, so that a diff shows what changed."""
    again = document(
        Documentation(resource_routes(), title="freezeguard", version="0.1.0").routes,
        title="freezeguard",
        version="0.1.0",
    )

    assert json.dumps(DOCUMENTATION.document) == json.dumps(again)


def test_every_operation_says_who_may_and_what_may_go_wrong() -> None:
    """Each has a summary, security, responses, and a problem for each of its codes."""
    for route in DOCUMENTATION.routes:
        operation = DOCUMENTATION.document["paths"][route.path][route.method.lower()]

        assert route.summary == operation["summary"]
        assert f"Who may call: {route.who.words()}." in operation["description"]
        assert ([] if route.who.is_public else [{"bearer": []}]) == operation["security"]
        documented = {
            code
            for response in operation["responses"].values()
            for code in re.findall(r"`(\w+)`:", response["description"])
        }
        assert {problem.code for problem in codes_of(route)} == documented


def test_general_errors_are_documented_where_they_can_happen() -> None:
    """A token, an address, a body and a key each bring their own refusals, and only they."""
    codes = {
        route.name: {problem.code for problem in codes_of(route)} for route in DOCUMENTATION.routes
    }

    assert {"invalid_parameter", "internal", "unavailable"} == codes["GET /docs"]
    assert {
        "invalid_parameter",
        "internal",
        "unavailable",
        "invalid_utf8",
        "unauthenticated",
        "invalid_token",
        "not_allowed",
    } == codes["GET /v1/sale-status/{sku}"]
    assert codes["GET /v1/sale-status/{sku}"] < codes["PUT /v1/skus/{id}"]
    assert {
        "invalid_json",
        "too_large",
        "too_slow",
        "unsupported_media_type",
        "invalid_input",
        "idempotency_in_flight",
        "idempotency_mismatch",
    } <= codes["PUT /v1/skus/{id}"]
    assert {"wrong_source", "nothing_accepted"} <= codes["POST /v1/signals"]


def test_every_reference_leads_somewhere() -> None:
    """No dangling $ref, no schema that nothing uses."""
    text = json.dumps(DOCUMENTATION.document)
    referenced = set(re.findall(r'"#/components/schemas/(\w+)"', text))

    assert referenced == set(DOCUMENTATION.document["components"]["schemas"])


def test_schemas_go_by_their_titles() -> None:
    """Readers see Signal and Sku, not the names of our classes."""
    names = DOCUMENTATION.document["components"]["schemas"].keys()

    assert {"Signal", "Sku", "SkuRow", "Vendor", "Person", "Key", "UnitsShipped"} <= names


def test_query_parameters_are_never_null() -> None:
    """An absent parameter is absent; the schema does not speak of null."""
    operation = DOCUMENTATION.document["paths"]["/v1/sale-status/{sku}"]["get"]
    schemas = {each["name"]: each["schema"] for each in operation["parameters"]}

    assert ["sku", "seller", "country", "limit"] == list(schemas)
    assert "null" not in json.dumps(schemas)
    assert {"default": 10, "type": "integer"} == schemas["limit"]


def test_the_page_lists_every_route() -> None:
    """Every method and address is a heading, and the navigation leads to it."""
    page = Page(DOCUMENTATION.page)
    headings = re.findall(r'<h3 id="(\w+)"><span[^>]*>(\w+)</span>([^<]+)</h3>', DOCUMENTATION.page)

    assert {(route.method, route.path) for route in DOCUMENTATION.routes} == {
        (method, path) for _, method, path in headings
    }
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    inside = {link[1:] for link in page.values("href") if link.startswith("#")}
    assert inside <= set(ids)
    assert {anchor for anchor, _, _ in headings} <= inside


def test_the_page_needs_nothing_from_elsewhere() -> None:
    """No script, no image, no foreign address: it works offline and without JavaScript."""
    for text in (DOCUMENTATION.page, DOCUMENTATION.problems_page):
        page = Page(text)

        assert {"script", "img", "link", "iframe"}.isdisjoint(tag for tag, _ in page.elements)
        assert [] == page.values("src") + page.values("style") + page.values("onclick")
        assert all(link.startswith(("#", "/")) for link in page.values("href"))


def test_the_pages_are_well_formed_and_say_their_language() -> None:
    """Every element is closed in order; language, title and one main heading are there."""
    texts = [
        DOCUMENTATION.page,
        DOCUMENTATION.problems_page,
        *map(DOCUMENTATION.problem_page, PROBLEMS.values()),
    ]
    for text in texts:
        page = Page(text)

        assert [] == page.open
        assert ("html", {"lang": "en"}) in page.elements
        assert 1 == sum(tag == "h1" for tag, _ in page.elements)
        assert 1 == sum(tag == "title" for tag, _ in page.elements)


def test_what_routes_say_is_escaped() -> None:
    """Text with markup in it shows as text; backticks become code."""
    assert "May it &lt;sell&gt;?" in DOCUMENTATION.page
    assert "Good <code>entries</code> are kept." in DOCUMENTATION.page
    assert "<code>&lt;a&gt;</code> &amp; b" == str(prose("`<a>` & b"))


def test_the_examples_are_ready_to_paste() -> None:
    """Each call has a curl line with its token, and bodies where it takes one."""
    shown = "".join(Page(DOCUMENTATION.page).text)

    assert 'curl -X POST \\\n  "$FREEZEGUARD/v1/signals"' in shown
    assert '-H "Authorization: Bearer $TOKEN"' in shown
    assert "/v1/sale-status/KETTLE-17%2Fblue" in shown
    assert '"id": "call-4711"' in shown


async def test_pages_are_served_under_a_policy_that_allows_only_their_style(
    service: Service,
) -> None:
    """The one inline stylesheet is allowed by its hash, everything else is forbidden."""
    answer = await service.call("GET", "/docs", token=None)
    text = await answer.text()
    style = text.split("<style>")[1].split("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    assert (200, "text/html") == (answer.status, answer.content_type)
    policy = answer.headers["Content-Security-Policy"]
    assert f"style-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "gzip" == answer.headers["Content-Encoding"]


async def test_the_document_is_served(service: Service) -> None:
    """/openapi.json is the document."""
    answer = await service.call("GET", "/openapi.json", token=None)

    assert DOCUMENTATION.document == await answer.json()


@pytest.mark.parametrize("code", PROBLEMS)
async def test_every_code_has_its_page(service: Service, code: str) -> None:
    """The `type` of each problem leads to a page for people and to JSON for programs."""
    problem = PROBLEMS[code]
    page = await service.call(
        "GET", problem.address, token=None, headers={"Accept": "text/html,*/*;q=0.8"}
    )
    plain = await service.call("GET", problem.address, token=None)

    assert problem.title in (await page.text()).replace("&#39;", "'")
    said = await plain.json()
    assert (code, problem.status) == (said["code"], said["status"])
    assert "text/html" == page.content_type


async def test_all_codes_are_listed(service: Service) -> None:
    """/problems has them all."""
    page = await service.call("GET", "/problems", token=None, headers={"Accept": "text/html"})
    plain = await service.call("GET", "/problems", token=None)

    assert set(PROBLEMS) == {each["code"] for each in (await plain.json())["items"]}
    text = await page.text()
    assert [] == [code for code in PROBLEMS if f'"/problems/{code}"' not in text]


async def test_an_unknown_code_has_no_page(service: Service) -> None:
    """404, as for anything unknown."""
    assert 404 == (await service.call("GET", "/problems/nonsense", token=None)).status


def test_every_error_of_the_domain_has_its_code_here() -> None:
    """An error class without an entry would be answered as a fault of ours."""
    classes = [
        each
        for _, each in inspect.getmembers(errors, inspect.isclass)
        if issubclass(each, errors.FreezeguardError)
    ]

    assert {each.code for each in classes} <= PROBLEMS.keys()
    assert len(classes) > 5


def test_codes_are_told_in_whole_sentences() -> None:
    """Meaning and remedy are sentences for a person who has just been refused."""
    for problem in PROBLEMS.values():
        assert problem.meaning.endswith(".")
        assert problem.remedy.endswith(".")
        assert not problem.title.endswith(".")
        assert 400 <= problem.status < 600


@pytest.mark.parametrize(
    ("schema", "words", "said"),
    [
        ({"type": "string", "minLength": 1, "maxLength": 200}, "string", "1 to 200 characters"),
        ({"type": "integer", "minimum": 1}, "integer", "at least 1"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/A"}, "maxItems": 1000},
         "list of A", "up to 1,000 entries"),
        ({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]},
         "time (RFC 3339, with its offset)", ""),
        ({"enum": ["a", "b"]}, '"a" | "b"', ""),
        ({"const": 1, "default": 1}, "1", "default 1"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "object of string", ""),
        ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, "string or integer", ""),
        ({"type": ["string", "integer"]}, "string or integer", ""),
        ({}, "any JSON", ""),
        ({"enum": list(range(50))}, " | ".join(map(str, range(40))) + " | … (50 values)", ""),
    ],
)  # fmt: skip
def test_schemas_are_told_in_words(schema: dict[str, Any], words: str, said: str) -> None:
    """Types and limits read as a person would say them."""
    assert words == "".join(part.words for part in kind(schema))
    assert said == limits(schema)


def test_the_pages_of_the_service_itself_are_documented() -> None:
    """The documentation documents its own addresses."""
    assert docs.TAG in {route.tag for route in DOCUMENTATION.routes}
    assert {"/openapi.json", "/docs", "/problems"} <= DOCUMENTATION.document["paths"].keys()


NO_CONTEXT: Any = None
"""Enough to declare routes; nothing is called."""

COMMANDS = Documentation(case_routes(NO_CONTEXT), title="freezeguard", version="0.1.0").document
COMMAND_EXAMPLES = {
    name: example["value"]
    for name, example in COMMANDS["paths"]["/v1/cases/{id}/commands"]["post"]["requestBody"][
        "content"
    ]["application/json"]["examples"].items()
}


def fits(body: dict[str, Any]) -> bool:
    """Say whether the document takes a body for a command."""
    schema = {"$ref": "#/components/schemas/CaseCommand", "components": COMMANDS["components"]}
    return jsonschema_rs.Draft202012Validator(schema).is_valid(body)


def test_the_document_has_the_arguments_of_each_command() -> None:
    """One alternative per command, with the fields of its model; one for all that are refused."""
    *known, other = COMMANDS["components"]["schemas"]["CaseCommand"]["oneOf"]

    assert {
        command.value: {"command", "version", *model.model_fields}
        for command, model in ARGUMENTS.items()
    } == {one["title"]: set(one["properties"]) for one in known}
    named = {one["properties"]["command"]["const"] for one in known}
    assert set(Command) == named | set(other["properties"]["command"]["enum"])


@pytest.mark.parametrize("command", ARGUMENTS)
def test_each_command_has_an_example_that_fits(command: Command) -> None:
    """It is what the document and the service take; with a field too many it is neither."""
    body = COMMAND_EXAMPLES[command.value]
    arguments = {name: value for name, value in body.items() if name not in {"command", "version"}}

    arguments_of(command).model_validate(arguments)
    assert command.value == body["command"]
    assert fits(body)
    assert not fits({**body, "no_such_argument": 1})


def test_the_document_refuses_arguments_of_another_type() -> None:
    """What the service refuses as invalid_input does not fit the document either."""
    assert not fits({"command": "approve", "version": 7, "evidence_revision": "2"})
    assert not fits({"command": "return_remedy", "version": 4, "missing": "a tear test"})
    assert not fits({"command": "propose_remedy", "version": 3, "remedy": {"cause": "resin"}})
    assert not fits({"command": "no_such_command", "version": 3})
    assert fits({"command": "merge", "version": 3, "into": "another case"})


@pytest.mark.parametrize("page", ["people.md", "vendors.md", "try-it.md"])
def test_remedies_of_the_pages_are_complete(page: str) -> None:
    """Whoever copies one gets no refusal for what is missing in it."""
    text = (Path(__file__).parents[2] / "docs" / page).read_text("utf-8")
    found = [json.loads(one) for one in re.findall(r"^\{\n.*?^\}$", text, re.MULTILINE | re.DOTALL)]

    assert found
    for body in found:
        assert fits({"command": "propose_remedy", "version": 3, **body})
        assert () == missing_in_remedy(body["remedy"])


def test_the_page_names_the_arguments_of_each_command() -> None:
    """A reader finds them without a case at hand."""
    operation = COMMANDS["paths"]["/v1/cases/{id}/commands"]["post"]

    assert "`request_approval`: `verification`;" in operation["description"]


async def test_the_bare_address_leads_to_the_documentation(service: Service) -> None:
    """Whoever opens the service without an address is told of /docs, signed in or not."""
    answer = await service.call("GET", "/", token=None)

    assert 404 == answer.status
    assert "/docs" in (await answer.json(content_type="application/problem+json"))["hint"]
