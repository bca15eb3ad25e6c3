"""Who acts: people, machine keys and the system itself."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a person may be. Two-person guards compare people; an admin is not exempt."""

    ASSOCIATE = "associate"
    ANALYST = "analyst"
    MANAGER = "manager"
    COMPLIANCE = "compliance"
    FINANCE = "finance"
    AUDITOR = "auditor"
    ADMIN = "admin"
    VENDOR = "vendor"


class Right(StrEnum):
    """What a machine key may do."""

    SOURCE = "source"
    MAY_ASSERT_SAFETY = "may_assert_safety"
    CATALOGUE = "catalogue"
    MAY_FREEZE = "may_freeze"


class System(StrEnum):
    """The parts of freezeguard that issue commands by themselves.

    `OPERATOR` carries out an emergency order from a shell, whoever sat there: it stops sales and
    does nothing else.
    """

    DETECTOR = "detector"
    TIMER = "timer"
    RECONCILER = "reconciler"
    COURIER = "courier"
    OPERATOR = "operator"


OWNERS = frozenset({Role.ANALYST, Role.MANAGER, Role.COMPLIANCE, Role.ADMIN})
"""Roles that may answer for a case."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person who signed in by a personal token.

    `areas` are the categories that a manager answers for; empty means all. `vendor` binds a
    person with the role `vendor` to one vendor. `calendar` is the code of a place whose holidays
    this person keeps, as in DE-BY; None means the shop's. `deputy` is who is asked next where a
    clock of this person runs out.
    """

    id: str
    name: str
    roles: frozenset[Role]
    email: str | None = None
    vendor: str | None = None
    areas: frozenset[str] = frozenset()
    time_zone: str = "UTC"
    language: str = "en"
    calendar: str | None = None
    deputy: str | None = None

    def manages(self, category: str | None) -> bool:
        """Say whether this person is a manager of the category."""
        return Role.MANAGER in self.roles and (not self.areas or category in self.areas)

    @property
    def judges_alone(self) -> bool:
        """Say whether one pull of this person is enough to stop a sale."""
        return bool(self.roles & {Role.ANALYST, Role.COMPLIANCE, Role.MANAGER})

    @property
    def may_own(self) -> bool:
        """Say whether this person may answer for a case.

        An admin may, as the default owner of the first start; nobody hands a case off to one.
        """
        return self.is_staff and bool(self.roles & OWNERS)

    @property
    def is_staff(self) -> bool:
        """Say whether this person belongs to the shop, not to a vendor."""
        return Role.VENDOR not in self.roles


@dataclass(frozen=True, slots=True)
class MachineKey:
    """A machine that signed in by a key: never counts as a person.

    `source` is the one source that a source key sends for. `freeze_budget` is the number of
    freezes that a key with `may_freeze` may order in the governor's window.
    """

    id: str
    name: str
    rights: frozenset[Right]
    source: str | None = None
    freeze_budget: int = 0


@dataclass(frozen=True, slots=True)
class Correspondent:
    """A contact of a vendor who wrote a mail and is no registered person: may only comment."""

    vendor: str


Actor = Person | MachineKey | System | Correspondent


def is_vendor(actor: Actor) -> bool:
    """Say whether a vendor acts, by a person of its own or by a mail of one of its contacts."""
    return isinstance(actor, Correspondent) or (isinstance(actor, Person) and not actor.is_staff)


def actor_name(actor: Actor) -> str:
    """Return the name under which an actor stands in history: `person:ann`, `key:…`, `detector`."""
    match actor:
        case Person():
            return f"person:{actor.id}"
        case MachineKey():
            return f"key:{actor.id}"
        case Correspondent():
            return f"vendor:{actor.vendor}"
        case System():
            return actor.value
