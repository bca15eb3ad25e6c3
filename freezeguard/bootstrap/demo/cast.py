"""Who and what takes part in the demonstration."""

from collections.abc import Mapping
from typing import Any

from freezeguard.domain.people import Person, Right, Role

CATEGORY, VENDOR, VENDOR_MAIL = "kitchen", "acme", "quality@acme.example"
OWNER = "owen"

PEOPLE = (
    Person("root", "Rita Root", frozenset({Role.ADMIN})),
    Person(OWNER, "Owen Ortega", frozenset({Role.MANAGER}), "owen@shop.example",
           areas=frozenset({CATEGORY})),
    Person("mara", "Mara Meyer", frozenset({Role.MANAGER}), "mara@shop.example",
           areas=frozenset({CATEGORY})),
    Person("quin", "Quin Quist", frozenset({Role.ANALYST}), "quin@shop.example"),
    Person("alba", "Alba Arend", frozenset({Role.ASSOCIATE}), "alba@shop.example"),
    Person("bert", "Bert Brandt", frozenset({Role.ASSOCIATE}), "bert@shop.example"),
    Person("vera", "Vera Voss", frozenset({Role.VENDOR}), VENDOR_MAIL, vendor=VENDOR),
)
KEYS: Mapping[str, tuple[tuple[Right, ...], str | None, int]] = {
    "helpdesk": ((Right.SOURCE,), "helpdesk", 0),
    "warehouse": ((Right.SOURCE,), "warehouse", 0),
    "lab": ((Right.SOURCE, Right.MAY_ASSERT_SAFETY), "lab", 0),
    "checkout": ((Right.CATALOGUE, Right.MAY_FREEZE), None, 3),
}
"""Rights, source and freeze budget of each machine."""
KETTLE, BLENDER, LAMP, GRATER, TOASTER = (
    "KETTLE-17", "BLENDER-4/red", "LAMP-9", "GRATER-2", "TOASTER-5",
)
TITLES = {
    KETTLE: "Kettle 1.7 l", BLENDER: "Blender, red", LAMP: "Cooker lamp", GRATER: "Grater",
    TOASTER: "Toaster",
}
RULES: tuple[dict[str, Any], ...] = (
    {"id": "five-customers", "family": "distinct_customers", "window": "30d", "bound": 5,
     "mode": "armed"},
    {"id": "defect-rate", "family": "rate", "window": "90d", "bound": 0.05, "min_units": 50,
     "min_customers": 3, "mode": "armed"},
    {"id": "safety", "family": "safety", "window": "30d", "bound": 1, "mode": "armed"},
)
WEAK_REMEDY = {
    "cause": {"branch": "material", "description": "Brittle resin.", "proof": "We think so."},
    "containment": {"own_stock": "None known.", "vendor_stock": "None known.",
                    "in_transit": "None known."},
    "corrective_action": "Another resin.",
    "preventive_action": "More care.",
}
MISSING = ["a tear test that proves the cause", "what becomes of the units of lot L-7 in stock"]
REMEDY = {
    "cause": {
        "branch": "material",
        "description": "Brittle resin in the handle.",
        "proof": "Tear test of 20 handles of lot L-7: 6 broke below 40 N.",
    },
    "containment": {
        "own_stock": "40 units of lot L-7 quarantined.",
        "vendor_stock": "Lot L-7 withdrawn.",
        "in_transit": "Container 9 stopped at the port.",
    },
    "corrective_action": "Resin of another grade since lot L-8.",
    "preventive_action": "Tear test of every incoming batch of resin.",
}
VERIFICATION = {"kind": "inspection", "result": "50 units of lot L-8 inspected, none failed."}
