"""Refusals of the HTTP layer, and the RFC 9457 answer to every refusal of any layer."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from aiohttp import web
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from freezeguard.api.models.misfits import in_words
from freezeguard.api.problems import MEDIA_TYPE, PROBLEMS, Problem
from freezeguard.domain.errors import (
    FreezeguardError,
    GuardFailed,
    InvalidInput,
    Unavailable,
    UnknownSku,
)
from freezeguard.domain.signatures import SignatureRefused

MAX_ERRORS = 20
MAX_DETAIL = 2000

_CODE_OF_STATUS = {
    400: "bad_request",
    401: "unauthenticated",
    403: "not_allowed",
    404: "unknown_route",
    405: "method_not_allowed",
    408: "too_slow",
    413: "too_large",
    415: "unsupported_media_type",
    417: "expectation_failed",
    429: "too_many_requests",
    431: "head_too_large",
    503: "unavailable",
}


@dataclass(frozen=True, slots=True)
class FieldError:
    """One place that does not fit: a JSON `pointer` into the body, or the name of a parameter."""

    detail: str
    pointer: str | None = None
    parameter: str | None = None

    def as_json(self) -> dict[str, str]:
        """Return the entry of a problem's `errors`."""
        where = {"parameter": self.parameter, "pointer": self.pointer}
        return {
            **{name: value for name, value in where.items() if value is not None},
            "detail": self.detail[:MAX_DETAIL],
        }


class InvalidFields(InvalidInput):
    """Several places do not fit; `errors` names each."""

    def __init__(
        self, errors: Sequence[FieldError], *, code: str = "invalid_input", detail: str = ""
    ) -> None:
        first = errors[0]
        where = first.parameter or first.pointer or "the body"
        super().__init__(
            detail or f"{where}: {first.detail}", pointer=first.pointer or "", code=code
        )
        self.errors = tuple(errors)


class Unauthenticated(FreezeguardError):
    """Send `Authorization: Bearer <token>`."""

    code: ClassVar[str] = "unauthenticated"
    challenge: ClassVar[str] = 'Bearer realm="freezeguard"'


class InvalidToken(Unauthenticated):
    """The token is not known here."""

    code: ClassVar[str] = "invalid_token"
    challenge: ClassVar[str] = 'Bearer realm="freezeguard", error="invalid_token"'


class Refused(FreezeguardError):
    """A refusal of the HTTP layer itself, by its code, with headers that belong to it."""

    def __init__(
        self, code: str, detail: str = "", *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail or PROBLEMS[code].meaning)
        self.code = code  # type: ignore[misc]  # an instance names its own code
        self.headers = dict(headers or {})


class Reported(Protocol):
    """One entry of a batch that was not accepted."""

    @property
    def index(self) -> int: ...
    @property
    def code(self) -> str: ...
    @property
    def detail(self) -> str: ...
    @property
    def pointer(self) -> str | None: ...


class NothingAccepted(FreezeguardError):
    """Every entry of a batch was rejected."""

    code: ClassVar[str] = "nothing_accepted"

    def __init__(self, rejected: Sequence[Reported]) -> None:
        super().__init__(f"None of {len(rejected)} entries was accepted.")
        self.rejected = [
            {
                "index": each.index,
                "code": each.code,
                "detail": each.detail,
                "pointer": each.pointer or "",
            }
            for each in rejected
        ]


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One problem as it happened: what is answered."""

    problem: Problem
    detail: str
    errors: tuple[FieldError, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self, request_id: str | None = None) -> bytes:
        """Return the JSON of RFC 9457; ASCII, so that no text can break it."""
        members: dict[str, Any] = {
            "type": self.problem.address,
            "title": self.problem.title,
            "status": self.problem.status,
            "code": self.problem.code,
            "detail": self.detail[:MAX_DETAIL],
            "hint": self.problem.remedy,
        }
        if request_id:
            members["request_id"] = request_id
        if self.errors:
            members["errors"] = [error.as_json() for error in self.errors[:MAX_ERRORS]]
        return json.dumps(members | dict(self.more)).encode()

    def response(self, request_id: str | None = None) -> web.Response:
        """Return the HTTP answer."""
        return web.Response(
            body=self.body(request_id),
            status=self.problem.status,
            content_type=MEDIA_TYPE,
            headers=self.headers,
        )


def of_error(error: FreezeguardError) -> Occurrence:
    """Return the problem that a refusal of the domain or of this layer is answered with."""
    problem = PROBLEMS.get(error.code, PROBLEMS["internal"])
    return Occurrence(problem, error.detail, _errors_of(error), _more_of(error), _headers_of(error))


def of_http_error(error: web.HTTPException) -> Occurrence:
    """Return the problem for an error that aiohttp raises by itself."""
    fallback = "internal" if error.status >= 500 else "bad_request"
    problem = PROBLEMS[_CODE_OF_STATUS.get(error.status, fallback)]
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        detail = f"{error.method[:20]} is not known here; allowed are {allowed}."
        return Occurrence(problem, detail, headers={"Allow": allowed})
    return Occurrence(problem, problem.meaning)


def of_code(code: str, detail: str = "") -> Occurrence:
    """Return the problem of a code, with its meaning where there is no more exact detail."""
    return Occurrence(PROBLEMS[code], detail or PROBLEMS[code].meaning)


def field_errors(error: ValidationError) -> tuple[FieldError, ...]:
    """Return the places that a model refused; the refused values are not repeated."""
    listed = error.errors(include_url=False, include_input=False)[:MAX_ERRORS]
    return tuple(FieldError(explain(entry), json_pointer(entry["loc"])) for entry in listed)


def explain(entry: ErrorDetails) -> str:
    """Return the message of one of pydantic's errors in the words of this API."""
    return in_words(entry)[:MAX_DETAIL]


def json_pointer(location: Iterable[str | int]) -> str:
    """Return the JSON pointer (RFC 6901) of a place."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in location)


def retry_after(seconds: float) -> str:
    """Return the value of Retry-After: whole seconds, at least one."""
    return str(max(1, math.ceil(seconds)))


def _errors_of(error: FreezeguardError) -> tuple[FieldError, ...]:
    if isinstance(error, InvalidFields):
        return error.errors
    if isinstance(error, InvalidInput) and error.pointer:
        return (FieldError(error.detail, pointer=error.pointer),)
    return ()


def _more_of(error: FreezeguardError) -> dict[str, Any]:
    match error:
        case UnknownSku():
            return {"near": list(error.near)}
        case GuardFailed():
            return {"missing": list(error.missing)}
        case NothingAccepted():
            return {"accepted": 0, "duplicates": 0, "rejected": error.rejected}
        case _:
            return {}


def _headers_of(error: FreezeguardError) -> dict[str, str]:
    if isinstance(error, Unauthenticated | SignatureRefused):
        return {"WWW-Authenticate": error.challenge}
    if isinstance(error, Unavailable):
        return {"Retry-After": retry_after(error.retry_after)}
    return error.headers if isinstance(error, Refused) else {}
