"""Who is calling: tokens of people and keys of machines, known by the hash of their secret."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from freezeguard.domain.errors import InvalidInput, NotAllowed
from freezeguard.domain.likeness import MARKED
from freezeguard.domain.people import Actor, MachineKey, Person, Right
from freezeguard.domain.spelling import folded
from freezeguard.ports.clock import NewId, Now
from freezeguard.ports.rows import Credential
from freezeguard.ports.storage import Database, Transaction
from freezeguard.services.masterdata.registering import MAY_OWN, changes_of_person
from freezeguard.services.topics import TOPIC_ACCESS

PERSON_PREFIX, KEY_PREFIX = "fgp_", "fgk_"


def secret_hash(secret: str) -> bytes:
    """Return the SHA-256 of a secret; 256 random bits need no slower hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def hash_customer(key: bytes, customer: str) -> bytes:
    """Return 16 bytes that stand for a customer: keyed BLAKE2b (RFC 7693), useless without the key.

    Letter case and Unicode form make no difference; two sources that name a customer alike mean the
    same person.
    """
    return hash_spelling(key, folded(customer))


def hash_spelling(key: bytes, spelling: str) -> bytes:
    """Return the hash of a reference exactly as it is spelled: so it was hashed earlier."""
    return blake2b(spelling.encode(), key=key, digest_size=16).digest()


def hash_mark(key: bytes, value: bytes) -> bytes:
    """Return the bytes that stand for a text, a device or an address among a signal's marks."""
    return blake2b(value, key=key, digest_size=MARKED).digest()


@dataclass(frozen=True, slots=True)
class Issued:
    """A new credential, with the secret that is shown this once."""

    credential: Credential
    secret: str


async def as_of_now(tx: Transaction, actor: Actor) -> Actor:
    """Return a person as the database knows them now: memory may be a moment behind.

    Whoever decides decides with the roles of this moment. Raises NotAllowed for who has left.
    """
    if not isinstance(actor, Person):
        return actor
    found = await tx.people.person(actor.id)
    if found is None or not found[1]:
        raise NotAllowed(f"{actor.id} may not sign in any more.")
    return found[0]


class Access:
    """Every valid credential in memory, refreshed when one changes."""

    def __init__(
        self, database: Database, now: Now, new_id: NewId, new_secret: Callable[[], str]
    ) -> None:
        self._database, self._now = database, now
        self._new_id, self._new_secret = new_id, new_secret
        self._actors: dict[bytes, tuple[Actor, datetime | None]] = {}
        self._revision = -1

    @property
    def is_ready(self) -> bool:
        """Say whether credentials were read at all."""
        return self._revision >= 0

    async def refresh(self) -> bool:
        """Read credentials again if any has changed; say whether one had."""
        return await self._database.run(self._refresh)

    async def _refresh(self, tx: Transaction) -> bool:
        revision = await tx.people.access_revision()
        if revision == self._revision:
            return False
        everyone = await tx.people.everyone()
        self._actors = {
            hashed: (_actor(credential, person), credential.expires_at)
            for hashed, credential, person in everyone
        }
        self._revision = revision
        return True

    def authenticate(self, secret: str) -> Actor | None:
        """Return who a secret belongs to; None where it is unknown, revoked or expired."""
        found = self._actors.get(secret_hash(secret))
        if found is None:
            return None
        actor, expires_at = found
        return None if expires_at is not None and self._now() >= expires_at else actor

    async def add_person(
        self, tx: Transaction, person: Person, by: Actor | str, *, active: bool = True
    ) -> None:
        """Register a person, or change one. Who is not active can't sign in.

        Raises InvalidInput for a deputy who can't take over, and for a default owner who could
        own nothing any more: no case is ever without somebody who answers for it.
        """
        now = self._now()
        if active:
            await _check_deputy(tx, person)
        if not person.may_own:
            await _check_default_owner(tx, person)
        changes = changes_of_person(await tx.people.person(person.id), person, active=active)
        await tx.people.put_person(person, active=active, now=now)
        await tx.record.write(now, by, "put_person", f"person:{person.id}",
                              details={"roles": sorted(person.roles), "vendor": person.vendor,
                                       "active": active, "changed": changes})
        await tx.notify(TOPIC_ACCESS)

    async def deactivate(self, tx: Transaction, person: Person, by: Actor | str) -> None:
        """Keep a person from signing in: sessions, tokens. Their name stays in every record.

        Raises InvalidInput for the default owner.
        """
        if (await tx.people.instance()).get("default_owner") == person.id:
            raise InvalidInput(f"{person.id!r} is the default owner; choose another one first.")
        await self.add_person(tx, person, by, active=False)
        await tx.sessions.end_all_of(person.id, self._now())
        for one in await tx.people.credentials():
            if one.person == person.id:
                await self.revoke(tx, one, by)

    async def issue_token(
        self,
        tx: Transaction,
        person: str,
        name: str,
        by: Actor | str,
        *,
        expires_at: datetime | None = None,
    ) -> Issued:
        """Issue a personal token."""
        credential = Credential(self._new_id(), person, name, expires_at=expires_at)
        return await self._issue(tx, credential, PERSON_PREFIX, by)

    async def issue_key(
        self,
        tx: Transaction,
        name: str,
        rights: Iterable[Right],
        source: str | None,
        freeze_budget: int,
        by: Actor | str,
    ) -> Issued:
        """Issue a machine key."""
        credential = Credential(
            self._new_id(), None, name, tuple(sorted(right.value for right in rights)), source,
            freeze_budget,
        )
        return await self._issue(tx, credential, KEY_PREFIX, by)

    async def _issue(
        self, tx: Transaction, credential: Credential, prefix: str, by: Actor | str
    ) -> Issued:
        now, secret = self._now(), prefix + self._new_secret()
        await tx.people.add_credential(credential, secret_hash(secret), now)
        await tx.record.write(now, by, "issue_credential", f"key:{credential.id}",
                              details={"name": credential.name, "person": credential.person,
                                       "rights": list(credential.rights)})
        await tx.notify(TOPIC_ACCESS)
        return Issued(credential, secret)

    async def revoke(self, tx: Transaction, credential: Credential, by: Actor | str) -> bool:
        """Revoke a credential; it stops working within a second on every replica."""
        now = self._now()
        revoked = await tx.people.revoke_credential(credential.id, now)
        if revoked:
            await tx.record.write(now, by, "revoke_credential", f"key:{credential.id}")
            await tx.notify(TOPIC_ACCESS)
        return revoked


async def _check_deputy(tx: Transaction, person: Person) -> None:
    if person.deputy is None:
        return
    if person.deputy == person.id:
        raise InvalidInput("Nobody is their own deputy; name another person.", pointer="/deputy")
    found = await tx.people.person(person.deputy)
    if found is None or not found[1] or not found[0].is_staff:
        raise InvalidInput(
            f"{person.deputy!r} can't be a deputy: name one of the shop's staff who may sign in.",
            pointer="/deputy",
        )


async def _check_default_owner(tx: Transaction, person: Person) -> None:
    if (await tx.people.instance()).get("default_owner") == person.id:
        raise InvalidInput(
            f"{person.id!r} is the default owner, and an owner is {MAY_OWN}; choose another "
            "default owner first.",
            pointer="/roles",
        )


def _actor(credential: Credential, person: Person | None) -> Actor:
    if person is not None:
        return person
    rights = frozenset(Right(one) for one in credential.rights)
    return MachineKey(
        str(credential.id), credential.name, rights, credential.source, credential.freeze_budget
    )
