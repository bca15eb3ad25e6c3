"""Who acts in these tests. The shop sells kettles and toys; `CASE` cases are about a kettle.

`IS` says by hand which words of the design each of them answers to, for a case about a kettle of
the vendor acme that is owned by owen.
"""

from freezeguard.domain.people import Actor, MachineKey, Person, Right, Role, System


def _person(name: str, *roles: Role, vendor: str | None = None, area: str | None = None) -> Person:
    areas = frozenset() if area is None else frozenset({area})
    return Person(name, name.title(), frozenset(roles), vendor=vendor, areas=areas)


ANN = _person("ann", Role.ASSOCIATE)
BEN = _person("ben", Role.ASSOCIATE)
ANA = _person("ana", Role.ANALYST)
MIA = _person("mia", Role.MANAGER, area="kettles")
MAX = _person("max", Role.MANAGER, area="kettles")
TOM = _person("tom", Role.MANAGER, area="toys")
COL = _person("col", Role.COMPLIANCE)
OWEN = _person("owen", Role.ADMIN)
FAY = _person("fay", Role.FINANCE)
ULF = _person("ulf", Role.AUDITOR)
ADA = _person("ada", Role.ADMIN)
VERA = _person("vera", Role.VENDOR, vendor="acme")
VIC = _person("vic", Role.VENDOR, vendor="rival")

TILL = MachineKey("till", "Till", frozenset({Right.CATALOGUE, Right.MAY_FREEZE}), freeze_budget=5)
READER = MachineKey("reader", "Reader", frozenset({Right.CATALOGUE}))
DESKTOP = MachineKey(
    "desktop", "Help desk", frozenset({Right.SOURCE, Right.MAY_ASSERT_SAFETY}), source="helpdesk"
)
DETECTOR, TIMER, RECONCILER = System.DETECTOR, System.TIMER, System.RECONCILER
COURIER = System.COURIER

IS: dict[Actor, frozenset[str]] = {
    ANN: frozenset({"associate", "staff"}),
    BEN: frozenset({"associate", "staff"}),
    ANA: frozenset({"analyst", "reviewer", "staff"}),
    MIA: frozenset({"manager", "approver", "reviewer", "staff"}),
    MAX: frozenset({"manager", "approver", "reviewer", "staff"}),
    TOM: frozenset({"manager", "reviewer", "staff"}),
    COL: frozenset({"compliance", "reviewer", "staff"}),
    OWEN: frozenset({"owner", "staff"}),
    FAY: frozenset({"staff"}),
    ULF: frozenset({"staff"}),
    ADA: frozenset({"staff"}),
    VERA: frozenset({"vendor"}),
    VIC: frozenset(),
    TILL: frozenset({"key"}),
    READER: frozenset(),
    DESKTOP: frozenset(),
    DETECTOR: frozenset({"detector"}),
    TIMER: frozenset({"timer"}),
    RECONCILER: frozenset({"reconciler"}),
    COURIER: frozenset({"courier"}),
}
EVERYBODY: tuple[Actor, ...] = tuple(IS)
STAFF = tuple(one for one in EVERYBODY if isinstance(one, Person) and one.is_staff)
