"""The OpenAPI 3.1 document, drawn from the routes: the same input gives the same document."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from aiohttp import hdrs
from pydantic import TypeAdapter

from freezeguard.api import idempotency
from freezeguard.api.parameters import PathReader
from freezeguard.api.problems import MEDIA_TYPE, PROBLEMS, Problem
from freezeguard.api.routing import AnyRoute, CustomBody, Media
from freezeguard.api.uploads import FileBody

JSON = "application/json"
SCHEME = "bearer"
SIGNATURE = "signature"
REFS = "#/components/schemas/"

ALWAYS = ("invalid_parameter", "internal", "unavailable")
IN_ADDRESSES = ("invalid_utf8",)
SIGNED_IN = ("unauthenticated", "invalid_token", "not_allowed")
SIGNED = ("signature_missing", "signature_invalid", "signature_late")
IN_BODIES = (
    "bad_request",
    "empty_body",
    "invalid_json",
    "invalid_utf8",
    "invalid_compression",
    "nul_character",
    "lone_surrogate",
    "not_a_number",
    "number_too_long",
    "duplicate_key",
    "too_deep",
    "too_slow",
    "too_large",
    "too_complex",
    "unsupported_media_type",
    "unsupported_charset",
    "unsupported_encoding",
    "invalid_input",
)
IN_SIGNED_BODIES = (
    "bad_request", "too_slow", "too_large", "unsupported_media_type", "unsupported_charset",
    "unsupported_encoding",
)
IN_FILES = ("bad_request", "empty_body", "too_slow", "too_large", "unsupported_encoding")
ONCE = ("idempotency_in_flight", "idempotency_mismatch")

_SIGNATURE_SCHEME = {
    SIGNATURE: {
        "type": "apiKey",
        "in": "header",
        "name": "webhook-signature",
        "description": "An HMAC over the bytes of the body, by a secret of the address. The names "
        "of the headers are those of the sender's kind: `webhook-id`, `webhook-timestamp` and "
        "`webhook-signature` of Standard Webhooks, `X-Zendesk-Webhook-Signature` with its "
        "timestamp, `X-Shopify-Hmac-Sha256`, or those that the settings name.",
    }
}
_PROBLEM_SCHEMA = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457. `code` is stable; the page at `type` explains it.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "code": {"type": "string", "enum": sorted(PROBLEMS)},
        "detail": {"type": "string"},
        "hint": {"type": "string", "description": "What to do about it."},
        "request_id": {"type": "string", "description": "Find it in the logs."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "A JSON pointer into the body."},
                    "parameter": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
        "missing": {"type": "array", "items": {"type": "string"}},
        "near": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Registered SKUs that may be meant.",
        },
    },
}


def document(routes: Sequence[AnyRoute], *, title: str, version: str) -> dict[str, Any]:
    """Return the OpenAPI document of these routes."""
    schemas, components = _by_title(*_schemas(routes))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(
            route, schemas, components
        )
    used = _references({"paths": paths}, components)
    named = {name: schema for name, schema in components.items() if name in used}
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(route.tag for route in routes)],
        "paths": paths,
        "components": {
            "schemas": dict(sorted((named | {"Problem": _PROBLEM_SCHEMA}).items())),
            "securitySchemes": {
                SCHEME: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A machine key or a personal token.",
                }
            } | (_SIGNATURE_SCHEME if any(route.who.is_signed for route in routes) else {}),
        },
    }


def _references(tree: Any, components: Mapping[str, Any]) -> set[str]:
    """Return the names of all components that a document needs, directly or through others."""
    used: set[str] = set()
    waiting = [tree]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
            name = str(value.get("$ref", "")).removeprefix(REFS)
            if name in components and name not in used:
                used.add(name)
                waiting.append(components[name])
    return used


def codes_of(route: AnyRoute) -> list[Problem]:
    """Return every problem that a route may answer with, by status and code."""
    codes = {*ALWAYS, *route.errors}
    if "{" in route.path or route.query is not None:
        codes.update(IN_ADDRESSES)
    if not route.who.is_public:
        codes.update(SIGNED if route.who.is_signed else SIGNED_IN)
    if isinstance(route.body, FileBody):
        codes.update(IN_FILES)
    elif route.body is not None:
        codes.update(IN_SIGNED_BODIES if route.who.is_signed else IN_BODIES)
    if route.takes_key and not route.who.is_public:
        codes.update(ONCE)
    return sorted((PROBLEMS[code] for code in codes), key=lambda each: (each.status, each.code))


def operation_id(route: AnyRoute) -> str:
    """Return the name of an operation in generated clients."""
    return "_".join(re.findall(r"[a-z0-9]+", route.name.lower()))


def _schemas(routes: Sequence[AnyRoute]) -> tuple[dict[Any, Any], dict[str, Any]]:
    inputs = [entry for route in routes for entry in _adapters(route)]
    by_key, rest = TypeAdapter.json_schemas(inputs, ref_template=REFS + "{model}")
    return {key: schema for (key, _), schema in by_key.items()}, rest.get("$defs", {})


def _by_title(
    schemas: dict[Any, Any], components: dict[str, Any]
) -> tuple[dict[Any, Any], dict[str, Any]]:
    """Name each component by its title instead of its class, where no other has that title."""
    titles = {name: schema.get("title", "") for name, schema in components.items()}
    times = Counter(titles.values())
    names = {
        name: title
        for name, title in titles.items()
        if times[title] == 1 and title.isidentifier() and title not in components
    }
    return (
        {key: _renamed(schema, names) for key, schema in schemas.items()},
        {names.get(name, name): _renamed(schema, names) for name, schema in components.items()},
    )


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_renamed(each, names) for each in value]
    if not isinstance(value, dict):
        return value
    reference = value.get("$ref")
    if isinstance(reference, str):
        name = reference.removeprefix(REFS)
        return {**value, "$ref": REFS + names.get(name, name)}
    return {key: _renamed(each, names) for key, each in value.items()}


def _adapters(route: AnyRoute) -> Iterator[tuple[Any, Any, TypeAdapter[Any]]]:
    """Yield what needs a schema: a key, the direction, and the type."""
    for name, kind in PathReader(route.path, route.parts).kinds.items():
        yield (route.name, "path", name), "validation", TypeAdapter(kind)
    if route.query is not None:
        yield (route.name, "query"), "validation", TypeAdapter(route.query)
    if isinstance(route.body, CustomBody):
        for media_type, content in route.body.content.items():
            if not isinstance(content, Mapping):
                yield (route.name, "body", media_type), "validation", TypeAdapter(content)
    elif route.body is not None and not isinstance(route.body, FileBody):
        yield (route.name, "body", JSON), "validation", TypeAdapter(route.body)
    if route.result is not None and not isinstance(route.result, Media):
        yield (route.name, "result"), "serialization", TypeAdapter(route.result)


def _operation(
    route: AnyRoute, schemas: Mapping[Any, Any], components: Mapping[str, Any]
) -> dict[str, Any]:
    who = f"Who may call: {route.who.words()}."
    operation: dict[str, Any] = {
        "operationId": operation_id(route),
        "tags": [route.tag],
        "summary": route.summary,
        "description": f"{route.description}\n\n{who}".strip(),
        "security": _security(route),
        "parameters": [
            *_path_parameters(route, schemas),
            *_query_parameters(route, schemas, components),
            *_header_parameters(route),
        ],
        "responses": _responses(route, schemas),
    }
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": _request_content(route, schemas)}
    return operation


def _security(route: AnyRoute) -> list[dict[str, list[str]]]:
    if route.who.is_public:
        return []
    return [{SIGNATURE if route.who.is_signed else SCHEME: []}]


def _path_parameters(route: AnyRoute, schemas: Mapping[Any, Any]) -> Iterator[dict[str, Any]]:
    for name in PathReader(route.path, route.parts).kinds:
        schema = schemas[route.name, "path", name]
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameters(
    route: AnyRoute, schemas: Mapping[Any, Any], components: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    if route.query is None:
        return
    model = components[schemas[route.name, "query"]["$ref"].removeprefix(REFS)]
    required = model.get("required", [])
    for name, schema in model.get("properties", {}).items():
        yield {
            "name": name,
            "in": "query",
            "required": name in required,
            "schema": _never_null(schema),
        }


def _header_parameters(route: AnyRoute) -> Iterator[dict[str, Any]]:
    if route.takes_key and not route.who.is_public:
        yield {
            "name": idempotency.HEADER,
            "in": "header",
            "required": False,
            "description": "1 to 255 printable ASCII characters. A repeat with the same key gets "
            "the first answer, if that succeeded.",
            "schema": {
                "type": "string",
                "minLength": 1,
                "maxLength": idempotency.MAX_KEY,
                "pattern": "^[\\x20-\\x7e]+$",
            },
        }


def _never_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a query parameter: one that is absent is not sent as null."""
    plain = {key: value for key, value in schema.items() if key not in {"anyOf", "title"}}
    if plain.get("default", 0) is None:
        del plain["default"]
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    if len(kinds) == 1:
        return {**kinds[0], **plain}
    return {"anyOf": kinds, **plain} if kinds else plain


def _request_content(route: AnyRoute, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    if isinstance(route.body, FileBody):
        schema = {
            "type": "string", "format": "binary", "minLength": 1,
            "description": "The file, byte for byte.",
        }
        return {one: {"schema": schema} for one in route.body.media_types}
    if not isinstance(route.body, CustomBody):
        return {JSON: _with_examples(schemas[route.name, "body", JSON], route.examples)}
    content = {}
    examples = {**route.examples, **route.body.examples}
    for media_type, kind in route.body.content.items():
        schema = schemas.get((route.name, "body", media_type), kind)
        content[media_type] = _with_examples(schema, examples)
        examples = {}
    return content


def _with_examples(schema: Any, examples: Mapping[str, Any]) -> dict[str, Any]:
    if not examples:
        return {"schema": schema}
    return {
        "schema": schema,
        "examples": {name: {"value": value} for name, value in examples.items()},
    }


def _responses(route: AnyRoute, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    content = _result_content(route, schemas)
    good = {route.status: _meaning(route), **route.others}
    responses: dict[str, Any] = {
        str(status): {"description": meaning} | ({"content": content} if _has_body(status) else {})
        for status, meaning in sorted(good.items())
        if content or not _has_body(status) or status < 300
    }
    by_status: dict[int, list[Problem]] = {}
    for problem in codes_of(route):
        by_status.setdefault(problem.status, []).append(problem)
    for status, problems in by_status.items():
        responses[str(status)] = _problem_response(problems)
    return responses


def _has_body(status: int) -> bool:
    return status not in {204, 304}


def _meaning(route: AnyRoute) -> str:
    if isinstance(route.result, Media):
        return route.result.description
    return f"{HTTPStatus(route.status).phrase}."


def _result_content(route: AnyRoute, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    if isinstance(route.result, Media):
        return {route.result.media_type: {"schema": dict(route.result.schema)}}
    if route.result is None:
        return {}
    schema = schemas[route.name, "result"]
    example = {} if route.result_example is None else {"example": route.result_example}
    others = {one.media_type: {"schema": dict(one.schema)} for one in route.also}
    return {JSON: _with_examples(schema, example), **others}


def _problem_response(problems: Sequence[Problem]) -> dict[str, Any]:
    schema = {
        "allOf": [
            {"$ref": REFS + "Problem"},
            {"properties": {"code": {"enum": [problem.code for problem in problems]}}},
        ]
    }
    response = {
        "description": " ".join(f"`{each.code}`: {each.title}." for each in problems),
        "content": {MEDIA_TYPE: {"schema": schema}},
    }
    if any(problem.status in {409, 429, 503} for problem in problems):
        response["headers"] = {
            hdrs.RETRY_AFTER: {"description": "Seconds.", "schema": {"type": "string"}}
        }
    return response
