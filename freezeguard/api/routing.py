"""Routes as declarations: who may call, what goes in, what comes out.

`freezeguard.api.edge` serves them. One declaration feeds the check at run time, the OpenAPI
document and the docs page, so that the three can't disagree. A route without `who` cannot exist.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic

from aiohttp import hdrs, web
from pydantic import BaseModel, TypeAdapter
from typing_extensions import TypeVar

from freezeguard.api import bodies, envelope, json_text, parameters
from freezeguard.api.access import Access
from freezeguard.api.idempotency import (
    REPLAYED_HEADER,
    Idempotency,
    fingerprint,
    key_of,
)
from freezeguard.api.problems import PROBLEMS
from freezeguard.api.refusals import InvalidToken, Unauthenticated
from freezeguard.api.slowclients import let_read_slowly
from freezeguard.api.uploads import FileBody
from freezeguard.domain.errors import NotAllowed
from freezeguard.domain.people import Actor, Correspondent, MachineKey, Person, System, actor_name
from freezeguard.ports.idempotency import Finished

Q = TypeVar("Q", default=None)
B = TypeVar("B", default=None)

Authenticate = Callable[[str], Awaitable[Actor | None] | Actor | None]
"""Returns the actor behind a token, at once where it is in memory; None for an unknown one."""

Admitted = Callable[[], Awaitable[bool]]
"""Says whether whoever asked may still ask, as it is known now. Raises Unavailable."""

Prove = Callable[[bytes], None]
"""Looks at the bytes of a body. Raises SignatureRefused."""

_WRITES = frozenset({hdrs.METH_POST, hdrs.METH_PUT, hdrs.METH_PATCH, hdrs.METH_DELETE})
_ACTORS = (MachineKey, Person, System, Correspondent)
_JSON_TYPE = "application/json"
_EVENT_STREAM = "text/event-stream"


async def _is_public() -> bool:
    return True


@dataclass(slots=True)
class Call(Generic[Q, B]):
    """One request as a handler sees it: authenticated, decoded and validated."""

    request: web.Request
    request_id: str
    actor: Actor | None
    path: Mapping[str, Any]
    query: Q
    body: B
    is_still_admitted: Admitted = field(default=_is_public, repr=False)

    @property
    def who(self) -> Actor:
        """Return the actor of a route that is not public."""
        if self.actor is None:
            raise Unauthenticated
        return self.actor

    async def open_stream(self, media_type: str) -> web.StreamResponse:
        """Begin an answer that goes on for as long as the reader stays, at the reader's pace."""
        response = web.StreamResponse(headers=envelope.headers_for(self.request_id))
        response.content_type = media_type
        let_read_slowly(self.request)
        await response.prepare(self.request)
        return response


@dataclass(slots=True)
class Reply:
    """The answer to a call. `body` is a model, ready JSON bytes, or nothing.

    `status` is the route's where absent. With `etag`, a reader who has that version gets 304.
    `kept` is what a repeat with the same Idempotency-Key gets instead: `body` without its secret.
    """

    body: BaseModel | bytes | None = None
    status: int | None = None
    headers: Mapping[str, str] | None = None
    etag: str | None = None
    compress: bool = False
    kept: BaseModel | None = None


Answer = Reply | web.StreamResponse


@dataclass(frozen=True, slots=True)
class CustomBody(Generic[B]):
    """A body that is more than one JSON model.

    `read` gets the clean bytes, the media type and the request; `content` gives the schema per
    media type for the documentation: a model, a type such as `list[Model]`, or a JSON schema.
    `examples` are bodies of the first media type by name.
    """

    read: Callable[[bytes, str, web.Request], Awaitable[B]]
    content: Mapping[str, Any]
    examples: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Media:
    """An answer that is no JSON model: its media type and what it holds."""

    media_type: str
    description: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})


@dataclass(frozen=True, kw_only=True)
class Route(Generic[Q, B]):
    """One method at one address.

    `path` has `{name}` parts; `parts` gives their types where `parameters.PARTS` does not.
    `errors` lists problem codes beyond those that every such route has. `examples` are bodies by
    name. `also` are other forms in which `result` may be asked for. `others` are further successful
    statuses with what they mean. `is_quick` marks an answer from memory: it is counted, for a
    stopwatch would cost as much. A write answers with a `Reply`, so that its answer can be kept for
    an Idempotency-Key. Where `who` are those who sign, `signed_by` looks at path and headers before
    the body is read, and returns what looks at its bytes; the handler gets these as they came.
    """

    method: str
    path: str
    handler: Callable[[Call[Q, B]], Awaitable[Answer]]
    summary: str
    who: Access
    tag: str
    body: type[B] | CustomBody[B] | FileBody | None = None
    query: type[Q] | None = None
    result: Any = None
    also: tuple[Media, ...] = ()
    status: int = 200
    others: Mapping[int, str] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    description: str = ""
    examples: Mapping[str, Any] = field(default_factory=dict)
    result_example: Any = None
    is_quick: bool = False
    parts: Mapping[str, Any] = field(default_factory=dict)
    max_body: int = bodies.MAX_BODY
    signed_by: Callable[[Mapping[str, Any], web.Request], Prove] | None = None

    def __post_init__(self) -> None:
        unknown = set(self.errors) - PROBLEMS.keys()
        if unknown:
            raise ValueError(f"{self.name}: unknown problem codes {sorted(unknown)}")
        if self.who == Access():
            raise ValueError(f"{self.name}: says of nobody that they may call")
        if self.who.is_signed != (self.signed_by is not None):
            raise ValueError(f"{self.name}: signed, and nobody looks at the signature")
        if self.who.is_signed and (self.who != Access.signed() or self.body is None):
            raise ValueError(f"{self.name}: a signature stands alone, and over a body")

    @property
    def name(self) -> str:
        """Return the route in one line."""
        return f"{self.method} {self.path}"

    @property
    def is_stream(self) -> bool:
        """Say whether the answer goes on for as long as the reader stays."""
        return isinstance(self.result, Media) and self.result.media_type == _EVENT_STREAM

    @property
    def is_write(self) -> bool:
        """Say whether the route may change something."""
        return self.method in _WRITES

    @property
    def takes_key(self) -> bool:
        """Say whether the route takes an Idempotency-Key; signed bodies have an identity inside."""
        return self.is_write and not self.who.is_signed


AnyRoute = Route[Any, Any]


class Entrance:
    """The way into one route: authentication, then address, then body, then its handler."""

    def __init__(
        self,
        route: AnyRoute,
        authenticate: Authenticate,
        idempotency: Idempotency | None,
        pace: bodies.Pace = bodies.PACE,
    ) -> None:
        self.route = route
        self._authenticate = authenticate
        self._pace = pace
        self._is_open = route.who.is_public or route.who.is_signed
        self._only_answers = route.body is None and not route.is_write
        self._idempotency = idempotency if route.takes_key else None
        self._path = parameters.PathReader(route.path, route.parts)
        self._query = parameters.QueryReader(route.query) if route.query else None
        self._adapter: TypeAdapter[Any] | None = None
        if isinstance(route.body, CustomBody):
            self._media_types = frozenset(route.body.content)
        elif isinstance(route.body, FileBody):
            self._media_types = frozenset()
        elif route.body is not None:
            self._adapter = TypeAdapter(route.body)
            self._media_types = frozenset({_JSON_TYPE})

    async def enter(
        self, request: web.Request, request_id: str, segments: Sequence[str]
    ) -> web.StreamResponse:
        """Answer one request; `segments` is its path, split and not yet decoded.

        Refusals are raised; `envelope` turns them into problems.
        """
        route = self.route
        actor = None if self._is_open else await self._signed_in(request)
        path = self._path.read(segments)
        raw_query = request.rel_url.raw_query_string
        query = None
        if self._query is not None:
            query = self._query.read(raw_query)
        elif raw_query:
            parameters.none_expected(raw_query)
        call: Call[Any, Any] = Call(request, request_id, actor, path, query, None)
        if actor is not None:
            call.is_still_admitted = partial(self._is_still_admitted, request)
        if self._only_answers:
            answer = await route.handler(call)
        elif route.signed_by is not None:
            answer = await self._with_signed_body(call, route.signed_by(path, request))
        elif isinstance(route.body, FileBody):
            answer = await self._with_file(call, route.body)
        elif route.body is not None:
            answer = await self._with_body(call)
        else:
            answer = await self._run(call, b"", "")
        if isinstance(answer, Reply):
            return self._response(request, request_id, answer)
        if not answer.prepared:
            envelope.complete(answer, request_id)
        return answer

    async def _signed_in(self, request: web.Request) -> Actor:
        header = request.headers.get(hdrs.AUTHORIZATION, "")
        if header[:7].lower() != "bearer " or len(header) == len("bearer "):
            raise Unauthenticated
        found = self._authenticate(header[7:].strip())
        actor = found if found is None or isinstance(found, _ACTORS) else await found
        if actor is None:
            raise InvalidToken
        if not self.route.who.admits(actor):
            raise NotAllowed(f"{self.route.name} is for {self.route.who.words()}.")
        return actor

    async def _is_still_admitted(self, request: web.Request) -> bool:
        try:
            await self._signed_in(request)
        except (Unauthenticated, NotAllowed):
            return False
        return True

    async def _with_body(self, call: Call[Any, Any]) -> Answer:
        media_type = bodies.media_type(call.request, self._media_types)
        body = await bodies.read_body(call.request, self.route.max_body, self._pace)
        return await self._run(call, body, media_type)

    async def _with_signed_body(self, call: Call[Any, Any], prove: Prove) -> Answer:
        media_type = bodies.media_type(call.request, self._media_types)
        body = await bodies.read_signed(call.request, self.route.max_body, self._pace)
        prove(body)
        return await self._handle(call, body, media_type)

    async def _with_file(self, call: Call[Any, Any], wanted: FileBody) -> Answer:
        await wanted.admit(call.path, call.who)
        async with wanted.received(call.request) as upload:
            call.body = upload
            return await self._run(call, upload.digest, upload.media_type)

    async def _run(self, call: Call[Any, Any], body: bytes, media_type: str) -> Answer:
        key = key_of(call.request) if self.route.takes_key else None
        if key is None or self._idempotency is None or call.actor is None:
            return await self._handle(call, body, media_type)
        return await self._once(self._idempotency, key, call, body, media_type)

    async def _once(
        self,
        idempotency: Idempotency,
        key: str,
        call: Call[Any, Any],
        body: bytes,
        media_type: str,
    ) -> Reply:
        answers: list[Reply] = []

        async def act() -> Finished:
            answer = await self._handle(call, body, media_type)
            if not isinstance(answer, Reply):
                raise TypeError(f"{self.route.name}: a write answers with a Reply")
            answers.append(answer)
            status = answer.status or self.route.status
            kept = _encoded(answer.kept or answer.body)
            return Finished(status, dict(answer.headers or {}), kept)

        request = call.request
        same = fingerprint(request.method, str(request.rel_url), media_type, body)
        kept, is_repeat = await idempotency.run(actor_name(call.who), key, same, act)
        if not is_repeat:
            return answers[0]
        return Reply(kept.body or None, kept.status, {**kept.headers, REPLAYED_HEADER: "true"})

    async def _handle(self, call: Call[Any, Any], body: bytes, media_type: str) -> Answer:
        wanted = self.route.body
        if self._adapter is not None:
            call.body = json_text.validate(self._adapter, body)
        elif isinstance(wanted, CustomBody):
            call.body = await wanted.read(body, media_type, call.request)
        return await self.route.handler(call)

    def _response(self, request: web.Request, request_id: str, reply: Reply) -> web.Response:
        headers = envelope.headers_for(request_id, reply.etag)
        if reply.headers:
            headers.update(reply.headers)
        if reply.etag is not None and is_current(request, reply.etag):
            return web.Response(status=304, headers=headers)
        if reply.body is not None:
            headers[hdrs.CONTENT_TYPE] = _JSON_TYPE
        response = web.Response(
            body=_encoded(reply.body), status=reply.status or self.route.status, headers=headers
        )
        if reply.compress:
            compress(request, response)
        return response


def compress(request: web.BaseRequest, response: web.Response) -> None:
    """Send the answer in gzip where the reader takes it."""
    response.headers[hdrs.VARY] = hdrs.ACCEPT_ENCODING
    if takes_gzip(request.headers.get(hdrs.ACCEPT_ENCODING, "")):
        response.enable_compression(web.ContentCoding.gzip)


def takes_gzip(accepted: str) -> bool:
    """Say whether an Accept-Encoding names gzip, and not to refuse it (RFC 9110 section 12.5.3)."""
    for entry in accepted.lower().split(","):
        coding, _, weight = entry.partition(";")
        if coding.strip() == "gzip":
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def is_current(request: web.BaseRequest, etag: str) -> bool:
    """Say whether a reader's If-None-Match names this version (weak comparison, RFC 9110)."""
    if_none_match = request.headers.get(hdrs.IF_NONE_MATCH)
    if if_none_match is None:
        return False
    known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in known or etag.removeprefix("W/") in known


def _encoded(body: BaseModel | bytes | None) -> bytes:
    if body is None:
        return b""
    if isinstance(body, bytes):
        return body
    return body.model_dump_json(by_alias=True).encode()
