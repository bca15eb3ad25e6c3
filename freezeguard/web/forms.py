"""What a form of a page sends: names and values, each once unless a page wants several."""

from urllib.parse import parse_qsl

from aiohttp import web

from freezeguard.api import bodies
from freezeguard.api.refusals import Refused

MEDIA_TYPE = "application/x-www-form-urlencoded"
MAX_FORM = 256 * 1024
MAX_FIELDS = 200


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
