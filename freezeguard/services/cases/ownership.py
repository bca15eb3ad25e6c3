"""No open case stays with somebody who is gone: whoever comes after them has it at once.

A table tells who is gone, not an event: whichever way a person was deactivated, and whoever died
on the way, the next round finds the case.
"""

from functools import partial
from uuid import UUID

import structlog

from freezeguard.domain.errors import FreezeguardError, Unavailable
from freezeguard.domain.people import OWNERS, Person, System
from freezeguard.domain.record import Case
from freezeguard.domain.transitions import OPEN, Command
from freezeguard.ports.storage import Database, Transaction
from freezeguard.services.cases.casework import Casework
from freezeguard.services.telling.readers import default_owner

log = structlog.get_logger()

PAGE = 100


class Ownership:
    """Gives cases of people who are gone to their deputies, or else to the default owner."""

    def __init__(self, database: Database, casework: Casework) -> None:
        self._database, self._casework = database, casework

    async def run_once(self) -> int:
        """Look through all open cases; return how many have got a new owner."""
        after: UUID | None = None
        given = 0
        while True:
            found = await self._database.run(partial(_of_nobody, after))
            for case_id in found:
                given += await self._replaced(case_id)
            if len(found) < PAGE:
                return given
            after = found[-1]

    async def _replaced(self, case_id: UUID) -> bool:
        """Give one case away; one that fails, however oddly, must not keep the others waiting."""
        try:
            return await self._database.run(lambda tx: self._replace(tx, case_id))
        except Unavailable:
            raise
        except FreezeguardError as error:
            log.warning("owner_not_replaced", case_id=str(case_id), error=str(error))
        except Exception:
            log.exception("owner_not_replaced", case_id=str(case_id))
        return False

    async def _replace(self, tx: Transaction, case_id: UUID) -> bool:
        """Give a case to whoever comes after its owner, where that is still needed."""
        case = await _locked(tx, case_id)
        if case is None or case.state not in OPEN or await _owns(tx, case):
            return False
        successor = await _successor(tx, case)
        if successor is None:
            return False
        await self._casework.execute(
            tx, case, Command.REPLACE_OWNER, actor=System.TIMER, known={"named": successor},
            arguments={"to": successor.id, "reason": f"{case.owner or 'nobody'} is gone"},
        )
        log.info("owner_replaced", case_id=str(case_id), gone=case.owner, owner=successor.id)
        return True


async def _of_nobody(after: UUID | None, tx: Transaction) -> list[UUID]:
    return await tx.cases.of_nobody(after, OWNERS, PAGE)


async def _locked(tx: Transaction, case_id: UUID) -> Case | None:
    seen = await tx.cases.get(case_id)
    if seen is None:
        return None
    await tx.signals.lock_sku(seen.scope.sku)
    return await tx.cases.get(case_id, lock=True)


async def _owns(tx: Transaction, case: Case) -> bool:
    found = None if case.owner is None else await tx.people.person(case.owner)
    return found is not None and _can_own(found)


async def _successor(tx: Transaction, case: Case) -> Person | None:
    """Return the owner's deputy, or else the default owner; nobody where neither can own a case."""
    deputy = None if case.owner is None else await tx.people.deputy(case.owner)
    if deputy is not None and _can_own(deputy):
        return deputy[0]
    default = await default_owner(tx)
    return default if default is not None and _can_own((default, True)) else None


def _can_own(found: tuple[Person, bool]) -> bool:
    person, is_active = found
    return is_active and person.may_own
