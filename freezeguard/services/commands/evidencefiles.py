"""Evidence files: attached to a case by the command `attach_evidence`, listed, passed on.

The bytes come first, the command last, in one transaction where the database keeps them. Where a
directory does, they lie there whole before the transaction begins: what a crash leaves behind is
at most a file that no case knows, and `sweep` removes it.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import BinaryIO
from uuid import UUID

import structlog

from freezeguard.domain.errors import FreezeguardError, NotFound, Unavailable
from freezeguard.domain.files.content import Examined, examine
from freezeguard.domain.files.names import safe_name
from freezeguard.domain.people import Actor, actor_name, is_vendor
from freezeguard.domain.record import Case
from freezeguard.domain.transitions import Command
from freezeguard.ports.clock import NewId, Now
from freezeguard.ports.evidence import EvidenceFile, Vault
from freezeguard.ports.storage import Database, Transaction
from freezeguard.services.cases.aftermath import Aftermath
from freezeguard.services.cases.casefile import files_for, visible_case
from freezeguard.services.cases.casepack import AttachedFile
from freezeguard.services.commands.commands import Commands

log = structlog.get_logger()

MIB = 1024 * 1024
IN_HAND = 2
"""Files that a replica has whole in memory at a time; the others wait on disk."""
HAND_SECONDS = 60.0
STORE_SECONDS = 20.0
ORPHAN_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class EvidenceLimits:
    """How much a case takes: bytes per file, files and bytes per case."""

    file_bytes: int = 10 * MIB
    files: int = 50
    case_bytes: int = 100 * MIB


class CaseFull(FreezeguardError):
    """The case has as many files, or bytes of files, as it may have."""

    code = "evidence_full"


@dataclass(frozen=True, slots=True)
class Offered:
    """A file as it was sent: its bytes to be read, and what the sender says of it."""

    content: BinaryIO
    media_type: str
    name: str
    note: str = ""
    share: bool = False


@dataclass(frozen=True, slots=True)
class Attached:
    """What came of an offer: the file, the case, and what is to be done after the commit."""

    file: EvidenceFile
    case: Case
    is_new: bool
    aftermaths: Sequence[Aftermath] = field(default=())


class EvidenceFiles:
    """Attaches files, and gives them to those who may see them."""

    def __init__(
        self,
        database: Database,
        commands: Commands,
        vault: Vault | None,
        limits: EvidenceLimits,
        now: Now,
        new_id: NewId,
    ) -> None:
        self._database, self._commands = database, commands
        self._vault, self.limits = vault, limits
        self._now, self._new_id = now, new_id
        self._hands = asyncio.Semaphore(IN_HAND)

    async def refuse_first(self, case_id: UUID, actor: Actor) -> None:
        """Raise what refuses a file whatever is in it: NotFound, NotAllowed, IllegalTransition."""
        await self._database.run(
            lambda tx: self._commands.refuse_first(
                tx, case_id, Command.ATTACH_EVIDENCE, version=None, actor=actor
            )
        )

    async def attach(
        self, case_id: UUID, offered: Offered, *, version: int, actor: Actor
    ) -> Attached:
        """Attach a file; one of the same content that the actor may see is returned instead.

        Raises TypeRefused for content that is not kept, CaseFull, Unavailable where no place takes
        it, and what `Commands.run` raises.
        """
        try:
            async with asyncio.timeout(HAND_SECONDS):
                await self._hands.acquire()
        except TimeoutError:
            raise Unavailable("Too many files are being looked at.", retry_after=10.0) from None
        try:
            examined = await asyncio.to_thread(_examined, offered)
            file = self._described(case_id, offered, examined, actor)
            return await self._store(file, examined.content, version, actor)
        finally:
            self._hands.release()

    def _described(
        self, case_id: UUID, offered: Offered, examined: Examined, actor: Actor
    ) -> EvidenceFile:
        return EvidenceFile(
            id=self._new_id(), case_id=case_id, sku="",
            name=safe_name(offered.name, examined.media_type), media_type=examined.media_type,
            size=len(examined.content), sha256=examined.sha256, note=offered.note.strip(),
            uploaded_by=actor_name(actor), uploaded_at=self._now(),
            visible_to_vendor=offered.share or is_vendor(actor),
            stored_in="database" if self._vault is None else "directory",
        )

    async def _store(
        self, file: EvidenceFile, content: bytes, version: int, actor: Actor
    ) -> Attached:
        vault = self._vault
        if vault is not None:
            await self._keep(vault, file, content)
        try:
            attached = await self._database.run(
                lambda tx: self._attach(tx, file, content, version, actor), deadline=STORE_SECONDS
            )
        except Unavailable:
            raise  # it may have been committed: the file stays, and the sweep finds out
        except FreezeguardError:
            await self._drop(file.id)
            raise
        if not attached.is_new:
            await self._drop(file.id)
        return attached

    async def _drop(self, file_id: UUID) -> None:
        """Remove what no case will know; where that fails, the sweep tries again."""
        if self._vault is None:
            return
        try:
            await self._vault.drop(file_id)
        except OSError as broken:
            log.warning("evidence_not_removed", file=str(file_id), error=str(broken))

    @staticmethod
    async def _keep(vault: Vault, file: EvidenceFile, content: bytes) -> None:
        try:
            await vault.keep(file.id, content)
        except OSError as broken:
            log.exception("evidence_not_kept", file=str(file.id), exc_info=broken)
            raise Unavailable("The directory of evidence files takes nothing.") from broken

    async def _attach(
        self, tx: Transaction, file: EvidenceFile, content: bytes, version: int, actor: Actor
    ) -> Attached:
        """Write the bytes, then lock, look for the same file, and give the command."""
        case = await visible_case(tx, file.case_id, actor)
        if (same := await _same(tx, file, actor)) is not None:
            return Attached(same, case, is_new=False)
        if self._vault is None:
            await tx.evidence.put_content(file.id, content)
        await tx.signals.lock_sku(case.scope.sku)
        if (same := await _same(tx, file, actor)) is not None:
            await tx.evidence.drop_content(file.id)
            return Attached(same, await visible_case(tx, case.id, actor), is_new=False)
        return await self._command(tx, file, case, version, actor)

    async def _command(
        self, tx: Transaction, file: EvidenceFile, case: Case, version: int, actor: Actor
    ) -> Attached:
        there = await tx.evidence.of_case(case.id)
        self._check_room([one for one in there if one.case_id == case.id], file)
        kept = replace(file, sku=case.scope.sku)
        await tx.evidence.add(kept)
        aftermath, evaluated = await self._commands.run(
            tx, case.id, Command.ATTACH_EVIDENCE, version=version, actor=actor,
            arguments={
                "file": str(file.id), "media_type": file.media_type, "size": file.size,
                "sha256": file.sha256, "shared": file.visible_to_vendor,
            },
        )
        after = [*(evaluated.aftermaths if evaluated else ()), aftermath]
        return Attached(kept, after[-1].case, is_new=True, aftermaths=after)

    def _check_room(self, there: Sequence[EvidenceFile], file: EvidenceFile) -> None:
        kept = [one for one in there if one.erased_at is None]
        if len(kept) >= self.limits.files:
            raise CaseFull(f"The case has {len(kept)} files; it takes no more.")
        left = self.limits.case_bytes - sum(one.size for one in kept)
        if file.size > left:
            raise CaseFull(f"The case takes {left:,} more bytes; the file has {file.size:,}.")

    # ------------------------------------------------------------------------- passing on

    async def one(self, case_id: UUID, file_id: UUID, actor: Actor) -> EvidenceFile:
        """Return a file that the actor may see. Raises NotFound, also for one that was erased."""

        async def work(tx: Transaction) -> EvidenceFile:
            await visible_case(tx, case_id, actor)
            known = {one.id: one for one in await files_for(tx, case_id, actor)}
            file = known.get(file_id)
            if file is None:
                raise NotFound(f"There is no file {file_id} on this case, or it is not yours.")
            if file.erased_at is not None:
                raise NotFound(f"The file was erased on {file.erased_at:%Y-%m-%d}.")
            return file

        return await self._database.run(work)

    async def content(self, file: EvidenceFile) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of a file, part by part.

        Raises Unavailable where they are not where they should be.
        """
        left = file.size
        try:
            async with aclosing(self._parts(file)) as parts:
                async for part in parts:
                    left -= len(part)
                    yield part
        except OSError as broken:
            raise Unavailable("The directory of evidence files is away.") from broken
        if left:
            raise Unavailable("The bytes of this file are not where they should be.")

    def _parts(self, file: EvidenceFile) -> AsyncGenerator[bytes, None]:
        if file.stored_in == "database":
            return self._from_database(file.id)
        if self._vault is None:
            raise Unavailable("This replica has no directory of evidence files.")
        return self._vault.read(file.id)

    async def _from_database(self, file_id: UUID) -> AsyncGenerator[bytes, None]:
        """Read each part in a transaction of its own: a slow reader holds nobody up."""
        n = 0
        while True:
            part = await self._part(file_id, n)
            if part is None:
                return
            yield part
            n += 1

    async def _part(self, file_id: UUID, n: int) -> bytes | None:
        return await self._database.run(lambda tx: tx.evidence.part(file_id, n))

    async def sweep(self) -> int:
        """Remove from the directory what no case knows, a day after it was written."""
        if self._vault is None:
            return 0
        old = await self._vault.older_than(self._now() - ORPHAN_AFTER)
        if not old:
            return 0
        known = await self._database.run(lambda tx: tx.evidence.in_directory(old))
        orphans = [one for one in old if one not in known]
        for one in orphans:
            await self._vault.drop(one)
            log.info("evidence_orphan_removed", file=str(one))
        return len(orphans)


async def attached_files(tx: Transaction, case_id: UUID) -> list[AttachedFile]:
    """Return the files of a case as a pack names them."""
    return [
        AttachedFile(
            one.name, one.sha256, one.size, one.uploaded_by, one.uploaded_at,
            shared=one.visible_to_vendor,
        )
        for one in await tx.evidence.of_case(case_id)
        if one.erased_at is None
    ]


async def _same(tx: Transaction, file: EvidenceFile, actor: Actor) -> EvidenceFile | None:
    """Return a file of the same content: for the vendor one that it sees, and so for sharing."""
    return next(
        (
            one
            for one in await files_for(tx, file.case_id, actor)
            if one.sha256 == file.sha256
            and one.erased_at is None
            and one.visible_to_vendor >= file.visible_to_vendor
        ),
        None,
    )


def _examined(offered: Offered) -> Examined:
    offered.content.seek(0)
    return examine(offered.content.read(), offered.media_type)
