"""Faults that can be switched on while the shop runs."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Operation = Literal["lookup", "stop", "restore", "write", "read_back"]

ADMIN: frozenset[str] = frozenset({"lookup", "stop", "restore", "write"})
WRITES: frozenset[str] = frozenset({"stop", "restore", "write"})
STOPS: frozenset[str] = frozenset({"stop"})

Seconds = Annotated[float, Field(ge=0, le=86_400)]
Times = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Status = Annotated[int, Field(ge=400, le=599)]


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    times: Times | None = None
    probability: Share | None = None


class ErrorOrder(_Order):
    """Answer with this status and do nothing."""

    status: Status = 500


class TooManyOrder(_Order):
    """Answer 429. `retry_after` is sent as it stands where it is text, in whole seconds else."""

    retry_after: Seconds | str | None = None


class FaultOrder(_Order):
    """One request to switch faults on; the limits at the top hold for each fault in it.

    `slow` waits before the shop acts, `slow_answer` after it has acted. `lie` answers 200 and
    does nothing. `apply_then_reset` acts and then resets the connection. `re_enable_after` lets
    a warehouse sync undo each stop after that many seconds. `refuse` answers with this status.
    `freeze_admin` never answers. `garble` acts and answers 200 with another shape; `oversize`
    with so many bytes; `redirect` answers 302 to that address. `offline` closes the listener and
    every connection for that many seconds.

    Without `operations`, `lie` and `re_enable_after` are about stops, `refuse` and
    `apply_then_reset` about every write, the others about the whole admin side. The buyer's side
    is touched only where `operations` names `read_back`.
    """

    skus: frozenset[str] | None = None
    methods: frozenset[str] | None = None
    operations: frozenset[Operation] | None = None

    slow: Seconds | None = None
    slow_answer: Seconds | None = None
    error: ErrorOrder | None = None
    too_many: TooManyOrder | None = None
    lie: bool = False
    apply_then_reset: bool = False
    re_enable_after: Seconds | None = None
    refuse: Status | None = None
    freeze_admin: bool = False
    garble: bool = False
    oversize: Annotated[int, Field(ge=1, le=64 << 20)] | None = None
    redirect: str | None = None
    offline: Seconds | None = None


_DEFAULT_OPERATIONS: Mapping[str, frozenset[str]] = {
    "lie": STOPS,
    "re_enable_after": STOPS,
    "refuse": WRITES,
    "apply_then_reset": WRITES,
}

EFFECTS = (
    "freeze_admin",
    "slow",
    "too_many",
    "error",
    "refuse",
    "redirect",
    "lie",
    "apply_then_reset",
    "re_enable_after",
    "slow_answer",
    "garble",
    "oversize",
)


@dataclass(frozen=True, slots=True)
class Call:
    """What a fault looks at to see whether it is meant."""

    operation: str
    method: str
    sku: str | None


@dataclass(slots=True)
class Fault:
    """One switched-on fault; `times` counts down to 0, None is for ever."""

    id: int
    effect: str
    value: Any
    operations: frozenset[str]
    skus: frozenset[str] | None
    methods: frozenset[str] | None
    probability: float
    times: int | None
    hits: int = 0

    def meets(self, call: Call) -> bool:
        """Say whether the call is one that this fault is limited to."""
        return (
            self.times != 0
            and call.operation in self.operations
            and (self.skus is None or call.sku in self.skus)
            and (self.methods is None or call.method in self.methods)
        )

    def view(self) -> dict[str, Any]:
        """Return what the shop tells of this fault."""
        return {
            "id": self.id,
            "effect": self.effect,
            "value": self.value.model_dump() if isinstance(self.value, BaseModel) else self.value,
            "operations": sorted(self.operations),
            "skus": None if self.skus is None else sorted(self.skus),
            "methods": None if self.methods is None else sorted(self.methods),
            "probability": self.probability,
            "times": self.times,
            "hits": self.hits,
        }


@dataclass(slots=True)
class Faults:
    """The faults that are switched on, oldest first."""

    chance: random.Random
    _faults: list[Fault] = field(default_factory=list)
    _last_id: int = 0

    def switch_on(self, order: FaultOrder) -> list[Fault]:
        """Add one fault for each effect that the order names."""
        added = [
            self._fault(effect, value, order)
            for effect in EFFECTS
            if (value := getattr(order, effect)) is not None and value is not False
        ]
        self._faults.extend(added)
        return added

    def _fault(self, effect: str, value: Any, order: FaultOrder) -> Fault:
        own = value if isinstance(value, _Order) else order
        self._last_id += 1
        probability = order.probability if own.probability is None else own.probability
        return Fault(
            id=self._last_id,
            effect=effect,
            value=value,
            operations=order.operations or _DEFAULT_OPERATIONS.get(effect, ADMIN),
            skus=order.skus,
            methods=order.methods,
            probability=1.0 if probability is None else probability,
            times=order.times if own.times is None else own.times,
        )

    def switch_off(self) -> None:
        """Remove every fault."""
        self._faults.clear()

    def strike(self, effect: str, call: Call) -> Any | None:
        """Return the value of the first such fault that befalls this call; count it down."""
        for fault in self._faults:
            if fault.effect != effect or not fault.meets(call):
                continue
            if fault.probability < 1 and self.chance.random() >= fault.probability:
                continue
            fault.hits += 1
            if fault.times is not None:
                fault.times -= 1
            return fault.value
        return None

    def views(self) -> Iterable[dict[str, Any]]:
        """Return every fault as plain JSON."""
        return [fault.view() for fault in self._faults]
