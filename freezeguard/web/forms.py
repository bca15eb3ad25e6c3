"""What a form of a page sends: names and values, each once unless a page wants several."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from aiohttp import BodyPartReader, MultipartReader, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from freezeguard.api import bodies
from freezeguard.api.refusals import Refused

MEDIA_TYPE = "application/x-www-form-urlencoded"
MAX_FORM = 256 * 1024
MAX_FIELDS = 200
WITH_FILE = "multipart/form-data"
MAX_PARTS = 20
MAX_PART = 16 * 1024


class Form(dict[str, str]):
    """The fields of a form; the first value of each, all of them by `every`."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        super().__init__()
        self._pairs = pairs
        for name, value in pairs:
            self.setdefault(name, value)

    def every(self, name: str) -> list[str]:
        """Return every value of a field that is not empty."""
        return [value for one, value in self._pairs if one == name and value.strip()]

    def lines(self, name: str) -> list[str]:
        """Return the lines of a field, without the empty ones."""
        return [line.strip() for line in self.get(name, "").splitlines() if line.strip()]

    def text(self, name: str) -> str | None:
        """Return a field without space around it; None for an empty one."""
        return self.get(name, "").strip() or None


async def read_form(request: web.BaseRequest, pace: bodies.Pace) -> Form:
    """Read the fields of a form. Raises Refused."""
    bodies.media_type(request, {MEDIA_TYPE})
    body = await bodies.read_body(request, MAX_FORM, pace)
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
        )
    except UnicodeDecodeError:
        raise Refused("invalid_utf8", "A field of the form does not decode to UTF-8.") from None
    except ValueError:
        raise Refused("bad_request", f"The form has more than {MAX_FIELDS} fields.") from None
    if any("\0" in one for pair in pairs for one in pair):
        raise Refused("nul_character", "A field of the form holds NUL.")
    return Form(pairs)


# ---------------------------------------------------------------------------- forms with a file


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file at the end of a form, still coming in: what the browser calls it, and its bytes."""

    name: str
    media_type: str
    read: Callable[[], Awaitable[bytes]]


async def read_parts(request: web.BaseRequest, pace: bodies.Pace) -> tuple[Form, FilePart | None]:
    """Read the fields of a form up to its file, which is left to be read. Raises Refused.

    What follows the file is not looked at.
    """
    bodies.media_type(request, {WITH_FILE})
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").strip().lower() != "identity":
        raise Refused("unsupported_encoding", "Send the form as it is, without compression.")
    try:
        async with asyncio.timeout(pace.seconds):
            return await _fields(MultipartReader(request.headers, request.content))
    except TimeoutError:
        raise Refused("too_slow", "The fields of the form did not come in time.") from None
    except (ValueError, HttpProcessingError, web.RequestPayloadError) as broken:
        raise Refused("bad_request", "The parts of the form do not follow RFC 7578.") from broken
    except RuntimeError as gone:
        raise ConnectionResetError("the client has gone") from gone


async def _fields(reader: MultipartReader) -> tuple[Form, FilePart | None]:
    pairs: list[tuple[str, str]] = []
    for _ in range(MAX_PARTS):
        part = await reader.next()
        if not isinstance(part, BodyPartReader):
            return Form(pairs), None
        if part.filename is not None:
            return Form(pairs), _file(part)
        pairs.append((part.name or "", await _text(part)))
    raise Refused("bad_request", f"The form has more than {MAX_PARTS} parts.")


async def _text(part: BodyPartReader) -> str:
    received = bytearray()
    while piece := await part.read_chunk():
        received += piece
        if len(received) > MAX_PART:
            raise Refused("too_large", "A field of the form is too long.")
    try:
        text = received.decode()
    except UnicodeDecodeError:
        raise Refused("invalid_utf8", "A field of the form does not decode to UTF-8.") from None
    if "\0" in text:
        raise Refused("nul_character", "A field of the form holds NUL.")
    return text


def _file(part: BodyPartReader) -> FilePart:
    name = (part.filename or "").encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    media_type = part.headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower()
    return FilePart(name, media_type, part.read_chunk)
