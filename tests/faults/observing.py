"""What tests of faults look at: the case, its objects and tasks, mails, the shop's truth."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.rig import Rig, until

Case = Mapping[str, Any]


async def newest(rig: Rig, sku: str) -> dict[str, Any]:
    """Return the newest case of a SKU, whole."""
    return await rig.case((await rig.cases(sku))[0]["id"])


async def seen(
    rig: Rig, sku: str, what: str, condition: Callable[[Case], Any], *, seconds: float = 10.0
) -> dict[str, Any]:
    """Wait until the newest case of a SKU meets a condition; return it."""

    async def met() -> dict[str, Any] | None:
        if not await rig.cases(sku):
            return None
        case = await newest(rig, sku)
        return case if condition(case) else None

    return dict(await until(met, f"{sku}: {what}", seconds=seconds))


def statuses(case: Case, catalogue: str = "shop") -> list[str]:
    """Return the status of each object of a case in one catalogue."""
    return [one["status"] for one in case["enforcement"] if one["catalogue"] == catalogue]


def open_tasks(case: Case) -> list[tuple[str, str]]:
    """Return sort and catalogue of each manual task that waits for somebody."""
    return [(one["task"], one["catalogue"]) for one in case["tasks"] if one["resolved_at"] is None]


def told(case: Case, kind: str, who: str = "person:owen") -> int:
    """Return how many notices of a kind somebody was sent about a case."""
    return sum(one["kind"] == kind and one["recipient"] == who for one in case["notices"])


async def shop_calls(rig: Rig, sku: str, *operations: str) -> list[dict[str, Any]]:
    """Return what the shop truly received from admins about a SKU, oldest first."""
    entries = await rig.shop.log(sku)
    return [
        one for one in entries
        if one["kind"] == "admin" and (not operations or one["operation"] in operations)
    ]


async def is_a_lie(rig: Rig, sku: str) -> str | None:
    """Try to buy; say how the case misled its readers where that succeeded, else None.

    A case misleads where it says before and after a purchase that the sale is stopped everywhere.
    """
    before = await newest(rig, sku)
    bought = await rig.shop.buy(sku)
    after = await newest(rig, sku)
    if not bought.ok or any(not _says_stopped(one) for one in (before, after)):
        return None
    return f"{bought.order} was bought while the case said {statuses(before)}, {statuses(after)}"


def _says_stopped(case: Case) -> bool:
    return case["state"] != "freezing" and not case["degraded"] and bool(case["enforcement"])
