"""What every answer carries: a request id, safety headers, one shape of errors."""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from aiohttp import hdrs, web
from multidict import CIMultiDict, istr

from freezeguard.api import refusals
from freezeguard.domain.errors import FreezeguardError

log = structlog.get_logger()

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
NewRequestId = Callable[[], str]
"""Returns a fresh request id."""

REQUEST_ID: Final = web.RequestKey("request_id", str)
REQUEST_ID_HEADER: Final = istr("X-Request-Id")

_SANE = re.compile(r"[A-Za-z0-9._:+/=-]{1,100}")
_SAFE_METHODS = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})
_ALWAYS: CIMultiDict[str] = CIMultiDict(
    {
        istr("X-Content-Type-Options"): "nosniff",
        istr("Referrer-Policy"): "no-referrer",
        istr("Content-Security-Policy"): "default-src 'none'; frame-ancestors 'none'",
        hdrs.CACHE_CONTROL: "no-store",
        hdrs.SERVER: "freezeguard",
    }
)


_OF_A_VERSION = _ALWAYS.copy()
_OF_A_VERSION[hdrs.CACHE_CONTROL] = "private, no-cache"


def headers_for(request_id: str, etag: str | None = None) -> CIMultiDict[str]:
    """Return fresh headers with what every answer carries, to add to and overwrite.

    A reader may keep what has an `etag`, and asks whether it is current.
    """
    headers = (_ALWAYS if etag is None else _OF_A_VERSION).copy()
    headers[REQUEST_ID_HEADER] = request_id
    if etag is not None:
        headers[hdrs.ETAG] = etag
    return headers


def complete(response: web.StreamResponse, request_id: str | None) -> None:
    """Add what every answer carries to one made elsewhere; leave what it already says."""
    if request_id is not None:
        response.headers[REQUEST_ID_HEADER] = request_id
    for name, value in _ALWAYS.items():
        response.headers.setdefault(name, value)


def name_request(request: web.BaseRequest, new_request_id: NewRequestId) -> str:
    """Return the request's own id where it sent a sane one, else a fresh one.

    The logs of a write carry it; a read is too short to log more than its failure.
    """
    sent = request.headers.get(REQUEST_ID_HEADER)
    request_id = sent if sent and _SANE.fullmatch(sent) else new_request_id()
    if request.method not in _SAFE_METHODS:
        structlog.contextvars.bind_contextvars(request_id=request_id)
    return request_id


def answer_to(request: web.BaseRequest, request_id: str, error: Exception) -> web.StreamResponse:
    """Return the problem for whatever was raised; raise what is none.

    Raises the error itself where nobody is left to answer, or where the answer has already begun.
    """
    if request.writer.output_size > 0:
        log.error("answer_broken_off", request_id=request_id, exc_info=error)
        raise error
    if isinstance(error, ConnectionError) and request.transport is None:
        raise error
    if isinstance(error, web.HTTPException) and error.status < 400:
        complete(error, request_id)
        raise error
    response = _occurrence(request, request_id, error).response(request_id)
    complete(response, request_id)
    return response


def middleware(new_request_id: NewRequestId) -> Any:
    """Return the middleware that gives the routes of an aiohttp application their envelope."""

    @web.middleware
    async def envelope(request: web.Request, handler: Handler) -> web.StreamResponse:
        request_id = request[REQUEST_ID] = name_request(request, new_request_id)
        try:
            return await handler(request)
        except Exception as error:  # noqa: BLE001 - the outermost frame; none is swallowed
            return answer_to(request, request_id, error)

    return envelope


async def on_response_prepare(request: web.Request, response: web.StreamResponse) -> None:
    """Complete every answer of an aiohttp application: its signal of the same name."""
    complete(response, request.get(REQUEST_ID))


def _occurrence(request: web.BaseRequest, request_id: str, error: Exception) -> refusals.Occurrence:
    match error:
        case FreezeguardError():
            return refusals.of_error(error)
        case web.HTTPException():
            return refusals.of_http_error(error)
        case _:
            log.error(
                "request_failed",
                request_id=request_id,
                method=request.method,
                path=request.rel_url.raw_path,
                exc_info=error,
            )
            return refusals.of_code("internal")
