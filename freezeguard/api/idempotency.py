"""Repeating a write safely: the header `Idempotency-Key` and what becomes of it.

The first request with a key runs; a repeat gets the same answer without running again. Only
answers below 400 are kept: a refused or failed request changed nothing and may run again.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import blake2b

import structlog
from aiohttp import web

from freezeguard.api.refusals import FieldError, InvalidFields, Refused, retry_after
from freezeguard.ports.clock import Now
from freezeguard.ports.idempotency import Finished, IdempotencyStore, InFlight, Mismatch, Started

log = structlog.get_logger()

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"
MAX_KEY = 255

_PRINTABLE = re.compile(r"[\x20-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Idempotency:
    """Runs writes at most once per actor and key."""

    store: IdempotencyStore
    now: Now

    async def run(
        self,
        actor_id: str,
        key: str,
        request_fingerprint: bytes,
        act: Callable[[], Awaitable[Finished]],
    ) -> tuple[Finished, bool]:
        """Return the answer and whether it is a repeated one.

        Raises Refused (`idempotency_in_flight`, `idempotency_mismatch`) and whatever `act` raises.
        """
        match await self.store.begin(actor_id, key, request_fingerprint, self.now()):
            case Finished() as kept:
                return kept, True
            case InFlight(seconds):
                headers = {"Retry-After": retry_after(seconds)}
                raise Refused("idempotency_in_flight", headers=headers)
            case Mismatch():
                raise Refused("idempotency_mismatch")
            case Started():
                return await self._run_first(actor_id, key, act), False

    async def _run_first(
        self, actor_id: str, key: str, act: Callable[[], Awaitable[Finished]]
    ) -> Finished:
        try:
            answer = await act()
        except BaseException:
            await self._free(actor_id, key)
            raise
        if answer.status < 400:
            await self._keep(actor_id, key, answer)
        else:
            await self._free(actor_id, key)
        return answer

    async def _keep(self, actor_id: str, key: str, answer: Finished) -> None:
        # The write is done and must be reported as done, kept or not.
        try:
            await self.store.finish(actor_id, key, answer, self.now())
        except Exception as error:
            log.warning("idempotency_answer_not_kept", actor=actor_id, exc_info=error)

    async def _free(self, actor_id: str, key: str) -> None:
        # The caller must see the first error, not that of the tidying up.
        try:
            await self.store.abandon(actor_id, key)
        except Exception as error:
            log.warning("idempotency_key_not_freed", actor=actor_id, exc_info=error)


def key_of(request: web.BaseRequest) -> str | None:
    """Return the Idempotency-Key of a request, if it has one.

    Raises InvalidFields where it is empty, too long, repeated or not printable ASCII.
    """
    sent = request.headers.getall(HEADER, [])
    if not sent:
        return None
    if len(sent) > 1 or not _PRINTABLE.fullmatch(sent[0]):
        detail = f"one value of 1 to {MAX_KEY} printable ASCII characters"
        error = FieldError(detail, parameter=HEADER)
        raise InvalidFields([error], code="invalid_parameter")
    return sent[0]


def fingerprint(method: str, address: str, media_type: str, body: bytes) -> bytes:
    """Return 32 bytes that differ for requests that differ in anything that matters."""
    digest = blake2b(digest_size=32)
    for part in (method.encode(), address.encode("utf-8", "surrogateescape"), media_type.encode()):
        digest.update(len(part).to_bytes(4, "big"))
        digest.update(part)
    digest.update(body)
    return digest.digest()
