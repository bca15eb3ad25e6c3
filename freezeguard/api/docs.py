"""The documentation that the service serves of itself: OpenAPI, a readable page, error codes.

Drawn on the server from the OpenAPI document. One stylesheet of our own inside the page, no
script, nothing from elsewhere: it works offline and under a policy that forbids all else. Drawing
takes a tenth of a second, once, and beside the event loop.
"""

import asyncio
import base64
import hashlib
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from aiohttp import hdrs, web
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from freezeguard.api import openapi
from freezeguard.api.access import Access
from freezeguard.api.openapi import document, operation_id
from freezeguard.api.problems import PROBLEMS, Problem
from freezeguard.api.routing import Answer, AnyRoute, Call, Media, Reply, Route, compress
from freezeguard.api.schemas_in_words import REFS, kind, limits, row, rows, without_null
from freezeguard.api.uploads import FileBody
from freezeguard.domain.errors import NotFound

TAG = "Documentation"

_GENERAL = (
    ("Every call", openapi.ALWAYS),
    ("Calls that need a token", openapi.SIGNED_IN),
    ("Calls that need a signature", openapi.SIGNED),
    ("Calls with an identifier or query in the address", openapi.IN_ADDRESSES),
    ("Calls with a body", openapi.IN_BODIES),
    ("Calls with an Idempotency-Key", openapi.ONCE),
)
_CODE = re.compile(r"`([^`]+)`")
_HTML = "text/html"


def prose(text: str) -> Markup:
    """Return text as HTML: escaped, with what stands between backticks as code."""
    parts = _CODE.split(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if index % 2 else escape(part)
        for index, part in enumerate(parts)
    )


class Documentation:
    """The documentation of some routes, its own included."""

    def __init__(self, routes: Sequence[AnyRoute], *, title: str, version: str) -> None:
        self.title = title
        self.version = version
        self.routes: tuple[AnyRoute, ...] = (*routes, *self._own_routes())
        self._pages = Environment(
            loader=PackageLoader("freezeguard.api", "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._pages.filters["prose"] = prose

    @cached_property
    def document(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        return document(self.routes, title=self.title, version=self.version)

    @cached_property
    def _encoded(self) -> bytes:
        return json.dumps(self.document, ensure_ascii=False).encode()

    @cached_property
    def page(self) -> str:
        """Return the readable page."""
        return self._render(
            "docs.html.j2",
            title=self.title,
            version=self.version,
            general=_GENERAL,
            groups=self._groups(),
            schemas=[
                _schema(name, schema)
                for name, schema in self.document["components"]["schemas"].items()
            ],
        )

    def problem_page(self, problem: Problem) -> str:
        """Return the page of one error code."""
        return self._render("problem.html.j2", problem=problem)

    @cached_property
    def problems_page(self) -> str:
        """Return the list of all error codes."""
        return self._render("problems.html.j2", problems=_by_status())

    @cached_property
    def _style(self) -> str:
        loader = self._pages.loader
        assert loader is not None  # noqa: S101 - given above; for the type checker
        return loader.get_source(self._pages, "style.css")[0]

    @cached_property
    def policy(self) -> str:
        """Return the Content-Security-Policy of the pages: our one stylesheet and nothing else."""
        digest = base64.b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        return (
            f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; "
            "form-action 'none'; frame-ancestors 'none'"
        )

    def _render(self, template: str, **facts: Any) -> str:
        return self._pages.get_template(template).render(style=Markup(self._style), **facts)  # noqa: S704 - our own file

    def _html(self, page: str) -> web.Response:
        return web.Response(
            text=page,
            content_type=_HTML,
            headers={
                "Content-Security-Policy": self.policy,
                hdrs.CACHE_CONTROL: "no-cache",
                hdrs.VARY: hdrs.ACCEPT,
            },
        )

    async def _show_document(self, _call: Call) -> Answer:
        return Reply(await asyncio.to_thread(lambda: self._encoded), compress=True)

    async def _show_page(self, call: Call) -> Answer:
        response = self._html(await asyncio.to_thread(lambda: self.page))
        compress(call.request, response)
        return response

    async def _show_problems(self, call: Call) -> Answer:
        if _wants_html(call.request):
            return self._html(self.problems_page)
        return Reply(json.dumps({"items": [_as_json(each) for each in _by_status()]}).encode())

    async def _show_problem(self, call: Call) -> Answer:
        problem = PROBLEMS.get(call.path["code"])
        if problem is None:
            raise NotFound(f"There is no error code {call.path['code']!a}.")
        if _wants_html(call.request):
            return self._html(self.problem_page(problem))
        return Reply(json.dumps(_as_json(problem)).encode())

    def _own_routes(self) -> tuple[AnyRoute, ...]:
        everybody = Access.public()
        return (
            Route(
                method="GET",
                path="/openapi.json",
                handler=self._show_document,
                summary="This API as a machine reads it: OpenAPI 3.1.",
                who=everybody,
                tag=TAG,
                result=Media("application/json", "The document.", {"type": "object"}),
            ),
            Route(
                method="GET",
                path="/docs",
                handler=self._show_page,
                summary="This page.",
                who=everybody,
                tag=TAG,
                result=Media(_HTML, "The page."),
            ),
            Route(
                method="GET",
                path="/problems",
                handler=self._show_problems,
                summary="Every error code.",
                who=everybody,
                tag=TAG,
                description="HTML where the reader asks for it, else JSON.",
                result=Media("application/json", "The list.", {"type": "object"}),
            ),
            Route(
                method="GET",
                path="/problems/{code}",
                handler=self._show_problem,
                summary="One error code: what it means and what to do.",
                who=everybody,
                tag=TAG,
                description="HTML where the reader asks for it, else JSON.",
                result=Media("application/json", "The code.", {"type": "object"}),
                errors=("not_found",),
            ),
        )

    def _groups(self) -> list[dict[str, Any]]:
        groups: dict[str, list[dict[str, Any]]] = {}
        for route in self.routes:
            groups.setdefault(route.tag, []).append(self._call(route))
        return [
            {"name": tag, "anchor": "tag-" + re.sub(r"\W+", "-", tag.lower()), "calls": calls}
            for tag, calls in groups.items()
        ]

    def _call(self, route: AnyRoute) -> dict[str, Any]:
        operation = self.document["paths"][route.path][route.method.lower()]
        content = operation.get("requestBody", {}).get("content", {})
        example = route.result_example
        return {
            "method": route.method,
            "path": route.path,
            "anchor": operation_id(route),
            "summary": route.summary,
            "paragraphs": _paragraphs(operation["description"]),
            "parameters": [
                row(
                    f"{each['name']} ({each['in']})",
                    {"description": each.get("description", ""), **each["schema"]},
                    is_required=each["required"],
                )
                for each in operation["parameters"]
            ],
            "bodies": [self._body(media_type, content[media_type]) for media_type in content],
            "curl": _curl(route, operation),
            "answers": _answers(route, operation),
            "result_example": example and json.dumps(example, indent=2, ensure_ascii=False),
        }

    def _body(self, media_type: str, content: Mapping[str, Any]) -> dict[str, Any]:
        schema = content["schema"]
        is_named = "$ref" in schema
        return {
            "media_type": media_type,
            "kind": kind(schema) if not schema.get("properties") else (),
            "rows": rows(self._resolved(schema)) if is_named else rows(schema),
        }

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        name = schema["$ref"].removeprefix(REFS)
        found: Mapping[str, Any] = self.document["components"]["schemas"][name]
        return found


def _schema(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "paragraphs": _paragraphs(schema.get("description", "")),
        "rows": rows(schema),
        "kind": kind(schema),
        "limits": limits(schema),
    }


def _answers(route: AnyRoute, operation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the route's own answers; those of every call stand once at the top of the page."""
    good = [
        {
            "status": status,
            "description": response["description"],
            "code": "",
            "kind": _result_kind(response),
        }
        for status, response in operation["responses"].items()
        if int(status) < 400
    ]
    bad = [
        {"status": each.status, "description": each.title, "code": each.code, "kind": ()}
        for each in _by_status()
        if each.code in route.errors
    ]
    return [*good, *bad]


def _result_kind(response: Mapping[str, Any]) -> Any:
    for content in response.get("content", {}).values():
        schema = without_null(content["schema"])
        return kind(schema) if "$ref" in schema else ()
    return ()


def _curl(route: AnyRoute, operation: Mapping[str, Any]) -> str:
    parts = ["curl"] if route.method == hdrs.METH_GET else [f"curl -X {route.method}"]
    address = re.sub(r"\{([a-z_]+)\}", lambda part: _sample_part(part[1]), route.path)
    parts.append(f'"$FREEZEGUARD{address}"')
    if route.who.is_signed:
        parts.append('-H "webhook-signature: v1,$SIGNATURE"')
    elif not route.who.is_public:
        parts.append('-H "Authorization: Bearer $TOKEN"')
    content = operation.get("requestBody", {}).get("content", {})
    for media_type, body in content.items():
        if isinstance(route.body, FileBody):
            parts += [f"-H 'Content-Type: {media_type}'", "--data-binary @report.pdf"]
            break
        parts.append(f"-H 'Content-Type: {media_type}'")
        examples = [each["value"] for each in body.get("examples", {}).values()]
        sent = json.dumps(examples[0], indent=2, ensure_ascii=False) if examples else "{}"
        parts.append(f"-d {shlex.quote(sent)}")
        break
    return " \\\n  ".join(parts)


def _sample_part(name: str) -> str:
    return {"sku": "KETTLE-17%2Fblue", "code": "not_allowed"}.get(name, name.upper())


def _paragraphs(text: str) -> list[str]:
    return [part.replace("\n", " ") for part in text.split("\n\n") if part]


def _by_status() -> list[Problem]:
    return sorted(PROBLEMS.values(), key=lambda each: (each.status, each.code))


def _as_json(problem: Problem) -> dict[str, Any]:
    return {
        "type": problem.address,
        "code": problem.code,
        "status": problem.status,
        "title": problem.title,
        "meaning": problem.meaning,
        "remedy": problem.remedy,
    }


def _wants_html(request: web.BaseRequest) -> bool:
    return _HTML in request.headers.get(hdrs.ACCEPT, "")
