"""Talks to a running service by HTTP, signed in by `FREEZEGUARD_TOKEN`.

It is where `FREEZEGUARD_URL` says, else where `freezeguard serve` would listen by the settings.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from freezeguard.cli.failures import Exit, Failure
from freezeguard.cli.options import read_settings

if TYPE_CHECKING:
    from http.client import HTTPConnection, HTTPResponse
    from typing import BinaryIO
    from urllib.parse import SplitResult

URL_VARIABLE, TOKEN_VARIABLE = "FREEZEGUARD_URL", "FREEZEGUARD_TOKEN"
THIS_MACHINE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
DEADLINE = 30.0
PAGE = 200
PART = 256 * 1024


def service_url() -> str:
    """Return where the service is."""
    said = os.environ.get(URL_VARIABLE)
    return _url_of_settings() if said is None else said.rstrip("/")


def _url_of_settings() -> str:
    settings = read_settings()
    if settings.port == 0:
        raise Failure(
            Exit.USAGE, "invalid_url",
            f"The settings leave the port to chance; say where the service is in {URL_VARIABLE}.",
        )
    host = THIS_MACHINE.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def ask(
    method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Any = None,
    deadline: float = DEADLINE,
) -> Any:
    """Send one request; return the decoded answer. Raises Failure for every other one."""
    return granted(*exchange(method, path, query=query, body=body, deadline=deadline))


def granted(status: int, answer: Any) -> Any:
    """Return an answer. Raises Failure where it is a refusal."""
    if status >= 400:
        raise _refusal(status, answer)
    return answer


def pages(path: str, query: Mapping[str, Any], limit: int) -> Iterator[Any]:
    """Yield up to `limit` entries of a list, page after page."""
    cursor: str | None = None
    while limit > 0:
        wanted = {**query, "limit": min(limit, PAGE), "cursor": cursor}
        answer = ask("GET", path, query=wanted)
        yield from answer["items"]
        limit -= len(answer["items"])
        cursor = answer["next"]
        if cursor is None:
            return


def segment(text: str) -> str:
    """Return text as one segment of a path."""
    from urllib.parse import quote

    return quote(text, safe="")


def download(path: str, *, query: Mapping[str, Any]) -> bytes:
    """Return the bytes of an answer that is no JSON. Raises Failure where it is refused."""
    return b"".join(parts_of_file(path, query))


def exchange(
    method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Any = None,
    deadline: float = DEADLINE,
) -> tuple[int, Any]:
    """Send one request; return status and decoded answer. Raises Failure where nobody answers."""
    sent = None if body is None else json.dumps(body).encode()
    with _asked(method, path, query or {}, sent, {}, deadline) as answer:
        return answer.status, _decoded(_read(answer))


def send_text(path: str, content: bytes, media_type: str) -> tuple[int, Any]:
    """Send text as the body of a POST; return status and decoded answer. Raises Failure."""
    with _asked("POST", path, {}, content, {"Content-Type": media_type}) as answer:
        return answer.status, _decoded(_read(answer))


def send_file(path: str, query: Mapping[str, Any], file: "BinaryIO", media_type: str) -> Any:
    """Send a file as the body of a POST; return the decoded answer. Raises Failure."""
    from os import fstat

    length = str(fstat(file.fileno()).st_size)
    headers = {"Content-Type": media_type, "Content-Length": length}
    with _asked("POST", path, query, file, headers) as answer:
        return granted(answer.status, _decoded(_read(answer)))


def parts_of_file(path: str, query: Mapping[str, Any] | None = None) -> Iterator[bytes]:
    """Yield the answer to a GET part by part. Raises Failure where it is a refusal."""
    with _asked("GET", path, query or {}, None, {}) as answer:
        if answer.status >= 400:
            raise _refusal(answer.status, _decoded(_read(answer)))
        while part := _read(answer, PART):
            yield part


@contextmanager
def _asked(
    method: str, path: str, query: Mapping[str, Any], body: Any, headers: Mapping[str, str],
    deadline: float = DEADLINE,
) -> "Iterator[HTTPResponse]":
    """Send one request and yield the answer, still to be read. Raises Failure."""
    from http.client import HTTPException
    from urllib.parse import urlencode, urlsplit

    place = urlsplit(service_url())
    connection = _connect(place, deadline)
    given = {name: value for name, value in query.items() if value is not None}
    target = place.path + path + ("?" + urlencode(given) if given else "")
    try:
        try:
            connection.request(method, target, body, {**_headers(), **headers})
            answer = connection.getresponse()
        except (OSError, HTTPException) as error:
            raise _unreachable(error) from None
        yield answer
    finally:
        connection.close()


def _read(answer: "HTTPResponse", most: int | None = None) -> bytes:
    from http.client import HTTPException

    try:
        return answer.read(most)
    except (OSError, HTTPException) as error:
        raise _unreachable(error) from None


def _unreachable(error: Exception) -> Failure:
    words = str(error) or type(error).__name__
    return Failure(
        Exit.UNREACHABLE, "unreachable",
        f"No service answers at {service_url()} ({words}). Start one with `freezeguard serve`, or "
        f"say where it is in {URL_VARIABLE}.",
    )


def _decoded(text: bytes) -> Any:
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        raise Failure(
            Exit.UNREACHABLE, "not_freezeguard", f"What answers at {service_url()} speaks no JSON."
        ) from None


def _connect(place: "SplitResult", deadline: float) -> "HTTPConnection":
    import ssl
    from http.client import HTTPConnection, HTTPSConnection

    try:
        host, port = place.hostname, place.port
    except ValueError:
        host, port = None, None
    if host is None or place.scheme not in {"http", "https"}:
        raise Failure(Exit.USAGE, "invalid_url", f"{URL_VARIABLE} is no http or https URL.")
    if place.scheme == "https":
        return HTTPSConnection(host, port, timeout=deadline, context=ssl.create_default_context())
    return HTTPConnection(host, port, timeout=deadline)


def _headers() -> dict[str, str]:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    token = os.environ.get(TOKEN_VARIABLE)
    return headers if token is None else {**headers, "Authorization": f"Bearer {token}"}


def _place(misfit: Mapping[str, Any]) -> str:
    """Return where something does not fit as `--set` writes it: scope.lot."""
    pointer = str(misfit.get("pointer", "")).strip("/").replace("/", ".")
    return str(misfit.get("parameter") or pointer or "the body")


def _refusal(status: int, answer: Any) -> Failure:
    problem = answer if isinstance(answer, dict) else {}
    code = str(problem.get("code", status))
    lines = [str(problem.get("detail") or problem.get("title") or f"The service says {status}.")]
    if misfits := [f"{_place(one)}: {one['detail']}" for one in problem.get("errors", [])]:
        first, *others = misfits
        lines = [first, *(f"  - {one}" for one in others)]
    if len(missing := problem.get("missing", [])) > 1:  # a single one is the detail itself
        lines = [f"{len(missing)} things are missing:", *(f"  - {one}" for one in missing)]
    if status == 401:
        lines.append(
            f"Put your token into {TOKEN_VARIABLE}; an administrator issues one by "
            "`freezeguard people token`."
        )
    away = status in {502, 503, 504}
    return Failure(Exit.UNREACHABLE if away else Exit.REFUSED, code, "\n".join(lines))
