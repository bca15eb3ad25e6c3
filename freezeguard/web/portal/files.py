"""Files of a case: sent with an ordinary form, saved by the browser, never shown."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web

from freezeguard.api.refusals import Refused
from freezeguard.domain.errors import FreezeguardError, NotAllowed, NotFound, Unavailable
from freezeguard.domain.files.content import type_by_name
from freezeguard.web.desk import Desk
from freezeguard.web.forms import FilePart
from freezeguard.web.pages import PORTAL, Page, Visit
from freezeguard.web.portal.casepages import VENDORS, VendorsCases
from freezeguard.web.portal.entering import ONE

_BEGINNINGS = (
    (b"\x89PNG", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"%PDF", "application/pdf"),
    (b"RIFF", "image/webp"),
)


@dataclass
class Begun:
    """A file whose first piece was read: what it is stands there, whatever it is called."""

    first: bytes
    rest: Callable[[], Awaitable[bytes]]

    @classmethod
    async def of(cls, part: FilePart) -> "Begun":
        """Read the first piece of a file."""
        return cls(await part.read(), part.read)

    async def read(self) -> bytes:
        """Return the next piece of the file; none at its end."""
        first, self.first = self.first, b""
        return first or await self.rest()

    def media_type(self, part: FilePart) -> str:
        """Return what a file is by its bytes, else by its name: browsers say many things.

        Whoever keeps it looks at all of it and has the last word.
        """
        begins = (kind for start, kind in _BEGINNINGS if self.first.startswith(start))
        return next(begins, None) or type_by_name(part.name) or part.media_type


class VendorsFiles:
    """Handlers of files."""

    def __init__(self, desk: Desk, cases: VendorsCases) -> None:
        self._desk, self._cases = desk, cases

    async def send(self, visit: Visit) -> web.Response:
        """Put a file on the case; what refuses it is told on the page of the case."""
        part, case_id = visit.file, visit.path["id"]
        begun = None if part is None else await Begun.of(part)
        if part is None or begun is None or not begun.first:
            return await self._cases.shown(visit, status=422, refused=["case.file_missing"])
        name = "".join(one for one in part.name if one.isprintable())[:200] or "file"
        try:
            attached = await self._desk.send_file(
                visit.asker, "POST /v1/cases/{id}/evidence", path={"id": case_id},
                query={
                    "version": visit.form.get("version") or "1", "name": name,
                    "note": visit.form.get("note", "").strip()[:450],
                },
                read=begun.read, media_type=begun.media_type(part),
            )
        except (NotFound, NotAllowed, Unavailable):
            raise
        except (Refused, FreezeguardError) as refused:
            status = 409 if refused.code == "version_conflict" else 422
            return await self._cases.shown(
                visit, status=status, refused=[f"refusal.{refused.code}", str(refused)]
            )
        done = urlencode({"done": "file", "file": attached.file.name})
        return visit.go(f"{PORTAL}/cases/{case_id}?{done}")

    async def save(self, visit: Visit) -> web.StreamResponse:
        """Pass a file on, as one to be saved."""
        return await self._desk.fetch(
            visit.asker, "GET /v1/cases/{id}/evidence/{file}", path=visit.path
        )

    async def pack(self, visit: Visit) -> web.StreamResponse:
        """Pass the whole record of a case on; that it was made is noted, so a form asks for it."""
        return await self._desk.fetch(
            visit.asker, "GET /v1/cases/{id}/pack", path=visit.path, query={"for": "vendor"}
        )

    def pages(self) -> list[Page]:
        """Return the pages of files."""
        return [
            Page(method="POST", path=f"{ONE}/files", handler=self.send, who=VENDORS,
                 takes_file=True),
            Page(method="GET", path=f"{ONE}/files/{{file}}", handler=self.save, who=VENDORS),
            Page(method="POST", path=f"{ONE}/pack", handler=self.pack, who=VENDORS),
        ]
