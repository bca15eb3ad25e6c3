"""Talks to a running service by HTTP, signed in by `FREEZEGUARD_TOKEN`.

It is where `FREEZEGUARD_URL` says, else where `freezeguard serve` would listen by the settings.
"""

import json
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from freezeguard.cli.failures import Exit, Failure
from freezeguard.cli.options import read_settings

if TYPE_CHECKING:
    from http.client import HTTPConnection
    from urllib.parse import SplitResult

URL_VARIABLE, TOKEN_VARIABLE = "FREEZEGUARD_URL", "FREEZEGUARD_TOKEN"
THIS_MACHINE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
DEADLINE = 30.0
PAGE = 200


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
    method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Any = None
) -> Any:
    """Send one request; return the decoded answer. Raises Failure for every other one."""
    return granted(*exchange(method, path, query=query, body=body))


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
    status, found = _exchanged("GET", path, query, None)
    if status >= 400:
        granted(status, _decoded(found))
    return found


def exchange(
    method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Any = None
) -> tuple[int, Any]:
    """Send one request; return status and decoded answer. Raises Failure where nobody answers."""
    status, text = _exchanged(method, path, query or {}, body)
    return status, _decoded(text)


def _decoded(text: bytes) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        raise Failure(
            Exit.UNREACHABLE, "not_freezeguard", f"What answers at {service_url()} speaks no JSON."
        ) from None


def _exchanged(
    method: str, path: str, query: Mapping[str, Any], body: Any
) -> tuple[int, bytes]:
    from http.client import HTTPException
    from urllib.parse import urlencode, urlsplit

    url = service_url()
    place = urlsplit(url)
    connection = _connect(place)
    given = {name: value for name, value in query.items() if value is not None}
    target = place.path + path + ("?" + urlencode(given) if given else "")
    try:
        connection.request(
            method, target, None if body is None else json.dumps(body).encode(), _headers()
        )
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, HTTPException) as error:
        words = str(error) or type(error).__name__
        raise Failure(
            Exit.UNREACHABLE, "unreachable",
            f"No service answers at {url} ({words}). Start one with `freezeguard serve`, or say "
            f"where it is in {URL_VARIABLE}.",
        ) from None
    except ValueError:
        raise Failure(
            Exit.UNREACHABLE, "not_freezeguard", f"What answers at {url} speaks no JSON."
        ) from None
    finally:
        connection.close()


def _connect(place: "SplitResult") -> "HTTPConnection":
    import ssl
    from http.client import HTTPConnection, HTTPSConnection

    try:
        host, port = place.hostname, place.port
    except ValueError:
        host, port = None, None
    if host is None or place.scheme not in {"http", "https"}:
        raise Failure(Exit.USAGE, "invalid_url", f"{URL_VARIABLE} is no http or https URL.")
    if place.scheme == "https":
        return HTTPSConnection(host, port, timeout=DEADLINE, context=ssl.create_default_context())
    return HTTPConnection(host, port, timeout=DEADLINE)


def _headers() -> dict[str, str]:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    token = os.environ.get(TOKEN_VARIABLE)
    return headers if token is None else {**headers, "Authorization": f"Bearer {token}"}


def _refusal(status: int, answer: Any) -> Failure:
    problem = answer if isinstance(answer, dict) else {}
    code = str(problem.get("code", status))
    lines = [str(problem.get("detail") or problem.get("title") or f"The service says {status}.")]
    lines += [f"  - {one}" for one in problem.get("missing", [])]
    if status == 401:
        lines.append(
            f"Put your token into {TOKEN_VARIABLE}; an administrator issues one by "
            "`freezeguard people token`."
        )
    away = status in {502, 503, 504}
    return Failure(Exit.UNREACHABLE if away else Exit.REFUSED, code, "\n".join(lines))
