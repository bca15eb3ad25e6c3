"""Signing in with a browser: by a link that works once, a personal token, or what the shop has.

A session is a secret in a cookie and a row under its hash. It is looked up with every request, with
the person as the database knows them at that moment: whoever is taken a right away, or may not sign
in any more, is out with the next click.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from freezeguard.domain.errors import InvalidInput
from freezeguard.domain.people import Actor, Person, actor_name
from freezeguard.ports.clock import Now
from freezeguard.ports.identity import Claims
from freezeguard.ports.sessions import How, Session, SessionTerms
from freezeguard.ports.storage import Database, Transaction
from freezeguard.services.masterdata.access import Access, secret_hash

log = structlog.get_logger()

LINK_LIFETIME = timedelta(minutes=15)
SEEN_EVERY = timedelta(minutes=1)
KEPT = timedelta(days=30)
"""How long what has ended is kept, for whoever looks into what happened."""


class SigningIn:
    """Opens sessions, knows them again, and ends them.

    One that was opened by a code from a mail (`codes`) ends with its contact.
    """

    def __init__(
        self,
        database: Database,
        access: Access,
        now: Now,
        new_secret: Callable[[], str],
        terms: SessionTerms,
    ) -> None:
        self._database, self._access, self._now = database, access, now
        self._new_secret, self.terms = new_secret, terms

    # ------------------------------------------------------------------------------- links

    async def issue_link(
        self, tx: Transaction, person: str, by: Actor | str, lifetime: timedelta = LINK_LIFETIME
    ) -> str:
        """Return the secret of a link that lets a person in once.

        Raises InvalidInput for somebody who is not known or may not sign in.
        """
        found = await tx.people.person(person)
        if found is None or not found[1]:
            raise InvalidInput(f"There is no person {person!r} who may sign in.")
        now, secret = self._now(), self._new_secret()
        name = by if isinstance(by, str) else actor_name(by)
        await tx.sessions.add_link(secret_hash(secret), person, name, now, now + lifetime)
        await tx.record.write(now, by, "issue_sign_in_link", f"person:{person}")
        return secret

    async def person_of_link(self, secret: str) -> Person | None:
        """Return whom a link would let in; looking changes nothing."""
        now, hashed = self._now(), secret_hash(secret)
        return await self._database.run(lambda tx: tx.sessions.link(hashed, now))

    async def enter_by_link(self, secret: str) -> str | None:
        """Use up a link and open a session; return its token, None where the link is no good."""
        hashed = secret_hash(secret)

        async def work(tx: Transaction) -> str | None:
            now = self._now()
            person = await tx.sessions.link(hashed, now)
            if person is None or not await tx.sessions.use_link(hashed, now):
                return None
            return await self.enter(tx, person, "link")

        token = await self._database.run(work)
        if token is None:
            log.warning("sign_in_refused", how="link")
        return token

    # ------------------------------------------------------------------------------ tokens

    async def enter_by_token(self, personal_token: str) -> str | None:
        """Open a session for the person of a personal token; None for any other secret."""
        actor = self._access.authenticate(personal_token)
        if not isinstance(actor, Person):
            log.warning("sign_in_refused", how="token")
            return None
        return await self._database.run(lambda tx: self.enter(tx, actor, "token"))

    # -------------------------------------------------------------------------- a provider

    async def enter_by_provider(self, claims: Claims) -> str | None:
        """Open a session for whom the shop's provider vouches; None for somebody unknown here.

        Known is who came before, by issuer and subject; the first time, whoever has the mail
        address that the provider has verified, if it is one person's alone.
        """

        async def work(tx: Transaction) -> str | None:
            person = await tx.sessions.identified(claims.issuer, claims.subject)
            if person is None:
                person = await self._by_address(tx, claims)
            if person is None:
                return None
            return await self.enter(tx, person, "oidc", self._proved_at(claims))

        token = await self._database.run(work)
        if token is None:
            log.warning("sign_in_refused", how="oidc", issuer=claims.issuer)
        return token

    def _proved_at(self, claims: Claims) -> datetime:
        """Return when somebody showed the provider who they are.

        A provider that knows a browser asks nobody anything. Where it does not say when it last
        did, that is no proof.
        """
        now = self._now()
        return min(claims.signed_in_at or now - self.terms.whole, now)

    async def _by_address(self, tx: Transaction, claims: Claims) -> Person | None:
        if claims.verified_address is None:
            return None
        found = await tx.sessions.people_of_address(claims.verified_address)
        if len(found) != 1:
            return None
        (person,) = found
        now = self._now()
        await tx.sessions.identify(claims.issuer, claims.subject, person.id, now)
        await tx.record.write(now, person, "link_identity", f"person:{person.id}",
                              details={"issuer": claims.issuer})
        return await tx.sessions.identified(claims.issuer, claims.subject)

    # ---------------------------------------------------------------------------- sessions

    async def enter(
        self, tx: Transaction, person: Person, how: How, proved_at: datetime | None = None
    ) -> str:
        """Open a session for somebody who has shown who they are, just now or at `proved_at`.

        Returns its token.
        """
        now, token = self._now(), self._new_secret()
        await tx.sessions.open(
            secret_hash(token), person.id, how, now, now + self.terms.whole, proved_at or now
        )
        await tx.record.write(now, person, "sign_in", f"person:{person.id}", details={"how": how})
        return token

    async def session(self, token: str, *, is_use: bool = True) -> Session | None:
        """Return the session of a token; None where it is unknown, ended or was left alone.

        What a page does by itself is no use: it keeps no session open that a person has left.
        """
        hashed = secret_hash(token)

        async def work(tx: Transaction) -> Session | None:
            now = self._now()
            found = await tx.sessions.session(hashed)
            if found is None or self._is_over(found, now):
                return None
            if found.how == "code" and not await _is_a_contact(tx, found.person):
                return None
            if is_use and now - found.seen_at >= SEEN_EVERY:
                await tx.sessions.see(hashed, now)
            return found

        return await self._database.run(work)

    def is_proven(self, session: Session) -> bool:
        """Say whether the person showed who they are so lately that they may decide."""
        return self._now() - session.proved_at < self.terms.proof

    async def replace(self, token: str | None) -> None:
        """End the session that a fresh one takes the place of, if there was one."""
        if token is not None:
            hashed = secret_hash(token)
            await self._database.run(lambda tx: tx.sessions.end(hashed, self._now()))

    async def leave(self, token: str) -> None:
        """End a session."""
        hashed = secret_hash(token)

        async def work(tx: Transaction) -> None:
            now = self._now()
            found = await tx.sessions.session(hashed)
            await tx.sessions.end(hashed, now)
            if found is not None:
                await tx.record.write(now, found.person, "sign_out", f"person:{found.person.id}")

        await self._database.run(work)

    async def forget(self) -> int:
        """Forget what ended long ago."""
        before = self._now() - KEPT
        return await self._database.run(lambda tx: tx.sessions.forget(before))

    def _is_over(self, session: Session, now: datetime) -> bool:
        return now >= session.ends_at or now - session.seen_at >= self.terms.idle


async def _is_a_contact(tx: Transaction, person: Person) -> bool:
    """Say whether the mailbox that a code went to is still one of the vendor's contacts."""
    vendor = await tx.master.vendor(person.vendor or "")
    address = (person.email or "").lower()
    return vendor is not None and any(
        one.get("channel") == "mail" and str(one.get("address") or "").lower() == address
        for one in vendor.contacts
    )
