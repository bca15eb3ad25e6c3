"""Whether an actor is one of those whom a row of the table accepts, for this case."""

from freezeguard.domain.people import Actor, Correspondent, MachineKey, Person, Right, Role, System
from freezeguard.domain.record import Case
from freezeguard.domain.transitions import Command, Row, Who

_ROLES = {
    Who.ASSOCIATE: Role.ASSOCIATE,
    Who.ANALYST: Role.ANALYST,
    Who.MANAGER: Role.MANAGER,
    Who.COMPLIANCE: Role.COMPLIANCE,
}
_SYSTEMS = {
    Who.DETECTOR: System.DETECTOR,
    Who.TIMER: System.TIMER,
    Who.RECONCILER: System.RECONCILER,
    Who.COURIER: System.COURIER,
    Who.OPERATOR: System.OPERATOR,
}


def accepts(row: Row, case: Case, actor: Actor) -> bool:
    """Say whether a row accepts this actor for this case.

    Rows that people give accept people only: a machine key never counts as one. Whoever is known
    by a mail alone may comment and do nothing else: a sender's address proves nothing.
    """
    if isinstance(actor, Correspondent) and row.command is not Command.COMMENT:
        return False
    return any(_is(who, case, actor) for who in row.who)


def _is(who: Who, case: Case, actor: Actor) -> bool:
    match actor:
        case System():
            return _SYSTEMS.get(who) is actor
        case MachineKey():
            return who is Who.FREEZING_KEY and Right.MAY_FREEZE in actor.rights
        case Correspondent():
            return who is Who.VENDOR and actor.vendor == case.vendor
        case Person():
            return _is_person(who, case, actor)


def _is_person(who: Who, case: Case, person: Person) -> bool:
    match who:
        case Who.OWNER:
            return person.may_own and case.owner == person.id
        case Who.APPROVER:
            return person.manages(case.category)
        case Who.REVIEWER:
            return person.judges_alone
        case Who.VENDOR:
            return person.vendor is not None and person.vendor == case.vendor
        case Who.STAFF:
            return person.is_staff
        case Who.ASSOCIATE | Who.ANALYST | Who.MANAGER | Who.COMPLIANCE:
            return _ROLES[who] in person.roles
        case _:
            return False


def may_see(case: Case, actor: Actor) -> bool:
    """Say whether a case is any business of the actor's: a vendor sees only its own."""
    match actor:
        case Person() if not actor.is_staff:
            return actor.vendor == case.vendor and case.frozen_vendor_knows
        case MachineKey():
            return Right.CATALOGUE in actor.rights
        case Correspondent():
            return actor.vendor == case.vendor and case.frozen_vendor_knows
        case _:
            return True
