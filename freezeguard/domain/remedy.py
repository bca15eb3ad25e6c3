"""What a remedy must contain before anybody judges it."""

from collections.abc import Mapping
from typing import Any

BRANCHES = ("people", "method", "machine", "material", "measurement", "environment")
"""Where a root cause may lie (the six branches of a cause-and-effect diagram)."""

CONTAINMENT = {
    "own_stock": "containment for the shop's own stock",
    "vendor_stock": "containment for the vendor's stock",
    "in_transit": "containment for goods in transit",
}
ACTIONS = {
    "corrective_action": "the corrective action",
    "preventive_action": "the preventive action",
}


def missing_in_remedy(remedy: Mapping[str, Any]) -> tuple[str, ...]:
    """Return one phrase per part that a proposed remedy lacks, in the order of the form."""
    cause = remedy.get("cause") or {}
    missing = []
    if cause.get("branch") not in BRANCHES:
        missing.append(f"the branch of the root cause ({', '.join(BRANCHES)})")
    if not _said(cause.get("description")):
        missing.append("what the root cause is")
    if not _said(cause.get("proof")):
        missing.append("the proof of the root cause")
    containment = remedy.get("containment") or {}
    missing += [words for key, words in CONTAINMENT.items() if not _said(containment.get(key))]
    missing += [words for key, words in ACTIONS.items() if not _said(remedy.get(key))]
    return tuple(missing)


def _said(text: object) -> bool:
    return isinstance(text, str) and bool(text.strip())
