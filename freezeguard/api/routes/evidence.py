"""Evidence files of a case: attached, listed, fetched; nothing here is shown or run."""

from collections.abc import Mapping
from contextlib import aclosing
from typing import Any
from urllib.parse import quote
from uuid import UUID

from aiohttp import hdrs, web
from pydantic import Field

from freezeguard.api import envelope
from freezeguard.api.access import Access
from freezeguard.api.context import Context
from freezeguard.api.models.answers.cases import AttachedOut, EvidenceFileList, EvidenceFileOut
from freezeguard.api.models.fields import NO_NUL, Name
from freezeguard.api.parameters import Query
from freezeguard.api.presenting import present_file
from freezeguard.api.routing import AnyRoute, Call, Media, Reply, Route
from freezeguard.api.uploads import FileBody, Upload
from freezeguard.domain.errors import NotFound
from freezeguard.domain.files.content import EXTENSIONS
from freezeguard.domain.people import Actor
from freezeguard.ports.evidence import EvidenceFile
from freezeguard.ports.storage import Transaction
from freezeguard.services.cases.casefile import files_for, visible_case
from freezeguard.services.commands.evidencefiles import Offered

READERS = Access.person() | Access.catalogue()
POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"


class UploadQuery(Query):
    """What is said of a file."""

    version: int = Field(ge=1, description="The version of the case that you saw.")
    name: str = Field(
        min_length=1, max_length=200,
        description="Name of the file; what leads elsewhere or can't be shown is left out.",
    )
    note: str = Field("", max_length=450, pattern=NO_NUL, description="What it shows.")
    share: bool = Field(
        default=False,
        description="Staff: the vendor may see it, and is told. A vendor's file both sides see.",
    )


class Evidence:
    """Handlers of evidence files."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def admit(self, path: Mapping[str, Any], actor: Actor) -> None:
        """Refuse a file before it is sent where the case takes none from this person."""
        await self._context.evidence.refuse_first(_id(path["id"], "case"), actor)

    async def attach(self, call: Call[UploadQuery, Upload]) -> Reply:
        """Attach a file to a case."""
        context, query, upload = self._context, call.query, call.body
        attached = await context.evidence.attach(
            _id(call.path["id"], "case"),
            Offered(upload.content, upload.media_type, query.name, query.note, query.share),
            version=query.version, actor=call.who,
        )
        context.aftercare(attached.aftermaths)
        case = attached.case
        answer = AttachedOut(
            file=present_file(attached.file, call.who), state=case.state, version=case.version,
            evidence_revision=case.evidence_revision,
        )
        return Reply(answer, 201 if attached.is_new else 200)

    async def listed(self, call: Call[None]) -> Reply:
        """List the files of a case."""
        actor, case_id = call.who, _id(call.path["id"], "case")

        async def work(tx: Transaction) -> list[EvidenceFileOut]:
            await visible_case(tx, case_id, actor)
            return [present_file(one, actor) for one in await files_for(tx, case_id, actor)]

        return Reply(EvidenceFileList(items=await self._context.database.run(work), next=None))

    async def fetch(self, call: Call[None]) -> web.StreamResponse:
        """Pass a file on, part by part."""
        evidence = self._context.evidence
        file = await evidence.one(
            _id(call.path["id"], "case"), _id(call.path["file"], "file"), call.who
        )
        response = web.StreamResponse(headers=envelope.headers_for(call.request_id))
        response.headers.update(_headers(file))
        async with aclosing(evidence.content(file)) as parts:
            first = await anext(parts)  # what is away is a problem, and no broken answer
            await response.prepare(call.request)
            if call.request.method != hdrs.METH_HEAD:
                await response.write(first)
                async for part in parts:
                    await response.write(part)
        await response.write_eof()
        return response


def _headers(file: EvidenceFile) -> dict[str, str]:
    """Return headers under which a browser saves a file and shows nothing of it."""
    plain = "".join(one if one.isascii() and one not in '"\\%' else "_" for one in file.name)
    return {
        hdrs.CONTENT_TYPE: file.media_type,
        hdrs.CONTENT_LENGTH: str(file.size),
        hdrs.CONTENT_DISPOSITION:
            f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file.name, safe='')}",
        "Content-Security-Policy": POLICY,
        "Cross-Origin-Resource-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
    }


def _id(text: str, what: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"There is no {what} {text}.") from None


def routes(context: Context) -> list[AnyRoute]:
    """Return the routes of evidence files."""
    evidence = Evidence(context)
    limits = context.evidence.limits
    return [
        Route(
            method="POST", path="/v1/cases/{id}/evidence", handler=evidence.attach,
            tag="Cases", summary="Attach a file as evidence",
            description="The body is the file. What it is is decided by its content, and its "
            "Content-Type must agree. Pictures are kept without metadata (where, when and with "
            "what they were taken; also how the camera was held), everything else byte for byte. "
            f"At most {limits.file_bytes:,} bytes per file, {limits.files} files and "
            f"{limits.case_bytes:,} bytes per case.\n\n"
            "This is the command `attach_evidence`: version and evidence revision of the case "
            "rise, votes are void, and an approval that was asked for is void too. The same "
            "content again changes nothing and answers 200, whatever the version.",
            who=Access.person(), query=UploadQuery, result=AttachedOut, status=201,
            others={200: "The case has this file already."},
            body=FileBody(
                tuple(EXTENSIONS), limits.file_bytes, evidence.admit,
                context.upload_seconds, context.uploads_at_once,
            ),
            errors=(
                "not_found", "not_allowed", "version_conflict", "illegal_transition",
                "guard_failed", "evidence_type_refused", "evidence_full",
            ),
        ),
        Route(
            method="GET", path="/v1/cases/{id}/evidence", handler=evidence.listed, tag="Cases",
            summary="The files of a case", who=READERS, result=EvidenceFileList,
            description="A vendor sees its own files and those that staff shares.",
            errors=("not_found",),
        ),
        Route(
            method="GET", path="/v1/cases/{id}/evidence/{file}", handler=evidence.fetch,
            tag="Cases", summary="Fetch a file", who=READERS, parts={"file": Name},
            description="Always as an attachment, under the type that its content has.",
            result=Media("application/octet-stream", "The file, byte for byte as it is kept."),
            errors=("not_found",),
        ),
    ]
